#include "common/conf/domain/device/filesystem.h"

#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = { NULL, "mount", "block", "file", "template", "ram", "bind", "volume", NULL };
static const char *const driver_names[] = { NULL, "path", "handle", "loop", "nbd", "ploop", "virtiofs", "mtp", NULL };
static const char *const access_names[] = { NULL, "passthrough", "mapped", "squash", NULL };
static const char *const multidevs_names[] = { NULL, "remap", "forbid", "warn", NULL };

#define F FilesystemDef

static const XmlRow driver_rows[] = {
    A_ENUM("type", F, driver, driver_names, "who serves it"),
    A_STR("format", F, driver_format, "format of the image"),
    A_WORD("wrpolicy", F, wrpolicy, WORDS("immediate"), "when writes reach the host"),
    A_UINT("queue", F, queue, "entries of the queue"),
    INLINE_AT(F, virtio, virtio_options_schema),
    ROWS_END,
};
static SCHEMA(driver_schema, "filesystemDriver", F, driver_rows, "who serves a file system");

static const XmlRow source_rows[] = {
    A_STR("dir", F, source, "directory", WHEN(F, type, FS_MOUNT, FS_BIND)),
    A_STR("dev", F, source, "device", WHEN(F, type, FS_BLOCK)),
    A_STR("file", F, source, "image", WHEN(F, type, FS_FILE)),
    A_STR("name", F, source, "template", WHEN(F, type, FS_TEMPLATE)),
    SIZE_ATTR("usage", F, ram_usage, 1024, "size", WHEN(F, type, FS_RAM)),
    A_STR("pool", F, pool, "storage pool", WHEN(F, type, FS_VOLUME)),
    A_STR("volume", F, volume, "storage volume", WHEN(F, type, FS_VOLUME)),
    A_STR("socket", F, socket, "socket of a server run by others", WHEN(F, type, FS_MOUNT)),
    ROWS_END,
};
static SCHEMA(source_schema, "filesystemSource", F, source_rows, "what is shown");

#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, F, var##_rows, "part of a file system")
ONE(fs_target, A_STR("dir", F, target, "tag the guest mounts", .flags = XR_ABI));
ONE(fs_cache, A_WORD("mode", F, cache_mode, WORDS("none", "always"), "none or always"));
ONE(fs_sandbox, A_WORD("mode", F, sandbox_mode, WORDS("namespace", "chroot"), "namespace or chroot"));
ONE(fs_threads, A_UINT("size", F, thread_pool, "threads"));
ONE(fs_openfiles, A_UINT("max", F, open_files, "open files"));
ONE(fs_lock, A_ONOFF("posix", F, posix_lock, "POSIX locks"), A_ONOFF("flock", F, flock, "flock"));
ONE(fs_binary, A_STR("path", F, binary, "the server"), A_ONOFF("xattr", F, xattr, "extended attributes"),
    A_ONOFF("posix_acl", F, posix_acl, "access control lists", .since = "7.2"),
    GROUP("cache", fs_cache_schema, "caching"), GROUP("sandbox", fs_sandbox_schema, "confinement"),
    GROUP("lock", fs_lock_schema, "locking"), GROUP("thread_pool", fs_threads_schema, "threads"),
    GROUP("openfiles", fs_openfiles_schema, "open files"));

static const XmlRow id_rows[] = {
    A_UINT("start", FsIdMap, start, "first id in the guest", .flags = XR_REQUIRED),
    A_UINT("target", FsIdMap, target, "first id on the host", .flags = XR_REQUIRED),
    A_UINT("count", FsIdMap, count, "how many", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(id_schema, "idMapping", FsIdMap, id_rows, "range of ids");
ONE(fs_idmap, ITEMS("uid", F, uids, id_schema, "users"), ITEMS("gid", F, gids, id_schema, "groups"));

/* File modes are octal. */
static int
mode_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    g_autofree char *text = xml_attr(element, row->name);
    unsigned long long value;

    if (!text)
        return 0;
    if (!parse_u64(text, 8, &value) || value > 0777)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "%s '%s' is not an octal mode up to 777",
                           row->name,
                           text);
    *(OptUint *)(void *)((char *)object + row->offset) = (OptUint)OPT(value);
    return 0;
}

static void
mode_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const OptUint *mode = (const OptUint *)(const void *)((const char *)object + row->offset);

    if (mode->set)
        xml_writer_attrf(writer, row->name, "%04o", mode->v);
}
static const XmlCustom mode_row = { .parse = mode_parse, .format = mode_format, .attribute_phase = true,
    .attributes = (const char *const[]){ "fmode", "dmode", NULL } };

static int
filesystem_check(XmlParse *parse, xmlNode *element, void *object)
{
    F *fs = object;

    if (!fs->type)
        fs->type = FS_MOUNT;
    if (!fs->access && !fs->socket)
        fs->access = FS_PASSTHROUGH;
    if (!fs->target && !fs->socket)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<filesystem> needs a <target> with a 'dir'");
    if (!fs->source && !fs->socket && fs->type != FS_RAM && fs->type != FS_VOLUME)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<filesystem> needs a <source>");
    return 0;
}

static const XmlRow filesystem_rows[] = {
    A_ENUM("type", F, type, type_names, "what is shown", .def = "mount"),
    A_ENUM("accessmode", F, access, access_names, "whose rights count"),
    A_WORD("model", F, model, WORDS("virtio", "virtio-transitional", "virtio-non-transitional"), "variant of virtio",
           .flags = XR_ABI),
    A_ENUM("multidevs", F, multidevs, multidevs_names, "what if the directory spans devices"),
    CUSTOM("fmode", mode_row, "mode of new files", .offset = offsetof(F, fmode)),
    INTERNAL(F, fmode, OptUint, xt_uint),
    CUSTOM("dmode", mode_row, "mode of new directories", .offset = offsetof(F, dmode)),
    INTERNAL(F, dmode, OptUint, xt_uint),
    GROUP("driver", driver_schema, "who serves it"),
    GROUP("binary", fs_binary_schema, "the server"),
    GROUP("idmap", fs_idmap_schema, "ids"),
    GROUP("source", source_schema, "what is shown"),
    GROUP("target", fs_target_schema, "tag"),
    FLAG("readonly", F, readonly, "the guest cannot write"),
    SIZE("space_hard_limit", F, space_hard_limit, 1, "hard limit"),
    SIZE("space_soft_limit", F, space_soft_limit, 1, "soft limit"),
    INLINE_AT(F, base.info, device_info_boot_schema),
    ROWS_END,
};
static SCHEMA(filesystem_schema, "filesystem", F, filesystem_rows, "directory of the host", .check = filesystem_check);

const DeviceKindOps filesystem_ops = {
    .kind = DEVICE_FILESYSTEM, .element = "filesystem", .schema = &filesystem_schema, .alias_prefix = "fs", .has_info = true,
};
