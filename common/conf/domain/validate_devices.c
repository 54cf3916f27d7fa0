/* Rules about devices that need the rest of the domain or the hypervisor's abilities. */
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/hostdev.h"
#include "common/conf/domain/device/input.h"
#include "common/conf/domain/device/interface.h"
#include "common/conf/domain/device/memory.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/device/video.h"

typedef struct Scope {
    const DomainDef *def;
    const DomainCaps *caps;
} Scope;

#define UNSUPPORTED "unsupported configuration: "
#define refuse(domain, ...) error_setf(err, domain, ERR_CONFIG_UNSUPPORTED, UNSUPPORTED __VA_ARGS__)

static int
needs_support(const Scope *s, const char *what, const char *text, Error *err)
{
    if (domain_caps_support(s->def, s->caps, what))
        return 0;
    return refuse(FROM_QEMU, "%s is not supported by '%s'", text, s->def->devices.emulator);
}

/* -- disks -- */

static int
disk_place_fits(const DiskDef *disk, Error *err)
{
    AddressType type = disk->base.info.address.type;
    bool on_drive = disk->bus == DISK_BUS_IDE || disk->bus == DISK_BUS_SCSI || disk->bus == DISK_BUS_SATA ||
                    disk->bus == DISK_BUS_FDC;

    if (type == ADDRESS_NONE || type == ADDRESS_UNASSIGNED)
        return 0;
    if (on_drive && type != ADDRESS_DRIVE)
        return refuse(FROM_DOMAIN, "disk '%s' on bus '%s' cannot have an address of type '%s'", disk->target,
                      disk_bus_names[disk->bus], address_type_names[type]);
    if (disk->bus == DISK_BUS_USB && type != ADDRESS_USB)
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "USB disk '%s' cannot have an address of type '%s'",
                          disk->target,
                          address_type_names[type]);
    return 0;
}

static int
check_disk(const Scope *s, const Device *device, Error *err)
{
    const DiskDef *disk = DISK(device);
    const char *digits = disk->target + strcspn(disk->target, "0123456789");

    if (disk_place_fits(disk, err) < 0)
        return -1;
    if ((disk->device == DISK_CDROM || disk->device == DISK_FLOPPY) && disk->bus == DISK_BUS_VIRTIO)
        return refuse(FROM_QEMU, "disk '%s' of kind '%s' cannot be on the virtio bus: it has no media to eject", disk->target,
                      disk_device_names[disk->device]);
    if (disk->device == DISK_LUN && disk->bus != DISK_BUS_VIRTIO && disk->bus != DISK_BUS_SCSI)
        return refuse(FROM_QEMU, "disk '%s' of kind 'lun' must be on the virtio or scsi bus", disk->target);
    if (disk->driver.iothread.set && disk->bus != DISK_BUS_VIRTIO)
        return refuse(FROM_QEMU, "disk '%s' cannot use an I/O thread: it is not on the virtio bus", disk->target);
    if (disk->wwn && disk->bus != DISK_BUS_IDE && disk->bus != DISK_BUS_SCSI && disk->bus != DISK_BUS_SATA)
        return refuse(FROM_QEMU, "disk '%s' cannot have a <wwn>: only ide, sata and scsi disks can", disk->target);
    if (disk->bus != DISK_BUS_VIRTIO && (disk->driver.virtio.iommu || disk->driver.virtio.ats || disk->driver.virtio.packed ||
                                         disk->driver.virtio.page_per_vq || disk->driver.queues.set))
        return refuse(FROM_QEMU, "disk '%s' has options in <driver> that only virtio disks have", disk->target);
    if (*digits)
        return refuse(FROM_QEMU, "disk target '%s' ends in a partition number; give the whole disk a name",
                      disk->target);
    if (disk->bus == DISK_BUS_USB && disk->device != DISK_FLOPPY && storage_source_is_empty(&disk->source) &&
        disk->source.type != STORAGE_VOLUME)
        return refuse(FROM_QEMU, "USB disk '%s' must not be empty", disk->target);
    if ((disk->vendor || (disk->product && disk->bus != DISK_BUS_SATA && disk->bus != DISK_BUS_IDE)) &&
        disk->bus != DISK_BUS_SCSI)
        return refuse(FROM_QEMU, "disk '%s' has a <vendor> or <product>, which only SCSI disks have", disk->target);
    if (disk->shareable && disk->source.format != FORMAT_RAW && disk->source.format)
        return refuse(FROM_QEMU, "disk '%s' is shareable, which needs the format raw", disk->target);
    if (disk->driver.discard_no_unref && needs_support(s, "disk.discard_no_unref", "'discard_no_unref'", err) < 0)
        return -1;
    if (disk->source.format == FORMAT_COW && needs_support(s, "disk.cow", "the image format 'cow'", err) < 0)
        return -1;
    if (disk->source.type == STORAGE_VHOST_VDPA && needs_support(s, "disk.vhost-vdpa", "a vhost-vdpa disk", err) < 0)
        return -1;
    if (disk->source.encryption && g_strcmp0(disk->source.encryption->engine, "librbd") == 0 &&
        disk->source.encryption->secrets.n > 1)
        return needs_support(s, "disk.librbd-layering", "layered librbd encryption", err);
    return 0;
}

