/* Where a device sits in the guest: addresses as QEMU's properties. */
#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/device/build.h"

/* The bus a PCI address is on: the root's name is fixed by the machine, any other is its controller's alias. */
static int pci_place(const QemuBuild *build, const PciAddress *pci, json_t *props, Error *err)
{
    const ControllerDef *controller = build_controller(build, CONTROLLER_PCI, pci->bus);

    if (!controller) {
        g_autofree char *text = pci_address_text(pci);

        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "there is no PCI controller with index %u for address %s",
                          pci->bus, text);
    }
    if (controller->pci_model == PCIE_ROOT)
        prop_str(props, "bus", "pcie.0");
    else if (controller->pci_model == PCI_ROOT)
        prop_strf(props, "bus", "pci.%u", pci->bus);
    else
        prop_str(props, "bus", controller->base.info.alias);
    prop_tri(props, "multifunction", pci->multifunction);
    if (pci->function)
        prop_strf(props, "addr", "0x%x.0x%x", pci->slot, pci->function);
    else
        prop_strf(props, "addr", "0x%x", pci->slot);
    return 0;
}

static int controller_place(const QemuBuild *build, ControllerType type, unsigned index, json_t *props, Error *err)
{
    const ControllerDef *controller = build_controller(build, type, index);

    if (!controller)
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "there is no %s controller with index %u",
                          controller_type_names[type], index);
    prop_strf(props, "bus", "%s.0", controller->base.info.alias);
    return 0;
}

int build_place(const QemuBuild *build, const DeviceAddress *address, json_t *props, Error *err)
{
    switch (address->type) {
    case ADDRESS_PCI:
        return pci_place(build, &address->pci, props, err);
    case ADDRESS_USB:
        if (controller_place(build, CONTROLLER_USB, address->usb.bus, props, err) < 0)
            return -1;
        prop_str(props, "port", address->usb.port);
        return 0;
    case ADDRESS_VIRTIO_SERIAL:
        if (controller_place(build, CONTROLLER_VIRTIO_SERIAL, address->vioserial.controller, props, err) < 0)
            return -1;
        prop_int(props, "nr", address->vioserial.port);
        return 0;
    case ADDRESS_CCID:
        return controller_place(build, CONTROLLER_CCID, address->ccid.controller, props, err);
    case ADDRESS_ISA:
        prop_uint(props, "iobase", address->isa.iobase);
        prop_uint(props, "irq", address->isa.irq);
        return 0;
    case ADDRESS_CCW:
        prop_strf(props, "devno", "%x.%x.%04x", address->ccw.cssid.v, address->ccw.ssid.v, address->ccw.devno.v);
        return 0;
    case ADDRESS_SPAPR_VIO:
        prop_u64(props, "reg", address->spapr_reg);
        return 0;
    case ADDRESS_NONE:
    case ADDRESS_DRIVE: /* the disk says it in its own words */
    case ADDRESS_DIMM:
    case ADDRESS_VIRTIO_MMIO:
    case ADDRESS_UNASSIGNED:
    case ADDRESS_MDEV:
        return 0;
    }
    return 0;
}

int build_address(const QemuBuild *build, const Device *device, json_t *props, Error *err)
{
    const DeviceInfo *info = &device->info;

    prop_str(props, "id", info->alias);
    prop_uint(props, "bootindex", info->boot_order);
    if (build_place(build, &info->address, props, err) < 0)
        return -1;
    prop_uint(props, "acpi-index", info->acpi_index);
    if (info->rom_enabled == TRI_NO)
        prop_str(props, "romfile", "");
    else
        prop_str(props, "romfile", info->rom_file);
    if (info->rom_bar != TRI_ABSENT)
        prop_int(props, "rombar", info->rom_bar == TRI_ON);
    return 0;
}
