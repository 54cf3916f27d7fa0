/* Looking into a definition, and putting devices into it. */
#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/domain.h"

#include <string.h>

/* Disks of a bus stay together in the order of their targets; those alike, or without a number, as they come. */
static size_t
disk_place(const DomainDef *def, const DiskDef *disk)
{
    size_t place = def->devices.list.n;
    int index = disk_name_to_index(disk->target);

    for (size_t i = def->devices.list.n; i-- > 0;) {
        const Device *other = def->devices.list.items[i];

        if (other->kind != DEVICE_DISK || DISK(other)->bus != disk->bus)
            continue;
        if (disk_name_to_index(DISK(other)->target) <= index)
            return place == def->devices.list.n ? i + 1 : place;
        place = i;
    }
    return place;
}

/* Part of a group of USB controllers that another one leads. */
static bool
is_companion(const ControllerDef *controller)
{
    return controller->base.info.usb_master.set ||
           (controller->type == CONTROLLER_USB && controller->usb_model >= USB_ICH9_UHCI1 &&
            controller->usb_model <= USB_ICH9_UHCI3);
}

static size_t
controller_place(const DomainDef *def, const ControllerDef *controller)
{
    size_t place = def->devices.list.n;

    for (size_t i = def->devices.list.n; i-- > 0;) {
        const Device *other = def->devices.list.items[i];

        if (other->kind != DEVICE_CONTROLLER || CONTROLLER(other)->type != controller->type)
            continue;
        /* Of equal indexes (USB companions) the master comes first. */
        if (CONTROLLER(other)->index.v < controller->index.v ||
            (CONTROLLER(other)->index.v == controller->index.v &&
             (!is_companion(CONTROLLER(other)) || is_companion(controller))))
            return place == def->devices.list.n ? i + 1 : place;
        place = i;
    }
    return place;
}

void
domain_def_add_device(DomainDef *def, Device *device)
{
    size_t place = def->devices.list.n;

    if (device->kind == DEVICE_DISK)
        place = disk_place(def, DISK(device));
    if (device->kind == DEVICE_CONTROLLER)
        place = controller_place(def, CONTROLLER(device));
    list_insert((AnyList *)(void *)&def->devices.list, place, device);
}

void
domain_def_remove_device(DomainDef *def, Device *device)
{
    for (size_t i = 0; i < def->devices.list.n; i++) {
        if (def->devices.list.items[i] != device)
            continue;
        list_take((AnyList *)(void *)&def->devices.list, i);
        return;
    }
}

Device *
domain_def_device(const DomainDef *def, DeviceKind kind, unsigned n)
{
    DOMAIN_FOREACH_KIND(def, kind, device)
        if (n-- == 0)
            return device;
    return NULL;
}

Device *
domain_def_find_alias(const DomainDef *def, const char *alias)
{
    LIST_FOREACH(Device, device, &def->devices.list)
        if (g_strcmp0(device->info.alias, alias) == 0)
            return device;
    return NULL;
}

unsigned
domain_def_count(const DomainDef *def, DeviceKind kind)
{
    unsigned n = 0;

    DOMAIN_FOREACH_KIND(def, kind, device)
        n++;
    return n;
}

unsigned
domain_def_vcpus(const DomainDef *def)
{
    return def->vcpus_current.set ? def->vcpus_current.v : def->vcpus.v;
}

bool
domain_def_is_x86(const DomainDef *def)
{
    return g_strcmp0(def->os.arch, "x86_64") == 0 || g_strcmp0(def->os.arch, "i686") == 0;
}

bool
domain_def_is_q35(const DomainDef *def)
{
    return domain_def_is_x86(def) && def->os.machine &&
           (strcmp(def->os.machine, "q35") == 0 || g_str_has_prefix(def->os.machine, "pc-q35"));
}

bool
domain_def_is_i440fx(const DomainDef *def)
{
    const char *machine = def->os.machine;

    return domain_def_is_x86(def) && machine &&
           (strcmp(machine, "pc") == 0 || g_str_has_prefix(machine, "pc-i440fx-") || g_str_has_prefix(machine, "pc-0.") ||
            g_str_has_prefix(machine, "pc-1."));
}

bool
domain_def_has_pci(const DomainDef *def)
{
    return domain_def_is_q35(def) || domain_def_is_i440fx(def);
}
