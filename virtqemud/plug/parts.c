#include "virtqemud/plug/parts.h"

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
    QemuCaps *caps = NULL;

    if (domain->run->caps)
        return 0;
    if (qemu_caps_get(job, domain->live->devices.emulator, &caps, err) < 0)
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

static void
part_remove(Job *job, Domain *domain, const QemuPart *part)
{
    const PartCommands *c = &commands[part->kind];
    _cleanup_error_ Error err = ERROR_INIT;
    const char *name = part_name(part);
    int r;

    /* Without a monitor there is nothing to remove from. */
    if (!name || !domain->run->qmp || !qmp_is_open(domain->run->qmp))
        return;
    r = part->kind == PART_DEVICE ? removal_request(job, domain, name, &err)
                                  : qmp_call(job, domain->run->qmp, c->remove, json_pack("{s:s}", c->argument, name), NULL, &err);
    if (r != 0)
        log_warning("%s: '%s' of a device that is gone stays: %s", domain->label, name, err.message ? err.message : "the guest holds it");
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
        part_remove(job, added->domain, added->build->parts->pdata[--added->n]);
}

void
parts_remove(Job *job, Domain *domain, const QemuBuild *build)
{
    for (guint i = build->parts->len; i-- > 0;)
        if (((QemuPart *)build->parts->pdata[i])->kind != PART_DEVICE)
            part_remove(job, domain, build->parts->pdata[i]);
}