/* -- host devices -- */

static bool
same_host_device(const HostdevDef *a, const HostdevDef *b)
{
    if (a->source.type != b->source.type || a->mode != b->mode)
        return false;
    switch (a->source.type) {
    case HOSTDEV_PCI:
        return pci_address_equal(&a->source.address.pci, &b->source.address.pci);
    case HOSTDEV_MDEV:
        return memcmp(a->source.address.mdev.b, b->source.address.mdev.b, 16) == 0;
    case HOSTDEV_USB:
        if (a->source.usb.bus.set && b->source.usb.bus.set)
            return a->source.usb.bus.v == b->source.usb.bus.v && a->source.usb.device.v == b->source.usb.device.v;
        return !a->source.usb.bus.set && !b->source.usb.bus.set && a->source.usb_vendor.v == b->source.usb_vendor.v &&
               a->source.usb_product.v == b->source.usb_product.v;
    case HOSTDEV_SCSI:
        if (a->scsi_protocol || b->scsi_protocol)
            return a->scsi_protocol && b->scsi_protocol && g_strcmp0(a->scsi_name, b->scsi_name) == 0;
        return g_strcmp0(a->scsi_adapter, b->scsi_adapter) == 0 &&
               memcmp(&a->scsi_address, &b->scsi_address, sizeof(a->scsi_address)) == 0;
    case HOSTDEV_SCSI_HOST:
        return g_strcmp0(a->wwpn, b->wwpn) == 0;
    default:
        return false;
    }
}

static int
check_hostdev(const Scope *s, const Device *device, Error *err)
{
    const HostdevDef *hostdev = HOSTDEV(device);
    const DeviceAddress *address = &device->info.address;
    unsigned ramfb = 0;

    DOMAIN_FOREACH_KIND(s->def, DEVICE_HOSTDEV, other) {
        const DriveAddress *drive = &other->info.address.drive;

        ramfb += HOSTDEV(other)->ramfb == TRI_ON;
        if (other == device)
            continue;
        if (same_host_device(hostdev, HOSTDEV(other)))
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: a device of the host is given twice");
        if (address->type == ADDRESS_DRIVE && other->info.address.type == ADDRESS_DRIVE &&
            memcmp(drive, &address->drive, sizeof(*drive)) == 0)
            return refuse(FROM_DOMAIN,
                          "SCSI address controller %u, bus %u, target %u, unit %u is used by two host devices",
                          drive->controller, drive->bus, drive->target, drive->unit);
    }
    if (hostdev->source.type == HOSTDEV_MDEV && g_strcmp0(hostdev->model, "vfio-pci") == 0 && address->type != ADDRESS_NONE &&
        address->type != ADDRESS_PCI)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                          "XML error: a mediated device of model 'vfio-pci' cannot have an "
                          "address of type '%s'", address_type_names[address->type]);
    if (hostdev->display == TRI_ON && !domain_def_count(s->def, DEVICE_GRAPHICS))
        return refuse(FROM_QEMU, "a <hostdev> with display='on' needs a <graphics>");
    if (ramfb > 1)
        return refuse(FROM_DOMAIN, "only one <hostdev> may have ramfb='on'");
    if (hostdev->source.type == HOSTDEV_SCSI_HOST && device->info.boot_order.set)
        return refuse(FROM_QEMU, "a vhost SCSI host device cannot be booted from");
    return 0;
}

