/*
 * A storage volume's definition: the <volume> document, as a value. What a client asks for is parsed into one; what a backend
 * finds is filled into one (vol_def_new()) and formatted. Once shared nobody changes it: take a vol_def_copy() and swap.
 * References are counted. Nothing suspends. Format: https://libvirt.org/formatstorage.html
 */
#pragma once

#include "common/conf/storage/pool.h"

/* One more than on the wire (virStorageVolType). */
typedef enum VolType { VOL_ABSENT = 0, VOL_FILE, VOL_BLOCK, VOL_DIR, VOL_NETWORK, VOL_NETDIR, VOL_PLOOP } VolType;
extern const char *const vol_type_names[];

/* Formats of volumes of disk pools: what a partition is for. Those of files are StorageFormat. */
typedef enum PartitionType {
    PARTITION_ABSENT = 0, PARTITION_NONE, PARTITION_LINUX, PARTITION_FAT16, PARTITION_FAT32, PARTITION_LINUX_SWAP,
    PARTITION_LINUX_LVM, PARTITION_LINUX_RAID, PARTITION_EXTENDED,
} PartitionType;

typedef struct VolDevice { char *path; LIST(PoolExtent) extents; } VolDevice; /* where on which devices it lies */

typedef struct VolBacking {
    char *path; /* NULL: there is none */
    int format; /* as VolDef.format; never guessed from the content: raw where nothing is said */
    StoragePermissions permissions;
    StorageTimes times;
} VolBacking;

typedef struct VolDef {
    unsigned refs;
    PoolType pool_type;  /* of the pool it is in or for: decides what format counts */
    VolType type;
    char *name;
    char *key;           /* unique and lasting, made by the backend */
    OptU64 capacity;     /* bytes the guest sees */
    OptU64 allocation;   /* bytes used; as parsed: the capacity where nothing was written, see has_allocation */
    OptU64 physical;     /* bytes of the container */
    bool has_allocation; /* was written */
    LIST(VolDevice) devices; /* <source> */
    char *path;          /* <target> */
    int format;          /* StorageFormat, or PartitionType for POOL_DISK; 0 where the pool's kind has no formats */
    StoragePermissions permissions;
    StorageTimes times;
    StorageEncryption *encryption;
    char *compat;        /* qcow2: "0.10", "1.1" */
    bool has_features, lazy_refcounts, extended_l2; /* qcow2 */
    bool nocow;          /* asked for only: not part of the text */
    OptU64 cluster_size; /* bytes; qcow2 */
    VolBacking backing;  /* what the image lies upon */
} VolDef;

extern const XmlSchema volume_schema;

/* Flags of parsing, beside XML_VALIDATE and XML_STATUS. */
#define VOL_NO_CAPACITY (1u << 16) /* a missing capacity is fine: the volume is a clone */

/*
 * Parse a volume for a pool of that type, complete (type, format, allocation) and check it. key, path, type, physical,
 * <source> and <timestamps> are what a daemon reports: they are read, and creation replaces them. A capacity may be missing
 * with VOL_NO_CAPACITY or with a backing store. Errors as clients know them: FROM_STORAGE; the first problem is the message.
 */
int vol_def_parse(const char *text, PoolType pool_type, unsigned flags, VolDef **ret_def, Error *err);
int vol_def_read(xmlNode *root, PoolType pool_type, unsigned flags, VolDef **ret_def, Error *err);
/* Canonical text, owned by the caller. */
char *vol_def_format(const VolDef *def);

VolDef *vol_def_new(PoolType pool_type); /* nothing set but type and default format: for what a backend finds */
VolDef *vol_def_copy(const VolDef *def);
VolDef *vol_def_ref(const VolDef *def);
void vol_def_unref(VolDef *def); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VolDef, vol_def_unref)

/*
 * Can such a volume be made at all, in a pool of that type? Names that are no names there, formats that can only be read,
 * encryption, backing store and features that the format has not, sizes that don't fit together. Every creation asks this
 * first; the pool's free space and the host are the backend's.
 */
int vol_def_check_create(const VolDef *def, Error *err);

/* Names under which volumes are made before anybody may see them. */
#define VOL_HIDDEN_PREFIX ".virtd-part-"

/* May a volume of a pool of that type have this name? In directories: one component of a path; in LVM: what LVM allows; nothing
 * anywhere that a tool could take for an option, and no control characters. */
int vol_name_check(const char *name, PoolType pool_type, Error *err);
