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
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two disks have the target '%s'",
                                  DISK(a)->target);
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
                return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                                  "unsupported configuration: boot order %u is used "
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
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two devices have the alias '%s'",
                                  a->info.alias);
        }
    }
    return 0;
}

static int
video_none_is_alone(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_VIDEO, device)
        if (VIDEO(device)->type == VIDEO_NONE && domain_def_count(def, DEVICE_VIDEO) > 1)
            return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                              "unsupported configuration: a 'none' video must be the "
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
            return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                              "unsupported configuration: disk '%s' wants I/O thread %u, "
                              "which the domain has not", DISK(device)->target, wanted->v);
    }
    return 0;
}

static int
seclabel_models_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const SeclabelList *labels = &def->seclabels;

    for (size_t i = 0; i < labels->n; i++) {
        for (size_t j = 0; j < i; j++)
            if (labels->items[i]->model && g_strcmp0(labels->items[i]->model, labels->items[j]->model) == 0)
                return error_setf(err, FROM_DOMAIN, ERR_XML_DETAIL, "two <seclabel> have the model '%s'",
                                  labels->items[i]->model);
    }
    for (size_t i = 0; i < labels->n; i++)
        if (labels->n > 1 && !labels->items[i]->model)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                              "XML error: with several <seclabel> each needs a 'model'");
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
                return error_setf(err, FROM_DOMAIN, ERR_XML_DETAIL,
                                  "<uuid> of the domain and 'uuid' of <sysinfo> differ");
        }
    return 0;
}

static int
smm_tseg_fits(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    if (!def->features.tseg.set)
        return 0;
    if (!domain_def_is_q35(def))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: <tseg> is possible only for q35 "
                          "machines, not for '%s'", def->os.machine);
    if (def->features.tseg.v % (1024 * 1024))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: size of <tseg> must be a multiple "
                          "of 1 MiB");
    return 0;
}

static int
resctrl_needs_kvm(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    if ((def->cputune.cachetunes.n || def->cputune.memorytunes.n) && def->virt != VIRT_KVM)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: <cachetune> and <memorytune> need "
                          "a domain of type 'kvm', not '%s'", virt_type_names[def->virt]);
    return 0;
}

static int
cpu_cache_fits(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const CpuCache *cache = def->cpu.cache;

    if (!cache)
        return 0;
    if (g_strcmp0(cache->mode, "emulate") == 0 && cache->level.set && cache->level.v != 3)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: CPU cache mode 'emulate' is "
                          "possible only for level 3, not %u", cache->level.v);
    if (g_strcmp0(cache->mode, "emulate") != 0 && cache->level.set)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: CPU cache mode '%s' takes no "
                          "'level'", cache->mode);
    return 0;
}

static bool
has_iothread(const DomainDef *def, unsigned id)
{
    if (!def->iothread_list.n)
        return id >= 1 && id <= def->iothreads.v;
    LIST_FOREACH(IothreadDef, thread, &def->iothread_list)
        if (thread->id.v == id)
            return true;
    return false;
}

static int
tuned_iothreads_exist(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    LIST_FOREACH(SchedDef, sched, &def->cputune.iothreadscheds)
        for (int id = bitmap_next(sched->ids, -1); id >= 0; id = bitmap_next(sched->ids, id))
            if (!has_iothread(def, id))
                return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                                  "unsupported configuration: <iothreadsched> names I/O "
                                  "thread %d, which the domain has not", id);
    LIST_FOREACH(IothreadPin, pin, &def->cputune.iothreadpins)
        if (!has_iothread(def, pin->iothread.v))
            return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                              "unsupported configuration: <iothreadpin> names I/O "
                              "thread %u, which the domain has not", pin->iothread.v);
    return 0;
}

/* Without NUMA nodes every size of huge pages is for all memory. */
static int
one_size_of_huge_pages(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const MemoryBacking *backing = &def->backing;

    if (def->cpu.cells.n || backing->pages.n < 2)
        return 0;
    return error_setf(err, FROM_DOMAIN, ERR_XML_DETAIL,
                      "two sizes of <hugepages>, %llu and %llu KiB, for a domain without "
                      "NUMA nodes", backing->pages.items[0]->size.v, backing->pages.items[1]->size.v);
}

static int
features_fit_architecture(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const FeaturesDef *f = &def->features;
    const struct { const char *name; bool used; } foreign[] = {
        { "hpt", f->hpt_resizing || f->hpt_maxpagesize.set }, { "htm", f->htm != TRI_ABSENT },
        { "nested-hv", f->nested_hv != TRI_ABSENT }, { "ccf-assist", f->ccf_assist != TRI_ABSENT }, { "cfpc", f->cfpc != NULL },
        { "sbbc", f->sbbc != NULL }, { "ibs", f->ibs != NULL }, { "gic", f->gic_present }, { "ras", f->ras != TRI_ABSENT },
        { "aia", f->aia != NULL },
    };

    for (size_t i = 0; domain_def_is_x86(def) && i < G_N_ELEMENTS(foreign); i++)
        if (foreign[i].used)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                              "unsupported configuration: feature '%s' does not exist on "
                              "architecture '%s', machine '%s'", foreign[i].name, def->os.arch, def->os.machine);
    return 0;
}

