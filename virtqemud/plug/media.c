/* Another medium for a CD-ROM or floppy drive of a running guest. */
#include "common/base/undo.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/device/storage.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/driver.h"
#include "virtqemud/plug/live.h"
#include "virtqemud/plug/match.h"
#include "virtqemud/plug/parts.h"
#include "virtqemud/run/ownership.h"
#include "virtqemud/run/secrets.h"
#include "virtqemud/source/source.h"

typedef struct Medium {
    Domain *domain;
    const DiskDef *disk;
    PartsOptions options;
    QemuBuild build; /* its nodes; none for an empty drive */
    PartsAdded added;
} Medium;

static void
medium_done(Medium *medium)
{
    qemu_build_done(&medium->build);
    parts_options_done(&medium->options);
}

/* secrets NULL: the nodes are there already. */
static int
medium_build(Medium *medium, Domain *domain, const DomainDef *def, const DiskDef *disk, const QemuSecrets *secrets, Error *err)
{
    medium->domain = domain;
    medium->disk = disk;
    parts_options_init(&medium->options, domain, secrets);
    qemu_build_init(&medium->build, def, domain->run->caps, &medium->options.options);
    medium->added = (PartsAdded){ domain, &medium->build, 0 };
    return qemu_device_kind(DEVICE_DISK)->backend(&medium->build, &disk->base, err);
}

static int
drive(Job *job, const Medium *medium, const char *command, json_t *args, Error *err)
{
    json_object_set_new(args, "id", json_string(medium->disk->base.info.alias));
    return qmp_call(job, medium->domain->run->qmp, command, args, NULL, err);
}

static int
insert(Job *job, const Medium *medium, Error *err)
{
    g_autofree char *node = NULL;

    if (storage_source_is_empty(&medium->disk->source))
        return 0;
    node = qemu_storage_node(&medium->disk->source, NULL);
    if (drive(job, medium, "blockdev-insert-medium", json_pack("{s:s}", "node-name", node), err) < 0)
        return -1;
    return drive(job, medium, "blockdev-close-tray", json_object(), err);
}

int
live_reinsert(Job *job, Domain *domain, const Device *device)
{
    const Medium medium = { .domain = domain, .disk = DISK(device) };

    return insert(job, &medium, NULL);
}

static void
put_back(Job *job, void *data)
{
    if (insert(job, data, NULL) < 0)
        (void)drive(job, data, "blockdev-close-tray", json_object(), NULL);
}

static int
exchange(Job *job, Medium *old, Medium *medium, bool force, Error *err)
{
    _cleanup_undo_ Undo undo = UNDO_INIT(job);

    undo_push(&undo, parts_take_back, &medium->added);
    if (parts_add(job, &medium->added, err) < 0)
        return -1;
    if (drive(job, medium, "blockdev-open-tray", json_pack("{s:b}", "force", (int)force), err) < 0)
        return error_prefixf(err, "the drive '%s' does not open", medium->disk->target);
    undo_push(&undo, put_back, old);
    if (drive(job, medium, "blockdev-remove-medium", json_object(), err) < 0 || insert(job, medium, err) < 0)
        return -1;
    undo_commit(&undo);
    return 0;
}

static int
check(const DiskDef *disk, const DiskDef *wanted, Error *err)
{
    if (disk->device != DISK_CDROM && disk->device != DISK_FLOPPY)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "disk '%s' of a running guest cannot be changed: only drives with media can, "
                          "and only their medium", disk->target);
    if (wanted->device != disk->device || wanted->bus != disk->bus)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "only the medium of drive '%s' can be changed, not what drive it is", disk->target);
    return 0;
}

/* Give the drive of the new definition its medium. */
static int
prepare(Job *job, Domain *domain, const DiskDef *wanted, QemuSecrets *secrets, DomainDef *def, DiskDef *disk, Error *err)
{
    g_autofree char *what = g_strdup_printf("disk '%s'", disk->target);

    disk_set_source(disk, &wanted->source);
    disk->tray = storage_source_is_empty(&disk->source) ? DISK_TRAY_OPEN : DISK_TRAY_CLOSED;
    if (source_prepare(job, domain->driver, disk, err) < 0)
        return -1;
    qemu_storage_number(def, qemu_storage_last(domain->live)); /* for a moment QEMU has both */
    return secrets_fetch(job, domain, &disk->source, what, secrets, err);
}

int
live_change_medium(Job *job, Domain *domain, const Device *device, bool force, Error *err)
{
    __attribute__((cleanup(medium_done))) Medium old = { 0 }, medium = { 0 };
    g_autoptr(DomainDef) running = domain_def_ref(domain->live), def = domain_def_copy(running);
    g_autoptr(GPtrArray) taken = NULL, given = NULL;
    g_autoptr(Device) wanted = device_copy(device);
    g_autoptr(QemuSecrets) secrets = NULL;
    Device *found, *changed;
    int r;

    if (define_complete_device(job, domain->driver, running, wanted, err) < 0 || !(found = match_device(running, wanted, err)) ||
        check(DISK(found), DISK(wanted), err) < 0 || parts_caps(job, domain, err) < 0 || secrets_load(domain, &secrets, err) < 0)
        return -1;
    changed = match_disk(def, DISK(wanted)->target);
    if (prepare(job, domain, DISK(wanted), secrets, def, DISK(changed), err) < 0 ||
        medium_build(&old, domain, running, DISK(found), NULL, err) < 0 ||
        medium_build(&medium, domain, def, DISK(changed), secrets, err) < 0)
        return -1;
    taken = qemu_device_resources_of(changed);
    given = qemu_device_resources_of(found);
    live_intend(domain, def);
    r = ownership_take(job, domain, taken, err);
    if (r == 0)
        r = exchange(job, &old, &medium, force, err);
    job_shield(job); /* it is done, or has failed: what is left to do is done in any case */
    if (r < 0) {
        ownership_restore_unused(job, domain, running, taken);
        live_give_up(domain);
    } else {
        parts_remove(job, domain, &old.build);
        ownership_restore_unused(job, domain, def, given);
        live_install(domain, g_steal_pointer(&def)); /* last, as when detaching */
    }
    job_unshield(job);
    return r;
}
