/* <filesystem>: a directory of the host by virtio-9p, or by a virtiofs daemon of the administrator's. */
#include "common/conf/domain/device/filesystem.h"

#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

static bool is_virtiofs(const FilesystemDef *fs) { return fs->driver == FS_VIRTIOFS; }

static int model_number(const FilesystemDef *fs)
{
    if (!fs->model)
        return 0;
    return g_str_has_suffix(fs->model, "-non-transitional") ? 3 : g_str_has_suffix(fs->model, "-transitional") ? 2 : 1;
}

static int filesystem_check(const QemuBuild *build, const Device *device, Error *err)
{
    const FilesystemDef *fs = FILESYSTEM(device);

    if (fs->type != FS_MOUNT)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "only filesystems of type 'mount' are supported");
    if (is_virtiofs(fs) && !fs->socket)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "starting virtiofsd is not supported yet; name the socket of one that runs");
    return 0;
}

static int filesystem_backend(QemuBuild *build, const Device *device, Error *err)
{
    static const char *const models[] = { "passthrough", "passthrough", "mapped", "none" };
    static const char *const multidevs[] = { NULL, "remap", "forbid", "warn" };
    const FilesystemDef *fs = FILESYSTEM(device);
    const char *alias = device->info.alias;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *path = NULL, *id = NULL;

    if (is_virtiofs(fs)) {
        const CharSource source = { .type = CHAR_UNIX, .mode = CHAR_CONNECT, .path = fs->socket };

        id = g_strconcat("chr-vu-", alias, NULL);
        return qemu_chardev_build(build, id, alias, &source, err);
    }
    path = qemu_escape(fs->source);
    g_string_printf(text, "local,security_model=%s", models[fs->access]);
    if (fs->multidevs)
        g_string_append_printf(text, ",multidevs=%s", multidevs[fs->multidevs]);
    if (fs->fmode.set)
        g_string_append_printf(text, ",fmode=%04o", fs->fmode.v);
    if (fs->dmode.set)
        g_string_append_printf(text, ",dmode=%04o", fs->dmode.v);
    if (fs->wrpolicy && g_str_equal(fs->wrpolicy, "immediate"))
        g_string_append(text, ",writeout=immediate");
    g_string_append_printf(text, ",id=fsdev-%s,path=%s", alias, path);
    if (fs->readonly)
        g_string_append(text, ",readonly=on");
    build_option(build, "-fsdev", "%s", text->str);
    return 0;
}

static int filesystem_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const FilesystemDef *fs = FILESYSTEM(device);
    g_autofree char *driver = virtio_driver(is_virtiofs(fs) ? "vhost-user-fs" : "virtio-9p", model_number(fs), &device->info);

    *ret = props_device(driver);
    prop_virtio(*ret, &fs->virtio);
    if (is_virtiofs(fs)) {
        prop_strf(*ret, "chardev", "chr-vu-%s", device->info.alias);
        prop_uint(*ret, "queue-size", fs->queue);
        prop_str(*ret, "tag", fs->target);
    } else {
        prop_strf(*ret, "fsdev", "fsdev-%s", device->info.alias);
        prop_str(*ret, "mount_tag", fs->target);
    }
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_filesystem = {
    .kind = DEVICE_FILESYSTEM, .check = filesystem_check, .backend = filesystem_backend, .properties = filesystem_properties,
};
