/*
 * Where the bytes of a disk come from: a file, block device, network image, volume, ... and what lies behind it.
 * Used by <disk>, its <mirror> and <backingStore>, and by <nvram>.
 */
#pragma once

#include "common/conf/domain/device/chardev.h"
#include "common/conf/domain/device/info.h"
#include "common/conf/storage/parts.h"

typedef enum StorageType {
    STORAGE_ABSENT = 0, STORAGE_FILE, STORAGE_BLOCK, STORAGE_DIR, STORAGE_NETWORK, STORAGE_VOLUME, STORAGE_NVME,
    STORAGE_VHOST_USER, STORAGE_VHOST_VDPA,
} StorageType;
extern const char *const storage_type_names[];

typedef enum StorageProtocol {
    PROTOCOL_ABSENT = 0, PROTOCOL_NBD, PROTOCOL_RBD, PROTOCOL_SHEEPDOG, PROTOCOL_GLUSTER, PROTOCOL_ISCSI, PROTOCOL_HTTP,
    PROTOCOL_HTTPS, PROTOCOL_FTP, PROTOCOL_FTPS, PROTOCOL_TFTP, PROTOCOL_SSH, PROTOCOL_VXHS, PROTOCOL_NFS,
} StorageProtocol;
extern const char *const storage_protocol_names[];

typedef enum StorageTransport { TRANSPORT_ABSENT = 0, TRANSPORT_TCP, TRANSPORT_UNIX, TRANSPORT_RDMA } StorageTransport;
typedef enum VolumeMode { VOLUME_MODE_ABSENT = 0, VOLUME_HOST, VOLUME_DIRECT } VolumeMode;
typedef enum StartupPolicy { STARTUP_ABSENT = 0, STARTUP_MANDATORY, STARTUP_REQUISITE, STARTUP_OPTIONAL } StartupPolicy;

typedef struct StorageHost { char *name, *port, *socket; StorageTransport transport; } StorageHost;
typedef struct StorageCookie { char *name, *value; } StorageCookie;
typedef struct StorageSlice { char *type; OptU64 offset, size; } StorageSlice;

typedef struct StorageReservations { Tri managed; char *type, *path, *mode; bool present; } StorageReservations;

typedef struct StorageSource StorageSource;
struct StorageSource {
    StorageType type;
    StorageFormat format;
    char *path; /* file, block, dir: of the host; network: name of the image; vdpa: device */
    char *fdgroup;
    StartupPolicy startup_policy;
    OptUint index; /* identity in a running chain */
    /* network */
    StorageProtocol protocol;
    char *query;
    Tri tls, tls_from_config;
    char *tls_hostname;
    LIST(StorageHost) hosts;
    char *snapshot, *config;
    char *initiator;
    Tri ssl_verify;
    LIST(StorageCookie) cookies;
    OptU64 readahead, timeout; /* bytes, seconds */
    char *nfs_user, *nfs_group;
    char *known_hosts, *ssh_key, *ssh_agent, *ssh_user;
    /* volume */
    char *pool, *volume;
    VolumeMode volume_mode;
    StorageSource *resolved; /* of a running guest: where the volume's bytes are; only in status XML */
    /* nvme */
    char *nvme_type;
    Tri nvme_managed;
    OptU64 nvme_namespace;
    PciAddress nvme_address;
    CharSource vhost_user;

    StorageAuth *auth;
    StorageEncryption *encryption;
    StorageReservations reservations;
    LIST(StorageSlice) slices;
    OptU64 metadata_cache; /* bytes */
    SourceSeclabelList seclabels;
    StorageSource *backing; /* NULL: unknown; one of type STORAGE_ABSENT: known that there is none */
    StorageSource *data_store;
};

extern const XmlSchema storage_type_schema;    /* attribute "type" */
extern const XmlSchema storage_source_schema;  /* the element <source> */
extern const XmlSchema storage_format_schema;  /* element <format type=> */
extern const XmlSchema metadata_cache_schema;  /* element <metadata_cache> in <driver> and <format> */
extern const XmlSchema storage_chain_schema;   /* <backingStore> with everything in it */

/* Where the bytes are: of a volume that was resolved what it is, of others the source itself. */
static inline const StorageSource *
storage_location(const StorageSource *source)
{
    return source->resolved ? source->resolved : source;
}

bool storage_source_is_empty(const StorageSource *source); /* an empty drive */
/* Rules of one source that need no host. */
int storage_source_check(XmlParse *parse, xmlNode *element, StorageSource *source);
