/*
 * PCI and PCI Express addresses.
 *
 * A PciMap is the set of buses with the functions in use. Addresses are chosen in two passes: a trial that may invent
 * buses, so that the controllers for them are added to the definition; then the real one, in which every controller has
 * an address too.
 */
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/filesystem.h"
#include "common/conf/domain/device/hostdev.h"
#include "common/conf/domain/device/input.h"
#include "common/conf/domain/device/interface.h"
#include "common/conf/domain/device/memory.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/device/video.h"

/* What a bus takes and what a device needs. */
enum {
    TAKES_HOTPLUG = 1 << 0,
    TAKES_PCI = 1 << 1,
    TAKES_PCIE = 1 << 2,
    TAKES_ROOT_PORT = 1 << 3,
    TAKES_UPSTREAM = 1 << 4,
    TAKES_DOWNSTREAM = 1 << 5,
    TAKES_DMI = 1 << 6,
    TAKES_EXPANDER = 1 << 7,
    TAKES_PCIE_EXPANDER = 1 << 8,
    TAKES_BRIDGE = 1 << 9,
    TAKES_PCIE_TO_PCI = 1 << 10,
    SHARES_SLOT = 1 << 11, /* several of its kind in one slot, as functions */
    KINDS = TAKES_PCI | TAKES_PCIE | TAKES_ROOT_PORT | TAKES_UPSTREAM | TAKES_DOWNSTREAM | TAKES_DMI | TAKES_EXPANDER |
            TAKES_PCIE_EXPANDER | TAKES_BRIDGE | TAKES_PCIE_TO_PCI,
};

/* By model of the controller that makes the bus; `needs` is what the controller itself must be plugged into. */
static const struct BusType {
    unsigned takes, needs;
    unsigned char first, last; /* usable slots */
} bus_types[] = {
    [PCI_ROOT] = { TAKES_HOTPLUG | TAKES_PCI | TAKES_BRIDGE | TAKES_EXPANDER, 0, 1, 31 },
    [PCIE_ROOT] = { TAKES_PCI | TAKES_PCIE | TAKES_ROOT_PORT | TAKES_DMI | TAKES_PCIE_EXPANDER, 0, 1, 31 },
    [PCI_BRIDGE] = { TAKES_HOTPLUG | TAKES_PCI | TAKES_BRIDGE, TAKES_BRIDGE, 1, 31 },
    [DMI_TO_PCI_BRIDGE] = { TAKES_PCI | TAKES_BRIDGE, TAKES_DMI, 0, 31 },
    [PCIE_TO_PCI_BRIDGE] = { TAKES_HOTPLUG | TAKES_PCI | TAKES_BRIDGE, TAKES_PCIE_TO_PCI, 1, 31 },
    [PCIE_ROOT_PORT] = { TAKES_HOTPLUG | TAKES_PCIE | TAKES_UPSTREAM | TAKES_PCIE_TO_PCI, TAKES_ROOT_PORT | SHARES_SLOT, 0, 0 },
    [PCIE_SWITCH_UPSTREAM_PORT] = { TAKES_DOWNSTREAM, TAKES_UPSTREAM, 0, 31 },
    [PCIE_SWITCH_DOWNSTREAM_PORT] = { TAKES_HOTPLUG | TAKES_PCIE | TAKES_UPSTREAM | TAKES_PCIE_TO_PCI, TAKES_DOWNSTREAM, 0, 0 },
    [PCI_EXPANDER_BUS] = { TAKES_HOTPLUG | TAKES_PCI | TAKES_BRIDGE, TAKES_EXPANDER, 0, 31 },
    [PCIE_EXPANDER_BUS] = { TAKES_ROOT_PORT | TAKES_DMI, TAKES_PCIE_EXPANDER, 0, 31 },
};

typedef struct PciSlot {
    unsigned char functions; /* bit per function in use */
    bool shared;             /* holds only devices that share slots */
} PciSlot;

typedef struct PciBus {
    PciModel model;
    PciSlot slots[32];
} PciBus;

typedef struct PciMap {
    PciBus buses[PCI_BUS_MAX + 1];
    unsigned n;
    bool trial; /* buses may be invented */
} PciMap;

/* -- the map -- */

