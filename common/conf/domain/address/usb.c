/*
 * USB ports. A port is "3" on a controller or "3.1" behind a hub at 3. Hubs are added when the root ports do not suffice.
 */
#include <stdlib.h>
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/hostdev.h"
#include "common/conf/domain/device/input.h"
#include "common/conf/domain/device/simple.h"

#define HUB_PORTS 8

static bool
on_usb(const Device *device)
{
    switch (device->kind) {
    case DEVICE_HUB: case DEVICE_REDIRDEV: return true;
    case DEVICE_INPUT: return INPUT(device)->bus == INPUT_BUS_USB;
    case DEVICE_DISK: return DISK(device)->bus == DISK_BUS_USB;
    case DEVICE_SOUND: return SOUND(device)->model == SOUND_USB;
    case DEVICE_HOSTDEV: return HOSTDEV(device)->source.type == HOSTDEV_USB;
    case DEVICE_SERIAL: return CHARDEV(device)->serial_target == SERIAL_USB;
    case DEVICE_CONTROLLER: return CONTROLLER(device)->type == CONTROLLER_CCID;
    default: return false;
    }
}

/* Root ports by controller model; 0: the controller is not there for others (companions, none). */
static unsigned
root_ports(const ControllerDef *controller)
{
    switch (controller->usb_model) {
    case USB_PIIX3_UHCI: case USB_PIIX4_UHCI: case USB_ICH9_UHCI1: case USB_ICH9_UHCI2: case USB_ICH9_UHCI3:
    case USB_VT82C686B_UHCI: return 2;
    case USB_EHCI: case USB_ICH9_EHCI1: return 6;
    case USB_PCI_OHCI: return 3;
    case USB_NEC_XHCI: case USB_QEMU_XHCI: return controller->ports.set ? controller->ports.v : 4;
    case USB_QUSB1: case USB_QUSB2: return controller->ports.set ? controller->ports.v : 8;
    default: return 0;
    }
}

static const ControllerDef *
bus_controller(const DomainDef *def, unsigned bus)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == CONTROLLER_USB && CONTROLLER(device)->index.v == bus &&
            !device->info.usb_master.set)
            return CONTROLLER(device);
    return NULL;
}

/* Who is at which port, by "bus:port". */
typedef GHashTable UsbPorts;

static const Device *
device_at(UsbPorts *ports, unsigned bus, const char *port)
{
    char key[64];

    g_snprintf(key, sizeof(key), "%u:%s", bus, port);
    return g_hash_table_lookup(ports, key);
}

/* False when another device is there. */
static bool
occupy(UsbPorts *ports, const Device *device)
{
    const UsbAddress *address = &device->info.address.usb;

    if (device_at(ports, address->bus, address->port))
        return false;
    g_hash_table_insert(ports, g_strdup_printf("%u:%s", address->bus, address->port), (void *)device);
    return true;
}

/* Given addresses must lead through hubs that exist to a port that exists. */
static int
check_given(const DomainDef *def, UsbPorts *taken, const Device *device, Error *err)
{
    const UsbAddress *address = &device->info.address.usb;
    const ControllerDef *controller = bus_controller(def, address->bus);
    g_auto(GStrv) parts = NULL;
    unsigned ports;

    if (!controller)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: there is no USB controller with index %u",
                          address->bus);
    parts = g_strsplit(address->port, ".", -1);
    ports = root_ports(controller);
    for (size_t i = 0; parts[i]; i++) {
        unsigned long number = strtoul(parts[i], NULL, 10);
        g_autofree char *prefix = NULL;
        g_autofree char *saved = NULL;

        if (number < 1 || number > ports)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                              "XML error: USB port %s of bus %u does not exist, only 1 to %u",
                              address->port, address->bus, ports);
        if (!parts[i + 1])
            break;
        saved = g_steal_pointer(&parts[i + 1]);
        prefix = g_strjoinv(".", parts);
        parts[i + 1] = g_steal_pointer(&saved);
        if (!device_at(taken, address->bus, prefix) || device_at(taken, address->bus, prefix)->kind != DEVICE_HUB)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                              "XML error: USB address %u:%s: there is no hub at port %s",
                              address->bus, address->port, prefix);
        ports = HUB_PORTS;
    }
    return 0;
}

