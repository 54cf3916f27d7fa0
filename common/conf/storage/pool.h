/*
 * A storage pool's definition: the <pool> document, as a value; and the documents about pools that are lists of such parts:
 * what was found (<sources>) and what is possible (<storagepoolCapabilities>).
 *
 * Built (parsed, completed, checked), then shared: from pool_def_parse() on nobody changes it. To change one, take a
 * pool_def_copy() and swap. References are counted. What depends on the host (is the directory there, is another pool at
 * the same place) is not decided here. Nothing suspends. Format: https://libvirt.org/formatstorage.html
 */
#pragma once

#include "common/base/error.h"
#include "common/conf/pci.h"
#include "common/conf/storage/parts.h"
#include "common/conf/storage/target.h"
#include "common/xml/schema.h"

typedef enum PoolType {
    POOL_ABSENT = 0, POOL_DIR, POOL_FS, POOL_NETFS, POOL_LOGICAL, POOL_DISK, POOL_ISCSI, POOL_ISCSI_DIRECT, POOL_SCSI,
    POOL_MPATH, POOL_RBD, POOL_SHEEPDOG, POOL_GLUSTER, POOL_ZFS, POOL_VSTORAGE, POOL_TYPES /* their number, this one too */
} PoolType;
extern const char *const pool_type_names[]; /* NULL, "dir", "fs", ... */

/* Formats of a pool's source: which names PoolSource.format counts depends on the type. */
typedef enum FsFormat {
    FS_ABSENT = 0, FS_AUTO, FS_EXT2, FS_EXT3, FS_EXT4, FS_UFS, FS_ISO9660, FS_UDF, FS_GFS, FS_GFS2, FS_VFAT, FS_HFSPLUS,
    FS_XFS, FS_OCFS2, FS_VMFS,
} FsFormat;
typedef enum NetfsFormat { NETFS_ABSENT = 0, NETFS_AUTO, NETFS_NFS, NETFS_GLUSTERFS, NETFS_CIFS } NetfsFormat;
typedef enum LogicalFormat { LOGICAL_ABSENT = 0, LOGICAL_UNKNOWN, LOGICAL_LVM2 } LogicalFormat;
typedef enum DiskLabel {
    DISK_LABEL_ABSENT = 0, DISK_LABEL_UNKNOWN, DISK_LABEL_DOS, DISK_LABEL_DVH, DISK_LABEL_GPT, DISK_LABEL_MAC,
    DISK_LABEL_BSD, DISK_LABEL_PC98, DISK_LABEL_SUN, DISK_LABEL_LVM2,
} DiskLabel;

/* Parts of a source. */
enum {
    SOURCE_HOST = 1 << 0, SOURCE_DEVICE = 1 << 1, SOURCE_DIR = 1 << 2, SOURCE_ADAPTER = 1 << 3, SOURCE_NAME = 1 << 4,
    SOURCE_INITIATOR = 1 << 5, SOURCE_AUTH = 1 << 6,
};

/* What is said of a type of pool: one row of a table. */
typedef struct PoolKind {
    const char *name;
    unsigned list_flag;             /* of virConnectListAllStoragePools */
    unsigned needs, takes;          /* parts of the source, SOURCE_*; takes includes needs */
    bool name_from_source;          /* without <name>, the source's name is it */
    bool source_from_name;          /* and the other way round */
    bool has_target;                /* <target> is about a place of the host */
    const char *target_root;        /* the target path is this and the source's name, whatever was written; NULL: as written */
    const char *const *formats;     /* of the source; NULL: none */
    int default_format;
    const char *const *vol_formats; /* of volumes; NULL: none */
    int default_vol_format;
    int vol_type;                   /* VolType of volumes in it, but for directories */
    const char *const *published_vol_formats; /* as in capabilities, which say more than is possible; NULL: vol_formats */
} PoolKind;
const PoolKind *pool_kind(PoolType type); /* never NULL; of POOL_ABSENT: takes nothing */

typedef struct PoolHost { char *name; OptUint port; } PoolHost;
typedef struct PoolExtent { OptU64 start, end; } PoolExtent; /* bytes */
typedef struct PoolDevice {
    char *path;               /* block device, partition, or target name of iSCSI */
    Tri part_separator;       /* disk: "p" between device and number */
    LIST(PoolExtent) extents; /* disk, live only: what is free */
} PoolDevice;