static bool
bus_takes(const PciBus *bus, unsigned needs, bool given)
{
    unsigned takes = bus_types[bus->model].takes;

    /* Someone who writes an address may mix the kinds of endpoints. */
    if (given && takes & (TAKES_PCI | TAKES_PCIE))
        takes |= TAKES_PCI | TAKES_PCIE;
    if (!(takes & needs & KINDS))
        return false;
    return given || !(needs & TAKES_HOTPLUG) || takes & TAKES_HOTPLUG;
}

static bool
some_bus_takes(const PciMap *map, unsigned needs)
{
    for (unsigned i = 0; i < map->n; i++)
        if (bus_takes(&map->buses[i], needs, false))
            return true;
    return false;
}

static int
add_bus(PciMap *map, PciModel model, Error *err)
{
    if (map->n > PCI_BUS_MAX)
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "more than %d PCI buses would be needed",
                          PCI_BUS_MAX + 1);
    map->buses[map->n] = (PciBus){ .model = model };
    return map->n++;
}

static bool find_on_bus(const PciBus *bus, unsigned number, unsigned needs, PciAddress *ret_at);

/* A port, there or invented, is used up by the bridge that will be in it. */
static int
take_port_for_bridge(PciMap *map, Error *err)
{
    PciAddress at = { 0 };
    bool found = false;

    for (unsigned i = 0; i < map->n && !found; i++)
        found = bus_takes(&map->buses[i], TAKES_PCIE_TO_PCI, false) && find_on_bus(&map->buses[i], i, TAKES_PCIE_TO_PCI, &at);
    if (!found) {
        at.bus = map->n;
        if (add_bus(map, PCIE_ROOT_PORT, err) < 0)
            return -1;
    }
    map->buses[at.bus].slots[at.slot].functions |= 1;
    return 0;
}

/* Invent buses until number exists, of the kind the device needs. */
static int
grow(PciMap *map, unsigned number, unsigned needs, Error *err)
{
    bool express = map->buses[0].model == PCIE_ROOT;
    PciModel model;

    if (number < map->n)
        return 0;
    if (needs & (TAKES_PCI | TAKES_BRIDGE)) {
        model = PCI_BRIDGE;
        if (express && !some_bus_takes(map, TAKES_BRIDGE)) {
            /* PCI below PCI Express begins with a bridge in a port. */
            if (take_port_for_bridge(map, err) < 0)
                return -1;
            model = PCIE_TO_PCI_BRIDGE;
            if (number < map->n)
                number = map->n;
        }
    } else if (express && needs & (TAKES_PCIE | TAKES_UPSTREAM | TAKES_PCIE_TO_PCI)) {
        model = PCIE_ROOT_PORT;
    } else {
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR,
                          "no PCI controller can be added by itself for a device that needs a special one");
    }
    while (map->n <= number)
        if (add_bus(map, model, err) < 0)
            return -1;
    return 0;
}

static const char *
needs_text(unsigned needs)
{
    static const struct { unsigned flag; const char *text; } texts[] = {
        { TAKES_DMI, "a dmi-to-pci-bridge" }, { TAKES_PCIE_TO_PCI, "a pcie-to-pci-bridge" },
        { TAKES_ROOT_PORT, "a pcie-root-port" },
        { TAKES_UPSTREAM, "a pcie-switch-upstream-port" }, { TAKES_DOWNSTREAM, "a pcie-switch-downstream-port" },
        { TAKES_EXPANDER, "a pci-expander-bus" }, { TAKES_PCIE_EXPANDER, "a pcie-expander-bus" },
        { TAKES_BRIDGE, "a pci-bridge" },
        { TAKES_PCIE, "a PCI Express device" }, { TAKES_PCI, "a PCI device" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        if (needs & texts[i].flag)
            return texts[i].text;
    return "the device";
}

static bool
in_use(const PciMap *map, const PciAddress *at)
{
    return at->bus < map->n && map->buses[at->bus].slots[at->slot].functions >> at->function & 1;
}

/* Mark at as used; given: it was written by someone. */
static int
reserve(PciMap *map, const PciAddress *at, unsigned needs, bool given, Error *err)
{
    g_autofree char *text = pci_address_text(at);
    PciSlot *slot;
    PciBus *bus;

    if (at->domain)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: PCI address %s: only PCI domain 0 exists", text);
    if (!map->n)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: PCI address %s: the machine has no PCI bus",
                          text);
    if (map->trial && at->bus <= PCI_BUS_MAX && grow(map, at->bus, needs, err) < 0)
        return -1;
    if (at->bus >= map->n)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                          "XML error: PCI address %s: there is no PCI controller with index %u",
                          text, at->bus);
    bus = &map->buses[at->bus];
    if (!bus_takes(bus, needs, given))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                          "XML error: the device at PCI address %s cannot be plugged into the "
                          "'%s' with index %u; it needs a controller that takes %s", text, pci_model_names[bus->model], at->bus,
                          needs_text(needs));
    if (at->slot < bus_types[bus->model].first || at->slot > bus_types[bus->model].last)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: PCI address %s: '%s' has slots 0x%02x to 0x%02x",
                          text,
                          pci_model_names[bus->model], bus_types[bus->model].first, bus_types[bus->model].last);
    if (in_use(map, at))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two devices have the PCI address %s", text);
    slot = &bus->slots[at->slot];
    slot->shared = needs & SHARES_SLOT && (!slot->functions || slot->shared);
    slot->functions |= 1 << at->function;
    return 0;
}

