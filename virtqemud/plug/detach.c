/* A device leaves a running guest: see live.h and plug.h. */
#include "common/conf/domain/device/controller.h"
#include "common/conf/domain/device/disk.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/driver.h"
#include "virtqemud/plug/kinds.h"
#include "virtqemud/plug/live.h"
#include "virtqemud/plug/match.h"
#include "virtqemud/plug/parts.h"
#include "virtqemud/plug/plug.h"
#include "virtqemud/plug/removal.h"
#include "virtqemud/run/ownership.h"

#define LOG_SOURCE "qemu.plug"
#include "common/base/log.h"

/* The device is gone for the guest: the rest goes. Its alias is kept by the caller. */
static void
forget(Job *job, Domain *domain, Device *device)
{
    g_autoptr(GPtrArray) resources = qemu_device_resources_of(device);
    g_autofree char *alias = g_strdup(device->info.alias);
    g_autoptr(DomainDef) running = domain_def_ref(domain->live);
    g_autoptr(Device) gone = NULL;
    DomainDef *def;

    job_shield(job);
    parts_forget(job, domain, running, device);
    def = domain_def_copy(domain->live);
    gone = domain_def_find_alias(def, alias);
    domain_def_remove_device(def, gone);
    /* The definition last: until then a later life of ours would begin anew. */
    ownership_restore_unused(job, domain, def, resources);
    live_install(domain, def);
    event_device_removed(domain, alias);
    job_unshield(job);
}

/* A controller goes after what is plugged into it. */
static int
check_idle(const DomainDef *def, const Device *device, Error *err)
{
    if (device->kind != DEVICE_CONTROLLER)
        return 0;
    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, disk)
        if (disk->info.address.type == ADDRESS_DRIVE && DISK(disk)->bus == DISK_BUS_SCSI &&
            disk->info.address.drive.controller == CONTROLLER(device)->index.v)
            return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "controller '%s' is in use by disk '%s'", device->info.alias, DISK(disk)->target);
    return 0;
}

int
live_detach(Job *job, Domain *domain, const Device *device, Error *err)
{
    g_autoptr(DomainDef) running = domain_def_ref(domain->live);
    g_autoptr(Device) wanted = device_copy(device);
    const PlugKind *kind;
    Device *found;
    int r;

    if (define_complete_device(job, domain->driver, running, wanted, err) < 0 || !(found = match_device(running, wanted, err)) ||
        plug_kind(found, &kind, err) < 0 || check_idle(running, found, err) < 0)
        return -1;
    r = removal_request(job, domain, found->info.alias, err);
    if (r == 0)
        forget(job, domain, found);
    else if (r == REMOVAL_PENDING)
        log_info("%s has not yet let go of '%s'", domain->label, found->info.alias);
    return r < 0 ? -1 : 0;
}

void
plug_detached(Job *job, Domain *domain, const char *alias)
{
    Device *device = domain_def_find_alias(domain->live, alias);

    if (device)
        forget(job, domain, device);
}
