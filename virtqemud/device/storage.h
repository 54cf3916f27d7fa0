/* Block nodes of a disk: its image and what lies behind it, as QEMU's -blockdev and blockdev-add want them. */
#pragma once

#include "common/conf/domain/device/disk.h"
#include "common/conf/secret/secret.h"
#include "virtqemud/device/build.h"

/* What of a disk concerns its block nodes. Zeroed: nothing said. */
typedef struct StorageUse {
    bool readonly;
    DiskCache cache;
    DiskIo io;
    DiskDiscard discard;
    DiskDetectZeroes detect_zeroes;
    Tri discard_no_unref;
    bool floppy;
} StorageUse;

/*
 * Add the nodes of a chain, the innermost first. Nodes are called libvirt-<index>-storage and -format after the source's
 * index, which must be set; or libvirt-<name>-... when a name is given (firmware).
 */
int qemu_storage_build(QemuBuild *build, const StorageSource *source, const char *name, const StorageUse *use, Error *err);
/* "libvirt-1-format": what a device is attached to. g_free. */
char *qemu_storage_node(const StorageSource *source, const char *name);
/* A value that QEMU needs for a node: that of a secret, or (ref NULL) one the definition has itself. */
typedef struct StorageSecret {
    char *id; /* of QEMU's object: "libvirt-1-storage-auth-secret0" */
    const SecretRef *ref; /* borrowed from the source */
    SecretUsage usage;
    char *value; /* text */
} StorageSecret;
/* What the nodes of a chain need; a list of StorageSecret to be freed with g_ptr_array_unref(). */
GPtrArray *qemu_storage_secrets(const StorageSource *source, const char *name);
/* Number the sources of all disks that have no index yet, as a starting guest has them; from after the largest there, and after last. */
void qemu_storage_number(DomainDef *def, unsigned last);
unsigned qemu_storage_last(const DomainDef *def); /* the largest index; 0: none */
void qemu_storage_resources(const StorageSource *source, bool write, bool shared, GPtrArray *list);
/* Does the cache mode write back; meaningless for "default". */
bool disk_cache_writes_back(DiskCache cache);