/* -- others -- */

static int
check_controller(const Scope *s, const Device *device, Error *err)
{
    const ControllerDef *controller = CONTROLLER(device);

    if (controller->type == CONTROLLER_USB && controller->usb_model == USB_NEC_XHCI && controller->ports.v > 15)
        return refuse(FROM_QEMU, "a 'nec-xhci' controller has at most 15 ports, not %u", controller->ports.v);
    if (controller->type == CONTROLLER_IDE && domain_def_is_x86(s->def) &&
        (controller->index.v > 0 || !domain_def_is_i440fx(s->def)) && g_strcmp0(s->def->os.machine, "isapc") != 0)
        return refuse(FROM_QEMU, "machine '%s' has %s IDE controller", s->def->os.machine,
                      domain_def_is_i440fx(s->def) ? "only one" : "no");
    if (controller->driver.iothreads.n)
        return needs_support(s, "virtio-scsi.iothread-mapping", "mapping of queues to I/O threads", err);
    return 0;
}

static int
check_interface(const Scope *s, const Device *device, Error *err)
{
    const NetDef *net = NET(device);

    if (net->rx_queue_size.v & (net->rx_queue_size.v - 1))
        return refuse(FROM_QEMU, "rx_queue_size %u is not a power of two", net->rx_queue_size.v);
    if (net->tx_queue_size.v & (net->tx_queue_size.v - 1))
        return refuse(FROM_QEMU, "tx_queue_size %u is not a power of two", net->tx_queue_size.v);
    return 0;
}

static int
check_graphics(const Scope *s, const Device *device, Error *err)
{
    unsigned gl = 0, same = 0;

    DOMAIN_FOREACH_KIND(s->def, DEVICE_GRAPHICS, other)
        same += GRAPHICS(other)->type == GRAPHICS(device)->type;
    if (same > 1)
        return refuse(FROM_QEMU, "a domain has at most one <graphics> of type '%s'", graphics_type_names[GRAPHICS(device)->type]);
    DOMAIN_FOREACH_KIND(s->def, DEVICE_GRAPHICS, other)
        gl += GRAPHICS(other)->gl == TRI_YES || GRAPHICS(other)->type == GRAPHICS_EGL_HEADLESS;
    if (gl > 1)
        return refuse(FROM_QEMU, "only one <graphics> may use OpenGL");
    if (GRAPHICS(device)->type == GRAPHICS_RDP)
        return needs_support(s, "graphics.rdp", "a display of type 'rdp'", err);
    return 0;
}

static int
check_char(const Scope *s, const Device *device, Error *err)
{
    const CharDef *chr = CHARDEV(device);

    if (chr->source.type == CHAR_TCP && (chr->source.protocol == CHAR_TLS || chr->source.protocol == CHAR_TELNETS))
        return refuse(FROM_QEMU, "a character device cannot speak '%s'; use tls='yes' in <source>",
                      chr->source.protocol == CHAR_TLS ? "tls" : "telnets");
    if (device->kind == DEVICE_SERIAL && domain_def_is_x86(s->def) &&
        (chr->serial_target == SERIAL_SYSTEM || chr->serial_target == SERIAL_SPAPR_VIO || chr->serial_target == SERIAL_SCLP))
        return refuse(FROM_QEMU, "a serial port of target type '%s' does not exist on architecture '%s'",
                      serial_target_names[chr->serial_target], s->def->os.arch);
    return 0;
}

