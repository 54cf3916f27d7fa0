/* A device of the host: where <hostdev> and <interface type='hostdev'> take theirs from. */
#pragma once

#include "common/conf/domain/device/info.h"

typedef struct UsbHostAddress { OptUint bus, device; char *port; } UsbHostAddress;

typedef enum HostdevType {
    HOSTDEV_ABSENT = 0, HOSTDEV_USB, HOSTDEV_PCI, HOSTDEV_SCSI, HOSTDEV_SCSI_HOST, HOSTDEV_MDEV,
    HOSTDEV_STORAGE, HOSTDEV_MISC, HOSTDEV_NET, /* capabilities of containers */
} HostdevType;
extern const char *const hostdev_type_names[];

typedef struct HostdevSource {
    HostdevType type;
    DeviceAddress address; /* pci, mdev */
    UsbHostAddress usb;
    OptUint usb_vendor, usb_product;
} HostdevSource;

extern const XmlSchema hostdev_pci_address_schema; /* DeviceAddress as <address type='pci' domain= ...> of a source */
