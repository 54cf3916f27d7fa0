#include "common/conf/domain/device/char.h"

#include <string.h>

const char *const serial_target_names[] = {
    NULL, "isa-serial", "usb-serial", "pci-serial", "spapr-vio-serial", "system-serial", "sclp-serial", "isa-debug", NULL,
};
const char *const serial_model_names[] = {
    NULL, "isa-serial", "usb-serial", "pci-serial", "spapr-vty", "pl011", "sclpconsole", "sclplmconsole", "16550a",
    "isa-debugcon", NULL,
};
static const char *const console_target_names[] = { NULL, "serial", "xen", "uml", "virtio", "lxc", "openvz", "sclp",
                                                    "sclplm", NULL };
static const char *const channel_target_names[] = { NULL, "guestfwd", "virtio", "xen", NULL };
static const char *const state_names[] = { NULL, "connected", "disconnected", NULL };

#define C CharDef

static const XmlRow serial_model_rows[] = {
    A_ENUM("name", C, serial_model, serial_model_names, "QEMU's device"),
    ROWS_END,
};
static SCHEMA(serial_model_schema, "serialModel", C, serial_model_rows, "device that plays the port");

static const XmlRow serial_target_rows[] = {
    A_ENUM("type", C, target, serial_target_names, "where the port is", .flags = XR_ABI),
    A_UINT("port", C, port, "number of the port", .flags = XR_ABI),
    GROUP("model", serial_model_schema, "QEMU's device"),
    ROWS_END,
};
static SCHEMA(serial_target_schema, "serialTarget", C, serial_target_rows, "guest side of a serial port");

static const XmlRow parallel_target_rows[] = {
    A_STR("type", C, name, "old and without meaning", .flags = XR_NO_FORMAT | XR_HIDDEN),
    A_UINT("port", C, port, "number of the port", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(parallel_target_schema, "parallelTarget", C, parallel_target_rows, "guest side of a parallel port");

static const XmlRow console_target_rows[] = {
    A_ENUM("type", C, target, console_target_names, "what plays the console", .flags = XR_ABI),
    A_UINT("port", C, port, "number of the console", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(console_target_schema, "consoleTarget", C, console_target_rows, "guest side of a console");

static const XmlRow channel_target_rows[] = {
    A_ENUM("type", C, target, channel_target_names, "kind of channel", .flags = XR_REQUIRED | XR_ABI),
    A_STR("address", C, address, "address in the guest's network", WHEN(C, target, CHANNEL_GUESTFWD)),
    A_UINT("port", C, forward_port, "port in the guest's network", WHEN(C, target, CHANNEL_GUESTFWD), .max = 65535),
    A_STR("name", C, name, "name the guest sees", WHEN(C, target, CHANNEL_VIRTIO, CHANNEL_XEN), .flags = XR_ABI),
    A_ENUM("state", C, state, state_names, "whether the guest listens", .flags = XR_LIVE),
    ROWS_END,
};
static SCHEMA(channel_target_schema, "channelTarget", C, channel_target_rows, "guest side of a channel");

static int
char_check(XmlParse *parse, xmlNode *element, void *object)
{
    C *chr = object;

    if (chr->source.type == CHAR_ABSENT)
        chr->source.type = CHAR_PTY;
    if (chr->source.type == CHAR_PTY && parse->flags & XML_INACTIVE)
        g_clear_pointer(&chr->source.path, g_free);
    return char_source_check(parse, element, &chr->source,
                             xml_is(element, "channel", NULL) && chr->channel_target == CHANNEL_VIRTIO);
}

/* Paths made at a start: .../libvirt/qemu/channel/target/domain-3-name/NAME, .../channel/target/name.NAME, or
 * .../channel/3-name/NAME. They are made anew each time. */
static bool
is_generated_channel_path(const char *path, const char *name)
{
    const char *rest = strstr(path, "/libvirt/qemu/channel/");
    size_t length = strlen(path), tail = strlen(name);

    if (!rest || length <= tail || strcmp(path + length - tail, name) != 0)
        return false;
    rest += strlen("/libvirt/qemu/channel/");
    if (g_str_has_prefix(rest, "target/"))
        rest += strlen("target/");
    else if (!g_ascii_isdigit(*rest))
        return false;
    return path[length - tail - 1] == '.' ? !strchr(rest, '/') : path[length - tail - 1] == '/' && strchr(rest, '/');
}

static int
channel_check(XmlParse *parse, xmlNode *element, void *object)
{
    C *chr = object;

    if (chr->channel_target == CHANNEL_GUESTFWD && (!chr->address || !chr->forward_port.set))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<target> of a guestfwd channel needs an 'address' and a 'port'");
    if (parse->flags & XML_INACTIVE && chr->channel_target == CHANNEL_VIRTIO && chr->source.type == CHAR_UNIX && chr->name &&
        chr->source.path && is_generated_channel_path(chr->source.path, chr->name)) {
        g_clear_pointer(&chr->source.path, g_free);
        chr->source.mode = CHAR_CONNECT;
    }
    return char_check(parse, element, object);
}

#define TAIL \
    INLINE_AT(C, base.info, device_info_schema), ROWS_END

static const XmlRow serial_rows[] = {
    A_ENUM("type", C, source.type, char_type_names, "what is behind the device on the host", .def = "pty"),
    INLINE_AT(C, source, char_source_schema),
    GROUP("target", serial_target_schema, "guest side"),
    TAIL,
};
static SCHEMA(serial_schema, "serial", C, serial_rows, "a serial port", .check = char_check);

static const XmlRow parallel_rows[] = {
    A_ENUM("type", C, source.type, char_type_names, "what is behind the device on the host", .def = "pty"),
    INLINE_AT(C, source, char_source_schema),
    GROUP("target", parallel_target_schema, "guest side"),
    TAIL,
};
static SCHEMA(parallel_schema, "parallel", C, parallel_rows, "a parallel port", .check = char_check);

static const XmlRow console_rows[] = {
    A_ENUM("type", C, source.type, char_type_names, "what is behind the device on the host", .def = "pty"),
    A_LSTR("tty", C, tty, "terminal on the host", .flags = XR_LIVE),
    INLINE_AT(C, source, char_source_schema),
    GROUP("target", console_target_schema, "guest side"),
    TAIL,
};
static SCHEMA(console_schema, "console", C, console_rows, "a console", .check = char_check);

static const XmlRow channel_rows[] = {
    A_ENUM("type", C, source.type, char_type_names, "what is behind the device on the host", .def = "pty"),
    INLINE_AT(C, source, char_source_schema),
    GROUP("target", channel_target_schema, "guest side", .flags = XR_REQUIRED),
    TAIL,
};
static SCHEMA(channel_schema, "channel", C, channel_rows, "a private channel between host and guest",
              .check = channel_check);

const DeviceKindOps serial_ops = {
    .kind = DEVICE_SERIAL, .element = "serial", .schema = &serial_schema, .alias_prefix = "serial", .has_info = true,
};
const DeviceKindOps parallel_ops = {
    .kind = DEVICE_PARALLEL, .element = "parallel", .schema = &parallel_schema, .alias_prefix = "parallel", .has_info = true,
};
const DeviceKindOps console_ops = {
    .kind = DEVICE_CONSOLE, .element = "console", .schema = &console_schema, .alias_prefix = "console", .has_info = true,
};
const DeviceKindOps channel_ops = {
    .kind = DEVICE_CHANNEL, .element = "channel", .schema = &channel_schema, .alias_prefix = "channel", .has_info = true,
};
