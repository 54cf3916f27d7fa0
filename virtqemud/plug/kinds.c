#include "virtqemud/plug/kinds.h"

#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/device/disk.h"
#include "virtqemud/run/secrets.h"
#include "virtqemud/run/throttle.h"
#include "virtqemud/source/source.h"

/* --- disks --- */

static int
disk_check(const Device *device, Error *err)
{
    const DiskDef *disk = DISK(device);

    if (disk->bus != DISK_BUS_VIRTIO && disk->bus != DISK_BUS_SCSI && disk->bus != DISK_BUS_USB)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "disk '%s' is on the bus '%s': only disks on virtio, scsi and usb come and go",
                          disk->target, disk_bus_names[disk->bus]);
    return 0;
}

static int
disk_prepare(Job *job, Domain *domain, Device *device, QemuSecrets **secrets, Error *err)
{
    DiskDef *disk = DISK(device);
    g_autofree char *what = g_strdup_printf("disk '%s'", disk->target);

    if (source_prepare(job, domain->driver, disk, err) < 0 || (!*secrets && secrets_load(domain, secrets, err) < 0))
        return -1;
    return 0;
}

static int
disk_attached(Job *job, Domain *domain, const Device *device, Error *err)
{
    return throttle_apply_disk(job, domain, DISK(device), err);
}

/* --- controllers --- */

static int
controller_check(const Device *device, Error *err)
{
    if (CONTROLLER(device)->type != CONTROLLER_SCSI)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "a controller of type '%s' cannot come to a running guest; one of type 'scsi' can",
                          controller_type_names[CONTROLLER(device)->type]);
    return 0;
}

static const PlugKind kinds[] = {
    { .kind = DEVICE_DISK, .check = disk_check, .prepare = disk_prepare, .attached = disk_attached },
    { .kind = DEVICE_CONTROLLER, .check = controller_check },
};

int
plug_kind(const Device *device, const PlugKind **ret, Error *err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].kind != device->kind)
            continue;
        if (kinds[i].check && kinds[i].check(device, err) < 0)
            return -1;
        *ret = &kinds[i];
        return 0;
    }
    return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "a <%s> cannot come to or leave a running guest; without --live its definition is changed",
                      device_ops(device->kind)->element);
}
