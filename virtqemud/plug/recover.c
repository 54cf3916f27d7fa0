/* What a daemon that was killed in the middle left: see plug.h. QEMU is asked what it has. */
#include <string.h>

#include "common/conf/domain/device/disk.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/device/storage.h"
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

/* The devices QEMU has, by alias; NULL when it does not answer, which is logged. */
static json_t *
devices_of(Job *job, Domain *domain)
{
    _cleanup_error_ Error err = ERROR_INIT;
    json_t *children = NULL;

    if (qmp_call(job, domain->run->qmp, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), &children, &err) < 0)
        log_warning("%s: %s", domain->label, err.message);
    return children;
}

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
    _cleanup_json_ json_t *children = devices_of(job, domain);

    if (!children)
        return;
    LIST_FOREACH(Device, device, &running->devices.list) {
        const PlugKind *kind;

        if (device->kind == DEVICE_DISK && device->info.alias && plug_kind(device, &kind, NULL) == 0 && !has_child(children, device->info.alias)) {
            log_info("%s let go of '%s' while no daemon was watching", domain->label, device->info.alias);
            plug_detached(job, domain, device->info.alias);
        }
    }
}

/* --- attaching --- */

/* Those of the intended definition that the running one does not have. */
static GPtrArray *
new_devices(const Domain *domain, const DomainDef *intended)
{
    GPtrArray *list = g_ptr_array_new();

    LIST_FOREACH(Device, device, &intended->devices.list)
        if (device->info.alias && !domain_def_find_alias(domain->live, device->info.alias))
            g_ptr_array_add(list, device);
    return list;
}

static void
undo_attach(Job *job, Domain *domain, const DomainDef *intended, const GPtrArray *devices, json_t *children)
{
    for (guint i = devices->len; i-- > 0;) {
        const Device *device = devices->pdata[i];
        g_autoptr(GPtrArray) resources = qemu_device_resources_of(device);
        _cleanup_error_ Error err = ERROR_INIT;

        if (has_child(children, device->info.alias) && removal_request(job, domain, device->info.alias, &err) != 0)
            log_warning("%s keeps '%s', which was not attached completely: %s", domain->label, device->info.alias,
                        err.message ? err.message : "the guest holds it");
        parts_forget(job, domain, intended, device);
        ownership_restore_unused(job, domain, domain->live, resources);
    }
}

/* The device that was asked for is told to QEMU last: if it is there, all is. */
static bool
recover_attach(Job *job, Domain *domain, const DomainDef *intended, const GPtrArray *devices)
{
    _cleanup_json_ json_t *children = devices_of(job, domain);
    bool all = true;

    for (guint i = 0; i < devices->len; i++)
        all &= has_child(children, ((Device *)devices->pdata[i])->info.alias);
    if (!all)
        undo_attach(job, domain, intended, devices, children);
    return all;
}

/* --- media --- */

/* The drive whose medium differs; NULL. */
static Device *
changed_drive(const Domain *domain, const DomainDef *intended)
{
    DOMAIN_FOREACH_KIND(intended, DEVICE_DISK, device) {
        const Device *old = match_disk(domain->live, DISK(device)->target);

        if (old && DISK(old)->source.index.v != DISK(device)->source.index.v)
            return device;
    }
    return NULL;
}

/* The node in the drive; NULL: it is empty. g_free. */
static char *
inserted_node(Job *job, Domain *domain, const char *alias)
{
    _cleanup_json_ json_t *answer = NULL;
    json_t *block;
    size_t i;

    if (qmp_call(job, domain->run->qmp, "query-block", NULL, &answer, NULL) < 0)
        return NULL;
    json_array_foreach(answer, i, block) {
        const char *qdev = qmp_string(block, "qdev");

        if (qdev && (strcmp(qdev, alias) == 0 || (g_str_has_prefix(qdev, "/machine/peripheral/") && g_str_has_suffix(qdev, alias))))
            return g_strdup(qmp_string(json_object_get(block, "inserted"), "node-name"));
    }
    return NULL;
}

static bool
recover_medium(Job *job, Domain *domain, const DomainDef *intended, const Device *drive)
{
    g_autoptr(DomainDef) running = domain_def_ref(domain->live);
    const Device *old = match_disk(running, DISK(drive)->target);
    g_autofree char *node = inserted_node(job, domain, drive->info.alias);
    g_autofree char *wanted = storage_source_is_empty(&DISK(drive)->source) ? NULL : qemu_storage_node(&DISK(drive)->source, NULL);
    bool done = g_strcmp0(node, wanted) == 0;
    const Device *gone = done ? old : drive;
    g_autoptr(GPtrArray) resources = qemu_device_resources_of(gone);

    if (!done && !node && live_reinsert(job, domain, old) < 0)
        log_warning("%s: the drive '%s' stays empty", domain->label, DISK(drive)->target);
    if (!storage_source_is_empty(&DISK(gone)->source))
        parts_forget(job, domain, done ? running : intended, gone);
    ownership_restore_unused(job, domain, done ? intended : running, resources);
    return done;
}

void
plug_recover(Job *job, Domain *domain)
{
    g_autoptr(DomainDef) intended = g_steal_pointer(&domain->run->plugging);
    g_autoptr(GPtrArray) devices = NULL;
    Device *drive;
    bool done;

    if (!intended)
        return;
    devices = new_devices(domain, intended);
    drive = changed_drive(domain, intended);
    done = devices->len > 0 ? recover_attach(job, domain, intended, devices) : drive && recover_medium(job, domain, intended, drive);
    log_info("%s: a change of its devices that was interrupted is %s", domain->label, done ? "done" : "undone");
    if (done)
        live_install(domain, g_steal_pointer(&intended));
    else
        persist_status(domain);
}
