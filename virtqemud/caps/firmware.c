#include "virtqemud/caps/firmware.h"

#include <fnmatch.h>
#include <glib.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/qmp/qmp.h"

#define DESCRIPTOR_MAX (256 * 1024)

static const char *const directories[] = { VIRTD_QEMU_SYSCONFDIR "/firmware", VIRTD_QEMU_DATADIR "/firmware" };

/* File names of all directories, sorted; the same name in an earlier directory hides a later one. */
static GPtrArray *
descriptor_paths(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GList) names = NULL;
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < G_N_ELEMENTS(directories); i++) {
        g_autoptr(GDir) dir = g_dir_open(directories[i], 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir)))
            if (g_str_has_suffix(name, ".json") && !g_hash_table_contains(seen, name))
                g_hash_table_insert(seen, g_strdup(name), g_build_filename(directories[i], name, NULL));
    }
    names = g_list_sort(g_hash_table_get_keys(seen), (GCompareFunc)strcmp);
    for (GList *l = names; l; l = l->next)
        g_ptr_array_add(paths, g_strdup(g_hash_table_lookup(seen, l->data)));
    return paths;
}

static bool
array_has(json_t *array, const char *text)
{
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
        if (g_strcmp0(json_string_value(item), text) == 0)
            return true;
    return false;
}

static bool
target_fits(json_t *descriptor, const char *arch, const char *machine)
{
    json_t *target, *pattern;
    size_t i, j;

    json_array_foreach(json_object_get(descriptor, "targets"), i, target) {
        if (g_strcmp0(qmp_string(target, "architecture"), arch) != 0)
            continue;
        json_array_foreach(json_object_get(target, "machines"), j, pattern)
            if (json_is_string(pattern) && fnmatch(json_string_value(pattern), machine, 0) == 0)
                return true;
    }
    return false;
}

/* What the definition asks of Secure Boot and its keys; absent: whatever comes first. */
static Tri
wanted_feature(const DomainDef *def, const char *name)
{
    LIST_FOREACH(FirmwareFeature, feature, &def->os.features)
        if (g_strcmp0(feature->name, name) == 0)
            return feature->enabled;
    return TRI_ABSENT;
}

static bool
feature_fits(json_t *features, const DomainDef *def, const char *name)
{
    Tri wanted = wanted_feature(def, name);

    if (strcmp(name, "secure-boot") == 0 && wanted == TRI_ABSENT)
        wanted = def->os.loader.secure;
    return wanted == TRI_ABSENT || (wanted == TRI_YES) == array_has(features, name);
}

static bool
descriptor_fits(json_t *d, const DomainDef *def)
{
    json_t *features = json_object_get(d, "features"), *mapping = json_object_get(d, "mapping");
    const char *code = qmp_string(json_object_get(mapping, "executable"), "filename");
    const char *format = qmp_string(json_object_get(mapping, "executable"), "format");

    if (!array_has(json_object_get(d, "interface-types"), "uefi") || g_strcmp0(qmp_string(mapping, "device"), "flash") != 0 ||
        !code || access(code, R_OK) < 0 || !target_fits(d, def->os.arch, def->os.machine))
        return false;
    if (array_has(features, "requires-smm") && def->features.smm == TRI_OFF)
        return false;
    if (def->os.loader.format && g_strcmp0(def->os.loader.format, format) != 0)
        return false;
    if (def->os.loader.path && strcmp(def->os.loader.path, code) != 0)
        return false;
    return feature_fits(features, def, "secure-boot") && feature_fits(features, def, "enrolled-keys");
}

static void
replace(char **at, const char *text)
{
    if (!*at)
        *at = g_strdup(text);
}

/* The definition says from now on what it got, so that a later choice is the same. */
static void
note_features(json_t *features, DomainDef *def)
{
    static const char *const names[] = { "enrolled-keys", "secure-boot" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        FirmwareFeature *feature;

        if (wanted_feature(def, names[i]) != TRI_ABSENT)
            continue;
        feature = g_new0(FirmwareFeature, 1);
        feature->name = g_strdup(names[i]);
        feature->enabled = array_has(features, names[i]) ? TRI_YES : TRI_NO;
        list_insert((AnyList *)(void *)&def->os.features, MIN(i, def->os.features.n), feature);
    }
}

