/* Block nodes: see storage.h. Per source two nodes: "storage" reaches the bytes, "format" understands them. */
#include "virtqemud/device/storage.h"

#include <string.h>

#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

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

static char *node_name(const StorageSource *source, const char *name, const char *what)
{
    return name ? g_strdup_printf("libvirt-%s-%s", name, what) : g_strdup_printf("libvirt-%u-%s", source->index.v, what);
}

char *qemu_storage_node(const StorageSource *source, const char *name) { return node_name(source, name, "format"); }

static void put_cache(json_t *props, DiskCache cache)
{
    if (cache > DISK_CACHE_DEFAULT)
        json_object_set_new(props, "cache", json_pack("{s:b, s:b}", "direct", cache_modes[cache].direct, "no-flush",
                                                      cache_modes[cache].no_flush));
}

static json_t *host_object(const StorageHost *host, const char *default_port)
{
    json_t *object = json_object();

    prop_str(object, "host", host->name);
    prop_str(object, "port", host->port ? host->port : default_port);
    return object;
}

/* Protocols whose address is a URL with the port always in it. */
static int curl_node(const StorageSource *source, json_t **ret, Error *err)
{
    static const char *const ports[] = {
        [PROTOCOL_HTTP] = "80", [PROTOCOL_HTTPS] = "443", [PROTOCOL_FTP] = "21", [PROTOCOL_FTPS] = "990", [PROTOCOL_TFTP] = "69",
    };
    const char *scheme = storage_protocol_names[source->protocol];
    const StorageHost *host;

    if (source->hosts.n != 1)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a disk by protocol '%s' needs exactly one <host>", scheme);
    host = source->hosts.items[0];
    *ret = props_device(scheme);
    prop_strf(*ret, "url", "%s://%s:%s/%s%s%s", scheme, host->name, host->port ? host->port : ports[source->protocol],
              source->path ? source->path : "", source->query ? "?" : "", source->query ? source->query : "");
    if (source->ssl_verify != TRI_ABSENT)
        prop_bool(*ret, "sslverify", source->ssl_verify == TRI_YES);
    prop_u64(*ret, "readahead", source->readahead);
    prop_u64(*ret, "timeout", source->timeout);
    return 0;
}

static int nbd_node(const StorageSource *source, json_t **ret, Error *err)
{
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;
    json_t *server = json_object();

    *ret = props_device("nbd");
    if (host && host->transport == TRANSPORT_UNIX) {
        prop_str(server, "type", "unix");
        prop_str(server, "path", host->socket);
    } else {
        prop_str(server, "type", "inet");
        prop_str(server, "host", host ? host->name : NULL);
        prop_str(server, "port", host && host->port ? host->port : "10809");
    }
    json_object_set_new(*ret, "server", server);
    prop_str(*ret, "export", source->path);
    return 0;
}

static int rbd_node(const StorageSource *source, json_t **ret, Error *err)
{
    g_auto(GStrv) parts = g_strsplit(source->path ? source->path : "", "/", 2);

    if (g_strv_length(parts) != 2)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "an RBD image is named POOL/IMAGE, not '%s'", source->path);
    *ret = props_device("rbd");
    prop_str(*ret, "pool", parts[0]);
    prop_str(*ret, "image", parts[1]);
    prop_str(*ret, "snapshot", source->snapshot);
    prop_str(*ret, "conf", source->config);
    if (source->hosts.n) {
        json_t *servers = json_array();

        for (size_t i = 0; i < source->hosts.n; i++)
            json_array_append_new(servers, host_object(source->hosts.items[i], "6789"));
        json_object_set_new(*ret, "server", servers);
    }
    return 0;
}

