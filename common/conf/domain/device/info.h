/*
 * What every device carries beside its own subject: alias, guest-side address, boot order, option ROM.
 */
#pragma once

#include "common/xml/schema.h"

typedef enum AddressType {
    ADDRESS_NONE = 0,
    ADDRESS_PCI,
    ADDRESS_DRIVE,
    ADDRESS_VIRTIO_SERIAL,
    ADDRESS_CCID,
    ADDRESS_USB,
    ADDRESS_SPAPR_VIO,
    ADDRESS_CCW,
    ADDRESS_VIRTIO_MMIO,
    ADDRESS_ISA,
    ADDRESS_DIMM,
    ADDRESS_UNASSIGNED, /* deliberately given no address: not shown to the guest */
    ADDRESS_MDEV,       /* of a host device source */
} AddressType;
extern const char *const address_type_names[];

/* All zero with type ADDRESS_PCI means "a PCI address, to be chosen". */
typedef struct PciAddress {
    unsigned domain, bus, slot, function;
    Tri multifunction;
    OptUint zpci_uid, zpci_fid;
    bool zpci;
} PciAddress;

typedef struct DriveAddress { unsigned controller, bus, target, unit; } DriveAddress;
typedef struct VirtioSerialAddress { unsigned controller, bus, port; } VirtioSerialAddress;
typedef struct CcidAddress { unsigned controller, slot; } CcidAddress;
typedef struct UsbAddress { unsigned bus; char *port; /* "1" or "1.2"; NULL: to be chosen */ } UsbAddress;
typedef struct CcwAddress { OptUint cssid, ssid, devno; } CcwAddress;
typedef struct IsaAddress { OptUint iobase, irq; } IsaAddress;
typedef struct DimmAddress { OptUint slot; OptU64 base; } DimmAddress;

typedef struct DeviceAddress {
    AddressType type;
    union {
        PciAddress pci;
        DriveAddress drive;
        VirtioSerialAddress vioserial;
        CcidAddress ccid;
        UsbAddress usb;
        OptU64 spapr_reg;
        CcwAddress ccw;
        IsaAddress isa;
        DimmAddress dimm;
        Uuid mdev;
    };
} DeviceAddress;

/* The largest values an address can have. */
#define PCI_DOMAIN_MAX 0xffff
#define PCI_BUS_MAX 0xff
#define PCI_SLOT_MAX 0x1f
#define PCI_FUNCTION_MAX 7

typedef struct DeviceInfo {
    char *alias;           /* "net0"; those starting with "ua-" are the user's and part of the definition */
    DeviceAddress address; /* guest side */
    OptUint usb_master;    /* first port of a companion controller */
    OptUint boot_order;    /* from 1 */
    char *loadparm;        /* s390 */
    OptUint acpi_index;
    Tri rom_bar, rom_enabled;
    char *rom_file;
} DeviceInfo;

/* iommu, ats, packed, page_per_vq of <driver> of virtio devices */
typedef struct VirtioOptions { Tri iommu, ats, packed, page_per_vq; } VirtioOptions;

extern const XmlSchema address_schema;          /* DeviceAddress */
extern const XmlSchema device_info_schema;      /* DeviceInfo: alias, acpi, address */
extern const XmlSchema device_info_boot_schema; /* the same with <boot> before */
extern const XmlSchema device_info_rom_schema;  /* the same with <boot> and <rom> */
extern const XmlSchema virtio_options_schema;   /* VirtioOptions; attributes, for use in <driver> */
extern const XmlSchema virtio_driver_schema;    /* the same, to be the whole <driver> element */

static inline bool alias_is_user(const char *alias) { return alias && g_str_has_prefix(alias, "ua-"); }
/* Type PCI with nothing said: an address is wanted but which is open. */
bool pci_address_is_empty(const PciAddress *address);
bool pci_address_equal(const PciAddress *a, const PciAddress *b);
char *pci_address_text(const PciAddress *address); /* "0000:00:1f.2", owned by the caller */
void device_address_clear(DeviceAddress *address);
