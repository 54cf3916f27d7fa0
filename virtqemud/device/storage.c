/* Block nodes: see storage.h. Per source two nodes: "storage" reaches the bytes, "format" understands them. */
#include "virtqemud/device/storage.h"

#include <string.h>

#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/device/protocol.h"
#include "virtqemud/device/secret.h"

/* Cache modes in QEMU's terms. */
static const struct { bool writeback, direct, no_flush; } cache_modes[] = {
    [DISK_CACHE_NONE] = { true, true, false },       [DISK_CACHE_WRITETHROUGH] = { false, false, false },
    [DISK_CACHE_WRITEBACK] = { true, false, false }, [DISK_CACHE_DIRECTSYNC] = { false, true, false },
    [DISK_CACHE_UNSAFE] = { true, false, true },
};

static const char *const format_drivers[] = {
    [FORMAT_RAW] = "raw", [FORMAT_BOCHS] = "bochs", [FORMAT_CLOOP] = "cloop", [FORMAT_DMG] = "dmg", [FORMAT_ISO] = "raw",
    [FORMAT_VPC] = "vpc", [FORMAT_VDI] = "vdi", [FORMAT_VHD] = "vpc", [FORMAT_PLOOP] = "parallels", [FORMAT_QCOW] = "qcow",
    [FORMAT_QCOW2] = "qcow2", [FORMAT_QED] = "qed", [FORMAT_VMDK] = "vmdk", [FORMAT_DIR] = "raw", [FORMAT_FAT] = "raw",
};

bool disk_cache_writes_back(DiskCache cache) { return cache_modes[cache].writeback; }

static char *node_prefix(const StorageSource *source, const char *name)
{
    return name ? g_strdup_printf("libvirt-%s", name) : g_strdup_printf("libvirt-%u", source->index.v);
}

static char *node_name(const StorageSource *source, const char *name, const char *what)
{
    g_autofree char *prefix = node_prefix(source, name);

    return g_strconcat(prefix, "-", what, NULL);
}

char *qemu_storage_node(const StorageSource *source, const char *name) { return node_name(source, name, "format"); }

static void put_cache(json_t *props, DiskCache cache)
{
    if (cache > DISK_CACHE_DEFAULT)
        json_object_set_new(props, "cache", json_pack("{s:b, s:b}", "direct", cache_modes[cache].direct, "no-flush",
                                                      cache_modes[cache].no_flush));
}

static int reach_node(const StorageSource *source, const char *prefix, const StorageUse *use, json_t **ret, Error *err)
{
    switch (source->type) {
    case STORAGE_FILE:
    case STORAGE_BLOCK:
        *ret = props_device(source->type == STORAGE_FILE ? "file" : "host_device");
        prop_str(*ret, "filename", source->path);
        if (use->io != DISK_IO_ABSENT)
            prop_str(*ret, "aio", disk_io_names[use->io]);
        return 0;
    case STORAGE_DIR:
        *ret = props_device("vvfat");
        prop_str(*ret, "dir", source->path);
        if (use->floppy)
            prop_bool(*ret, "floppy", true);
        prop_bool(*ret, "rw", !use->readonly);
        return 0;
    case STORAGE_NETWORK:
        return qemu_protocol_node(source, prefix, ret, err);
    case STORAGE_VHOST_VDPA:
    case STORAGE_VHOST_USER:
    case STORAGE_NVME:
    case STORAGE_VOLUME:
    case STORAGE_ABSENT:
        break;
    }
    return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "disks of type '%s' are not supported",
                      source->type ? storage_type_names[source->type] : "none");
}

static int storage_node(QemuBuild *build, const StorageSource *source, const char *name, const StorageUse *use, Error *err)
{
    g_autofree char *prefix = node_prefix(source, name), *node = node_name(source, name, "storage");
    json_t *props = NULL;

    if (reach_node(storage_location(source), prefix, use, &props, err) < 0) {
        json_decref(props);
        return -1;
    }
    prop_str(props, "node-name", node);
    prop_bool(props, "auto-read-only", true);
    prop_str(props, "discard", "unmap");
    put_cache(props, use->cache);
    build_blockdev(build, props);
    return 0;
}

