#include "common/conf/domain/device/simple.h"

static const char *const type_names[] = { NULL, "usb", NULL };
static const XmlRow hub_rows[] = {
    A_ENUM("type", HubDef, type, type_names, "kind of hub", .flags = XR_REQUIRED | XR_ABI),
    INLINE_AT(HubDef, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(hub_schema, "hub", HubDef, hub_rows, "USB hub");

const DeviceKindOps hub_ops = {
    .kind = DEVICE_HUB, .element = "hub", .schema = &hub_schema, .alias_prefix = "hub", .has_info = true,
};