typedef enum AdapterType { ADAPTER_ABSENT = 0, ADAPTER_SCSI_HOST, ADAPTER_FC_HOST } AdapterType;
typedef struct PoolAdapter {
    AdapterType type; /* set once parsed, where an adapter is there */
    /* scsi_host: by name ("host0", "scsi_host0"), or by the address of the card */
    char *name;
    bool by_address;
    unsigned domain, bus, slot, function;
    OptUint unique_id;
    /* fc_host: names are 16 hexadecimal digits */
    char *parent, *parent_wwnn, *parent_wwpn, *parent_fabric_wwn;
    char *wwnn, *wwpn;
    Tri managed; /* the virtual adapter is removed with the pool */
} PoolAdapter;

typedef struct PoolSource {
    PoolType type; /* first: see PoolDef */
    LIST(PoolHost) hosts;
    LIST(PoolDevice) devices;
    char *dir;     /* netfs: export or share; gluster: directory in the volume */
    PoolAdapter adapter;
    char *name;    /* volume group, RBD pool, gluster volume, ZFS dataset, ... */
    char *initiator; /* iSCSI: our name */
    int format;    /* FsFormat, NetfsFormat, LogicalFormat or DiskLabel; set once parsed, where the type has one */
    StorageAuth *auth;
    char *protocol_version; /* netfs with NFS: "4.1" */
    char *vendor, *product;
} PoolSource;

typedef enum RefreshAllocation { REFRESH_ABSENT = 0, REFRESH_DEFAULT, REFRESH_CAPACITY } RefreshAllocation;

typedef struct PoolOption { char *name, *value; } PoolOption;

typedef struct PoolSizes { uint64_t capacity, allocation, available; } PoolSizes; /* bytes */

typedef struct PoolDef {
    unsigned refs;
    union {
        PoolType type;     /* the same */
        PoolSource source;
    };
    char *name;
    Uuid uuid;             /* always set once parsed: generated when not written */
    Tri cow;               /* dir, fs: may images be copied on write (btrfs) */
    char *path;            /* <target>: absolute and clean, where the kind has a target; else NULL */
    StoragePermissions permissions;
    RefreshAllocation refresh_allocation; /* rbd: how a refresh finds out what volumes use */
    LIST(PoolOption) mount_options;  /* fs, netfs: name only */
    LIST(PoolOption) config_options; /* rbd: name and value, for the client library */
    OptU64 capacity, allocation, available; /* never parsed; only on the way to text */
} PoolDef;

extern const XmlSchema pool_schema;

/*
 * Parse, complete and check. flags: XML_VALIDATE, XML_INACTIVE (live values are ignored: give it when defining), XML_STATUS
 * (reading what we wrote: no checks that a newer version may have tightened). Errors as clients know them: FROM_STORAGE;
 * the first problem is the message.
 */
int pool_def_parse(const char *text, unsigned flags, PoolDef **ret_def, Error *err);
int pool_def_read(xmlNode *root, unsigned flags, PoolDef **ret_def, Error *err);
/* Canonical text, owned by the caller. flags: XML_INACTIVE. sizes: of the running pool; NULL: all 0. */
char *pool_def_format(const PoolDef *def, unsigned flags, const PoolSizes *sizes);

PoolDef *pool_def_copy(const PoolDef *def);
PoolDef *pool_def_ref(const PoolDef *def);
void pool_def_unref(PoolDef *def); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PoolDef, pool_def_unref)

/* Do two definitions use the same storage of the world? Then only one of them can be. Compares what is written. */
bool pool_def_same_storage(const PoolDef *a, const PoolDef *b);

/* -- sources -- */

extern const XmlSchema pool_source_schema;

/*
 * A <source> on its own: where to look for sources of a type (virConnectFindStoragePoolSources). Parts may be missing, text
 * NULL is an empty one. The caller frees it.
 */
int pool_source_parse(const char *text, PoolType type, PoolSource **ret_source, Error *err);
PoolSource *pool_source_new(PoolType type); /* empty, to be filled with what was found */
void pool_source_free(PoolSource *source);  /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PoolSource, pool_source_free)
char *pool_sources_format(PoolSource *const *sources, size_t n); /* <sources>, owned by the caller */

/* -- capabilities -- */

/* The document of virConnectGetStoragePoolCapabilities. supported: bit n: this build can do PoolType n. Owned by the caller. */
char *pool_capabilities_format(uint64_t supported);
/* That of virConnectGetCapabilities, of a daemon that has pools and no guests: which types it can do. Likewise. */
char *pool_types_format(uint64_t supported);
