/* Rules across elements: a list of named rules. Rules of one element live with that element. */
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/video.h"

typedef struct Rule {
    const char *name;
    int (*check)(const DomainDef *def, const DomainCaps *caps, Error *err);
} Rule;

static int
disk_targets_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, a)
        DOMAIN_FOREACH_KIND(def, DEVICE_DISK, b) {
            if (a == b)
                break;
            if (strcmp(DISK(a)->target, DISK(b)->target) == 0)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two disks have the target '%s'", DISK(a)->target);
        }
    return 0;
}

static int
controllers_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, a)
        DOMAIN_FOREACH_KIND(def, DEVICE_CONTROLLER, b) {
            const ControllerDef *x = CONTROLLER(a), *y = CONTROLLER(b);

            if (a == b)
                break;
            if (x->type == y->type && x->index.v == y->index.v && x->type != CONTROLLER_USB)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two '%s' controllers have the index %u",
                                  controller_type_names[x->type], x->index.v);
        }
    return 0;
}

static int
boot_orders_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    LIST_FOREACH(Device, a, &def->devices.list) {
        LIST_FOREACH(Device, b, &def->devices.list) {
            if (a == b)
                break;
            if (a->info.boot_order.set && b->info.boot_order.set && a->info.boot_order.v == b->info.boot_order.v)
                return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: boot order %u is used "
                                  "for more than one device", a->info.boot_order.v);
        }
    }
    return 0;
}

static int
aliases_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    LIST_FOREACH(Device, a, &def->devices.list) {
        LIST_FOREACH(Device, b, &def->devices.list) {
            if (a == b)
                break;
            if (alias_is_user(a->info.alias) && g_strcmp0(a->info.alias, b->info.alias) == 0)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two devices have the alias '%s'", a->info.alias);
        }
    }
    return 0;
}

static int
video_none_is_alone(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_VIDEO, device)
        if (VIDEO(device)->type == VIDEO_NONE && domain_def_count(def, DEVICE_VIDEO) > 1)
            return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: a 'none' video must be the "
                              "only <video> of a domain");
    return 0;
}

static int
iothreads_exist(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, device) {
        const OptUint *wanted = &DISK(device)->driver.iothread;
        bool found = def->iothread_list.n == 0 && wanted->v >= 1 && wanted->v <= def->iothreads.v;

        LIST_FOREACH(IothreadDef, thread, &def->iothread_list)
            found |= thread->id.v == wanted->v;
        if (wanted->set && !found)
            return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: disk '%s' wants I/O thread %u, "
                              "which the domain has not", DISK(device)->target, wanted->v);
    }
    return 0;
}

static int
seclabel_models_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const SeclabelList *labels = &def->seclabels;

    for (size_t i = 0; i < labels->n; i++) {
        if (labels->n > 1 && !labels->items[i]->model)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: with several <seclabel> each needs a 'model'");
        for (size_t j = 0; j < i; j++)
            if (strcmp(labels->items[i]->model, labels->items[j]->model) == 0)
                return error_setf(err, FROM_DOMAIN, ERR_XML_DETAIL, "two <seclabel> have the model '%s'", labels->items[i]->model);
    }
    return 0;
}

static int
sysinfo_uuid_matches(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    LIST_FOREACH(SysinfoDef, info, &def->sysinfos)
        LIST_FOREACH(SysinfoEntry, entry, &info->system.entries) {
            Uuid uuid;

            if (g_strcmp0(entry->name, "uuid") != 0 || !entry->value)
                continue;
            if (!uuid_parse(entry->value, &uuid) || memcmp(uuid.b, def->uuid.b, sizeof(uuid.b)) != 0)
                return error_setf(err, FROM_DOMAIN, ERR_XML_DETAIL, "<uuid> of the domain and 'uuid' of <sysinfo> differ");
        }
    return 0;
}

static int
smm_tseg_fits(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    if (!def->features.tseg.set)
        return 0;
    if (!domain_def_is_q35(def))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: <tseg> is possible only for q35 "
                          "machines, not for '%s'", def->os.machine);
    if (def->features.tseg.v % (1024 * 1024))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: size of <tseg> must be a multiple "
                          "of 1 MiB");
    return 0;
}

static const Rule early_rules[] = {
    { "disk targets differ", disk_targets_differ },
    { "security models differ", seclabel_models_differ },
    { "sysinfo carries the domain's UUID", sysinfo_uuid_matches },
};

static const Rule rules[] = {
    { "controllers differ", controllers_differ },
    { "boot orders differ", boot_orders_differ },
    { "aliases differ", aliases_differ },
    { "video 'none' is alone", video_none_is_alone },
    { "I/O threads of disks exist", iothreads_exist },
    { "TSEG fits the machine", smm_tseg_fits },
};

int
domain_check_early(const DomainDef *def, Error *err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(early_rules); i++)
        if (early_rules[i].check(def, NULL, err) < 0)
            return -1;
    return 0;
}

int
domain_check(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (rules[i].check(def, caps, err) < 0)
            return -1;
    return 0;
}
