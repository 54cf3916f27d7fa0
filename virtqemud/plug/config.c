#include "virtqemud/plug/config.h"

#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/interface.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/plug/match.h"

/* Kinds that come to a definition by themselves; the others are part of the machine. */
static const bool attachable[DEVICE_KIND_MAX] = {
    [DEVICE_DISK] = true,     [DEVICE_INTERFACE] = true, [DEVICE_SOUND] = true,   [DEVICE_HOSTDEV] = true,  [DEVICE_LEASE] = true,
    [DEVICE_CONTROLLER] = true, [DEVICE_SERIAL] = true,  [DEVICE_PARALLEL] = true, [DEVICE_CONSOLE] = true, [DEVICE_CHANNEL] = true,
    [DEVICE_FILESYSTEM] = true, [DEVICE_RNG] = true,     [DEVICE_MEMORY] = true,  [DEVICE_REDIRDEV] = true, [DEVICE_SHMEM] = true,
    [DEVICE_TPM] = true,      [DEVICE_INPUT] = true,     [DEVICE_VSOCK] = true,   [DEVICE_IOMMU] = true,    [DEVICE_WATCHDOG] = true,
};

static int
unsupported(const Device *device, const char *what, Error *err)
{
    return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "a <%s> cannot be %s a definition; define it anew", device_ops(device->kind)->element, what);
}

int
config_check_free(const DomainDef *def, const Device *device, Error *err)
{
    if (device->kind == DEVICE_DISK && match_disk(def, DISK(device)->target))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "target '%s' already exists", DISK(device)->target);
    return 0;
}

int
config_attach(Job *job, Domain *domain, const DomainDef *from, const Device *device, DomainDef **ret, Error *err)
{
    g_autoptr(DomainDef) def = NULL;

    if (!attachable[device->kind])
        return unsupported(device, "attached to", err);
    if (config_check_free(from, device, err) < 0)
        return -1;
    def = domain_def_copy(from);
    domain_def_add_device(def, device_copy(device));
    return define_complete(job, domain->driver, def, XML_INACTIVE, ret, err);
}

int
config_detach(Job *job, Domain *domain, const DomainDef *from, const Device *device, DomainDef **ret, Error *err)
{
    g_autoptr(DomainDef) def = domain_def_copy(from);
    g_autoptr(Device) wanted = device_copy(device), found = NULL;

    if (!attachable[device->kind])
        return unsupported(device, "detached from", err);
    if (define_complete_device(job, domain->driver, def, wanted, err) < 0 || !(found = match_device(def, wanted, err)))
        return -1;
    domain_def_remove_device(def, found);
    return define_complete(job, domain->driver, def, XML_INACTIVE, ret, err);
}

/* The device that is to be replaced. */
static Device *
find_old(const DomainDef *def, const Device *wanted, Error *err)
{
    if (wanted->kind != DEVICE_GRAPHICS)
        return match_device(def, wanted, err);
    DOMAIN_FOREACH_KIND(def, DEVICE_GRAPHICS, device)
        if (GRAPHICS(device)->type == GRAPHICS(wanted)->type)
            return device;
    error_setf(err, FROM_QEMU, ERR_DEVICE_MISSING, "there is no <graphics> of this type");
    return NULL;
}

int
config_update(Job *job, Domain *domain, const DomainDef *from, const Device *device, DomainDef **ret, Error *err)
{
    g_autoptr(DomainDef) def = domain_def_copy(from);
    g_autoptr(Device) wanted = device_copy(device), old = NULL;

    if (device->kind != DEVICE_DISK && device->kind != DEVICE_INTERFACE && device->kind != DEVICE_GRAPHICS)
        return unsupported(device, "changed in", err);
    if (define_complete_device(job, domain->driver, def, wanted, err) < 0 || !(old = find_old(def, wanted, err)))
        return -1;
    /* Its place in the machine stays, unless another one is named. */
    if (wanted->info.address.type == ADDRESS_NONE && (wanted->kind != DEVICE_DISK || DISK(wanted)->bus == DISK(old)->bus)) {
        wanted->info.address = old->info.address; /* with what it owns: the other one goes */
        old->info.address = (DeviceAddress){ .type = ADDRESS_NONE };
    }
    domain_def_remove_device(def, old);
    domain_def_add_device(def, g_steal_pointer(&wanted));
    return define_complete(job, domain->driver, def, XML_INACTIVE, ret, err);
}
