/* <serial>, <parallel>, <console>, <channel>: a character device of the guest on one of the host. */
#include "common/conf/domain/device/char.h"

#include "common/conf/domain/domain.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

/* QEMU's devices by the model of a serial port. NULL: the machine brings it along, or QEMU has none. */
static const char *const serial_drivers[] = {
    [SERIAL_MODEL_ISA_SERIAL] = "isa-serial", [SERIAL_MODEL_USB_SERIAL] = "usb-serial", [SERIAL_MODEL_PCI_SERIAL] = "pci-serial",
    [SERIAL_MODEL_SPAPR_VTY] = "spapr-vty", [SERIAL_MODEL_SCLPCONSOLE] = "sclpconsole",
    [SERIAL_MODEL_SCLPLMCONSOLE] = "sclplmconsole", [SERIAL_MODEL_ISA_DEBUGCON] = "isa-debugcon",
};

/* A console of target "serial" is the first serial port seen a second time. */
static bool is_double(const CharDef *device)
{
    return device->base.kind == DEVICE_CONSOLE &&
           (device->console_target == CONSOLE_SERIAL || device->console_target == CONSOLE_TARGET_ABSENT);
}

static const char *serial_driver(const CharDef *device)
{
    SerialModel model = device->serial_model;

    return model > 0 && model < (int)G_N_ELEMENTS(serial_drivers) ? serial_drivers[model] : NULL;
}

static void char_resources(const Device *device, GPtrArray *list)
{
    if (!is_double(CHARDEV(device)))
        qemu_chardev_resources(&CHARDEV(device)->source, list);
}

/* A channel's socket without a path is ours to choose, where the agent's tools expect it. */
static int channel_socket(QemuBuild *build, const CharDef *device, const char *id, Error *err)
{
    CharSource source = device->source;
    g_autofree char *path = g_strdup_printf("%s/%s", build->options->channel_dir, device->name);

    source.path = path;
    source.mode = CHAR_BIND; /* nobody else can know the path */
    return qemu_chardev_build(build, id, device->base.info.alias, &source, err);
}

static int char_backend(QemuBuild *build, const Device *device, Error *err)
{
    const CharDef *c = CHARDEV(device);
    const char *alias = device->info.alias;
    g_autofree char *id = g_strconcat("char", alias, NULL);

    if (is_double(c))
        return 0;
    if (device->kind == DEVICE_CHANNEL && c->source.type == CHAR_UNIX && !c->source.path && c->name && !build_fds(build, alias)) {
        if (channel_socket(build, c, id, err) < 0)
            return -1;
    } else if (qemu_chardev_build(build, id, alias, &c->source, err) < 0) {
        return -1;
    }
    if (device->kind == DEVICE_CHANNEL && c->channel_target == CHANNEL_GUESTFWD) {
        g_autofree char *forward = g_strdup_printf("tcp:%s:%u-chardev:%s", c->address, c->forward_port.v, id);

        build_netdev(build, json_pack("{s:s, s:[{s:s}], s:s}", "type", "user", "guestfwd", "str", forward, "id", alias));
    }
    return 0;
}

static int channel_properties(QemuBuild *build, const CharDef *c, json_t **ret, Error *err)
{
    const char *name = c->name;

    if (c->channel_target == CHANNEL_GUESTFWD)
        return 0; /* the network backend is all of it */
    if (c->channel_target != CHANNEL_VIRTIO)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU has no channel of the type of '%s'", c->base.info.alias);
    if (!name && c->source.type == CHAR_SPICEVMC)
        name = "com.redhat.spice.0";
    *ret = props_device("virtserialport");
    if (build_place(build, &c->base.info.address, *ret, err) < 0)
        return -1;
    prop_strf(*ret, "chardev", "char%s", c->base.info.alias);
    prop_str(*ret, "id", c->base.info.alias);
    prop_str(*ret, "name", name);
    return 0;
}

static int console_properties(QemuBuild *build, const CharDef *c, json_t **ret, Error *err)
{
    if (is_double(c))
        return 0;
    if (c->console_target == CONSOLE_SCLP || c->console_target == CONSOLE_SCLPLM) {
        *ret = props_device(c->console_target == CONSOLE_SCLP ? "sclpconsole" : "sclplmconsole");
    } else if (c->console_target == CONSOLE_VIRTIO) {
        *ret = props_device("virtconsole");
        if (build_place(build, &c->base.info.address, *ret, err) < 0)
            return -1;
    } else {
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU has no console of the type of '%s'", c->base.info.alias);
    }
    prop_strf(*ret, "chardev", "char%s", c->base.info.alias);
    prop_str(*ret, "id", c->base.info.alias);
    return 0;
}

static int serial_properties(QemuBuild *build, const CharDef *c, json_t **ret, Error *err)
{
    const char *driver = serial_driver(c);

    if (!driver) {
        /* pl011 and 16550a are part of the machine, which takes them in order. */
        build_option(build, "-serial", "chardev:char%s", c->base.info.alias);
        return 0;
    }
    *ret = props_device(driver);
    prop_strf(*ret, "chardev", "char%s", c->base.info.alias);
    prop_str(*ret, "id", c->base.info.alias);
    if (c->serial_model == SERIAL_MODEL_ISA_SERIAL)
        prop_uint(*ret, "index", c->port);
    return build_place(build, &c->base.info.address, *ret, err);
}

static int parallel_properties(QemuBuild *build, const CharDef *c, json_t **ret, Error *err)
{
    *ret = props_device("isa-parallel");
    prop_strf(*ret, "chardev", "char%s", c->base.info.alias);
    prop_str(*ret, "id", c->base.info.alias);
    return 0;
}

static int char_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const CharDef *c = CHARDEV(device);

    switch (device->kind) {
    case DEVICE_CHANNEL: return channel_properties(build, c, ret, err);
    case DEVICE_CONSOLE: return console_properties(build, c, ret, err);
    case DEVICE_PARALLEL: return parallel_properties(build, c, ret, err);
    default: return serial_properties(build, c, ret, err);
    }
}

#define CHAR_KIND(which) { .kind = which, .resources = char_resources, .backend = char_backend, .properties = char_properties }
const QemuDeviceKind qemu_serial = CHAR_KIND(DEVICE_SERIAL);
const QemuDeviceKind qemu_parallel = CHAR_KIND(DEVICE_PARALLEL);
const QemuDeviceKind qemu_console = CHAR_KIND(DEVICE_CONSOLE);
const QemuDeviceKind qemu_channel = CHAR_KIND(DEVICE_CHANNEL);
