/* Disks on IDE, SATA, SCSI and floppy controllers: the target name decides the place. Then the controllers for them. */
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/hostdev.h"

/* units per bus, buses per controller */
static const struct { DiskBus bus; ControllerType controller; unsigned units, buses; } layouts[] = {
    { DISK_BUS_IDE, CONTROLLER_IDE, 2, 2 },
    { DISK_BUS_SATA, CONTROLLER_SATA, 6, 1 },
    { DISK_BUS_FDC, CONTROLLER_FDC, 2, 1 },
    { DISK_BUS_SCSI, CONTROLLER_SCSI, 15, 1 },
};

/* Unit 7 of a SCSI bus is the controller itself. */
#define SCSI_OWN_UNIT 7

static bool
drive_in_use(const DomainDef *def, DiskBus bus, const DriveAddress *address)
{
    LIST_FOREACH(Device, device, &def->devices.list) {
        const DriveAddress *other = &device->info.address.drive;
        bool same_bus = device->kind == DEVICE_DISK ? DISK(device)->bus == bus
                                                    : device->kind == DEVICE_HOSTDEV && bus == DISK_BUS_SCSI;

        if (same_bus && device->info.address.type == ADDRESS_DRIVE && other->controller == address->controller &&
            other->bus == address->bus && other->target == address->target && other->unit == address->unit)
            return true;
    }
    return false;
}

static int
assign_disk(DomainDef *def, DiskDef *disk, Error *err)
{
    int index = disk_name_to_index(disk->target);
    DriveAddress address = { 0 };

    if (index < 0)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                          "XML error: disk target '%s' is not a known name and the disk has no "
                          "<address>", disk->target);
    for (size_t i = 0; i < G_N_ELEMENTS(layouts); i++) {
        if (layouts[i].bus != disk->bus)
            continue;
        address.unit = index % layouts[i].units;
        address.bus = index / layouts[i].units % layouts[i].buses;
        address.controller = index / layouts[i].units / layouts[i].buses;
        if (disk->bus == DISK_BUS_SCSI && address.unit >= SCSI_OWN_UNIT)
            address.unit++;
        if (drive_in_use(def, disk->bus, &address))
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                              "XML error: disk '%s' would be at controller %u, bus %u, unit %u, "
                              "which another device has", disk->target, address.controller, address.bus, address.unit);
        disk->base.info.address = (DeviceAddress){ .type = ADDRESS_DRIVE, .drive = address };
    }
    return 0;
}

/* SCSI devices of the host take the first free place on the first controllers. */
static int
assign_hostdev(DomainDef *def, Device *device, unsigned *first)
{
    for (unsigned controller = *first; controller < 256; *first = ++controller) {
        for (unsigned unit = 0; unit < SCSI_OWN_UNIT; unit++) {
            DriveAddress address = { .controller = controller, .unit = unit };

            if (drive_in_use(def, DISK_BUS_SCSI, &address))
                continue;
            device->info.address = (DeviceAddress){ .type = ADDRESS_DRIVE, .drive = address };
            return 0;
        }
    }
    return 0;
}

static void
need_controllers(DomainDef *def, ControllerType type, unsigned last, int model)
{
    /* One more is like those that are there. */
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
        if (CONTROLLER(device)->type == type && type == CONTROLLER_SCSI)
            model = CONTROLLER(device)->model;
    for (unsigned i = 0; i <= MIN(last, 255); i++)
        domain_need_controller(def, type, i, model);
}

static int
controllers_for(DomainDef *def, DiskBus bus)
{
    for (size_t i = 0; i < G_N_ELEMENTS(layouts); i++) {
        long last = -1;

        if (layouts[i].bus != bus)
            continue;
        LIST_FOREACH(Device, device, &def->devices.list) {
            bool counts = device->kind == DEVICE_DISK ? DISK(device)->bus == bus
                                                      : device->kind == DEVICE_HOSTDEV && bus == DISK_BUS_SCSI;

            if (counts && device->info.address.type == ADDRESS_DRIVE)
                last = MAX(last, (long)device->info.address.drive.controller);
        }
        if (last >= 0)
            need_controllers(def, layouts[i].controller, last, 0);
    }
    return 0;
}

int
domain_assign_drive_addresses(DomainDef *def, Error *err)
{
    unsigned first = 0; /* controller that may have room */
    static const DiskBus order[] = { DISK_BUS_SCSI, DISK_BUS_IDE, DISK_BUS_SATA, DISK_BUS_FDC };

    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, device)
        if (device->info.address.type == ADDRESS_NONE && assign_disk(def, DISK(device), err) < 0)
            return -1;
    DOMAIN_FOREACH_KIND(def, DEVICE_HOSTDEV, device)
        if (HOSTDEV(device)->source.type == HOSTDEV_SCSI && device->info.address.type == ADDRESS_NONE)
            assign_hostdev(def, device, &first);
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        controllers_for(def, order[i]);
    return 0;
}
