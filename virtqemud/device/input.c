/* <input>: keyboards, mice, tablets. Those on PS/2 are part of the machine. */
#include "common/conf/domain/device/input.h"

#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

static const char *const usb_drivers[] = { [INPUT_MOUSE] = "usb-mouse", [INPUT_TABLET] = "usb-tablet", [INPUT_KEYBOARD] = "usb-kbd" };
static const char *const virtio_drivers[] = {
    [INPUT_MOUSE] = "virtio-mouse", [INPUT_TABLET] = "virtio-tablet", [INPUT_KEYBOARD] = "virtio-keyboard",
    [INPUT_PASSTHROUGH] = "virtio-input-host",
};

static void input_resources(const Device *device, GPtrArray *list)
{
    resource_add(list, INPUT(device)->evdev, true, true);
}

static int input_backend(QemuBuild *build, const Device *device, Error *err)
{
    const InputDef *input = INPUT(device);
    json_t *props;

    if (input->type != INPUT_EVDEV)
        return 0;
    props = props_object("input-linux", device->info.alias);
    prop_str(props, "evdev", input->evdev);
    prop_tri(props, "repeat", input->repeat);
    if (g_strcmp0(input->grab, "all") == 0)
        prop_bool(props, "grab_all", true);
    prop_str(props, "grab-toggle", input->grab_toggle);
    build_object(build, props);
    return 0;
}

static int input_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const InputDef *input = INPUT(device);
    g_autofree char *virtio = NULL;
    const char *driver = NULL;

    if (input->type == INPUT_EVDEV || input->bus == INPUT_BUS_PS2 || input->bus == INPUT_BUS_NONE)
        return 0;
    if (input->bus == INPUT_BUS_USB && input->type < (int)G_N_ELEMENTS(usb_drivers))
        driver = usb_drivers[input->type];
    if (input->bus == INPUT_BUS_VIRTIO && input->type < (int)G_N_ELEMENTS(virtio_drivers))
        driver = virtio = virtio_driver(virtio_drivers[input->type], input->model, &device->info);
    if (!driver)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU has no input device of type '%s' on bus '%s'",
                          input_type_names[input->type], input_bus_names[input->bus]);
    *ret = props_device(driver);
    prop_virtio(*ret, &input->virtio);
    prop_str(*ret, "evdev", input->evdev);
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_input = {
    .kind = DEVICE_INPUT, .resources = input_resources, .backend = input_backend, .properties = input_properties,
};
