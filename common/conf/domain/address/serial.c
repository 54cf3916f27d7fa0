/* Ports of virtio-serial controllers and slots of smart card readers. */
#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/char.h"

#define DEFAULT_PORTS 31
#define MAX_CONTROLLERS 256

static bool
on_virtio_serial(const Device *device)
{
    return (device->kind == DEVICE_CHANNEL && CHARDEV(device)->channel_target == CHANNEL_VIRTIO) ||
           (device->kind == DEVICE_CONSOLE && CHARDEV(device)->console_target == CONSOLE_VIRTIO);
}

static bool
port_in_use(const DomainDef *def, unsigned controller, unsigned port)
{
    LIST_FOREACH(Device, device, &def->devices.list) {
        const VirtioSerialAddress *address = &device->info.address.vioserial;

        if (on_virtio_serial(device) && device->info.address.type == ADDRESS_VIRTIO_SERIAL &&
            address->controller == controller && address->port == port)
            return true;
    }
    return false;
}

/* Port 0 is for the first console of each controller; channels begin with 1. */
static bool
take_port(DomainDef *def, Device *device, unsigned controller)
{
    const ControllerDef *bus = domain_find_controller(def, CONTROLLER_VIRTIO_SERIAL, controller);
    unsigned ports = bus && bus->ports.set ? bus->ports.v : DEFAULT_PORTS;

    for (unsigned port = 1; port < ports; port++) {
        if (port_in_use(def, controller, port))
            continue;
        device->info.address = (DeviceAddress){ .type = ADDRESS_VIRTIO_SERIAL,
                                                .vioserial = { .controller = controller, .port = port } };
        return true;
    }
    return false;
}

static int
assign_port(DomainDef *def, Device *device, unsigned *first, Error *err)
{
    const VirtioSerialAddress *address = &device->info.address.vioserial;

    if (device->info.address.type == ADDRESS_VIRTIO_SERIAL) {
        if (address->port)
            return 0;
        if (take_port(def, device, address->controller))
            return 0;
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: virtio-serial controller %u has no free port",
                          address->controller);
    }
    if (device->info.address.type != ADDRESS_NONE)
        return 0;
    for (unsigned i = *first; i < MAX_CONTROLLERS; i++) {
        if (!domain_find_controller(def, CONTROLLER_VIRTIO_SERIAL, i))
            domain_need_controller(def, CONTROLLER_VIRTIO_SERIAL, i, 0);
        if (take_port(def, device, i))
            return 0;
        *first = i + 1; /* full */
    }
    return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: no virtio-serial controller has a free port");
}

static void
assign_ccid(DomainDef *def)
{
    unsigned next = 0;

    DOMAIN_FOREACH_KIND(def, DEVICE_SMARTCARD, device) {
        if (device->info.address.type == ADDRESS_NONE)
            device->info.address = (DeviceAddress){ .type = ADDRESS_CCID, .ccid = { .controller = 0, .slot = next } };
        next++;
    }
}

int
domain_assign_serial_addresses(DomainDef *def, Error *err)
{
    unsigned first = 0;

    /* A console has no port of its own in a definition: QEMU gives it the one that is free. */
    for (size_t at = 0; at < def->devices.list.n; at++) {
        Device *device = def->devices.list.items[at];

        if (device->kind == DEVICE_CHANNEL && on_virtio_serial(device) && assign_port(def, device, &first, err) < 0)
            return -1;
    }
    assign_ccid(def);
    return 0;
}
