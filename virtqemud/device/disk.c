/* <disk>: block nodes for the image, and the drive the guest sees. */
#include "common/conf/domain/device/disk.h"

#include <stdlib.h>

#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/device/storage.h"

static bool is_vhost_user(const DiskDef *disk) { return disk->source.type == STORAGE_VHOST_USER; }
static bool is_readonly(const DiskDef *disk) { return disk->readonly || disk->device == DISK_CDROM; }

static void disk_resources(const Device *device, GPtrArray *list)
{
    const DiskDef *disk = DISK(device);

    qemu_storage_resources(&disk->source, !is_readonly(disk), disk->shareable || is_readonly(disk), list);
}

static int disk_check(const QemuBuild *build, const Device *device, Error *err)
{
    const DiskDef *disk = DISK(device);

    if (disk->source.fdgroup)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "descriptor group '%s' of disk '%s' was not passed to the daemon",
                          disk->source.fdgroup, disk->target);
    if (disk->transient)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "<transient/> of disk '%s' is not supported", disk->target);
    if (disk->bus == DISK_BUS_NVME || disk->bus == DISK_BUS_SD || disk->bus == DISK_BUS_XEN || disk->bus == DISK_BUS_UML)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "bus '%s' of disk '%s' is not supported",
                          disk_bus_names[disk->bus], disk->target);
    return 0;
}

static int disk_backend(QemuBuild *build, const Device *device, Error *err)
{
    const DiskDef *disk = DISK(device);
    const StorageUse use = {
        .readonly = is_readonly(disk),
        .cache = disk->driver.cache,
        .io = disk->driver.io,
        .discard = disk->driver.discard,
        .detect_zeroes = disk->driver.detect_zeroes,
        .discard_no_unref = disk->driver.discard_no_unref,
        .floppy = disk->device == DISK_FLOPPY,
    };

    if (is_vhost_user(disk)) {
        g_autofree char *id = g_strconcat("chr-vu-", device->info.alias, NULL);

        return qemu_chardev_build(build, id, device->info.alias, &disk->source.vhost_user, err);
    }
    if (storage_source_is_empty(&disk->source))
        return 0;
    if (qemu_storage_build(build, &disk->source, NULL, &use, err) < 0)
        return -1;
    if (disk->driver.copy_on_read == TRI_ON) {
        g_autofree char *file = qemu_storage_node(&disk->source, NULL);
        json_t *props = props_device("copy-on-read");

        prop_strf(props, "node-name", "libvirt-CoR-%s", disk->target);
        prop_str(props, "file", file);
        prop_str(props, "discard", "unmap");
        build_blockdev(build, props);
    }
    return 0;
}

/* Its place among the drives of its controller. */
static int drive_place(const QemuBuild *build, const DiskDef *disk, json_t *props, Error *err)
{
    const DriveAddress *drive = &disk->base.info.address.drive;
    ControllerType type = disk->bus == DISK_BUS_SATA ? CONTROLLER_SATA : disk->bus == DISK_BUS_SCSI ? CONTROLLER_SCSI : CONTROLLER_IDE;
    const ControllerDef *controller = build_controller(build, type, drive->controller);
    const char *alias = controller ? controller->base.info.alias : NULL;

    if (!alias)
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "there is no %s controller with index %u for disk '%s'",
                          controller_type_names[type], drive->controller, disk->target);
    if (type == CONTROLLER_SATA) {
        prop_strf(props, "bus", "%s.%u", alias, drive->unit);
    } else if (type == CONTROLLER_IDE) {
        prop_strf(props, "bus", "%s.%u", alias, drive->bus);
        prop_int(props, "unit", drive->unit);
    } else {
        bool lsi = controller->scsi_model == SCSI_LSILOGIC;

        prop_strf(props, "bus", "%s.0", alias);
        if (!lsi)
            prop_int(props, "channel", drive->bus);
        prop_int(props, "scsi-id", lsi ? drive->unit : drive->target);
        if (!lsi)
            prop_int(props, "lun", drive->unit);
        if (disk->device != DISK_LUN) {
            if (disk->serial)
                prop_str(props, "device_id", disk->serial);
            else
                prop_strf(props, "device_id", "drive-%s", disk->base.info.alias);
        }
    }
    return 0;
}

static char *disk_driver_name(const DiskDef *disk)
{
    int model = disk->model >= DISK_VIRTIO && disk->model <= DISK_VIRTIO_NON_TRANSITIONAL ? (int)disk->model : 0;

    switch (disk->bus) {
    case DISK_BUS_VIRTIO:
        return virtio_driver(is_vhost_user(disk) ? "vhost-user-blk" : "virtio-blk", model, &disk->base.info);
    case DISK_BUS_SCSI:
        return g_strdup(disk->device == DISK_LUN ? "scsi-block" : disk->device == DISK_CDROM ? "scsi-cd" : "scsi-hd");
    case DISK_BUS_USB:
        return g_strdup(disk->model == DISK_USB_BOT ? "usb-bot" : "usb-storage");
    case DISK_BUS_FDC:
        return g_strdup("floppy");
    default:
        return g_strdup(disk->device == DISK_CDROM ? "ide-cd" : "ide-hd");
    }
}