static bool
find_on_bus(const PciBus *bus, unsigned number, unsigned needs, PciAddress *ret_at)
{
    for (unsigned s = bus_types[bus->model].first; s <= bus_types[bus->model].last; s++) {
        const PciSlot *slot = &bus->slots[s];
        unsigned function = 0;

        if (slot->functions && !(slot->shared && needs & SHARES_SLOT))
            continue;
        while (function <= PCI_FUNCTION_MAX && slot->functions >> function & 1)
            function++;
        if (function > PCI_FUNCTION_MAX)
            continue;
        *ret_at = (PciAddress){ .bus = number, .slot = s, .function = function };
        return true;
    }
    return false;
}

/* The next free address for a device, on a new bus if need be and allowed. */
static int
find_free(PciMap *map, unsigned needs, PciAddress *ret_at, Error *err)
{
    unsigned had = map->n;

    for (unsigned i = 0; i < map->n; i++)
        if (bus_takes(&map->buses[i], needs, false) && find_on_bus(&map->buses[i], i, needs, ret_at))
            return 0;
    if (!had)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: the machine has no PCI bus for %s",
                          needs_text(needs));
    if (!map->trial)
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no PCI address is free for %s", needs_text(needs));
    if (grow(map, had, needs, err) < 0)
        return -1;
    for (unsigned i = had; i < map->n; i++)
        if (bus_takes(&map->buses[i], needs, false) && find_on_bus(&map->buses[i], i, needs, ret_at))
            return 0;
    return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no PCI bus can be added for %s", needs_text(needs));
}

/* -- what devices need -- */

typedef struct Needs {
    const DomainDef *def;
    unsigned pci, pcie, virtio;
} Needs;

static unsigned
controller_needs(const Needs *n, const ControllerDef *controller)
{
    switch (controller->type) {
    case CONTROLLER_PCI:
        return bus_types[controller->pci_model].needs;
    case CONTROLLER_SATA:
        return n->pci;
    case CONTROLLER_USB:
        if (controller->usb_model == USB_NONE || controller->usb_model == USB_QUSB1 || controller->usb_model == USB_QUSB2)
            return 0;
        return controller->usb_model == USB_NEC_XHCI || controller->usb_model == USB_QEMU_XHCI ? n->pcie : n->pci;
    case CONTROLLER_SCSI:
        switch (controller->scsi_model) {
        case SCSI_VIRTIO: case SCSI_VIRTIO_NON_TRANSITIONAL: return n->virtio;
        case SCSI_IBMVSCSI: case SCSI_NCR53C90: return 0;
        default: return n->pci;
        }
    case CONTROLLER_VIRTIO_SERIAL:
        return controller->vioserial_model == VIOSERIAL_VIRTIO_TRANSITIONAL ? n->pci : n->virtio;
    case CONTROLLER_IDE:
        return n->pci;
    case CONTROLLER_NVME:
        return n->pcie;
    default:
        return 0;
    }
}

/* A transitional device is one of the old kind. */
static unsigned
virtio_needs(const Needs *n, const char *model)
{
    return g_strcmp0(model, "virtio-transitional") == 0 ? n->pci : n->virtio;
}

