/* <watchdog>: what it does when it fires is an option of all watchdogs of a guest, so the last one decides. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/kind.h"

static int watchdog_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const WatchdogDef *watchdog = WATCHDOG(device);

    if (watchdog->model == WATCHDOG_ITCO) {
        build_option(build, "-global", "ICH9-LPC.noreboot=off"); /* it is part of q35, disarmed */
        return 0;
    }
    *ret = props_device(watchdog_model_names[watchdog->model]);
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_watchdog = { .kind = DEVICE_WATCHDOG, .properties = watchdog_properties };
