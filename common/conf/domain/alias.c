/* Names of devices in a running machine. They are ABI: scripts, monitors and migration know them. */
#include <stdio.h>
#include <string.h>

#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/memory.h"
#include "common/conf/domain/postparse.h"

/* The smallest number that no alias with the prefix has. */
static char *
next_alias(const DomainDef *def, const char *prefix)
{
    unsigned next = 0;

    LIST_FOREACH(Device, device, &def->devices.list) {
        const char *alias = device->info.alias;
        unsigned long long number;

        if (alias && g_str_has_prefix(alias, prefix) && parse_u64(alias + strlen(prefix), 10, &number) && number >= next &&
            number < G_MAXUINT)
            next = number + 1;
    }
    return g_strdup_printf("%s%u", prefix, next);
}

/* Companions of a USB controller have the name of the one that leads: to QEMU they are nameless parts of it. */
static char *
controller_alias(const DomainDef *def, const ControllerDef *controller)
{
    const char *type = controller_type_names[controller->type];

    switch (controller->type) {
    case CONTROLLER_PCI:
        if (controller->pci_model == PCIE_ROOT)
            return g_strdup("pcie.0");
        return g_strdup_printf("pci.%u", controller->index.v);
    case CONTROLLER_IDE:
        if (controller->index.v == 0 && (domain_def_is_i440fx(def) || domain_def_is_q35(def)))
            return g_strdup("ide");
        break;
    case CONTROLLER_SATA:
        if (controller->index.v == 0 && domain_def_is_q35(def))
            return g_strdup("ide");
        break;
    case CONTROLLER_USB:
        if (controller->index.v == 0)
            return g_strdup("usb");
        break;
    default:
        break;
    }
    return g_strdup_printf("%s%u", type, controller->index.v);
}

static char *
disk_alias(const DomainDef *def, const DiskDef *disk)
{
    const DriveAddress *at = &disk->base.info.address.drive;
    const char *bus = disk_bus_names[disk->bus];

    if (disk->base.info.address.type == ADDRESS_DRIVE) {
        bool scsi = disk->bus == DISK_BUS_SCSI;
        const ControllerDef *controller = NULL;

        DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, device)
            if (scsi && CONTROLLER(device)->type == CONTROLLER_SCSI && CONTROLLER(device)->index.v == at->controller)
                controller = CONTROLLER(device);
        if (scsi && (!controller || controller->scsi_model != SCSI_LSILOGIC))
            return g_strdup_printf("%s%u-%u-%u-%u", bus, at->controller, at->bus, at->target, at->unit);
        return g_strdup_printf("%s%u-%u-%u", bus, at->controller, at->bus, at->unit);
    }
    return g_strdup_printf("%s-disk%d", bus, MAX(0, disk_name_to_index(disk->target)));
}

char *
domain_device_alias(const DomainDef *def, const Device *device)
{
    const char *prefix = device_ops(device->kind)->alias_prefix;

    switch (device->kind) {
    case DEVICE_CONTROLLER:
        return controller_alias(def, CONTROLLER(device));
    case DEVICE_DISK:
        return disk_alias(def, DISK(device));
    case DEVICE_MEMORY:
        if (device->info.address.type == ADDRESS_DIMM && device->info.address.dimm.slot.set)
            return g_strdup_printf("%s%u", memory_model_names[MEMORY(device)->model], device->info.address.dimm.slot.v);
        return next_alias(def, MEMORY(device)->model == MEMORY_VIRTIO_MEM    ? "virtiomem"
                               : MEMORY(device)->model == MEMORY_VIRTIO_PMEM ? "virtiopmem"
                               : MEMORY(device)->model == MEMORY_SGX_EPC     ? "epc" : "dimm");
    default:
        return prefix ? next_alias(def, prefix) : NULL;
    }
}

void
domain_assign_aliases(DomainDef *def)
{
    const Device *serial = domain_def_device(def, DEVICE_SERIAL, 0);

    for (DeviceKind kind = DEVICE_NONE + 1; kind < DEVICE_KIND_MAX; kind++) {
        DOMAIN_FOREACH_KIND(def, kind, device) {
            if (!device_ops(kind)->has_info || device->info.alias)
                continue;
            /* The console that is the first serial port has its name. */
            if (kind == DEVICE_CONSOLE && CHARDEV(device)->console_target == CONSOLE_SERIAL && serial)
                device->info.alias = g_strdup(serial->info.alias);
            else
                device->info.alias = domain_device_alias(def, device);
        }
    }
}
