/* A device comes to a running guest: see live.h. The order: decide, learn, give access, tell QEMU, write down. */
#include "common/base/undo.h"
#include "common/conf/domain/postparse.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/device/storage.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/plug/config.h"
#include "virtqemud/plug/kinds.h"
#include "virtqemud/plug/live.h"
#include "virtqemud/plug/parts.h"
#include "virtqemud/run/ownership.h"
#include "virtqemud/run/secrets.h"

void
live_intend(Domain *domain, const DomainDef *def)
{
    domain_def_unref(domain->run->plugging);
    domain->run->plugging = def ? domain_def_ref(def) : NULL;
    persist_status(domain);
}

void
live_give_up(Domain *domain)
{
    live_intend(domain, NULL);
}

/* A drive may have been opened or closed since the definition was copied, unless the change was of its medium. */
static void
keep_trays(const DomainDef *was, DomainDef *def)
{
    DOMAIN_FOREACH_KIND(was, DEVICE_DISK, device) {
        Device *now = device->info.alias ? domain_def_find_alias(def, device->info.alias) : NULL;

        if (now && now->kind == DEVICE_DISK && DISK(now)->source.index.v == DISK(device)->source.index.v)
            DISK(now)->tray = DISK(device)->tray;
    }
}

void
live_install(Domain *domain, DomainDef *def)
{
    keep_trays(domain->live, def);
    domain_set_live(domain, def);
    domain_def_unref(g_steal_pointer(&domain->run->plugging));
    persist_status(domain);
}

/* --- deciding: the device, and the controllers it needs --- */

typedef struct Attach {
    Domain *domain;
    DomainDef *def;     /* the running definition with the new devices; ours until it is installed */
    GPtrArray *devices; /* of Device, in def: controllers before what plugs into them */
    QemuSecrets *secrets;
    GPtrArray *resources; /* of QemuResource: what they open */
    PartsOptions options;
    QemuBuild build;
    PartsAdded added;
} Attach;

static void
attach_done(Attach *attach)
{
    domain_def_unref(attach->def);
    g_ptr_array_unref(attach->devices);
    g_clear_pointer(&attach->resources, g_ptr_array_unref);
    qemu_secrets_free(attach->secrets);
    qemu_build_done(&attach->build);
    parts_options_done(&attach->options);
}

/* What a running guest has has an alias; what is new has none, or one of the user's own. */
static bool
is_new(const DomainDef *live, const Device *device)
{
    return device_ops(device->kind)->has_info && (!device->info.alias || !domain_def_find_alias(live, device->info.alias));
}

/*
 * Completing a copy finds the addresses; what it changed elsewhere is of no interest, as the guest is what it is. A new PCI controller
 * means that no slot is free: QEMU cannot plug those in.
 */
static int
decide(Job *job, Attach *attach, const Device *device, Error *err)
{
    const Domain *domain = attach->domain;
    g_autoptr(DomainDef) with = domain_def_copy(domain->live), complete = NULL;
    const PlugKind *kind;

    if (plug_kind(device, &kind, err) < 0 || config_check_free(domain->live, device, err) < 0)
        return -1;
    domain_def_add_device(with, device_copy(device));
    if (define_complete(job, domain->driver, with, 0, &complete, err) < 0)
        return -1;
    attach->def = domain_def_copy(domain->live);
    for (int controllers = 1; controllers >= 0; controllers--)
        LIST_FOREACH(Device, one, &complete->devices.list) {
            Device *copy;

            if (!is_new(domain->live, one) || (one->kind == DEVICE_CONTROLLER) != controllers)
                continue;
            if (plug_kind(one, &kind, err) < 0)
                return error_prefixf(err, "the machine has no free place for it");
            copy = device_copy(one);
            domain_def_add_device(attach->def, copy);
            g_ptr_array_add(attach->devices, copy);
        }
    domain_assign_aliases(attach->def);
    return 0;
}

/* --- learning: volumes, chains, secrets --- */

static int
learn(Job *job, Attach *attach, Error *err)
{
    for (guint i = 0; i < attach->devices->len; i++) {
        const PlugKind *kind;

        if (plug_kind(attach->devices->pdata[i], &kind, err) < 0 ||
            (kind->prepare && kind->prepare(job, attach->domain, attach->devices->pdata[i], &attach->secrets, err) < 0))
            return -1;
    }
    qemu_storage_number(attach->def, 0);
    for (guint i = 0; i < attach->devices->len; i++)
        if (secrets_fetch_device(job, attach->domain, attach->devices->pdata[i], attach->secrets, err) < 0)
            return -1;
    return 0;
}

static int
build(Attach *attach, Error *err)
{
    qemu_build_init(&attach->build, attach->def, attach->domain->run->caps, &attach->options.options);
    attach->resources = qemu_resources_new();
    for (guint i = 0; i < attach->devices->len; i++) {
        const Device *device = attach->devices->pdata[i];

        if (qemu_device_check(&attach->build, device, err) < 0 || qemu_device_build(&attach->build, device, err) < 0)
            return -1;
        qemu_device_name_resources(device, attach->resources);
    }
    attach->added = (PartsAdded){ attach->domain, &attach->build, 0 };
    return 0;
}

/* --- doing --- */

static void
undo_ownership(Job *job, void *data)
{
    Attach *attach = data;

    ownership_restore_unused(job, attach->domain, attach->domain->live, attach->resources);
    live_give_up(attach->domain);
}

static int
tell_qemu(Job *job, Attach *attach, Error *err)
{
    _cleanup_undo_ Undo undo = UNDO_INIT(job);

    undo_push(&undo, undo_ownership, attach);
    live_intend(attach->domain, attach->def);
    if (ownership_take(job, attach->domain, attach->resources, err) < 0)
        return -1;
    undo_push(&undo, parts_take_back, &attach->added);
    if (parts_add(job, &attach->added, err) < 0)
        return -1;
    for (guint i = 0; i < attach->devices->len; i++) {
        const PlugKind *kind;

        if (plug_kind(attach->devices->pdata[i], &kind, err) < 0 ||
            (kind->attached && kind->attached(job, attach->domain, attach->devices->pdata[i], err) < 0))
            return -1;
    }
    undo_commit(&undo);
    return 0;
}

int
live_attach(Job *job, Domain *domain, const Device *device, Error *err)
{
    __attribute__((cleanup(attach_done))) Attach attach = { .domain = domain, .devices = g_ptr_array_new() };

    if (parts_caps(job, domain, err) < 0 || decide(job, &attach, device, err) < 0 || learn(job, &attach, err) < 0)
        return -1;
    parts_options_init(&attach.options, domain, attach.secrets);
    attach.options.options.for_show = false;
    if (build(&attach, err) < 0 || tell_qemu(job, &attach, err) < 0)
        return -1;
    live_install(domain, g_steal_pointer(&attach.def));
    event_device_added(domain, ((Device *)attach.devices->pdata[attach.devices->len - 1])->info.alias); /* controllers come before it */
    return 0;
}