static void
apply(json_t *d, DomainDef *def)
{
    json_t *mapping = json_object_get(d, "mapping"), *vars = json_object_get(mapping, "nvram-template");
    Loader *loader = &def->os.loader;

    loader->present = true;
    loader->type = LOADER_PFLASH;
    if (loader->readonly == TRI_ABSENT)
        loader->readonly = TRI_YES;
    replace(&loader->path, qmp_string(json_object_get(mapping, "executable"), "filename"));
    replace(&loader->format, qmp_string(json_object_get(mapping, "executable"), "format"));
    note_features(json_object_get(d, "features"), def);
    if (array_has(json_object_get(d, "features"), "requires-smm")) {
        loader->secure = TRI_YES;
        def->features.smm = TRI_ON;
    }
    if (!vars || loader->stateless == TRI_YES)
        return;
    if (!def->os.nvram)
        def->os.nvram = g_new0(Nvram, 1);
    if (!def->os.nvram->template_path) {
        def->os.nvram->template_path = g_strdup(qmp_string(vars, "filename"));
        replace(&def->os.nvram->template_format, qmp_string(vars, "format"));
    }
}

/* Firmware that was the usual one before there were descriptors: its images are raw. */
static void
note_template_format(DomainDef *def)
{
    static const char *const usual[] = {
        "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/AAVMF/AAVMF_CODE.fd",
        "/usr/share/AAVMF/AAVMF32_CODE.fd", NULL,
    };

    if (def->os.loader.path && g_strv_contains(usual, def->os.loader.path) && def->os.nvram && def->os.nvram->template_path)
        replace(&def->os.nvram->template_format, "raw");
}

int
firmware_choose(DomainDef *def, Error *err)
{
    g_autoptr(GPtrArray) paths = descriptor_paths();

    if (def->os.firmware == FIRMWARE_ABSENT) {
        note_template_format(def);
        return 0;
    }
    if (def->os.firmware != FIRMWARE_EFI)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "there is no automatic choice of this kind of firmware; leave out "
                          "<os firmware=> for the machine's own BIOS");
    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *text = NULL;
        _cleanup_json_ json_t *d = NULL;

        if (file_read(paths->pdata[i], DESCRIPTOR_MAX, &text, NULL, NULL) == 0)
            d = json_loads(text, 0, NULL);
        if (d && descriptor_fits(d, def)) {
            apply(d, def);
            return 0;
        }
    }
    return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED,
                      "no installed UEFI firmware fits machine '%s' and the features asked for (looked at %u descriptors in %s)",
                      def->os.machine, paths->len, directories[1]);
}

static bool
is_uefi_flash(json_t *d)
{
    return array_has(json_object_get(d, "interface-types"), "uefi") &&
           g_strcmp0(qmp_string(json_object_get(d, "mapping"), "device"), "flash") == 0;
}

static void
add_once(GPtrArray *paths, const char *path)
{
    for (guint i = 0; i < paths->len; i++)
        if (strcmp(paths->pdata[i], path) == 0)
            return;
    g_ptr_array_add(paths, g_strdup(path));
}

bool
firmware_available(const char *arch, const char *machine, GPtrArray *paths, bool *ret_secure)
{
    g_autoptr(GPtrArray) descriptors = descriptor_paths();
    bool any = false;

    *ret_secure = false;
    for (guint i = 0; i < descriptors->len; i++) {
        g_autofree char *text = NULL;
        _cleanup_json_ json_t *d = NULL;
        const char *code;

        if (file_read(descriptors->pdata[i], DESCRIPTOR_MAX, &text, NULL, NULL) == 0)
            d = json_loads(text, 0, NULL);
        code = qmp_string(json_object_get(json_object_get(d, "mapping"), "executable"), "filename");
        if (!d || !code || !is_uefi_flash(d) || !target_fits(d, arch, machine))
            continue;
        any = true;
        *ret_secure = *ret_secure || array_has(json_object_get(d, "features"), "secure-boot");
        add_once(paths, code);
    }
    return any;
}
