/*
 * A device of a domain: what all kinds have in common, and the contract of a kind.
 *
 * A domain has one array of `Device *`. Each kind's struct begins with a Device; DeviceKindOps says how it is read,
 * written and completed. Kinds are registered in one array (kinds.c): a new kind is one file here, one in the
 * hypervisor daemon, and one row.
 */
#pragma once

#include "common/conf/domain/device/info.h"
#include "common/xml/schema.h"

typedef struct DomainDef DomainDef;

/* In the order in which the kinds are formatted. */
typedef enum DeviceKind {
    DEVICE_NONE = 0,
    DEVICE_DISK,
    DEVICE_CONTROLLER,
    DEVICE_LEASE,
    DEVICE_FILESYSTEM,
    DEVICE_INTERFACE,
    DEVICE_SMARTCARD,
    DEVICE_SERIAL,
    DEVICE_PARALLEL,
    DEVICE_CONSOLE,
    DEVICE_CHANNEL,
    DEVICE_INPUT,
    DEVICE_TPM,
    DEVICE_GRAPHICS,
    DEVICE_SOUND,
    DEVICE_AUDIO,
    DEVICE_VIDEO,
    DEVICE_HOSTDEV,
    DEVICE_REDIRDEV,
    DEVICE_REDIRFILTER,
    DEVICE_HUB,
    DEVICE_WATCHDOG,
    DEVICE_MEMBALLOON,
    DEVICE_RNG,
    DEVICE_NVRAM,
    DEVICE_PANIC,
    DEVICE_SHMEM,
    DEVICE_MEMORY,
    DEVICE_CRYPTO,
    DEVICE_IOMMU,
    DEVICE_VSOCK,
    DEVICE_PSTORE,
    DEVICE_KIND_MAX,
} DeviceKind;

/* First member of each kind's struct. */
typedef struct Device {
    DeviceKind kind;
    DeviceInfo info;
} Device;

typedef struct DeviceKindOps {
    DeviceKind kind;
    const char *element;     /* "disk" */
    const XmlSchema *schema; /* of the kind's struct; includes device_info_schema where the kind has an address */
    /* Start of the alias: "net" gives net0, net1, ...; NULL: the kind has no alias, or names it by itself (alias.c). */
    const char *alias_prefix;
    /* The aliases of this kind count with those of the other kind: DEVICE_NONE for itself alone. */
    bool has_info; /* false: no alias, no address (audio, redirfilter, lease) */
} DeviceKindOps;

/* The contract of a kind; NULL for DEVICE_NONE and out of range. */
const DeviceKindOps *device_ops(DeviceKind kind);
DeviceKind device_kind_of_element(const char *element); /* DEVICE_NONE when unknown */

Device *device_new(DeviceKind kind); /* zeroed but for kind */
void device_free(Device *device);    /* NULL is fine */
Device *device_copy(const Device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Device, device_free)

/* One device from the text of its element, as virsh attach-device sends it. Parse flags as domain_def_parse(). */
int device_parse(const char *text, unsigned flags, Device **ret_device, Error *err);
char *device_format(const Device *device, unsigned flags); /* element text, owned by the caller */
void device_write(XmlWriter *writer, const Device *device, unsigned flags);

/* Downcast with a check: DISK(device)->bus. */
#define DEVICE_CAST(T, K, device) ({ Device *_d = (Device *)(uintptr_t)(device); g_assert(_d->kind == (K)); (T *)(void *)_d; })
