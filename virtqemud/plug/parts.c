#include "virtqemud/plug/parts.h"

#include "virtqemud/device/kind.h"
#include "virtqemud/driver.h"
#include "virtqemud/plug/removal.h"
#include "virtqemud/run/prepare.h"

#define LOG_SOURCE "qemu.plug"
#include "common/base/log.h"

/* How a kind of part comes and goes; what names it when it goes. */
typedef struct PartCommands {
    const char *add, *remove;
    const char *name;     /* member of the part's properties that names it */
    const char *argument; /* and of the command that removes it */
} PartCommands;

static const PartCommands commands[] = {
    [PART_OBJECT] = { "object-add", "object-del", "id", "id" },
    [PART_CHARDEV] = { "chardev-add", "chardev-remove", "id", "id" },
    [PART_BLOCKDEV] = { "blockdev-add", "blockdev-del", "node-name", "node-name" },
    [PART_NETDEV] = { "netdev_add", "netdev_del", "id", "id" },
    [PART_DEVICE] = { "device_add", "device_del", "id", "id" },
};

void
parts_options_init(PartsOptions *options, const Domain *domain, const QemuSecrets *secrets)
{
    options->channel_dir = prepare_channel_dir(domain);
    options->ram_dir = prepare_ram_dir(domain->driver, domain->base.id, domain_name(domain));
    options->options = prepare_build_options(domain->driver, domain->run->dir, options->channel_dir, options->ram_dir);
    options->options.secrets = secrets;
    options->options.for_show = !secrets;
}

void
parts_options_done(PartsOptions *options)
{
    g_free(options->channel_dir);
    g_free(options->ram_dir);
}

int
parts_caps(Job *job, Domain *domain, Error *err)
{
    g_autoptr(DomainDef) live = domain_def_ref(domain->live); /* it names the emulator while that is asked */
    QemuCaps *caps = NULL;

    if (domain->run->caps)
        return 0;
    if (qemu_caps_get(job, live->devices.emulator, &caps, err) < 0)
        return -1;
    if (domain->run->caps)
        qemu_caps_unref(caps);
    else
        domain->run->caps = caps;
    return 0;
}

/* NULL: it is no part that comes and goes. */
static const char *
part_name(const QemuPart *part)
{
    return part->kind == PART_OPTION ? NULL : qmp_string(part->json, commands[part->kind].name);
}

/* 0 when it is gone. quietly: a failure is not the last word. */
static int
part_remove(Job *job, Domain *domain, const QemuPart *part, bool quietly)
{
    const PartCommands *c = &commands[part->kind];
    _cleanup_error_ Error err = ERROR_INIT;
    const char *name = part_name(part);
    int r;

    /* Without a monitor there is nothing to remove from. */
    if (!name || !domain->run->qmp || !qmp_is_open(domain->run->qmp))
        return 0;
    r = part->kind == PART_DEVICE ? removal_request(job, domain, name, &err)
                                  : qmp_call(job, domain->run->qmp, c->remove, json_pack("{s:s}", c->argument, name), NULL, &err);
    if (r != 0 && !quietly)
        log_warning("%s: cannot remove '%s' of a device that is gone: %s", domain->label, name, err.message ? err.message : "the guest holds it");
    return r;
}

int
parts_add(Job *job, PartsAdded *added, Error *err)
{
    for (; added->n < added->build->parts->len; added->n++) {
        const QemuPart *part = added->build->parts->pdata[added->n];

        if (!part_name(part))
            return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "'%s' is no part that a running QEMU takes", part->option);
        if (qmp_call(job, added->domain->run->qmp, commands[part->kind].add, json_incref(part->json), NULL, err) < 0)
            return -1;
    }
    return 0;
}

void
parts_take_back(Job *job, void *data)
{
    PartsAdded *added = data;

    while (added->n > 0)
        (void)part_remove(job, added->domain, added->build->parts->pdata[--added->n], false);
}

/* What QEMU has of such parts: the answer lists them by this name. */
static const struct {
    QemuPartKind kind;
    const char *command, *argument, *value, *name;
} inventories[] = {
    { PART_OBJECT, "qom-list", "path", "/objects", "name" },
    { PART_BLOCKDEV, "query-named-block-nodes", "flat", NULL, "node-name" },
};

/* Names of the parts that are there; in doubt, none: then all are tried. */
static GHashTable *
inventory(Job *job, Domain *domain, QemuPartKind kind)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    _cleanup_json_ json_t *answer = NULL;
    json_t *item;
    size_t i;

    for (size_t k = 0; k < G_N_ELEMENTS(inventories); k++) {
        json_t *args;

        if (inventories[k].kind != kind)
            continue;
        args = inventories[k].value ? json_pack("{s:s}", inventories[k].argument, inventories[k].value)
                                    : json_pack("{s:b}", inventories[k].argument, 1);
        if (qmp_call(job, domain->run->qmp, inventories[k].command, args, &answer, NULL) < 0)
            break;
        json_array_foreach(answer, i, item)
            if (qmp_string(item, inventories[k].name))
                g_hash_table_add(names, g_strdup(qmp_string(item, inventories[k].name)));
    }
    return names;
}

/* How many are still there. */
static unsigned
remove_pass(Job *job, Domain *domain, const QemuBuild *build, bool quietly)
{
    g_autoptr(GHashTable) nodes = inventory(job, domain, PART_BLOCKDEV), objects = inventory(job, domain, PART_OBJECT);
    unsigned left = 0;

    for (guint i = build->parts->len; i-- > 0;) {
        const QemuPart *part = build->parts->pdata[i];
        GHashTable *known = part->kind == PART_BLOCKDEV ? nodes : part->kind == PART_OBJECT ? objects : NULL;

        if (part->kind == PART_DEVICE || (known && g_hash_table_size(known) > 0 && !g_hash_table_contains(known, part_name(part))))
            continue;
        left += part_remove(job, domain, part, quietly) != 0;
    }
    return left;
}

void
parts_remove(Job *job, Domain *domain, const QemuBuild *build)
{
    remove_pass(job, domain, build, false);
}

/* They are built again, to know their names. A device that QEMU does not list any more may still hold them for a moment. */
void
parts_forget(Job *job, Domain *domain, const DomainDef *def, const Device *device)
{
    __attribute__((cleanup(parts_options_done))) PartsOptions options = { 0 };
    __attribute__((cleanup(qemu_build_done))) QemuBuild build = { 0 };
    _cleanup_error_ Error err = ERROR_INIT;
    Removal removal = { .alias = device->info.alias };

    if (parts_caps(job, domain, &err) == 0) {
        parts_options_init(&options, domain, NULL);
        qemu_build_init(&build, def, domain->run->caps, &options.options);
    }
    if (error_is_set(&err) || qemu_device_build(&build, device, &err) < 0) {
        log_warning("%s: parts of '%s' stay in QEMU: %s", domain->label, device->info.alias, err.message);
        return;
    }
    removal_expect(domain, &removal);
    if (remove_pass(job, domain, &build, true) > 0 && removal_await(job, domain, &removal, NULL) >= 0)
        remove_pass(job, domain, &build, false);
    removal_forget(domain, &removal);
}
