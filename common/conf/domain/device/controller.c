#include "common/conf/domain/device/controller.h"

const char *const controller_type_names[] = {
    NULL, "ide", "fdc", "scsi", "sata", "virtio-serial", "ccid", "usb", "pci", "xenbus", "isa", "nvme", NULL,
};
const char *const pci_model_names[] = {
    NULL, "pci-root", "pcie-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge", "pcie-root-port",
    "pcie-switch-upstream-port", "pcie-switch-downstream-port", "pci-expander-bus", "pcie-expander-bus", NULL,
};
const char *const scsi_model_names[] = {
    NULL, "auto", "buslogic", "lsilogic", "lsisas1068", "vmpvscsi", "ibmvscsi", "virtio-scsi", "lsisas1078",
    "virtio-transitional", "virtio-non-transitional", "ncr53c90", "dc390", "am53c974", NULL,
};
const char *const usb_model_names[] = {
    NULL, "piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3", "vt82c686b-uhci",
    "pci-ohci", "nec-xhci", "qusb1", "qusb2", "qemu-xhci", "none", NULL,
};
static const char *const ide_model_names[] = { NULL, "piix3", "piix4", "ich6", NULL };
static const char *const vioserial_model_names[] = { NULL, "virtio", "virtio-transitional", "virtio-non-transitional", NULL };

#define C ControllerDef

static const XmlRow iothreads_rows[] = {
    ITEMS("iothread", ControllerDriver, iothreads, disk_iothread_schema, "an I/O thread"),
    ROWS_END,
};
static SCHEMA(iothreads_schema, "controllerIothreads", ControllerDriver, iothreads_rows, "spread over I/O threads");

static const XmlRow driver_rows[] = {
    A_UINT("queues", ControllerDriver, queues, "number of queues"),
    A_UINT("cmd_per_lun", ControllerDriver, cmd_per_lun, "commands in flight per unit"),
    A_UINT("max_sectors", ControllerDriver, max_sectors, "sectors of one transfer"),
    A_ONOFF("ioeventfd", ControllerDriver, ioeventfd, "notify by eventfd"),
    A_UINT("iothread", ControllerDriver, iothread, "I/O thread that serves it"),
    INLINE_AT(ControllerDriver, virtio, virtio_options_schema),
    GROUP("iothreads", iothreads_schema, "queues spread over I/O threads"),
    ROWS_END,
};
static SCHEMA(driver_schema, "controllerDriver", ControllerDriver, driver_rows, "options of a controller");

static const XmlRow model_rows[] = {
    A_WORD("name", C, pci_model_name,
           WORDS("pci-bridge", "i82801b11-bridge", "ioh3420", "x3130-upstream", "xio3130-downstream", "pxb", "pxb-pcie",
                 "pcie-root-port", "spapr-pci-host-bridge", "pcie-pci-bridge"), "QEMU's device", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(model_schema, "controllerModel", C, model_rows, "device that plays the PCI controller");

static const XmlRow target_rows[] = {
    A_UINT("chassisNr", C, chassis_nr, "chassis of a bridge", .max = 255, .flags = XR_ABI),
    A_UINT("chassis", C, chassis, "chassis of a port", .max = 255, .flags = XR_ABI),
    A_HEX("port", C, port, "port number", .max = 255, .digits = 1, .flags = XR_ABI),
    A_UINT("busNr", C, bus_nr, "bus number of an expander", .max = 254, .flags = XR_ABI),
    A_UINT("index", C, target_index, "index of a host bridge", .max = 31),
    A_ONOFF("hotplug", C, hotplug, "devices may come and go"),
    E_UINT("node", C, node, "NUMA node of an expander"),
    ROWS_END,
};
static SCHEMA(target_schema, "controllerTarget", C, target_rows, "place of a PCI controller");

#define MODEL(names_, t, d) \
    { .kind = ROW_ATTR, .name = "model", .type = &xt_enum, .offset = FIELD_ENUM(C, model), .names = names_, \
      .flags = XR_ABI, WHEN(C, type, t), .doc = d }

static const XmlRow controller_rows[] = {
    A_ENUM("type", C, type, controller_type_names, "which kind of bus", .flags = XR_REQUIRED | XR_ABI),
    A_UINT("index", C, index, "number among its type", .flags = XR_ABI, .max = 0x7fffffff),
    MODEL(pci_model_names, CONTROLLER_PCI, "kind of PCI controller"),
    MODEL(scsi_model_names, CONTROLLER_SCSI, "kind of SCSI controller"),
    MODEL(usb_model_names, CONTROLLER_USB, "kind of USB controller"),
    MODEL(ide_model_names, CONTROLLER_IDE, "kind of IDE controller"),
    MODEL(vioserial_model_names, CONTROLLER_VIRTIO_SERIAL, "variant of virtio"),
    A_UINT("ports", C, ports, "number of ports", WHEN(C, type, CONTROLLER_VIRTIO_SERIAL, CONTROLLER_USB),
           .flags = XR_ABI),
    A_UINT("vectors", C, vectors, "interrupt vectors", WHEN(C, type, CONTROLLER_VIRTIO_SERIAL), .flags = XR_ABI),
    A_UINT("maxGrantFrames", C, max_grant_frames, "grant frames", WHEN(C, type, CONTROLLER_XENBUS)),
    A_UINT("maxEventChannels", C, max_event_channels, "event channels", WHEN(C, type, CONTROLLER_XENBUS)),
    GROUP_AT("driver", C, driver, driver_schema, "options"),
    GROUP("model", model_schema, "QEMU's device", WHEN(C, type, CONTROLLER_PCI)),
    GROUP("target", target_schema, "place of a PCI controller", WHEN(C, type, CONTROLLER_PCI)),
    SIZE("pcihole64", C, pcihole64, 1024, "64-bit address space of the root", WHEN(C, type, CONTROLLER_PCI)),
    E_STR("serial", C, serial, "serial number", WHEN(C, type, CONTROLLER_NVME)),
    INLINE_AT(C, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(controller_schema, "controller", C, controller_rows, "a bus other devices plug into");

const DeviceKindOps controller_ops = {
    .kind = DEVICE_CONTROLLER, .element = "controller", .schema = &controller_schema, .has_info = true,
};

const char *
controller_model_name(const ControllerDef *controller)
{
    switch (controller->type) {
    case CONTROLLER_PCI: return enum_name(pci_model_names, controller->model);
    case CONTROLLER_SCSI: return enum_name(scsi_model_names, controller->model);
    case CONTROLLER_USB: return enum_name(usb_model_names, controller->model);
    case CONTROLLER_IDE: return enum_name(ide_model_names, controller->model);
    case CONTROLLER_VIRTIO_SERIAL: return enum_name(vioserial_model_names, controller->model);
    default: return NULL;
    }
}
