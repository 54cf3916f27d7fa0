/* Pools that are the file system on a block device, mounted while the pool is active. Volumes are its files. */
#include "common/base/fault.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/backend/blank.h"
#include "virtstoraged/backend/directory.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/mount.h"
#include "virtstoraged/backend/tool.h"

#define MOUNT_TIMEOUT (5 * 60 * USEC_PER_SEC) /* a journal may have to be replayed */

/* How a file system is made. Whether something would be lost was asked before: none of them asks again. */
typedef struct Maker {
    FsFormat format;
    const char *program, *force; /* force NULL: none is needed */
} Maker;

static const Maker makers[] = {
    { FS_EXT2, "mkfs.ext2", "-F" }, { FS_EXT3, "mkfs.ext3", "-F" }, { FS_EXT4, "mkfs.ext4", "-F" },   { FS_XFS, "mkfs.xfs", "-f" },
    { FS_VFAT, "mkfs.vfat", "-I" }, { FS_UDF, "mkudffs", NULL },    { FS_OCFS2, "mkfs.ocfs2", "-F" },
};

static const char *
device_of(const PoolDef *def)
{
    return def->source.devices.items[0]->path;
}

/* The kernel's name of a file system's type. */
static const char *
type_of(const PoolDef *def)
{
    if (def->source.format == FS_AUTO)
        return NULL;
    return def->source.format == FS_HFSPLUS ? "hfsplus" : pool_kind(POOL_FS)->formats[def->source.format];
}

static int
check(Job *job, const PoolDef *def, Error *err)
{
    return mount_check(job, def, device_of(def), err) < 0 ? -1 : files_check(job, def, err);
}

static int
start(Job *job, const PoolDef *def, Error *err)
{
    Mounting mounting;
    int r = blank_is_device(job, device_of(def), err);

    if (r < 0)
        return -1;
    mounting_init(&mounting, def);
    mounting.source = g_strdup(device_of(def));
    mounting.type = type_of(def);
    r = mount_start(job, def, &mounting, MOUNT_TIMEOUT, err);
    mounting_done(&mounting);
    return r;
}

static int
stop(Job *job, const PoolDef *def, Error *err)
{
    return mount_stop(job, def, device_of(def), err);
}

static int
make(Job *job, const PoolDef *def, Error *err)
{
    const char *device = device_of(def);

    for (size_t i = 0; i < G_N_ELEMENTS(makers); i++) {
        const Maker *maker = &makers[i];
        const char *const *forced = TOOL(maker->program, maker->force, device), *const *plain = TOOL(maker->program, device);
        const ToolCall call = { .argv = maker->force ? forced : plain, .timeout = TOOL_LONG_TIMEOUT };

        if (maker->format == (FsFormat)def->source.format)
            return tool_call(job, &call, NULL, err) < 0 ? error_prefixf(err, "cannot make a file system on '%s'", device) : 0;
    }
    return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "cannot make a file system of format '%s' on '%s': give the source of pool '%s' one of ext2, ext3, ext4, xfs, vfat, udf, ocfs2",
                      pool_kind(POOL_FS)->formats[def->source.format], device, def->name);
}

/* Without a flag only the mount point is made, as with libvirt. */
static int
may_build(Job *job, const PoolDef *def, unsigned flags, Error *err)
{
    if (!flags)
        return 1;
    return flags & VIR_STORAGE_POOL_BUILD_OVERWRITE ? blank_is_device(job, device_of(def), err) : blank_check(job, device_of(def), err);
}

static int
build(Job *job, const PoolDef *def, unsigned flags, Error *err)
{
    if (directory_build(job, def, 0, err) < 0)
        return -1;
    if (!flags)
        return 0;
    fault_point("fs-make", device_of(def));
    if (make(job, def, err) < 0)
        return -1;
    fault_point("fs-made", device_of(def));
    return 0;
}

const Backend backend_fs = {
    .type = POOL_FS,
    .watched = true,
    .check = check,
    .start = start,
    .sweep = files_sweep,
    .stop = stop,
    .may_build = may_build,
    .build = build,
    .build_flags = VIR_STORAGE_POOL_BUILD_OVERWRITE | VIR_STORAGE_POOL_BUILD_NO_OVERWRITE,
    .delete = directory_delete,
    .refresh = files_refresh,
    FILES_VOLUMES,
};
