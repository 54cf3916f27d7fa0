#include "virtqemud/plug/match.h"

#include <string.h>

#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/interface.h"

Device *
match_disk(const DomainDef *def, const char *target)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, device)
        if (g_strcmp0(DISK(device)->target, target) == 0)
            return device;
    return NULL;
}

static bool
same_disk(const Device *a, const Device *b)
{
    return g_strcmp0(DISK(a)->target, DISK(b)->target) == 0;
}

static bool
same_interface(const Device *a, const Device *b)
{
    return memcmp(&NET(a)->mac, &NET(b)->mac, sizeof(Mac)) == 0;
}

static bool
same_controller(const Device *a, const Device *b)
{
    return CONTROLLER(a)->type == CONTROLLER(b)->type && CONTROLLER(a)->index.v == CONTROLLER(b)->index.v;
}

/* Without what says where and under which name it is. */
static Device *
bare(const Device *device)
{
    Device *copy = device_copy(device);
    DeviceInfo *info = &copy->info;

    g_clear_pointer(&info->alias, g_free);
    device_address_clear(&info->address);
    return copy;
}

static bool
same_device(const Device *a, const Device *b)
{
    g_autoptr(Device) x = bare(a), y = bare(b);
    g_autofree char *one = device_format(x, XML_INACTIVE | XML_SECURE), *other = device_format(y, XML_INACTIVE | XML_SECURE);

    return strcmp(one, other) == 0;
}

static bool (*const rules[DEVICE_KIND_MAX])(const Device *, const Device *) = {
    [DEVICE_DISK] = same_disk,
    [DEVICE_INTERFACE] = same_interface,
    [DEVICE_CONTROLLER] = same_controller,
};

/* The same place, compared by what is written of it. */
static bool
same_place(const Device *device, const Device *wanted)
{
    g_autoptr(Device) a = bare(device), b = bare(device);
    g_autofree char *one = NULL, *other = NULL;

    a->info.address = device->info.address;
    b->info.address = wanted->info.address;
    one = device_format(a, XML_INACTIVE);
    other = device_format(b, XML_INACTIVE);
    a->info.address = b->info.address = (DeviceAddress){ .type = ADDRESS_NONE }; /* borrowed */
    return strcmp(one, other) == 0;
}

static bool
is_meant(const Device *device, const Device *wanted)
{
    bool (*rule)(const Device *, const Device *) = rules[wanted->kind] ? rules[wanted->kind] : same_device;

    if (device->kind != wanted->kind || !rule(device, wanted))
        return false;
    if (device->kind == DEVICE_DISK)
        return true;
    if (wanted->info.alias && device->info.alias && strcmp(wanted->info.alias, device->info.alias) != 0)
        return false;
    return wanted->info.address.type == ADDRESS_NONE || same_place(device, wanted);
}

Device *
match_device(const DomainDef *def, const Device *wanted, Error *err)
{
    Device *found = NULL;

    LIST_FOREACH(Device, device, &def->devices.list) {
        if (!is_meant(device, wanted))
            continue;
        if (found) {
            error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "more than one <%s> fits; say its <alias> or <address>", device_ops(wanted->kind)->element);
            return NULL;
        }
        found = device;
    }
    if (!found && wanted->kind == DEVICE_DISK)
        error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "there is no disk with target '%s'", DISK(wanted)->target);
    else if (!found)
        error_setf(err, wanted->kind == DEVICE_INTERFACE ? FROM_DOMAIN : FROM_QEMU, ERR_DEVICE_MISSING, "there is no such <%s>", device_ops(wanted->kind)->element);
    return found;
}
