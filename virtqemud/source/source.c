#include "virtqemud/source/source.h"

#include "virtqemud/domain/event.h"
#include "virtqemud/driver.h"
#include "virtqemud/source/chain.h"
#include "virtqemud/source/medium.h"
#include "virtqemud/source/volume.h"

#define LOG_SOURCE "qemu.source"
#include "common/base/log.h"

static int
resolve(Job *job, Driver *driver, DiskDef *disk, bool start, Error *err)
{
    if (disk->source.type == STORAGE_VOLUME && volume_resolve(job, driver, &disk->source, start, err) < 0)
        return error_prefixf(err, "disk '%s'", disk->target);
    return 0;
}

int
source_prepare(Job *job, Driver *driver, DiskDef *disk, Error *err)
{
    if (storage_source_is_empty(&disk->source))
        return 0;
    if (resolve(job, driver, disk, true, err) < 0)
        return -1;
    return chain_find(job, &disk->source, err) < 0 ? error_prefixf(err, "disk '%s'", disk->target) : 0;
}

/* --- what may be missing --- */

/* Images on servers are not looked for. */
static bool
is_missing(Job *job, Driver *driver, DiskDef *disk, bool start, Error *why)
{
    const StorageSource *at;
    MediumInfo info;

    if (disk->source.startup_policy != STARTUP_OPTIONAL || storage_source_is_empty(&disk->source))
        return false;
    if (resolve(job, driver, disk, start, why) < 0)
        return true;
    at = storage_location(&disk->source);
    return start && (at->type == STORAGE_FILE || at->type == STORAGE_BLOCK) && medium_look(job, &disk->source, &info, why) < 0;
}

/* A drive stays, without a medium; a disk goes. True: it went. */
static bool
leave_out(Domain *domain, DomainDef *def, DiskDef *disk, const Error *why)
{
    bool drive = disk->device == DISK_CDROM || disk->device == DISK_FLOPPY;

    if (domain) {
        const char *path = storage_location(&disk->source)->path;

        log_info("%s starts without disk '%s': %s", domain->label, disk->target, why->message);
        event_disk_change(domain, path ? path : "", disk->base.info.alias ? disk->base.info.alias : "",
                          drive ? VIR_DOMAIN_EVENT_DISK_CHANGE_MISSING_ON_START : VIR_DOMAIN_EVENT_DISK_DROP_MISSING_ON_START);
    }
    if (drive) {
        const StorageSource empty = { .type = STORAGE_FILE, .format = disk->source.format };

        disk_set_source(disk, &empty);
        return false;
    }
    domain_def_remove_device(def, &disk->base);
    device_free(&disk->base);
    return true;
}

int
source_prepare_all(Job *job, Domain *domain, DomainDef *def, Error *err)
{
    for (size_t i = 0; i < def->devices.list.n; i++) {
        Device *device = def->devices.list.items[i];
        _cleanup_error_ Error why = ERROR_INIT;

        if (device->kind != DEVICE_DISK)
            continue;
        if (is_missing(job, domain->driver, DISK(device), true, &why)) {
            i -= leave_out(domain, def, DISK(device), &why);
            continue;
        }
        if (source_prepare(job, domain->driver, DISK(device), err) < 0)
            return -1;
    }
    return 0;
}

int
source_resolve_all(Job *job, Driver *driver, DomainDef *def, Error *err)
{
    for (size_t i = 0; i < def->devices.list.n; i++) {
        Device *device = def->devices.list.items[i];
        _cleanup_error_ Error why = ERROR_INIT;

        if (device->kind != DEVICE_DISK)
            continue;
        if (is_missing(job, driver, DISK(device), false, &why))
            i -= leave_out(NULL, def, DISK(device), &why);
        else if (resolve(job, driver, DISK(device), false, err) < 0)
            return -1;
    }
    return 0;
}
