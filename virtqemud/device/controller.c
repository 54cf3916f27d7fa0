/* <controller>: buses that other devices plug into. Some are part of the machine and are no device of ours. */
#include "common/conf/domain/device/controller.h"

#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

static const char *const usb_drivers[] = {
    [USB_PIIX3_UHCI] = "piix3-usb-uhci", [USB_PIIX4_UHCI] = "piix4-usb-uhci", [USB_EHCI] = "usb-ehci",
    [USB_ICH9_EHCI1] = "ich9-usb-ehci1", [USB_ICH9_UHCI1] = "ich9-usb-uhci1", [USB_ICH9_UHCI2] = "ich9-usb-uhci2",
    [USB_ICH9_UHCI3] = "ich9-usb-uhci3", [USB_VT82C686B_UHCI] = "vt82c686b-usb-uhci", [USB_PCI_OHCI] = "pci-ohci",
    [USB_NEC_XHCI] = "nec-usb-xhci", [USB_QEMU_XHCI] = "qemu-xhci",
};
static const char *const scsi_drivers[] = {
    [SCSI_LSILOGIC] = "lsi",       [SCSI_LSISAS1068] = "mptsas1068", [SCSI_LSISAS1078] = "megasas",
    [SCSI_VMPVSCSI] = "pvscsi",    [SCSI_NCR53C90] = NULL,           [SCSI_DC390] = "dc-390", [SCSI_AM53C974] = "am53c974",
    [SCSI_IBMVSCSI] = "spapr-vscsi",
};

static const char *from_table(const char *const *table, size_t size, int index)
{
    return index > 0 && (size_t)index < size ? table[index] : NULL;
}
#define FROM_TABLE(table, index) from_table(table, G_N_ELEMENTS(table), index)

static int unsupported(const ControllerDef *controller, Error *err)
{
    const char *model = controller_model_name(controller);

    return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU has no %s controller of model '%s'",
                      controller_type_names[controller->type], model ? model : "default");
}

static int pci_properties(QemuBuild *build, const ControllerDef *c, json_t **ret, Error *err)
{
    if (c->pci_model == PCI_ROOT || c->pci_model == PCIE_ROOT) {
        if (c->pcihole64.set)
            build_option(build, "-global", "%s.pci-hole64-size=%lluK", c->pci_model == PCIE_ROOT ? "q35-pcihost" : "i440FX-pcihost",
                         c->pcihole64.v);
        if (c->pci_model == PCI_ROOT && c->hotplug != TRI_ABSENT)
            build_option(build, "-global", "PIIX4_PM.acpi-root-pci-hotplug=%s", c->hotplug == TRI_ON ? "on" : "off");
        return 0;
    }
    if (!c->pci_model_name)
        return unsupported(c, err);
    *ret = props_device(c->pci_model_name);
    if (c->pci_model == PCI_BRIDGE)
        prop_uint(*ret, "chassis_nr", c->chassis_nr);
    prop_uint(*ret, "port", c->port);
    prop_uint(*ret, "chassis", c->chassis);
    prop_uint(*ret, "bus_nr", c->bus_nr);
    prop_uint(*ret, "numa_node", c->node);
    prop_tri(*ret, "hotplug", c->hotplug);
    return 0;
}

static int usb_properties(QemuBuild *build, const ControllerDef *c, json_t **ret, Error *err)
{
    const char *driver = FROM_TABLE(usb_drivers, c->usb_model);

    if (c->usb_model == USB_NONE)
        return 0;
    if (!driver && c->usb_model == USB_MODEL_ABSENT)
        driver = "piix3-usb-uhci";
    if (!driver)
        return unsupported(c, err);
    *ret = props_device(driver);
    if (c->ports.set) {
        prop_int(*ret, "p2", c->ports.v);
        prop_int(*ret, "p3", c->ports.v);
    }
    return 0;
}

/* A companion shares the bus of its master and has no name of its own. */
static void put_companion(const ControllerDef *c, json_t *props)
{
    prop_strf(props, "masterbus", "%s.0", c->base.info.alias);
    prop_int(props, "firstport", c->base.info.usb_master.v);
    json_object_del(props, "id");
}