static unsigned
net_needs(const Needs *n, const NetDef *net)
{
    if (net->type == NET_HOSTDEV)
        return net->hostdev.type == HOSTDEV_PCI ? n->pcie : 0;
    if (net_is_virtio(net))
        return virtio_needs(n, net->model);
    if (g_strcmp0(net->model, "usb-net") == 0)
        return 0;
    return g_strcmp0(net->model, "e1000e") == 0 || g_strcmp0(net->model, "igb") == 0 || g_strcmp0(net->model, "vmxnet3") == 0
               ? n->pcie : n->pci;
}

static unsigned
sound_needs(const Needs *n, const SoundDef *sound)
{
    switch (sound->model) {
    case SOUND_ES1370: case SOUND_AC97: case SOUND_ICH6: case SOUND_ICH9: return n->pci;
    case SOUND_VIRTIO: return n->virtio;
    default: return 0;
    }
}

static unsigned
video_needs(const Needs *n, const VideoDef *video)
{
    switch (video->type) {
    case VIDEO_VIRTIO: return n->virtio;
    case VIDEO_BOCHS: return n->pcie;
    case VIDEO_VGA: case VIDEO_CIRRUS: case VIDEO_VMVGA: case VIDEO_QXL: return n->pci;
    default: return 0;
    }
}

static unsigned
hostdev_needs(const Needs *n, const HostdevDef *hostdev)
{
    switch (hostdev->source.type) {
    case HOSTDEV_PCI: return n->pcie;
    case HOSTDEV_MDEV: return g_strcmp0(hostdev->model, "vfio-pci") == 0 ? n->pcie : 0;
    case HOSTDEV_SCSI_HOST: return virtio_needs(n, hostdev->model);
    default: return 0;
    }
}

/* 0: not a PCI device. */
static unsigned
device_needs(const Needs *n, const Device *device)
{
    static const char *const variants[] = { NULL, "virtio", "virtio-transitional", "virtio-non-transitional" };

    switch (device->kind) {
    case DEVICE_CONTROLLER: return controller_needs(n, CONTROLLER(device));
    case DEVICE_DISK:
        if (DISK(device)->bus != DISK_BUS_VIRTIO)
            return 0;
        return DISK(device)->model == DISK_VIRTIO_TRANSITIONAL ? n->pci : n->virtio;
    case DEVICE_INTERFACE: return net_needs(n, NET(device));
    case DEVICE_FILESYSTEM:
        return virtio_needs(n, FILESYSTEM(device)->model);
    case DEVICE_SOUND: return sound_needs(n, SOUND(device));
    case DEVICE_VIDEO: return video_needs(n, VIDEO(device));
    case DEVICE_HOSTDEV: return hostdev_needs(n, HOSTDEV(device));
    case DEVICE_MEMBALLOON:
        switch (BALLOON(device)->model) {
        case BALLOON_VIRTIO: case BALLOON_VIRTIO_NON_TRANSITIONAL: return n->virtio;
        case BALLOON_VIRTIO_TRANSITIONAL: return n->pci;
        default: return 0;
        }
    case DEVICE_RNG: return virtio_needs(n, variants[RNG(device)->model]);
    case DEVICE_VSOCK: return virtio_needs(n, variants[VSOCK(device)->model]);
    case DEVICE_CRYPTO: return n->virtio;
    case DEVICE_WATCHDOG: return WATCHDOG(device)->model == WATCHDOG_I6300ESB ? n->pci : 0;
    case DEVICE_SHMEM: return n->pci;
    case DEVICE_INPUT: return INPUT(device)->bus == INPUT_BUS_VIRTIO ? virtio_needs(n, variants[INPUT(device)->model]) : 0;
    case DEVICE_PANIC: return PANIC(device)->model == PANIC_PVPANIC ? n->pci : 0;
    case DEVICE_SERIAL: return CHARDEV(device)->serial_target == SERIAL_PCI ? n->pci : 0;
    case DEVICE_MEMORY:
        return MEMORY(device)->model == MEMORY_VIRTIO_MEM || MEMORY(device)->model == MEMORY_VIRTIO_PMEM ? n->virtio : 0;
    case DEVICE_IOMMU: return IOMMU(device)->model == IOMMU_VIRTIO ? TAKES_PCI | TAKES_PCIE : 0;
    case DEVICE_PSTORE: return n->pci;
    default: return 0;
    }
}