static int iscsi_node(const StorageSource *source, json_t **ret, Error *err)
{
    g_auto(GStrv) parts = g_strsplit(source->path ? source->path : "", "/", 2);
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;

    if (!host || !parts[0])
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "an iSCSI disk needs a <host> and the name of its target");
    *ret = props_device("iscsi");
    prop_strf(*ret, "portal", "%s:%s", host->name, host->port ? host->port : "3260");
    prop_str(*ret, "target", parts[0]);
    prop_int(*ret, "lun", parts[1] ? g_ascii_strtoll(parts[1], NULL, 10) : 0);
    prop_str(*ret, "transport", "tcp");
    prop_str(*ret, "initiator-name", source->initiator);
    return 0;
}

static int ssh_node(const StorageSource *source, json_t **ret, Error *err)
{
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;

    if (!host)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a disk by protocol 'ssh' needs a <host>");
    *ret = props_device("ssh");
    prop_str(*ret, "path", source->path);
    json_object_set_new(*ret, "server", host_object(host, "22"));
    prop_str(*ret, "user", source->ssh_user);
    return 0;
}

static int nfs_node(const StorageSource *source, json_t **ret, Error *err)
{
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;

    if (!host)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a disk by protocol 'nfs' needs a <host>");
    *ret = props_device("nfs");
    json_object_set_new(*ret, "server", json_pack("{s:s, s:s}", "host", host->name, "type", "inet"));
    prop_str(*ret, "path", source->path);
    return 0;
}

typedef int (*ProtocolNode)(const StorageSource *source, json_t **ret, Error *err);
static const ProtocolNode protocol_nodes[] = {
    [PROTOCOL_NBD] = nbd_node,    [PROTOCOL_RBD] = rbd_node,   [PROTOCOL_ISCSI] = iscsi_node, [PROTOCOL_HTTP] = curl_node,
    [PROTOCOL_HTTPS] = curl_node, [PROTOCOL_FTP] = curl_node,  [PROTOCOL_FTPS] = curl_node,   [PROTOCOL_TFTP] = curl_node,
    [PROTOCOL_SSH] = ssh_node,    [PROTOCOL_NFS] = nfs_node,
};

static int network_node(const StorageSource *source, json_t **ret, Error *err)
{
    ProtocolNode node = source->protocol < (int)G_N_ELEMENTS(protocol_nodes) ? protocol_nodes[source->protocol] : NULL;

    if (!node)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "disks by protocol '%s' are not supported",
                          source->protocol ? storage_protocol_names[source->protocol] : "none");
    if (source->auth || source->cookies.n)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "network disks that need a secret are not supported: there is no secret daemon yet");
    return node(source, ret, err);
}

static int reach_node(const StorageSource *source, const StorageUse *use, json_t **ret, Error *err)
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
        return network_node(source, ret, err);
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
    g_autofree char *node = node_name(source, name, "storage");
    json_t *props = NULL;

    if (reach_node(source, use, &props, err) < 0) {
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
    if (source->encryption)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "encrypted images are not supported: there is no secret daemon yet");
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

static int chain_build(QemuBuild *build, const StorageSource *source, const char *name, const StorageUse *use, bool top, Error *err)
{
    StorageUse lower = *use;

    if (source->backing && source->backing->type != STORAGE_ABSENT) {
        lower.readonly = true;
        if (chain_build(build, source->backing, NULL, &lower, false, err) < 0)
            return -1;
    }
    if (storage_node(build, source, name, use, err) < 0)
        return -1;
    return format_node(build, source, name, use, top, err);
}

int qemu_storage_build(QemuBuild *build, const StorageSource *source, const char *name, const StorageUse *use, Error *err)
{
    return chain_build(build, source, name, use, true, err);
}

void qemu_storage_number(DomainDef *def)
{
    unsigned last = 0;

    for (size_t i = 0; i < def->devices.list.n; i++)
        if (def->devices.list.items[i]->kind == DEVICE_DISK)
            for (StorageSource *s = &DISK(def->devices.list.items[i])->source; s; s = s->backing)
                last = MAX(last, s->index.v);
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
    for (; source && source->type != STORAGE_ABSENT; source = source->backing, write = false, shared = true)
        if (source->type == STORAGE_FILE || source->type == STORAGE_BLOCK)
            resource_add(list, source->path, write, shared);
}