static void put_driver(const ControllerDef *c, json_t *props)
{
    const ControllerDriver *d = &c->driver;

    if (d->iothread.set)
        prop_strf(props, "iothread", "iothread%u", d->iothread.v);
    prop_virtio(props, &d->virtio);
    prop_uint(props, "num_queues", d->queues);
    prop_uint(props, "cmd_per_lun", d->cmd_per_lun);
    prop_uint(props, "max_sectors", d->max_sectors);
    prop_tri(props, "ioeventfd", d->ioeventfd);
}

static int scsi_properties(QemuBuild *build, const ControllerDef *c, json_t **ret, Error *err)
{
    g_autofree char *virtio = NULL;
    const char *driver = FROM_TABLE(scsi_drivers, c->scsi_model);

    if (c->scsi_model == SCSI_VIRTIO || c->scsi_model == SCSI_VIRTIO_TRANSITIONAL || c->scsi_model == SCSI_VIRTIO_NON_TRANSITIONAL) {
        virtio = virtio_driver("virtio-scsi", c->scsi_model == SCSI_VIRTIO ? 1 : c->scsi_model == SCSI_VIRTIO_TRANSITIONAL ? 2 : 3, &c->base.info);
        driver = virtio;
    }
    if (!driver && (c->scsi_model == SCSI_NCR53C90 || c->scsi_model == SCSI_MODEL_ABSENT))
        return c->scsi_model == SCSI_NCR53C90 ? 0 : unsupported(c, err);
    if (!driver)
        return unsupported(c, err);
    *ret = props_device(driver);
    return 0;
}

/* The boot order of floppies is told to the controller: the machine's own by -global, a further one as its property. */
static void put_floppy_boot(QemuBuild *build, json_t *props)
{
    DOMAIN_FOREACH_KIND(build->def, DEVICE_DISK, device) {
        const DiskDef *disk = DISK(device);
        unsigned index = device->info.boot_order.set ? device->info.boot_order.v : build->boot_floppy;
        char drive = device->info.address.drive.unit ? 'B' : 'A';

        if (disk->bus != DISK_BUS_FDC)
            continue;
        build->boot_floppy = 0;
        if (index && props)
            prop_int(props, drive == 'B' ? "bootindexB" : "bootindexA", index);
        else if (index)
            build_option(build, "-global", "isa-fdc.bootindex%c=%u", drive, index);
    }
}

static bool is_built_in(const ControllerDef *c)
{
    /* The machine's own: the one whose bus devices find under "ide.N", and the root of each PCI tree. */
    return (c->type == CONTROLLER_IDE || c->type == CONTROLLER_SATA) && c->base.info.alias && g_str_equal(c->base.info.alias, "ide");
}

static int controller_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const ControllerDef *c = CONTROLLER(device);
    g_autofree char *driver = NULL;
    int rc = 0;

    if (is_built_in(c))
        return 0;
    switch (c->type) {
    case CONTROLLER_PCI: rc = pci_properties(build, c, ret, err); break;
    case CONTROLLER_USB: rc = usb_properties(build, c, ret, err); break;
    case CONTROLLER_SCSI: rc = scsi_properties(build, c, ret, err); break;
    case CONTROLLER_SATA: *ret = props_device("ahci"); break;
    case CONTROLLER_CCID: *ret = props_device("usb-ccid"); break;
    case CONTROLLER_VIRTIO_SERIAL:
        driver = virtio_driver("virtio-serial", c->vioserial_model, &device->info);
        *ret = props_device(driver);
        prop_uint(*ret, "max_ports", c->ports);
        prop_uint(*ret, "vectors", c->vectors);
        break;
    case CONTROLLER_FDC:
        /* q35 has no floppy controller of its own. */
        if (g_str_has_prefix(build->def->os.machine, "pc-q35") || g_str_equal(build->def->os.machine, "q35"))
            *ret = props_device("isa-fdc");
        put_floppy_boot(build, *ret);
        break;
    case CONTROLLER_ISA: break;
    case CONTROLLER_IDE:
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "machine '%s' has no second IDE controller", build->def->os.machine);
    default: return unsupported(c, err);
    }
    if (rc < 0 || !*ret)
        return rc;
    put_driver(c, *ret);
    if (build_address(build, device, *ret, err) < 0)
        return -1;
    if (c->type == CONTROLLER_USB && device->info.usb_master.set)
        put_companion(c, *ret);
    return 0;
}

const QemuDeviceKind qemu_controller = { .kind = DEVICE_CONTROLLER, .properties = controller_properties };
