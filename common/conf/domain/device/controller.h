/* <controller>: a bus other devices plug into. */
#pragma once

#include "common/conf/domain/device/device.h"
#include "common/conf/domain/device/disk.h"

typedef enum ControllerType {
    CONTROLLER_ABSENT = 0, CONTROLLER_IDE, CONTROLLER_FDC, CONTROLLER_SCSI, CONTROLLER_SATA, CONTROLLER_VIRTIO_SERIAL,
    CONTROLLER_CCID, CONTROLLER_USB, CONTROLLER_PCI, CONTROLLER_XENBUS, CONTROLLER_ISA, CONTROLLER_NVME,
} ControllerType;
extern const char *const controller_type_names[];

typedef enum PciModel {
    PCI_MODEL_ABSENT = 0, PCI_ROOT, PCIE_ROOT, PCI_BRIDGE, DMI_TO_PCI_BRIDGE, PCIE_TO_PCI_BRIDGE, PCIE_ROOT_PORT,
    PCIE_SWITCH_UPSTREAM_PORT, PCIE_SWITCH_DOWNSTREAM_PORT, PCI_EXPANDER_BUS, PCIE_EXPANDER_BUS,
} PciModel;
extern const char *const pci_model_names[];
typedef enum ScsiModel {
    SCSI_MODEL_ABSENT = 0, SCSI_AUTO, SCSI_BUSLOGIC, SCSI_LSILOGIC, SCSI_LSISAS1068, SCSI_VMPVSCSI, SCSI_IBMVSCSI,
    SCSI_VIRTIO, SCSI_LSISAS1078, SCSI_VIRTIO_TRANSITIONAL, SCSI_VIRTIO_NON_TRANSITIONAL, SCSI_NCR53C90, SCSI_DC390,
    SCSI_AM53C974,
} ScsiModel;
extern const char *const scsi_model_names[];
typedef enum UsbModel {
    USB_MODEL_ABSENT = 0, USB_PIIX3_UHCI, USB_PIIX4_UHCI, USB_EHCI, USB_ICH9_EHCI1, USB_ICH9_UHCI1, USB_ICH9_UHCI2,
    USB_ICH9_UHCI3, USB_VT82C686B_UHCI, USB_PCI_OHCI, USB_NEC_XHCI, USB_QUSB1, USB_QUSB2, USB_QEMU_XHCI, USB_NONE,
} UsbModel;
extern const char *const usb_model_names[];
typedef enum IdeModel { IDE_MODEL_ABSENT = 0, IDE_PIIX3, IDE_PIIX4, IDE_ICH6 } IdeModel;
typedef enum VioserialModel { VIOSERIAL_MODEL_ABSENT = 0, VIOSERIAL_VIRTIO, VIOSERIAL_VIRTIO_TRANSITIONAL,
                              VIOSERIAL_VIRTIO_NON_TRANSITIONAL } VioserialModel;

typedef struct ControllerDriver {
    char *name;
    OptUint queues, cmd_per_lun, max_sectors;
    Tri ioeventfd;
    OptUint iothread;
    LIST(DiskIothread) iothreads; /* virtio-scsi: queues spread over I/O threads */
    VirtioOptions virtio;
} ControllerDriver;

typedef struct ControllerDef {
    Device base;
    ControllerType type;
    OptUint index; /* set after completion */
    union {        /* by type; 0: default */
        int model;
        PciModel pci_model;
        ScsiModel scsi_model;
        UsbModel usb_model;
        IdeModel ide_model;
        VioserialModel vioserial_model;
    };
    OptUint ports, vectors;         /* virtio-serial; ports: usb too */
    OptUint max_grant_frames, max_event_channels;
    char *serial; /* nvme */
    ControllerDriver driver;
    /* pci */
    OptU64 pcihole64; /* KiB */
    char *pci_model_name; /* QEMU's device: "pcie-root-port", "i82801b11-bridge", ... */
    OptUint chassis_nr, chassis, port, bus_nr, target_index;
    Tri hotplug;
    OptUint node;
} ControllerDef;

#define CONTROLLER(device) DEVICE_CAST(ControllerDef, DEVICE_CONTROLLER, device)
const char *controller_model_name(const ControllerDef *controller); /* NULL when absent */
