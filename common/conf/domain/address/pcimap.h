/*
 * The set of PCI buses of a machine with the functions in use, and what devices need of a bus. Used by pci.c alone.
 */
#pragma once

#include "common/conf/domain/complete.h"

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

typedef struct PciBusType {
    unsigned takes; /* what may be plugged in */
    unsigned needs; /* what the controller itself must be plugged into */
    unsigned char first, last; /* usable slots */
} PciBusType;
extern const PciBusType pci_bus_types[]; /* by PciModel of the controller that makes the bus */

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

/* given: someone wrote the address, and may mix the kinds of endpoints. */
bool pci_bus_takes(const PciBus *bus, unsigned needs, bool given);
bool pci_map_in_use(const PciMap *map, const PciAddress *at);
/* Mark at as used. In a trial, buses up to at->bus are invented. */
int pci_map_reserve(PciMap *map, const PciAddress *at, unsigned needs, bool given, Error *err);
bool pci_find_on_bus(const PciBus *bus, unsigned number, unsigned needs, PciAddress *ret_at);
/* The next free address for a device; in a trial on an invented bus if need be. */
int pci_map_find_free(PciMap *map, unsigned needs, PciAddress *ret_at, Error *err);
const char *pci_needs_text(unsigned needs); /* "a pcie-root-port", for messages */

/* What the endpoints of a machine need, by their generation. */
typedef struct PciNeeds {
    const DomainDef *def;
    unsigned pci, pcie, virtio;
} PciNeeds;
unsigned pci_device_needs(const PciNeeds *n, const Device *device); /* 0: not a PCI device */
