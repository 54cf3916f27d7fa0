#include "common/conf/domain/device/simple.h"

const char *const watchdog_model_names[] = { NULL, "i6300esb", "ib700", "diag288", "itco", NULL };
const char *const watchdog_action_names[] = { NULL, "reset", "shutdown", "poweroff", "pause", "dump", "none",
                                              "inject-nmi", NULL };

static int
watchdog_check(XmlParse *parse, xmlNode *element, void *object)
{
    WatchdogDef *watchdog = object;

    if (!watchdog->action)
        watchdog->action = WATCHDOG_RESET;
    return 0;
}

static const XmlRow watchdog_rows[] = {
    A_ENUM("model", WatchdogDef, model, watchdog_model_names, "kind of watchdog", .flags = XR_REQUIRED | XR_ABI),
    A_ENUM("action", WatchdogDef, action, watchdog_action_names, "what happens when it expires", .flags = XR_ABI),
    INLINE_AT(WatchdogDef, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(watchdog_schema, "watchdog", WatchdogDef, watchdog_rows, "acts when the guest hangs",
              .check = watchdog_check);

const DeviceKindOps watchdog_ops = {
    .kind = DEVICE_WATCHDOG, .element = "watchdog", .schema = &watchdog_schema, .alias_prefix = "watchdog", .has_info = true,
};
