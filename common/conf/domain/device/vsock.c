#include "common/conf/domain/device/simple.h"

static const char *const model_names[] = { NULL, "virtio", "virtio-transitional", "virtio-non-transitional", NULL };

static const XmlRow cid_rows[] = {
    A_YESNO("auto", VsockDef, auto_cid, "chosen at start"),
    A_UINT("address", VsockDef, cid, "context id of the guest, from 3", .min = 3),
    ROWS_END,
};
static SCHEMA(cid_schema, "vsockCid", VsockDef, cid_rows, "context id");

static const XmlRow vsock_rows[] = {
    A_ENUM("model", VsockDef, model, model_names, "kind of device", .flags = XR_ABI),
    GROUP("cid", cid_schema, "context id"),
    INLINE_AT(VsockDef, base.info, device_info_schema),
    GROUP_AT("driver", VsockDef, virtio, virtio_driver_schema, "virtio options"),
    ROWS_END,
};
static SCHEMA(vsock_schema, "vsock", VsockDef, vsock_rows, "sockets between host and guest");

const DeviceKindOps vsock_ops = {
    .kind = DEVICE_VSOCK, .element = "vsock", .schema = &vsock_schema, .alias_prefix = "vsock", .has_info = true,
};