static bool
wants_address(const Device *device)
{
    const DeviceAddress *address = &device->info.address;

    return address->type == ADDRESS_NONE || (address->type == ADDRESS_PCI && pci_address_is_empty(&address->pci));
}

static bool
has_address(const Device *device)
{
    return device->info.address.type == ADDRESS_PCI && !pci_address_is_empty(&device->info.address.pci);
}

static bool
is_pci_controller(const Device *device)
{
    return device->kind == DEVICE_CONTROLLER && CONTROLLER(device)->type == CONTROLLER_PCI;
}

/* In a trial the devices keep their blanks. */
static int
give(PciMap *map, Device *device, PciAddress at, unsigned needs, Error *err)
{
    Tri multifunction = device->info.address.type == ADDRESS_PCI ? device->info.address.pci.multifunction : TRI_ABSENT;

    if (reserve(map, &at, needs, false, err) < 0)
        return -1;
    if (!at.multifunction)
        at.multifunction = multifunction;
    if (!map->trial)
        device->info.address = (DeviceAddress){ .type = ADDRESS_PCI, .pci = at };
    return 0;
}

/* A fixed place on bus 0 for a part of the chipset, whatever the bus says it takes. */
static void
hold(PciMap *map, unsigned slot, unsigned function)
{
    map->buses[0].slots[slot].functions |= 1 << function;
}

static int
give_fixed(PciMap *map, Device *device, unsigned slot, unsigned function, Error *err)
{
    PciAddress at = { .slot = slot, .function = function };

    if (has_address(device))
        return 0;
    if (in_use(map, &at))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                          "XML error: two devices have the PCI address 0000:00:%02x.%u", slot,
                          function);
    hold(map, slot, function);
    if (!map->trial)
        device->info.address = (DeviceAddress){ .type = ADDRESS_PCI, .pci = at };
    return 0;
}

static int
give_next(PciMap *map, Device *device, unsigned needs, Error *err)
{
    PciAddress at;

    if (find_free(map, needs, &at, err) < 0)
        return -1;
    return give(map, device, at, needs, err);
}

/* -- chipsets -- */

static int
collect_given(PciMap *map, const Needs *n, Error *err)
{
    const DomainDef *def = n->def;

    LIST_FOREACH(Device, device, &def->devices.list) {
        unsigned needs = device_needs(n, device);

        if (!has_address(device) || !device_ops(device->kind)->has_info)
            continue;
        if (device->kind == DEVICE_CONTROLLER && CONTROLLER(device)->type == CONTROLLER_PCI && CONTROLLER(device)->index.v == 0)
            continue;
        if (reserve(map, &device->info.address.pci, needs ? needs : TAKES_PCI | TAKES_PCIE, true, err) < 0)
            return -1;
    }
    return 0;
}

static Device *
primary_video(const DomainDef *def)
{
    Device *video = domain_def_device(def, DEVICE_VIDEO, 0);

    return video && VIDEO(video)->type != VIDEO_NONE && VIDEO(video)->type != VIDEO_RAMFB ? video : NULL;
}

static int
place_primary_video(PciMap *map, DomainDef *def, const Needs *n, unsigned slot, Error *err)
{
    Device *video = primary_video(def);
    PciAddress at = { .slot = slot };

    if (!video || !wants_address(video))
        return 0;
    if (map->buses[0].slots[at.slot].functions)
        return give_next(map, video, device_needs(n, video), err);
    return give_fixed(map, video, slot, 0, err);
}

/* PIIX3: ISA bridge, IDE and USB share slot 1. */
static int
place_i440fx(PciMap *map, DomainDef *def, const Needs *n, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device) {
        const ControllerDef *controller = CONTROLLER(device);

        if (controller->index.v != 0)
            continue;
        if (controller->type == CONTROLLER_IDE) {
            const PciAddress *at = &device->info.address.pci;

            if (has_address(device) && (at->bus || at->slot != 1 || at->function != 1))
                return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR,
                                  "the first IDE controller must be at PCI address "
                                  "0000:00:01.1");
            if (give_fixed(map, device, 1, 1, err) < 0)
                return -1;
        }
        if (controller->type == CONTROLLER_USB && controller->usb_model == USB_PIIX3_UHCI && wants_address(device)) {
            if (give_fixed(map, device, 1, 2, err) < 0)
                return -1;
        }
    }
    hold(map, 1, 0);
    return place_primary_video(map, def, n, 2, err);
}

