/* <filesystem>: a directory of the host, shown to the guest. */
#pragma once

#include "common/conf/domain/device/device.h"
#include "common/conf/domain/device/storage.h"

typedef enum FsType { FS_ABSENT = 0, FS_MOUNT, FS_BLOCK, FS_FILE, FS_TEMPLATE, FS_RAM, FS_BIND, FS_VOLUME } FsType;
typedef enum FsDriver { FS_DRIVER_ABSENT = 0, FS_PATH, FS_HANDLE, FS_LOOP, FS_NBD, FS_PLOOP, FS_VIRTIOFS, FS_MTP } FsDriver;
typedef enum FsAccess { FS_ACCESS_ABSENT = 0, FS_PASSTHROUGH, FS_MAPPED, FS_SQUASH } FsAccess;
typedef enum FsMultidevs { FS_MULTIDEVS_ABSENT = 0, FS_REMAP, FS_FORBID, FS_WARN } FsMultidevs;

typedef struct FsIdMap { OptUint start, target, count; } FsIdMap;

typedef struct FilesystemDef {
    Device base;
    FsType type;
    FsAccess access;
    char *model; /* "virtio", "virtio-transitional", "virtio-non-transitional" */
    FsMultidevs multidevs;
    OptUint fmode, dmode; /* octal */
    FsDriver driver;
    char *wrpolicy, *driver_format;
    OptUint queue;
    VirtioOptions virtio;
    char *source, *socket, *pool, *volume; OptU64 ram_usage; /* KiB */
    char *target; /* mount tag */
    bool readonly;
    OptU64 space_hard_limit, space_soft_limit;
    char *binary; Tri xattr, posix_acl, flock, posix_lock; char *cache_mode, *sandbox_mode; OptUint thread_pool, open_files;
    LIST(FsIdMap) uids, gids;
} FilesystemDef;

#define FILESYSTEM(device) DEVICE_CAST(FilesystemDef, DEVICE_FILESYSTEM, device)