static void put_virtio(json_t *props, const DiskDef *disk)
{
    const DiskDriver *driver = &disk->driver;

    if (driver->iothread.set)
        prop_strf(props, "iothread", "iothread%u", driver->iothread.v);
    prop_tri(props, "ioeventfd", driver->ioeventfd);
    prop_tri(props, "event_idx", driver->event_idx);
    if (disk->device == DISK_LUN)
        prop_bool(props, "scsi", true);
    prop_uint(props, "num-queues", driver->queues);
    prop_uint(props, "queue-size", driver->queue_size);
    prop_virtio(props, &driver->virtio);
}

/* What does not depend on the bus. */
static void put_drive(json_t *props, const DiskDef *disk)
{
    const DiskDriver *driver = &disk->driver;

    if (disk->shareable)
        prop_bool(props, "share-rw", true);
    prop_uint(props, "logical_block_size", disk->logical_block_size);
    prop_uint(props, "physical_block_size", disk->physical_block_size);
    prop_uint(props, "discard_granularity", disk->discard_granularity);
    if (disk->wwn)
        prop_int(props, "wwn", (long long)strtoull(disk->wwn, NULL, 16));
    prop_uint(props, "rotation_rate", disk->rotation_rate);
    prop_str(props, "vendor", disk->vendor);
    prop_str(props, disk->bus == DISK_BUS_SCSI ? "product" : "model", disk->product);
    prop_str(props, "serial", disk->serial);
    if (disk->bus == DISK_BUS_USB)
        prop_bool(props, "removable", disk->removable == TRI_ON);
    if (disk->cylinders.set) {
        prop_uint(props, "cyls", disk->cylinders);
        prop_uint(props, "heads", disk->heads);
        prop_uint(props, "secs", disk->sectors);
        if (disk->trans)
            prop_str(props, "bios-chs-trans", disk_trans_names[disk->trans]);
    }
    if (driver->cache > DISK_CACHE_DEFAULT && disk->device == DISK_DISK)
        prop_str(props, "write-cache", disk_cache_writes_back(driver->cache) ? "on" : "off");
    if (driver->error_policy)
        prop_str(props, "werror", driver->error_policy == DISK_ERROR_ENOSPACE ? "enospc" : disk_error_names[driver->error_policy]);
    /* QEMU has no "enospc" for reads: there it means to report. */
    if (driver->rerror_policy)
        prop_str(props, "rerror", disk_error_names[driver->rerror_policy]);
    else if (driver->error_policy && driver->error_policy != DISK_ERROR_ENOSPACE)
        prop_str(props, "rerror", disk_error_names[driver->error_policy]);
}

/* <boot dev=> names kinds of disks: the first of a kind gets the index, until that is used up. */
static void put_boot(QemuBuild *build, const DiskDef *disk, json_t *props)
{
    unsigned *next = disk->device == DISK_CDROM ? &build->boot_cdrom : disk->device == DISK_FLOPPY ? &build->boot_floppy : &build->boot_disk;
    unsigned index = disk->base.info.boot_order.set ? disk->base.info.boot_order.v : *next;

    *next = 0;
    if (disk->bus == DISK_BUS_FDC) /* told to its controller */
        json_object_del(props, "bootindex");
    else if (index)
        prop_int(props, "bootindex", index);
}

static int disk_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const DiskDef *disk = DISK(device);
    g_autofree char *driver = disk_driver_name(disk);

    *ret = props_device(driver);
    if (disk->bus == DISK_BUS_FDC)
        prop_int(*ret, "unit", device->info.address.drive.unit);
    else if (device->info.address.type == ADDRESS_DRIVE && drive_place(build, disk, *ret, err) < 0)
        return -1;
    if (disk->bus == DISK_BUS_VIRTIO)
        put_virtio(*ret, disk);
    if (build_address(build, device, *ret, err) < 0)
        return -1;
    if (is_vhost_user(disk)) {
        prop_strf(*ret, "chardev", "chr-vu-%s", device->info.alias);
    } else if (!storage_source_is_empty(&disk->source)) {
        g_autofree char *node = disk->driver.copy_on_read == TRI_ON ? g_strconcat("libvirt-CoR-", disk->target, NULL)
                                                                    : qemu_storage_node(&disk->source, NULL);

        prop_str(*ret, "drive", node);
    }
    put_drive(*ret, disk);
    put_boot(build, disk, *ret);
    return 0;
}

const QemuDeviceKind qemu_disk = {
    .kind = DEVICE_DISK, .check = disk_check, .resources = disk_resources, .backend = disk_backend, .properties = disk_properties,
};
