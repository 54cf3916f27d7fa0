#include "common/conf/domain/tune.h"

#include <stdlib.h>
#include <string.h>

const char *const sched_names[] = { NULL, "other", "batch", "idle", "fifo", "rr", NULL };
static const char *const numa_mode_names[] = { NULL, "strict", "preferred", "interleave", "restrictive", NULL };
static const char *const placement_names[] = { NULL, "static", "auto", NULL };

#define C CpuTune

/* -- cputune -- */

static int
nonempty_set(XmlParse *parse, xmlNode *element, const Bitmap *set, const char *name)
{
    if (set && bitmap_count(set) == 0)
        return xml_problem(parse, element, parse->domain, ERR_INVALID_ARG, "'%s' of <%s> names nothing", name,
                           (const char *)element->name);
    return 0;
}
static int
vcpupin_check(XmlParse *parse, xmlNode *element, void *object)
{
    return nonempty_set(parse, element, ((VcpuPin *)object)->cpuset, "cpuset");
}
static const XmlRow vcpupin_rows[] = {
    A_UINT("vcpu", VcpuPin, vcpu, "processor of the guest", .flags = XR_REQUIRED),
    A_SET("cpuset", VcpuPin, cpuset, "processors of the host", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(vcpupin_schema, "vcpupin", VcpuPin, vcpupin_rows, "where a processor may run", .check = vcpupin_check);
static const XmlRow iothreadpin_rows[] = {
    A_UINT("iothread", IothreadPin, iothread, "I/O thread", .flags = XR_REQUIRED, .min = 1),
    A_SET("cpuset", IothreadPin, cpuset, "processors of the host", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(iothreadpin_schema, "iothreadpin", IothreadPin, iothreadpin_rows, "where an I/O thread may run");
static const XmlRow emulatorpin_rows[] = {
    A_SET("cpuset", C, emulatorpin, "processors of the host", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(emulatorpin_schema, "emulatorpin", C, emulatorpin_rows, "where the emulator may run");

static int
sched_check(XmlParse *parse, xmlNode *element, void *object)
{
    SchedDef *sched = object;
    bool realtime = sched->policy == SCHED_POLICY_FIFO || sched->policy == SCHED_POLICY_RR;

    if (realtime && !sched->priority.set)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "scheduler '%s' needs a 'priority'",
                           sched_names[sched->policy]);
    if (!realtime)
        sched->priority.set = false;
    return 0;
}
#define SCHED_TAIL \
    A_ENUM("scheduler", SchedDef, policy, sched_names, "policy", .flags = XR_REQUIRED), \
    A_INT("priority", SchedDef, priority, "for fifo and rr"), ROWS_END
static const XmlRow vcpusched_rows[] = {
    A_SET("vcpus", SchedDef, ids, "processors of the guest", .flags = XR_REQUIRED),
    SCHED_TAIL,
};
static SCHEMA(vcpusched_schema, "vcpusched", SchedDef, vcpusched_rows, "scheduling of processors",
              .check = sched_check);
static const XmlRow iothreadsched_rows[] = {
    A_SET("iothreads", SchedDef, ids, "I/O threads", .flags = XR_REQUIRED),
    SCHED_TAIL,
};
static SCHEMA(iothreadsched_schema, "iothreadsched", SchedDef, iothreadsched_rows, "scheduling of I/O threads",
              .check = sched_check);
static const XmlRow emulatorsched_rows[] = { SCHED_TAIL };
static SCHEMA(emulatorsched_schema, "emulatorsched", SchedDef, emulatorsched_rows, "scheduling of the emulator",
              .check = sched_check);

static const XmlRow cache_rows[] = {
    A_UINT("id", CacheAlloc, id, "cache of the host", .flags = XR_REQUIRED),
    A_UINT("level", CacheAlloc, level, "its level", .flags = XR_REQUIRED),
    A_WORD("type", CacheAlloc, type, WORDS("code", "data", "both"), "code, data or both", .flags = XR_REQUIRED),
    SIZE_ATTR("size", CacheAlloc, size, 1024, "how much", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(cache_schema, "cacheAlloc", CacheAlloc, cache_rows, "share of a cache");
static const XmlRow cache_monitor_rows[] = {
    A_UINT("level", ResctrlMonitor, level, "level of the cache", .flags = XR_REQUIRED),
    A_SET("vcpus", ResctrlMonitor, vcpus, "processors of the guest", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(cache_monitor_schema, "cacheMonitor", ResctrlMonitor, cache_monitor_rows, "what is watched");
static const XmlRow cachetune_rows[] = {
    A_SET("vcpus", CacheTune, vcpus, "processors of the guest", .flags = XR_REQUIRED),
    A_STR("id", CacheTune, id, "group", .flags = XR_LIVE),
    ITEMS("cache", CacheTune, caches, cache_schema, "share of a cache"),
    ITEMS("monitor", CacheTune, monitors, cache_monitor_schema, "what is watched"), ROWS_END,
};
static SCHEMA(cachetune_schema, "cachetune", CacheTune, cachetune_rows, "shares of caches");
static const XmlRow node_rows[] = {
    A_UINT("id", MemBandwidth, id, "node of the host", .flags = XR_REQUIRED),
    A_UINT("bandwidth", MemBandwidth, bandwidth, "percent", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(node_schema, "memoryBandwidth", MemBandwidth, node_rows, "share of memory bandwidth");
static const XmlRow memory_monitor_rows[] = {
    A_SET("vcpus", ResctrlMonitor, vcpus, "processors of the guest", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(memory_monitor_schema, "memoryMonitor", ResctrlMonitor, memory_monitor_rows, "what is watched");
static const XmlRow memorytune_rows[] = {
    A_SET("vcpus", MemoryTune, vcpus, "processors of the guest", .flags = XR_REQUIRED),
    A_STR("id", MemoryTune, id, "group", .flags = XR_LIVE),
    ITEMS("node", MemoryTune, nodes, node_schema, "share of memory bandwidth"),
    ITEMS("monitor", MemoryTune, monitors, memory_monitor_schema, "what is watched"), ROWS_END,
};
static SCHEMA(memorytune_schema, "memorytune", MemoryTune, memorytune_rows, "shares of memory bandwidth");

typedef LIST(SchedDef) SchedList;

static int
by_first_id(const void *a, const void *b)
{
    const SchedDef *const *x = a, *const *y = b;

    return bitmap_next((*x)->ids, -1) - bitmap_next((*y)->ids, -1);
}

/* One entry per thread, in the order of their numbers; a thread has one scheduler. */
static int
split_scheds(XmlParse *parse, xmlNode *element, AnyList *list)
{
    SchedList *scheds = (SchedList *)(void *)list;
    size_t n = scheds->n;

    for (size_t i = 0; i < n; i++) {
        if (bitmap_count(scheds->items[i]->ids) == 0)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "a scheduler in <cputune> is for no thread");
        for (size_t j = 0; j < i; j++)
            if (bitmap_overlaps(scheds->items[j]->ids, scheds->items[i]->ids))
                return xml_problem(parse, element, parse->domain, ERR_XML_DETAIL,
                                   "a thread has two schedulers in <cputune>");
    }
    for (size_t i = 0; i < n; i++) {
        SchedDef *sched = scheds->items[i];
        int first = bitmap_next(sched->ids, -1);

        for (int id = bitmap_next(sched->ids, first); first >= 0 && id >= 0; id = bitmap_next(sched->ids, id)) {
            SchedDef *part = g_new0(SchedDef, 1);

            part->ids = bitmap_new();
            bitmap_set(part->ids, id, true);
            part->policy = sched->policy;
            part->priority = sched->priority;
            LIST_ADD(scheds, part);
            bitmap_set(sched->ids, id, false);
        }
    }
    if (scheds->n)
        qsort(scheds->items, scheds->n, sizeof(*scheds->items), by_first_id);
    return 0;
}

static bool
is_part_of(const Bitmap *part, const Bitmap *whole)
{
    for (int bit = bitmap_next(part, -1); bit >= 0; bit = bitmap_next(part, bit))
        if (!bitmap_get(whole, bit))
            return false;
    return true;
}

/* Groups of processors are apart or equal; what is watched lies within its group. */
static int
check_groups(XmlParse *parse, xmlNode *element, const C *tune)
{
    LIST_FOREACH(CacheTune, group, &tune->cachetunes) {
        for (size_t i = 0; i < group->caches.n; i++)
            for (size_t j = 0; j < i; j++) {
                const CacheAlloc *a = group->caches.items[i], *b = group->caches.items[j];

                if (a->level.v == b->level.v && a->id.v == b->id.v && g_strcmp0(a->type, b->type) == 0)
                    return xml_problem(parse, element, FROM_RESCTRL, ERR_XML_ERROR,
                                       "cache level %u id %u type '%s' is given twice", a->level.v, a->id.v, a->type);
            }
        LIST_FOREACH(ResctrlMonitor, monitor, &group->monitors)
            if (!is_part_of(monitor->vcpus, group->vcpus))
                return xml_problem(parse, element, parse->domain, ERR_INVALID_ARG,
                                   "'vcpus' of a <monitor> go beyond those of its <cachetune>");
        LIST_FOREACH(MemoryTune, other, &tune->memorytunes)
            if (bitmap_overlaps(other->vcpus, group->vcpus) && !bitmap_equal(other->vcpus, group->vcpus))
                return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                                   "'vcpus' of <cachetune> and <memorytune> overlap without being equal");
    }
    for (size_t i = 0; i < tune->cachetunes.n; i++)
        for (size_t j = 0; j < i; j++)
            if (bitmap_overlaps(tune->cachetunes.items[i]->vcpus, tune->cachetunes.items[j]->vcpus))
                return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "'vcpus' of two <cachetune> overlap");
    return 0;
}

static int
cputune_check(XmlParse *parse, xmlNode *element, void *object)
{
    C *tune = object;
    const struct { const char *name; OptU64 period; OptI64 quota; } limits[] = {
        { "", tune->period, tune->quota }, { "global_", tune->global_period, tune->global_quota },
        { "emulator_", tune->emulator_period, tune->emulator_quota }, { "iothread_", tune->iothread_period, tune->iothread_quota },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        if (limits[i].period.v && (limits[i].period.v < 1000 || limits[i].period.v > 1000000))
            return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                               "%speriod must be from 1000 to 1000000 microseconds", limits[i].name);
        if (limits[i].quota.v > 0 && (limits[i].quota.v < 1000 || limits[i].quota.v > 17592186044415LL))
            return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                               "%squota must be negative or from 1000 to 17592186044415 microseconds", limits[i].name);
    }
    if (split_scheds(parse, element, (AnyList *)(void *)&tune->vcpuscheds) < 0 ||
        split_scheds(parse, element, (AnyList *)(void *)&tune->iothreadscheds) < 0)
        return -1;
    return check_groups(parse, element, tune);
}

#define RATE(p, n) E_U64(p "period", C, n##period, "microseconds"), E_I64(p "quota", C, n##quota, "microseconds per period")
static const XmlRow cputune_rows[] = {
    E_U64("shares", C, shares, "weight"),
    RATE("", ), RATE("global_", global_), RATE("emulator_", emulator_), RATE("iothread_", iothread_),
    ITEMS("vcpupin", C, vcpupins, vcpupin_schema, "where a processor may run"),
    GROUP("emulatorpin", emulatorpin_schema, "where the emulator may run"),
    ITEMS("iothreadpin", C, iothreadpins, iothreadpin_schema, "where an I/O thread may run"),
    PTR("emulatorsched", C, emulatorsched, emulatorsched_schema, "scheduling of the emulator"),
    ITEMS("vcpusched", C, vcpuscheds, vcpusched_schema, "scheduling of processors"),
    ITEMS("iothreadsched", C, iothreadscheds, iothreadsched_schema, "scheduling of I/O threads"),
    ITEMS("cachetune", C, cachetunes, cachetune_schema, "shares of caches"),
    ITEMS("memorytune", C, memorytunes, memorytune_schema, "shares of memory bandwidth"),
    ROWS_END,
};
SCHEMA(cputune_schema, "cputune", C, cputune_rows, "CPU time and placement", .check = cputune_check);
#undef C

/* -- numatune -- */

static bool
placement_shown(const void *object, unsigned flags)
{
    return ((const NumaTune *)object)->placement == PLACEMENT_AUTO;
}
static const XmlRow memory_rows[] = {
    PRESENT(NumaTune, memory),
    A_ENUM("mode", NumaTune, mode, numa_mode_names, "how strictly"),
    A_SET("nodeset", NumaTune, nodeset, "nodes of the host"),
    A_ENUM("placement", NumaTune, placement, placement_names, "given here, or asked of numad",
           .shown = placement_shown),
    ROWS_END,
};

static int
numa_memory_check(XmlParse *parse, xmlNode *element, void *object)
{
    NumaTune *tune = object;

    if (!tune->mode)
        tune->mode = NUMA_STRICT;
    if (!tune->placement)
        tune->placement = tune->nodeset ? PLACEMENT_STATIC : PLACEMENT_ABSENT;
    if (tune->placement == PLACEMENT_STATIC && !tune->nodeset)
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "<memory> of <numatune> with placement 'static' needs a 'nodeset'");
    if (tune->placement == PLACEMENT_AUTO)
        g_clear_pointer(&tune->nodeset, bitmap_free);
    return 0;
}
static SCHEMA(memory_schema, "numatuneMemory", NumaTune, memory_rows, "where memory comes from",
              .check = numa_memory_check);
static const XmlRow memnode_rows[] = {
    A_UINT("cellid", MemNode, cellid, "node of the guest", .flags = XR_REQUIRED),
    A_ENUM("mode", MemNode, mode, numa_mode_names, "how strictly"),
    A_SET("nodeset", MemNode, nodeset, "nodes of the host", .flags = XR_REQUIRED), ROWS_END,
};
static int
memnode_check(XmlParse *parse, xmlNode *element, void *object)
{
    MemNode *node = object;

    if (!node->mode)
        node->mode = NUMA_STRICT;
    return 0;
}
static SCHEMA(memnode_schema, "memnode", MemNode, memnode_rows, "where memory of a node comes from",
              .check = memnode_check);

static int
numatune_check(XmlParse *parse, xmlNode *element, void *object)
{
    const NumaTune *tune = object;

    for (size_t i = 0; i < tune->memnodes.n; i++) {
        bool node = tune->memnodes.items[i]->mode == NUMA_RESTRICTIVE, all = tune->mode == NUMA_RESTRICTIVE;

        if (tune->memory && node != all)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "mode 'restrictive' must be given in both <memory> and <memnode>, or in neither");
    }
    return 0;
}
static const XmlRow numatune_rows[] = {
    GROUP("memory", memory_schema, "where memory comes from"),
    ITEMS("memnode", NumaTune, memnodes, memnode_schema, "the same of one node"), ROWS_END,
};
SCHEMA(numatune_schema, "numatune", NumaTune, numatune_rows, "NUMA placement of memory", .check = numatune_check);

/* -- blkiotune, memtune -- */

#define B BlkioDevice
static const XmlRow blkio_device_rows[] = {
    E_STR("path", B, path, "device of the host", .flags = XR_REQUIRED),
    E_UINT("weight", B, weight, "weight"),
    E_UINT("read_iops_sec", B, read_iops, "reads per second"),
    E_UINT("write_iops_sec", B, write_iops, "writes per second"),
    E_U64("read_bytes_sec", B, read_bytes, "bytes read per second"),
    E_U64("write_bytes_sec", B, write_bytes, "bytes written per second"), ROWS_END,
};
static SCHEMA(blkio_device_schema, "blkioDevice", B, blkio_device_rows, "limits of one device");
static const XmlRow blkiotune_rows[] = {
    E_UINT("weight", BlkioTune, weight, "weight"),
    ITEMS("device", BlkioTune, devices, blkio_device_schema, "limits of one device"), ROWS_END,
};
SCHEMA(blkiotune_schema, "blkiotune", BlkioTune, blkiotune_rows, "limits of block I/O");

/* From here on there is no limit. */
#define UNLIMITED 9007199254740991ULL

static int
memtune_check(XmlParse *parse, xmlNode *element, void *object)
{
    MemTune *tune = object;
    OptU64 *const limits[] = { &tune->hard_limit, &tune->soft_limit, &tune->swap_hard_limit };

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
        if (limits[i]->v >= UNLIMITED)
            *limits[i] = (OptU64){ 0 };
    return 0;
}

static const XmlRow memtune_rows[] = {
    SIZE("hard_limit", MemTune, hard_limit, 1024, "never more"),
    SIZE("soft_limit", MemTune, soft_limit, 1024, "more only while there is plenty"),
    SIZE("min_guarantee", MemTune, min_guarantee, 1024, "never less"),
    SIZE("swap_hard_limit", MemTune, swap_hard_limit, 1024, "memory and swap"), ROWS_END,
};
SCHEMA(memtune_schema, "memtune", MemTune, memtune_rows, "limits of memory", .check = memtune_check);

/* -- memoryBacking -- */

#define M MemoryBacking
static const XmlRow page_rows[] = {
    SIZE_ATTR("size", HugePage, size, 1024, "size of a page", .flags = XR_REQUIRED),
    A_SET("nodeset", HugePage, nodeset, "nodes of the guest"), ROWS_END,
};
static SCHEMA(page_schema, "hugepage", HugePage, page_rows, "huge pages of one size");
static const XmlRow hugepages_rows[] = {
    PRESENT(M, hugepages),
    ITEMS("page", M, pages, page_schema, "a size"),
    ROWS_END,
};
static SCHEMA(hugepages_schema, "hugepages", M, hugepages_rows, "huge pages");
static const XmlRow source_rows[] = {
    A_WORD("type", M, source, WORDS("file", "anonymous", "memfd"), "kind", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(source_schema, "backingSource", M, source_rows, "kind of memory");
static const XmlRow access_rows[] = {
    A_WORD("mode", M, access, WORDS("shared", "private"), "who", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(access_schema, "backingAccess", M, access_rows, "who sees the memory");
static const XmlRow allocation_rows[] = {
    A_WORD("mode", M, allocation, WORDS("immediate", "ondemand"), "when"),
    A_UINT("threads", M, allocation_threads, "threads that allocate", .min = 1),
    ROWS_END,
};
static SCHEMA(allocation_schema, "backingAllocation", M, allocation_rows, "when memory is taken");

static int
backing_check(XmlParse *parse, xmlNode *element, void *object)
{
    const M *backing = object;

    unsigned masters = 0;

    for (size_t i = 0; i < backing->pages.n; i++)
        masters += !backing->pages.items[i]->nodeset;
    if (masters > 1)
        return xml_problem(parse, element, parse->domain, ERR_XML_DETAIL, "two sizes of <hugepages> have no 'nodeset'");
    return 0;
}
static const XmlRow backing_rows[] = {
    GROUP("hugepages", hugepages_schema, "huge pages"),
    FLAG("nosharepages", M, nosharepages, "do not merge equal pages"),
    FLAG("locked", M, locked, "never swap"),
    GROUP("source", source_schema, "kind of memory"),
    GROUP("access", access_schema, "who sees it"),
    GROUP("allocation", allocation_schema, "when it is taken"),
    FLAG("discard", M, discard, "contents may be thrown away at the end"), ROWS_END,
};
SCHEMA(memory_backing_schema, "memoryBacking", M, backing_rows, "what is behind the guest's memory",
       .check = backing_check);