static int
check_shmem(const Scope *s, const Device *device, Error *err)
{
    const ShmemDef *shmem = SHMEM(device);

    if (shmem->size.set && (!shmem->size.v || shmem->size.v & (shmem->size.v - 1)))
        return error_setf(err, FROM_QEMU, ERR_XML_ERROR, "XML error: size of shmem '%s' must be a power of two of MiB",
                          shmem->name);
    return 0;
}

static int
check_tpm(const Scope *s, const Device *device, Error *err)
{
    const TpmDef *tpm = TPM(device);
    g_autofree char *what = g_strconcat("tpm-emulator.", tpm->version, NULL);
    g_autofree char *text = g_strdup_printf("an emulated TPM of version '%s'", tpm->version);

    return tpm->backend == TPM_EMULATOR ? needs_support(s, what, text, err) : 0;
}

static int
check_video(const Scope *s, const Device *device, Error *err)
{
    if (VIDEO(device)->type == VIDEO_RAMFB && device->info.address.type != ADDRESS_NONE)
        return refuse(FROM_DOMAIN, "a video of type 'ramfb' has no address");
    return 0;
}

static int
check_input(const Scope *s, const Device *device, Error *err)
{
    const InputDef *input = INPUT(device);

    if (input->type != INPUT_PASSTHROUGH &&
        (input->model == INPUT_VIRTIO_TRANSITIONAL || input->model == INPUT_VIRTIO_NON_TRANSITIONAL))
        return refuse(FROM_QEMU, "an input of type '%s' has no (non-)transitional model",
                      input_type_names[input->type]);
    return 0;
}

static int
check_iommu(const Scope *s, const Device *device, Error *err)
{
    IommuModel model = IOMMU(device)->model;

    if ((model == IOMMU_INTEL || model == IOMMU_VIRTIO) && domain_def_is_x86(s->def) && !domain_def_is_q35(s->def))
        return refuse(FROM_QEMU, "an IOMMU is possible only on q35 machines, not on '%s'", s->def->os.machine);
    return 0;
}

static int
check_memory(const Scope *s, const Device *device, Error *err)
{
    const MemoryDeviceDef *memory = MEMORY(device);
    OptU64 base = memory->target_base;

    DOMAIN_FOREACH_KIND(s->def, DEVICE_MEMORY, other) {
        OptU64 start = MEMORY(other)->target_base;

        if (other != device && base.set && start.set && base.v <= start.v && start.v - base.v < memory->size.v * 1024)
            return refuse(FROM_DOMAIN, "memory devices at 0x%llx and 0x%llx overlap", base.v, start.v);
    }
    if (memory->dynamic_memslots == TRI_YES)
        return needs_support(s, "virtio-mem.dynamic-memslots", "dynamicMemslots of virtio-mem", err);
    return 0;
}

static int (*const checks[DEVICE_KIND_MAX])(const Scope *, const Device *, Error *) = {
    [DEVICE_DISK] = check_disk,
    [DEVICE_HOSTDEV] = check_hostdev,
    [DEVICE_CONTROLLER] = check_controller,
    [DEVICE_INTERFACE] = check_interface,
    [DEVICE_GRAPHICS] = check_graphics,
    [DEVICE_SERIAL] = check_char,
    [DEVICE_PARALLEL] = check_char,
    [DEVICE_CONSOLE] = check_char,
    [DEVICE_CHANNEL] = check_char,
    [DEVICE_SHMEM] = check_shmem,
    [DEVICE_TPM] = check_tpm,
    [DEVICE_VIDEO] = check_video,
    [DEVICE_INPUT] = check_input,
    [DEVICE_IOMMU] = check_iommu,
    [DEVICE_MEMORY] = check_memory,
};

int
domain_check_devices(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const Scope scope = { def, caps };

    LIST_FOREACH(Device, device, &def->devices.list) {
        if (checks[device->kind] && checks[device->kind](&scope, device, err) < 0)
            return -1;
        if (device->info.address.type == ADDRESS_PCI && device->info.address.pci.zpci &&
            needs_support(&scope, "zpci", "zPCI", err) < 0)
            return -1;
    }
    return 0;
}