/* Functions of the parts of an ich9 USB group. */
static int
ich9_function(UsbModel model)
{
    switch (model) {
    case USB_ICH9_EHCI1: return 7;
    case USB_ICH9_UHCI1: return 0;
    case USB_ICH9_UHCI2: return 1;
    case USB_ICH9_UHCI3: return 2;
    default: return -1;
    }
}

/* All parts of a group are functions of one slot; a slot of the chipset if one is free. */
static int
place_usb_group(PciMap *map, DomainDef *def, const Needs *n, ControllerDef *controller, Error *err)
{
    int function = ich9_function(controller->usb_model);
    static const unsigned chipset_slots[] = { 0x1d, 0x1a };
    PciAddress at;
    bool found = false;

    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device) {
        const ControllerDef *other = CONTROLLER(device);

        if (other->type == CONTROLLER_USB && other->index.v == controller->index.v && other != controller &&
            has_address(device)) {
            at = device->info.address.pci;
            found = true;
            break;
        }
    }
    for (size_t i = 0; !found && map->buses[0].model == PCIE_ROOT && i < G_N_ELEMENTS(chipset_slots); i++) {
        at = (PciAddress){ .slot = chipset_slots[i] };
        found = map->buses[0].slots[at.slot].functions == 0;
    }
    if (!found && find_free(map, n->pci, &at, err) < 0)
        return -1;
    at.function = function;
    at.multifunction = function == 0 ? TRI_ON : TRI_ABSENT;
    if (in_use(map, &at))
        return give_next(map, &controller->base, n->pci, err);
    map->buses[at.bus].slots[at.slot].functions |= 1 << function;
    /* Also in a trial: the others of the group must find it. */
    controller->base.info.address = (DeviceAddress){ .type = ADDRESS_PCI, .pci = at };
    return 0;
}

/* ICH9: LPC, SATA and SMBus in slot 0x1f; sound and USB have slots of habit. */
static int
place_q35(PciMap *map, DomainDef *def, const Needs *n, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == CONTROLLER_SATA && CONTROLLER(device)->index.v == 0 && wants_address(device) &&
            give_fixed(map, device, 0x1f, 2, err) < 0)
            return -1;
    hold(map, 0x1f, 0);
    hold(map, 0x1f, 3);
    /* A bridge to old PCI sits where the one of the real chipset does. */
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == CONTROLLER_PCI && CONTROLLER(device)->pci_model == DMI_TO_PCI_BRIDGE &&
            wants_address(device) && !map->buses[0].slots[0x1e].functions) {
            if (give_fixed(map, device, 0x1e, 0, err) < 0)
                return -1;
            break;
        }
    if (place_primary_video(map, def, n, 1, err) < 0)
        return -1;
    DOMAIN_FOREACH_KIND(def, DEVICE_SOUND, device)
        if (SOUND(device)->model == SOUND_ICH9 && wants_address(device) && !map->buses[0].slots[0x1b].functions) {
            if (give_fixed(map, device, 0x1b, 0, err) < 0)
                return -1;
            break;
        }
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == CONTROLLER_USB && wants_address(device) &&
            ich9_function(CONTROLLER(device)->usb_model) >= 0 &&
            place_usb_group(map, def, n, CONTROLLER(device), err) < 0)
            return -1;
    return 0;
}

/* -- everything else, kind after kind -- */

/* What the chipset's part of the pass (place_i440fx, place_q35) has given a place already; in a trial the device itself does
 * not show it. */
static bool
placed_by_chipset(const PciMap *map, const DomainDef *def, const Device *device)
{
    bool express = map->buses[0].model == PCIE_ROOT;
    const ControllerDef *controller = device->kind == DEVICE_CONTROLLER ? CONTROLLER(device) : NULL;

    if (controller && controller->index.v == 0 &&
        (controller->type == CONTROLLER_PCI || (controller->type == CONTROLLER_IDE && !express) ||
         (controller->type == CONTROLLER_SATA && express) ||
         (controller->type == CONTROLLER_USB && controller->usb_model == USB_PIIX3_UHCI && !express)))
        return true;
    if (device == primary_video(def))
        return true;
    if (!map->trial || !express)
        return false;
    if (controller && controller->type == CONTROLLER_PCI && controller->pci_model == DMI_TO_PCI_BRIDGE)
        return map->buses[0].slots[0x1e].functions != 0;
    return device->kind == DEVICE_SOUND && SOUND(device)->model == SOUND_ICH9 && map->buses[0].slots[0x1b].functions &&
           device == domain_def_device(def, DEVICE_SOUND, 0);
}