static int
protection_is_possible(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    if (def->launch_security) {
        g_autofree char *what = g_strconcat("launch-security.", def->launch_security->type, NULL);

        if (!domain_caps_support(def, caps, what))
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                              "unsupported configuration: launch security '%s' is not "
                              "supported by '%s'", def->launch_security->type, def->devices.emulator);
    }
    if (def->os.shim && !domain_caps_support(def, caps, "shim"))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: <shim> is not supported by '%s'",
                          def->devices.emulator);
    return 0;
}

/* Of these a machine has one at most. */
static int
single_devices_are_single(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    static const DeviceKind kinds[] = { DEVICE_MEMBALLOON, DEVICE_NVRAM, DEVICE_REDIRFILTER, DEVICE_IOMMU, DEVICE_VSOCK };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (domain_def_count(def, kinds[i]) > 1)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: a domain has at most one <%s>",
                              device_ops(kinds[i])->element);
    return 0;
}

static int
iothread_ids_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    for (size_t i = 0; i < def->iothread_list.n; i++)
        for (size_t j = 0; j < i; j++)
            if (def->iothread_list.items[i]->id.v == def->iothread_list.items[j]->id.v)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two I/O threads have the id %u",
                                  def->iothread_list.items[i]->id.v);
    return 0;
}

static int
numa_memory_fits(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const NumaTune *tune = &def->numatune;

    for (size_t i = 0; i < tune->memnodes.n; i++) {
        unsigned cell = tune->memnodes.items[i]->cellid.v;

        if (tune->memory && tune->placement == PLACEMENT_AUTO)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: <memnode> and automatic placement exclude each other");
        if (cell >= def->cpu.cells.n)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: <memnode> is for cell %u, the guest has %zu NUMA cells",
                              cell, def->cpu.cells.n);
        for (size_t j = 0; j < i; j++)
            if (tune->memnodes.items[j]->cellid.v == cell)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: two <memnode> are for cell %u", cell);
    }
    return 0;
}

static int
huge_page_nodes_exist(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    int nodes = MAX(def->cpu.cells.n, 1);

    LIST_FOREACH(HugePage, page, &def->backing.pages)
        if (page->nodeset && bitmap_last(page->nodeset) >= nodes)
            return error_setf(err, FROM_DOMAIN, ERR_XML_DETAIL, "<hugepages> names node %d, the guest has %d",
                              bitmap_last(page->nodeset), nodes);
    return 0;
}

static int
blkio_devices_differ(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const BlkioTune *tune = &def->blkiotune;

    for (size_t i = 0; i < tune->devices.n; i++)
        for (size_t j = 0; j < i; j++)
            if (g_strcmp0(tune->devices.items[i]->path, tune->devices.items[j]->path) == 0)
                return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: <blkiotune> has the device '%s' twice",
                                  tune->devices.items[i]->path);
    return 0;
}

static int
numa_processors_fit(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    unsigned total = 0;

    for (size_t i = 0; i < def->cpu.cells.n; i++)
        total += bitmap_count(def->cpu.cells.items[i]->cpus);
    if (total > def->vcpus.v)
        return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "the NUMA cells name %u processors, the guest has %u", total,
                          def->vcpus.v);
    return 0;
}

static int
topology_fits(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    const CpuTopology *t = &def->cpu.topology;
    unsigned long long total = (unsigned long long)t->sockets.v * t->dies.v * t->clusters.v * t->cores.v * t->threads.v;

    if (t->present && total != def->vcpus.v)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: the CPU topology has %llu "
                          "processors, <vcpu> says %u", total, def->vcpus.v);
    return 0;
}

static int
processors_fit_machine(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    if (domain_def_is_i440fx(def) && def->vcpus.v > 255)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: machine '%s' has at most 255 "
                          "processors, not %u", def->os.machine, def->vcpus.v);
    return 0;
}

static int
timers_exist(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    LIST_FOREACH(ClockTimer, timer, &def->clock.timers)
        if (timer->name == TIMER_PLATFORM)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: there is no timer 'platform'");
    return 0;
}

static int
partition_is_a_path(const DomainDef *def, const DomainCaps *caps, Error *err)
{
    if (def->partition && *def->partition != '/')
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: resource partition '%s' must begin "
                          "with '/'", def->partition);
    return 0;
}

static const Rule early_rules[] = {
    { "disk targets differ", disk_targets_differ },
    { "single devices are single", single_devices_are_single },
    { "I/O thread ids differ", iothread_ids_differ },
    { "block I/O devices differ", blkio_devices_differ },
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
    { "I/O threads that are tuned exist", tuned_iothreads_exist },
    { "one size of huge pages", one_size_of_huge_pages },
    { "nodes of huge pages exist", huge_page_nodes_exist },
    { "NUMA memory is for nodes that exist", numa_memory_fits },
    { "NUMA cells name processors that exist", numa_processors_fit },
    { "CPU topology fits the number of processors", topology_fits },
    { "processors fit the machine", processors_fit_machine },
    { "timers exist", timers_exist },
    { "resource partition is a path", partition_is_a_path },
    { "cache and bandwidth control needs KVM", resctrl_needs_kvm },
    { "CPU cache mode fits its level", cpu_cache_fits },
    { "features fit the architecture", features_fit_architecture },
    { "protection from the host is possible", protection_is_possible },
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
    return domain_check_devices(def, caps, err);
}
