/*
 * What pools, volumes and the disks of guests have in common: formats of images, references to secrets, credentials,
 * encryption.
 */
#pragma once

#include "common/xml/schema.h"

typedef enum StorageFormat {
    FORMAT_ABSENT = 0, FORMAT_RAW, FORMAT_DIR, FORMAT_BOCHS, FORMAT_CLOOP, FORMAT_DMG, FORMAT_ISO, FORMAT_VPC, FORMAT_VDI,
    FORMAT_FAT, FORMAT_VHD, FORMAT_PLOOP, FORMAT_COW, FORMAT_QCOW, FORMAT_QCOW2, FORMAT_QED, FORMAT_VMDK,
    FORMAT_AUTO, /* of disks only */
} StorageFormat;
extern const char *const storage_format_names[];

/* Which secret: exactly one of uuid and usage. */
typedef struct SecretRef { char *type; Uuid uuid; char *usage; } SecretRef;
extern const XmlSchema secret_ref_schema; /* <secret> */

typedef struct StorageAuth {
    char *type;     /* "chap", "ceph"; of pools, which need it */
    char *username;
    SecretRef *secret;
} StorageAuth;
extern const XmlSchema storage_auth_schema; /* <auth> */

typedef struct StorageEncryption {
    char *format; /* "default", "qcow", "luks", "luks2", "luks-any" */
    char *engine; /* "qemu", "librbd"; of disks filled in by default */
    LIST(SecretRef) secrets;
    struct { bool present; char *name; OptUint size; char *mode, *hash; } cipher; /* size: bits of the key */
    struct { bool present; char *name, *hash; } ivgen;
} StorageEncryption;
extern const XmlSchema storage_encryption_schema; /* <encryption> */
