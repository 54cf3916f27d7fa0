/* <crypto>, <lease>, <pstore>: a table and nothing more each. */
#include "common/conf/domain/device/simple.h"

#define C CryptoDef
static const XmlRow backend_rows[] = {
    A_WORD("model", C, backend, WORDS("builtin", "lkcf"), "who", .flags = XR_REQUIRED),
    A_UINT("queues", C, queues, "number of queues"),
    ROWS_END,
};
static SCHEMA(backend_schema, "cryptoBackend", C, backend_rows, "who computes");
static const XmlRow crypto_rows[] = {
    A_WORD("model", C, model, WORDS("virtio"), "always virtio", .flags = XR_REQUIRED | XR_ABI),
    A_WORD("type", C, type, WORDS("qemu"), "always qemu", .flags = XR_REQUIRED),
    GROUP("backend", backend_schema, "who computes"),
    GROUP_AT("driver", C, virtio, virtio_driver_schema, "virtio options"),
    INLINE_AT(C, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(crypto_schema, "crypto", C, crypto_rows, "cryptographic accelerator");
const DeviceKindOps crypto_ops = {
    .kind = DEVICE_CRYPTO, .element = "crypto", .schema = &crypto_schema, .alias_prefix = "crypto", .has_info = true,
};

static const XmlRow target_rows[] = {
    A_STR("path", LeaseDef, path, "file of the lease", .flags = XR_REQUIRED),
    A_U64("offset", LeaseDef, offset, "offset in it"), ROWS_END,
};
static SCHEMA(target_schema, "leaseTarget", LeaseDef, target_rows, "place of a lease");
static const XmlRow lease_rows[] = {
    E_STR("lockspace", LeaseDef, lockspace, "lock space"),
    E_STR("key", LeaseDef, key, "name of the lease", .flags = XR_REQUIRED),
    GROUP("target", target_schema, "its place", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(lease_schema, "lease", LeaseDef, lease_rows, "lease of a lock manager");
const DeviceKindOps lease_ops = { .kind = DEVICE_LEASE, .element = "lease", .schema = &lease_schema };

static const XmlRow pstore_rows[] = {
    A_WORD("backend", PstoreDef, backend, WORDS("acpi-erst"), "always acpi-erst", .flags = XR_REQUIRED | XR_ABI),
    E_STR("path", PstoreDef, path, "file of the store"),
    SIZE("size", PstoreDef, size, 1024, "its size", .flags = XR_ABI),
    INLINE_AT(PstoreDef, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(pstore_schema, "pstore", PstoreDef, pstore_rows, "persistent storage of crash records");
const DeviceKindOps pstore_ops = {
    .kind = DEVICE_PSTORE, .element = "pstore", .schema = &pstore_schema, .alias_prefix = "pstore", .has_info = true,
};