/* QEMU itself decrypts; else the protocol's library does. */
static bool is_luks(const StorageSource *source)
{
    return source->encryption && g_strcmp0(source->encryption->engine, "librbd") != 0;
}

static int check_encryption(const StorageSource *source, Error *err)
{
    const StorageEncryption *encryption = source->encryption;

    if (!encryption)
        return 0;
    if (encryption->secrets.n == 0)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "the <encryption> of image '%s' names no <secret>", source->path ? source->path : "");
    if (!is_luks(source))
        return 0;
    if (g_strcmp0(encryption->format, "luks") != 0)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU does not decrypt images of encryption format '%s'; it does 'luks'",
                          encryption->format);
    if (source->format > FORMAT_RAW && source->format != FORMAT_QCOW2)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "images of format '%s' cannot be encrypted; 'raw' and 'qcow2' can",
                          storage_format_names[source->format]);
    if (encryption->secrets.n > 1)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU takes one <secret> per encrypted image, not %zu", encryption->secrets.n);
    return 0;
}

static void put_luks(json_t *props, const StorageSource *source, const char *node)
{
    json_t *encrypt = source->format == FORMAT_QCOW2 ? json_object() : json_incref(props);

    if (encrypt != props)
        prop_str(encrypt, "format", "luks");
    prop_strf(encrypt, "key-secret", "%s-encryption-secret0", node);
    if (encrypt != props)
        json_object_set(props, "encrypt", encrypt);
    json_decref(encrypt);
}

static int format_node(QemuBuild *build, const StorageSource *source, const char *name, const StorageUse *use, bool top, Error *err)
{
    const char *driver = source->format < (int)G_N_ELEMENTS(format_drivers) ? format_drivers[source->format] : NULL;
    g_autofree char *node = node_name(source, name, "format"), *file = node_name(source, name, "storage");
    json_t *props;

    if (source->format == FORMAT_ABSENT)
        driver = "raw";
    if (!driver)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU does not know the image format '%s'",
                          storage_format_names[source->format]);
    if (check_encryption(source, err) < 0)
        return -1;
    if (is_luks(source) && source->format <= FORMAT_RAW)
        driver = "luks";
    props = json_object();
    prop_str(props, "node-name", node);
    prop_bool(props, "read-only", use->readonly || !top);
    if (top && use->discard != DISK_DISCARD_ABSENT)
        prop_str(props, "discard", disk_discard_names[use->discard]);
    if (top && use->detect_zeroes != DISK_ZEROES_ABSENT) {
        /* Unmapping zeroes needs discard; without it they are only detected. */
        bool unmap = use->detect_zeroes == DISK_ZEROES_UNMAP && use->discard != DISK_DISCARD_UNMAP;

        prop_str(props, "detect-zeroes", unmap ? "on" : disk_zeroes_names[use->detect_zeroes]);
    }
    put_cache(props, use->cache);
    prop_str(props, "driver", driver);
    if (is_luks(source))
        put_luks(props, source, node);
    if (source->format == FORMAT_QCOW2) {
        prop_tri(props, "discard-no-unref", use->discard_no_unref);
        prop_u64(props, "cache-size", source->metadata_cache);
    }
    prop_str(props, "file", file);
    if (source->backing && source->backing->type == STORAGE_ABSENT) {
        if (source->format >= FORMAT_COW)
            json_object_set_new(props, "backing", json_null());
    } else if (source->backing) {
        prop_strf(props, "backing", "libvirt-%u-format", source->backing->index.v);
    }
    build_blockdev(build, props);
    return 0;
}

/* --- secrets --- */

static void secret_free(void *pointer)
{
    StorageSecret *secret = pointer;

    g_free(secret->id);
    secret_text_free(secret->value);
    g_free(secret);
}

static StorageSecret *secret_add(GPtrArray *list, const char *prefix, const char *what, size_t n)
{
    StorageSecret *secret = g_new0(StorageSecret, 1);

    secret->id = g_strdup_printf("%s-%s-secret%zu", prefix, what, n);
    g_ptr_array_add(list, secret);
    return secret;
}

