#include "common/conf/domain/address/pcimap.h"

const PciBusType pci_bus_types[] = {
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

bool
pci_bus_takes(const PciBus *bus, unsigned needs, bool given)
{
    unsigned takes = pci_bus_types[bus->model].takes;

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
        if (pci_bus_takes(&map->buses[i], needs, false))
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

/* A port, there or invented, is used up by the bridge that will be in it. */
static int
take_port_for_bridge(PciMap *map, Error *err)
{
    PciAddress at = { 0 };
    bool found = false;

    for (unsigned i = 0; i < map->n && !found; i++)
        found = pci_bus_takes(&map->buses[i], TAKES_PCIE_TO_PCI, false) && pci_find_on_bus(&map->buses[i], i, TAKES_PCIE_TO_PCI, &at);
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

const char *
pci_needs_text(unsigned needs)
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

bool
pci_map_in_use(const PciMap *map, const PciAddress *at)
{
    return at->bus < map->n && map->buses[at->bus].slots[at->slot].functions >> at->function & 1;
}

/* Mark at as used; given: it was written by someone. */
int
pci_map_reserve(PciMap *map, const PciAddress *at, unsigned needs, bool given, Error *err)
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
    if (!pci_bus_takes(bus, needs, given))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                          "XML error: the device at PCI address %s cannot be plugged into the "
                          "'%s' with index %u; it needs a controller that takes %s", text, pci_model_names[bus->model], at->bus,
                          pci_needs_text(needs));
    if (at->slot < pci_bus_types[bus->model].first || at->slot > pci_bus_types[bus->model].last)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: PCI address %s: '%s' has slots 0x%02x to 0x%02x",
                          text,
                          pci_model_names[bus->model], pci_bus_types[bus->model].first, pci_bus_types[bus->model].last);
    if (pci_map_in_use(map, at))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two devices have the PCI address %s", text);
    slot = &bus->slots[at->slot];
    slot->shared = needs & SHARES_SLOT && (!slot->functions || slot->shared);
    slot->functions |= 1 << at->function;
    return 0;
}

bool
pci_find_on_bus(const PciBus *bus, unsigned number, unsigned needs, PciAddress *ret_at)
{
    for (unsigned s = pci_bus_types[bus->model].first; s <= pci_bus_types[bus->model].last; s++) {
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
int
pci_map_find_free(PciMap *map, unsigned needs, PciAddress *ret_at, Error *err)
{
    unsigned had = map->n;

    for (unsigned i = 0; i < map->n; i++)
        if (pci_bus_takes(&map->buses[i], needs, false) && pci_find_on_bus(&map->buses[i], i, needs, ret_at))
            return 0;
    if (!had)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: the machine has no PCI bus for %s",
                          pci_needs_text(needs));
    if (!map->trial)
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no PCI address is free for %s", pci_needs_text(needs));
    if (grow(map, had, needs, err) < 0)
        return -1;
    for (unsigned i = had; i < map->n; i++)
        if (pci_bus_takes(&map->buses[i], needs, false) && pci_find_on_bus(&map->buses[i], i, needs, ret_at))
            return 0;
    return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no PCI bus can be added for %s", pci_needs_text(needs));
}
