/* <hub>: more USB ports. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/kind.h"

static int hub_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    *ret = props_device("usb-hub");
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_hub = { .kind = DEVICE_HUB, .properties = hub_properties };