/* "a=b; c=d", as HTTP has it. */
static char *cookie_text(const StorageSource *source)
{
    GString *text = g_string_new(NULL);

    LIST_FOREACH(StorageCookie, cookie, &source->cookies)
        g_string_append_printf(text, "%s%s=%s", text->len ? "; " : "", cookie->name, cookie->value ? cookie->value : "");
    return g_string_free(text, FALSE);
}

static void source_secrets(const StorageSource *source, const char *name, GPtrArray *list)
{
    g_autofree char *prefix = node_prefix(source, name);
    const StorageSource *at = storage_location(source);

    if (at->type == STORAGE_NETWORK && at->auth) {
        StorageSecret *secret = secret_add(list, prefix, "storage-auth", 0);

        secret->ref = at->auth->secret;
        secret->usage = at->protocol == PROTOCOL_RBD ? SECRET_CEPH : SECRET_ISCSI;
    }
    if (source->cookies.n)
        secret_add(list, prefix, "storage-httpcookie", 0)->value = cookie_text(source);
    for (size_t i = 0; source->encryption && i < source->encryption->secrets.n; i++) {
        StorageSecret *secret = secret_add(list, prefix, "format-encryption", i);

        secret->ref = source->encryption->secrets.items[i];
        secret->usage = SECRET_VOLUME;
    }
}

GPtrArray *qemu_storage_secrets(const StorageSource *source, const char *name)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(secret_free);

    for (; source && source->type != STORAGE_ABSENT; source = source->backing, name = NULL)
        source_secrets(source, name, list);
    return list;
}

static int secrets_build(QemuBuild *build, const StorageSource *source, const char *name, Error *err)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(secret_free);
    int r = 0;

    source_secrets(source, name, list);
    for (guint i = 0; i < list->len && r == 0; i++)
        r = build_secret(build, ((StorageSecret *)list->pdata[i])->id, err);
    return r;
}

/* --- chains --- */

static int chain_build(QemuBuild *build, const StorageSource *source, const char *name, const StorageUse *use, bool top, Error *err)
{
    StorageUse lower = *use;

    if (source->backing && source->backing->type != STORAGE_ABSENT) {
        lower.readonly = true;
        if (chain_build(build, source->backing, NULL, &lower, false, err) < 0)
            return -1;
    }
    if (secrets_build(build, source, name, err) < 0 || storage_node(build, source, name, use, err) < 0)
        return -1;
    return format_node(build, source, name, use, top, err);
}

int qemu_storage_build(QemuBuild *build, const StorageSource *source, const char *name, const StorageUse *use, Error *err)
{
    return chain_build(build, source, name, use, true, err);
}

unsigned qemu_storage_last(const DomainDef *def)
{
    unsigned last = 0;

    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, device)
        for (const StorageSource *s = &DISK(device)->source; s; s = s->backing)
            last = MAX(last, s->index.v);
    return last;
}

void qemu_storage_number(DomainDef *def, unsigned last)
{
    last = MAX(last, qemu_storage_last(def));
    /* From the last disk to the first, each from its top down: the numbers clients of libvirt know. */
    for (size_t i = def->devices.list.n; i-- > 0;) {
        if (def->devices.list.items[i]->kind != DEVICE_DISK || storage_source_is_empty(&DISK(def->devices.list.items[i])->source))
            continue;
        for (StorageSource *s = &DISK(def->devices.list.items[i])->source; s && s->type != STORAGE_ABSENT; s = s->backing)
            if (!s->index.set)
                s->index = (OptUint)OPT(++last);
    }
}

void qemu_storage_resources(const StorageSource *source, bool write, bool shared, GPtrArray *list)
{
    for (; source && source->type != STORAGE_ABSENT; source = source->backing, write = false, shared = true) {
        const StorageSource *at = storage_location(source);

        if (at->type == STORAGE_FILE || at->type == STORAGE_BLOCK)
            resource_add(list, at->path, write, shared);
    }
}
