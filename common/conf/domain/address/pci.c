/*
 * PCI and PCI Express addresses.
 *
 * A PciMap is the set of buses with the functions in use. Addresses are chosen in two passes: a trial that may invent
 * buses, so that the controllers for them are added to the definition; then the real one, in which every controller has
 * an address too.
 */
#include <string.h>

#include "common/conf/domain/address/pcimap.h"
#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/device/video.h"

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

    if (pci_map_reserve(map, &at, needs, false, err) < 0)
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
    if (pci_map_in_use(map, &at))
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

    if (pci_map_find_free(map, needs, &at, err) < 0)
        return -1;
    return give(map, device, at, needs, err);
}

/* -- chipsets -- */

static int
collect_given(PciMap *map, const PciNeeds *n, Error *err)
{
    const DomainDef *def = n->def;

    LIST_FOREACH(Device, device, &def->devices.list) {
        unsigned needs = pci_device_needs(n, device);

        if (!has_address(device) || !device_ops(device->kind)->has_info)
            continue;
        if (device->kind == DEVICE_CONTROLLER && CONTROLLER(device)->type == CONTROLLER_PCI && CONTROLLER(device)->index.v == 0)
            continue;
        if (pci_map_reserve(map, &device->info.address.pci, needs ? needs : TAKES_PCI | TAKES_PCIE, true, err) < 0)
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
place_primary_video(PciMap *map, DomainDef *def, const PciNeeds *n, unsigned slot, Error *err)
{
    Device *video = primary_video(def);
    PciAddress at = { .slot = slot };

    if (!video || !wants_address(video))
        return 0;
    if (map->buses[0].slots[at.slot].functions)
        return give_next(map, video, pci_device_needs(n, video), err);
    return give_fixed(map, video, slot, 0, err);
}

/* PIIX3: ISA bridge, IDE and USB share slot 1. */
static int
place_i440fx(PciMap *map, DomainDef *def, const PciNeeds *n, Error *err)
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
place_usb_group(PciMap *map, DomainDef *def, const PciNeeds *n, ControllerDef *controller, Error *err)
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
    if (!found && pci_map_find_free(map, n->pci, &at, err) < 0)
        return -1;
    at.function = function;
    at.multifunction = function == 0 ? TRI_ON : TRI_ABSENT;
    if (pci_map_in_use(map, &at))
        return give_next(map, &controller->base, n->pci, err);
    map->buses[at.bus].slots[at.slot].functions |= 1 << function;
    /* Also in a trial: the others of the group must find it. */
    controller->base.info.address = (DeviceAddress){ .type = ADDRESS_PCI, .pci = at };
    return 0;
}

/* ICH9: LPC, SATA and SMBus in slot 0x1f; sound and USB have slots of habit. */
static int
place_q35(PciMap *map, DomainDef *def, const PciNeeds *n, Error *err)
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
place_device(PciMap *map, DomainDef *def, const PciNeeds *n, Device *device, Error *err)
{
    unsigned needs = pci_device_needs(n, device);
    PciAddress at;

    if (!needs || !wants_address(device) || placed_by_chipset(map, def, device))
        return 0;
    if (device->kind == DEVICE_CONTROLLER && CONTROLLER(device)->type == CONTROLLER_USB &&
        ich9_function(CONTROLLER(device)->usb_model) >= 0)
        return place_usb_group(map, def, n, CONTROLLER(device), err);
    if (device->kind != DEVICE_IOMMU || map->buses[0].model != PCIE_ROOT)
        return give_next(map, device, needs, err);
    if (!pci_find_on_bus(&map->buses[0], 0, needs, &at))
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no PCI address is free on bus 0 for the IOMMU");
    return give(map, device, at, needs, err);
}

static int
place_all(PciMap *map, DomainDef *def, const PciNeeds *n, Error *err)
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
        for (unsigned s = pci_bus_types[map->buses[i].model].first; s <= pci_bus_types[map->buses[i].model].last; s++)
            if (!map->buses[i].slots[s].functions)
                return false;
    return true;
}

/* Room for one more: a slot of a PCI machine, a port of a PCI Express machine nobody configured. */
static int
spare_slot(PciMap *map, const PciNeeds *n, bool late, unsigned given_buses, Error *err)
{
    bool express = map->buses[0].model == PCIE_ROOT;
    unsigned needs = express ? n->pcie : n->pci;
    PciAddress at;

    if (express ? !late || given_buses > 1 || map->n <= given_buses : late || all_slots_taken(map))
        return 0;
    if (pci_map_find_free(map, needs, &at, err) < 0)
        return -1;
    return pci_map_reserve(map, &at, needs, false, err);
}

static int
run_pass(PciMap *map, DomainDef *def, const PciNeeds *n, Error *err)
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
    PciNeeds needs = { .def = def, .pci = TAKES_HOTPLUG | TAKES_PCI };
    g_autofree PciMap *map = NULL;
    bool express = domain_def_is_q35(def);

    if (!domain_def_has_pci(def)) {
        needs.pcie = needs.virtio = needs.pci;
        LIST_FOREACH(Device, device, &def->devices.list)
            if (pci_device_needs(&needs, device) && device->info.address.type == ADDRESS_NONE &&
                device->kind != DEVICE_CONTROLLER)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: machine '%s' has no PCI bus for a <%s>",
                                  def->os.machine, device_ops(device->kind)->element);
        DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
            if (CONTROLLER(device)->type == CONTROLLER_USB && pci_device_needs(&needs, device))
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