/* The first free port below prefix (NULL: the root ports), else below its hubs. Owned by the caller. */
static char *
free_port(UsbPorts *taken, unsigned bus, const char *prefix, unsigned ports, int depth)
{
    for (unsigned n = 1; n <= ports; n++) {
        g_autofree char *port = prefix ? g_strdup_printf("%s.%u", prefix, n) : g_strdup_printf("%u", n);

        if (!device_at(taken, bus, port))
            return g_steal_pointer(&port);
    }
    for (unsigned n = 1; n <= ports; n++) {
        g_autofree char *port = prefix ? g_strdup_printf("%s.%u", prefix, n) : g_strdup_printf("%u", n);
        const Device *there = device_at(taken, bus, port);
        char *inside;

        if (there->kind == DEVICE_HUB && depth < 4 && (inside = free_port(taken, bus, port, HUB_PORTS, depth + 1)))
            return inside;
    }
    return NULL;
}

static bool
assign_port(DomainDef *def, UsbPorts *taken, Device *device)
{
    bool fixed = device->info.address.type == ADDRESS_USB;

    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, candidate) {
        const ControllerDef *controller = CONTROLLER(candidate);
        char *port;

        if (controller->type != CONTROLLER_USB || candidate->info.usb_master.set || !root_ports(controller) ||
            (fixed && device->info.address.usb.bus != controller->index.v))
            continue;
        port = free_port(taken, controller->index.v, NULL, root_ports(controller), 1);
        if (!port)
            continue;
        device->info.address = (DeviceAddress){ .type = ADDRESS_USB, .usb = { .bus = controller->index.v, .port = port } };
        return occupy(taken, device);
    }
    return false;
}

static bool
wants_port(const Device *device)
{
    return on_usb(device) && (device->info.address.type == ADDRESS_NONE ||
                              (device->info.address.type == ADDRESS_USB && !device->info.address.usb.port));
}

/* Hubs needed so that every device finds a port; a hub takes one and gives eight. */
static int
add_hubs(DomainDef *def, UsbPorts *taken)
{
    long wanted = 0, available = 0;

    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == CONTROLLER_USB && !device->info.usb_master.set)
            available += root_ports(CONTROLLER(device));
    LIST_FOREACH(Device, device, &def->devices.list) {
        if (!on_usb(device))
            continue;
        if (device->kind == DEVICE_HUB)
            available += HUB_PORTS;
        wanted++;
    }
    for (; wanted > available; available += HUB_PORTS - 1) {
        HubDef *hub = (HubDef *)(void *)device_new(DEVICE_HUB);

        hub->type = HUB_USB;
        domain_def_add_device(def, &hub->base);
        if (!assign_port(def, taken, &hub->base))
            break;
    }
    return 0;
}

int
domain_assign_usb_addresses(DomainDef *def, Error *err)
{
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const ControllerDef *first = bus_controller(def, 0);
    static const DeviceKind order[] = { DEVICE_HUB, DEVICE_DISK, DEVICE_SOUND, DEVICE_HOSTDEV, DEVICE_CONTROLLER,
                                        DEVICE_SERIAL, DEVICE_INPUT, DEVICE_REDIRDEV };

    if (first && first->usb_model == USB_NONE) {
        LIST_FOREACH(Device, device, &def->devices.list)
            if (on_usb(device))
                return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                                  "unsupported configuration: a USB <%s> is not "
                                  "possible: USB is disabled for this domain", device_ops(device->kind)->element);
        return 0;
    }
    if (!first && !domain_def_count(def, DEVICE_HUB))
        return 0;
    LIST_FOREACH(Device, device, &def->devices.list)
        if (on_usb(device) && device->info.address.type == ADDRESS_USB && device->info.address.usb.port &&
            !occupy(taken, device))
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two devices have the USB port %s of bus %u",
                              device->info.address.usb.port, device->info.address.usb.bus);
    LIST_FOREACH(Device, device, &def->devices.list)
        if (on_usb(device) && device->info.address.type == ADDRESS_USB && device->info.address.usb.port &&
            check_given(def, taken, device, err) < 0)
            return -1;
    add_hubs(def, taken);
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        for (size_t at = 0; at < def->devices.list.n; at++) {
            Device *device = def->devices.list.items[at];

            if (device->kind == order[i] && wants_port(device) && !assign_port(def, taken, device))
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                                  "XML error: no USB controller has a free port for a <%s>",
                                  device_ops(device->kind)->element);
        }
    return 0;
}