static int
place_device(PciMap *map, DomainDef *def, const Needs *n, Device *device, Error *err)
{
    unsigned needs = device_needs(n, device);
    PciAddress at;

    if (!needs || !wants_address(device) || placed_by_chipset(map, def, device))
        return 0;
    if (device->kind == DEVICE_CONTROLLER && CONTROLLER(device)->type == CONTROLLER_USB &&
        ich9_function(CONTROLLER(device)->usb_model) >= 0)
        return place_usb_group(map, def, n, CONTROLLER(device), err);
    if (device->kind != DEVICE_IOMMU || map->buses[0].model != PCIE_ROOT)
        return give_next(map, device, needs, err);
    if (!find_on_bus(&map->buses[0], 0, needs, &at))
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no PCI address is free on bus 0 for the IOMMU");
    return give(map, device, at, needs, err);
}

static int
place_all(PciMap *map, DomainDef *def, const Needs *n, Error *err)
{
    static const DeviceKind order[] = {
        DEVICE_FILESYSTEM, DEVICE_INTERFACE, DEVICE_SOUND, DEVICE_CONTROLLER, DEVICE_DISK, DEVICE_HOSTDEV,
        DEVICE_MEMBALLOON, DEVICE_RNG, DEVICE_WATCHDOG, DEVICE_VIDEO, DEVICE_SHMEM, DEVICE_INPUT, DEVICE_SERIAL,
        DEVICE_MEMORY, DEVICE_IOMMU, DEVICE_VSOCK, DEVICE_PANIC, DEVICE_CRYPTO, DEVICE_PSTORE,
    };

    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (is_pci_controller(device) && place_device(map, def, n, device, err) < 0)
            return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        DOMAIN_FOREACH_KIND(def, order[i], device)
            if (!is_pci_controller(device) && place_device(map, def, n, device, err) < 0)
                return -1;
    return 0;
}

/* -- passes -- */

static int
start_map(PciMap *map, const DomainDef *def, bool trial, Error *err)
{
    unsigned last = 0;
    bool express = domain_def_is_q35(def), bridged = false;

    memset(map, 0, sizeof(*map));
    map->trial = trial;
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device) {
        if (!is_pci_controller(device))
            continue;
        if (CONTROLLER(device)->index.v > PCI_BUS_MAX)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: PCI controller index %u is larger than %d",
                              CONTROLLER(device)->index.v, PCI_BUS_MAX);
        last = MAX(last, CONTROLLER(device)->index.v);
        bridged |= CONTROLLER(device)->pci_model == DMI_TO_PCI_BRIDGE;
    }
    map->n = last + 1;
    for (unsigned i = 0; i < map->n; i++)
        map->buses[i].model = i == 0 ? (express ? PCIE_ROOT : PCI_ROOT) : express && !bridged ? PCIE_ROOT_PORT : PCI_BRIDGE;
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (is_pci_controller(device) && CONTROLLER(device)->pci_model)
            map->buses[CONTROLLER(device)->index.v].model = CONTROLLER(device)->pci_model;
    return 0;
}

static bool
all_slots_taken(const PciMap *map)
{
    for (unsigned i = 0; i < map->n; i++)
        for (unsigned s = bus_types[map->buses[i].model].first; s <= bus_types[map->buses[i].model].last; s++)
            if (!map->buses[i].slots[s].functions)
                return false;
    return true;
}

/* Room for one more: a slot of a PCI machine, a port of a PCI Express machine nobody configured. */
static int
spare_slot(PciMap *map, const Needs *n, bool late, unsigned given_buses, Error *err)
{
    bool express = map->buses[0].model == PCIE_ROOT;
    unsigned needs = express ? n->pcie : n->pci;
    PciAddress at;

    if (express ? !late || given_buses > 1 || map->n <= given_buses : late || all_slots_taken(map))
        return 0;
    if (find_free(map, needs, &at, err) < 0)
        return -1;
    return reserve(map, &at, needs, false, err);
}

