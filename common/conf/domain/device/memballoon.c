#include "common/conf/domain/device/simple.h"

static const char *const model_names[] = { NULL, "virtio", "xen", "none", "virtio-transitional",
                                           "virtio-non-transitional", NULL };
#define B BalloonDef
static const XmlRow stats_rows[] = {
    A_UINT("period", B, stats_period, "seconds between reports; 0 is never"),
    ROWS_END,
};
static SCHEMA(stats_schema, "memballoonStats", B, stats_rows, "memory statistics of the guest");

static bool
stats_shown(const void *object, unsigned flags)
{
    return ((const B *)object)->stats_period.v != 0;
}

static const XmlRow balloon_rows[] = {
    A_ENUM("model", B, model, model_names, "kind of balloon; none: no balloon", .flags = XR_REQUIRED | XR_ABI),
    A_ONOFF("autodeflate", B, autodeflate, "give memory back when the guest runs out"),
    A_ONOFF("freePageReporting", B, free_page_reporting, "tell the host of unused pages"),
    GROUP("stats", stats_schema, "statistics", .shown = stats_shown),
    INLINE_AT(B, base.info, device_info_schema),
    GROUP_AT("driver", B, virtio, virtio_driver_schema, "virtio options"),
    ROWS_END,
};
static SCHEMA(balloon_schema, "memballoon", B, balloon_rows, "memory that can be taken back");

const DeviceKindOps memballoon_ops = {
    .kind = DEVICE_MEMBALLOON, .element = "memballoon", .schema = &balloon_schema, .alias_prefix = "balloon",
    .has_info = true,
};
