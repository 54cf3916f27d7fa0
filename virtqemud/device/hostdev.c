/* <hostdev>: devices of the host: USB ones by their node, mediated ones by their place in sysfs. */
#include "common/conf/domain/device/hostdev.h"

#include "virtqemud/device/kind.h"

static char *usb_path(const HostdevDef *hostdev)
{
    return g_strdup_printf("/dev/bus/usb/%03u/%03u", hostdev->source.usb.bus.v, hostdev->source.usb.device.v);
}

static int hostdev_check(const QemuBuild *build, const Device *device, Error *err)
{
    const HostdevDef *hostdev = HOSTDEV(device);

    if (hostdev->mode == HOSTDEV_CAPABILITIES)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "host devices of mode 'capabilities' are for containers");
    if (hostdev->source.type == HOSTDEV_USB && !hostdev->source.usb.bus.set)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "finding a USB device by vendor and product is not supported yet; give its bus and device");
    if (hostdev->source.type != HOSTDEV_USB && hostdev->source.type != HOSTDEV_MDEV)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "host devices of type '%s' are not supported yet",
                          hostdev_type_names[hostdev->source.type]);
    return 0;
}

static void hostdev_resources(const Device *device, GPtrArray *list)
{
    if (HOSTDEV(device)->source.type == HOSTDEV_USB) {
        g_autofree char *path = usb_path(HOSTDEV(device));

        resource_add(list, path, true, false);
    }
}

static int hostdev_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const HostdevDef *hostdev = HOSTDEV(device);

    if (hostdev->source.type == HOSTDEV_USB) {
        g_autofree char *path = usb_path(hostdev);

        *ret = props_device("usb-host");
        prop_str(*ret, "hostdevice", path);
    } else {
        char uuid[UUID_TEXT_SIZE];

        *ret = props_device(hostdev->ramfb == TRI_ON ? "vfio-pci-nohotplug" : "vfio-pci");
        prop_strf(*ret, "sysfsdev", "/sys/bus/mdev/devices/%s", uuid_format(&hostdev->source.address.mdev, uuid));
        prop_onoff(*ret, "display", hostdev->display);
        if (hostdev->ramfb == TRI_ON)
            prop_bool(*ret, "ramfb", true);
    }
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_hostdev = {
    .kind = DEVICE_HOSTDEV, .check = hostdev_check, .resources = hostdev_resources, .properties = hostdev_properties,
};
