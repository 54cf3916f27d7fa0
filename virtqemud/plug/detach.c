/* A device leaves a running guest: see live.h and plug.h. */
#include <string.h>

#include "virtqemud/device/kind.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
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

/* What the device was made of, built again to know the names. */
static void
remove_parts(Job *job, Domain *domain, const Device *device)
{
    __attribute__((cleanup(parts_options_done))) PartsOptions options = { 0 };
    __attribute__((cleanup(qemu_build_done))) QemuBuild build = { 0 };
    _cleanup_error_ Error err = ERROR_INIT;

    parts_options_init(&options, domain, NULL);
    qemu_build_init(&build, domain->live, domain->run->caps, &options.options);
    if (parts_caps(job, domain, &err) < 0 || qemu_device_build(&build, device, &err) < 0)
        log_warning("%s: parts of '%s' stay in QEMU: %s", domain->label, device->info.alias, err.message);
    else
        parts_remove(job, domain, &build);
}

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
    remove_parts(job, domain, device);
    def = domain_def_copy(domain->live);
    gone = domain_def_find_alias(def, alias);
    domain_def_remove_device(def, gone);
    live_install(domain, def);
    ownership_restore_unused(job, domain, resources);
    persist_status(domain);
    event_device_removed(domain, alias);
    job_unshield(job);
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
        plug_kind(found, &kind, err) < 0)
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

/* --- after a restart --- */

static bool
has_child(json_t *children, const char *alias)
{
    json_t *child;
    size_t i;

    json_array_foreach(children, i, child)
        if (g_strcmp0(qmp_string(child, "name"), alias) == 0)
            return true;
    return false;
}

void
plug_reconcile(Job *job, Domain *domain)
{
    g_autoptr(DomainDef) running = domain_def_ref(domain->live);
    _cleanup_json_ json_t *children = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (qmp_call(job, domain->run->qmp, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), &children, &err) < 0) {
        log_warning("%s: %s", domain->label, err.message);
        return;
    }
    LIST_FOREACH(Device, device, &running->devices.list) {
        const PlugKind *kind;

        if (device->kind == DEVICE_DISK && device->info.alias && plug_kind(device, &kind, NULL) == 0 && !has_child(children, device->info.alias)) {
            log_info("%s let go of '%s' while no daemon was watching", domain->label, device->info.alias);
            plug_detached(job, domain, device->info.alias);
        }
    }
}
