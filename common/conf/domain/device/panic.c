#include "common/conf/domain/device/simple.h"

static const char *const model_names[] = { NULL, "isa", "pseries", "hyperv", "s390", "pvpanic", NULL };
static const XmlRow panic_rows[] = {
    A_ENUM("model", PanicDef, model, model_names, "kind of device", .flags = XR_ABI),
    INLINE_AT(PanicDef, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(panic_schema, "panic", PanicDef, panic_rows, "tells the host of a crash of the guest's kernel");

const DeviceKindOps panic_ops = {
    .kind = DEVICE_PANIC, .element = "panic", .schema = &panic_schema, .alias_prefix = "panic", .has_info = true,
};
