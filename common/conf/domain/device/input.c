#include "common/conf/domain/device/input.h"

const char *const input_type_names[] = { NULL, "mouse", "tablet", "keyboard", "passthrough", "evdev", NULL };
const char *const input_bus_names[] = { NULL, "ps2", "usb", "xen", "parallels", "virtio", "none", NULL };
static const char *const model_names[] = { NULL, "virtio", "virtio-transitional", "virtio-non-transitional", NULL };

#define I InputDef
static const XmlRow source_rows[] = {
    A_STR("evdev", I, evdev, "device node", WHEN(I, type, INPUT_PASSTHROUGH)),
    A_STR("dev", I, evdev, "device node", WHEN(I, type, INPUT_EVDEV)),
    A_WORD("grab", I, grab, WORDS("all"), "take all inputs at once", WHEN(I, type, INPUT_EVDEV)),
    A_WORD("grabToggle", I, grab_toggle,
           WORDS("ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock",
                 "ctrl-scrolllock"), "keys that switch", WHEN(I, type, INPUT_EVDEV)),
    A_ONOFF("repeat", I, repeat, "keys repeat", WHEN(I, type, INPUT_EVDEV)),
    ROWS_END,
};
static SCHEMA(source_schema, "inputSource", I, source_rows, "input device of the host");

static int
input_check(XmlParse *parse, xmlNode *element, void *object)
{
    const I *input = object;

    if ((input->type == INPUT_PASSTHROUGH || input->type == INPUT_EVDEV) && !input->evdev)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<input> of type '%s' needs a <source> device",
                           input_type_names[input->type]);
    if (input->bus == INPUT_BUS_PS2 && input->type == INPUT_TABLET)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "a tablet cannot be on the ps2 bus; use usb");
    return 0;
}

static bool
bus_shown(const void *object, unsigned flags)
{
    const I *input = object;

    return input->type != INPUT_EVDEV && input->bus != INPUT_BUS_NONE;
}

static const XmlRow input_rows[] = {
    A_ENUM("type", I, type, input_type_names, "what it is", .flags = XR_REQUIRED | XR_ABI),
    A_ENUM("bus", I, bus, input_bus_names, "what it is plugged into", .flags = XR_ABI, .shown = bus_shown),
    A_ENUM("model", I, model, model_names, "variant of virtio", .flags = XR_ABI),
    GROUP_AT("driver", I, virtio, virtio_driver_schema, "virtio options"),
    GROUP("source", source_schema, "input device of the host", WHEN(I, type, INPUT_PASSTHROUGH, INPUT_EVDEV)),
    INLINE_AT(I, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(input_schema, "input", I, input_rows, "a keyboard, mouse or tablet", .check = input_check);

const DeviceKindOps input_ops = {
    .kind = DEVICE_INPUT, .element = "input", .schema = &input_schema, .alias_prefix = "input", .has_info = true,
};