static int
run_pass(PciMap *map, DomainDef *def, const Needs *n, Error *err)
{
    unsigned given;

    if (start_map(map, def, map->trial, err) < 0)
        return -1;
    given = map->n;
    if (collect_given(map, n, err) < 0)
        return -1;
    if ((domain_def_is_q35(def) ? place_q35(map, def, n, err) : place_i440fx(map, def, n, err)) < 0)
        return -1;
    if (map->trial && spare_slot(map, n, false, given, err) < 0)
        return -1;
    if (place_all(map, def, n, err) < 0)
        return -1;
    return map->trial ? spare_slot(map, n, true, given, err) : 0;
}

/* -- what follows from the addresses -- */

static void
complete_targets(DomainDef *def)
{
    unsigned bus_nr = 256;

    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (is_pci_controller(device) && CONTROLLER(device)->bus_nr.set)
            bus_nr = MIN(bus_nr, CONTROLLER(device)->bus_nr.v);
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device) {
        ControllerDef *controller = CONTROLLER(device);
        const PciAddress *at = &device->info.address.pci;

        if (!is_pci_controller(device))
            continue;
        switch (controller->pci_model) {
        case PCI_BRIDGE:
            if (!controller->chassis_nr.set)
                controller->chassis_nr = controller->index;
            break;
        case PCIE_ROOT_PORT:
            if (!controller->chassis.set)
                controller->chassis = controller->index;
            if (!controller->port.set)
                controller->port = (OptUint)OPT((at->slot << 3) + at->function);
            break;
        case PCIE_SWITCH_DOWNSTREAM_PORT:
            if (!controller->chassis.set)
                controller->chassis = controller->index;
            if (!controller->port.set)
                controller->port = (OptUint)OPT(at->slot);
            break;
        case PCI_EXPANDER_BUS: case PCIE_EXPANDER_BUS:
            if (!controller->bus_nr.set)
                controller->bus_nr = (OptUint)OPT(bus_nr = bus_nr - 2);
            break;
        default:
            break;
        }
    }
}

/* Function 0 must say that there are others. */
static void
mark_multifunction(DomainDef *def, const PciMap *map)
{
    LIST_FOREACH(Device, device, &def->devices.list) {
        PciAddress *at = &device->info.address.pci;

        if (device->info.address.type != ADDRESS_PCI || at->function || at->multifunction || at->bus >= map->n)
            continue;
        if (map->buses[at->bus].slots[at->slot].functions & ~1)
            at->multifunction = TRI_ON;
    }
}

int
domain_assign_pci_addresses(DomainDef *def, const DomainCaps *caps, Error *err)
{
    Needs needs = { .def = def, .pci = TAKES_HOTPLUG | TAKES_PCI };
    g_autofree PciMap *map = NULL;
    bool express = domain_def_is_q35(def);

    if (!domain_def_has_pci(def)) {
        needs.pcie = needs.virtio = needs.pci;
        LIST_FOREACH(Device, device, &def->devices.list)
            if (device_needs(&needs, device) && device->info.address.type == ADDRESS_NONE &&
                device->kind != DEVICE_CONTROLLER)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: machine '%s' has no PCI bus for a <%s>",
                                  def->os.machine, device_ops(device->kind)->element);
        DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
            if (CONTROLLER(device)->type == CONTROLLER_USB && device_needs(&needs, device))
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                                  "XML error: machine '%s' has no PCI bus for a USB controller",
                                  def->os.machine);
        return 0;
    }
    needs.pcie = express ? TAKES_HOTPLUG | TAKES_PCIE : needs.pci;
    needs.virtio = needs.pcie;
    map = g_new0(PciMap, 1);
    map->trial = true;
    if (run_pass(map, def, &needs, err) < 0)
        return -1;
    for (unsigned i = 1; i < map->n; i++) {
        ControllerDef *controller = domain_need_controller(def, CONTROLLER_PCI, i, map->buses[i].model);

        if (!controller->pci_model)
            controller->pci_model = map->buses[i].model;
        if (domain_device_complete(def, &controller->base, caps, err) < 0)
            return -1;
    }
    map->trial = false;
    if (run_pass(map, def, &needs, err) < 0)
        return -1;
    complete_targets(def);
    mark_multifunction(def, map);
    return 0;
}
