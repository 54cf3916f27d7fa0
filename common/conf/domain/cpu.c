#include "common/conf/domain/cpu.h"

#include <string.h>

const char *const cpu_mode_names[] = { NULL, "custom", "host-model", "host-passthrough", "maximum", NULL };
const char *const cpu_match_names[] = { NULL, "minimum", "exact", "strict", NULL };
const char *const cpu_check_names[] = { NULL, "none", "partial", "full", NULL };
const char *const cpu_policy_names[] = { NULL, "force", "require", "optional", "disable", "forbid", NULL };
static const char *const fallback_names[] = { NULL, "allow", "forbid", NULL };

#define C CpuDef

static int
feature_check(XmlParse *parse, xmlNode *element, void *object)
{
    CpuFeature *feature = object;

    if (!feature->policy)
        feature->policy = CPU_REQUIRE;
    return 0;
}
static const XmlRow feature_rows[] = {
    A_ENUM("policy", CpuFeature, policy, cpu_policy_names, "what is asked of the host", .flags = XR_ABI),
    A_STR("name", CpuFeature, name, "feature", .flags = XR_REQUIRED | XR_ABI),
    ROWS_END,
};
static SCHEMA(feature_schema, "cpuFeature", CpuFeature, feature_rows, "a feature of the processor",
              .check = feature_check);

static int
topology_check(XmlParse *parse, xmlNode *element, void *object)
{
    CpuTopology *t = object;
    OptUint *const parts[] = { &t->sockets, &t->dies, &t->clusters, &t->cores, &t->threads };
    unsigned long long total = 1;

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!parts[i]->set && (i == 1 || i == 2))
            *parts[i] = (OptUint)OPT(1);
        if (!parts[i]->v)
            return xml_problem(parse, element, FROM_CPU, ERR_XML_ERROR,
                               "each part of a CPU <topology> must be at least 1");
        total *= parts[i]->v;
        if (total > 1 << 20)
            return xml_problem(parse, element, FROM_CPU, ERR_XML_ERROR, "CPU <topology> describes too many processors");
    }
    return 0;
}
static const XmlRow topology_rows[] = {
    PRESENT(CpuTopology, present),
    A_UINT("sockets", CpuTopology, sockets, "sockets", .flags = XR_REQUIRED | XR_ABI),
    A_UINT("dies", CpuTopology, dies, "dies per socket", .flags = XR_ABI),
    A_UINT("clusters", CpuTopology, clusters, "clusters per die", .flags = XR_ABI),
    A_UINT("cores", CpuTopology, cores, "cores per cluster", .flags = XR_REQUIRED | XR_ABI),
    A_UINT("threads", CpuTopology, threads, "threads per core", .flags = XR_REQUIRED | XR_ABI),
    ROWS_END,
};
static SCHEMA(topology_schema, "cpuTopology", CpuTopology, topology_rows, "arrangement of processors",
              .check = topology_check);

static const XmlRow cache_rows[] = {
    A_UINT("level", CpuCache, level, "level of the cache", .flags = XR_ABI),
    A_WORD("mode", CpuCache, mode, WORDS("emulate", "passthrough", "disable"), "emulate, passthrough or disable",
           .flags = XR_REQUIRED | XR_ABI),
    ROWS_END,
};
static SCHEMA(cache_schema, "cpuCache", CpuCache, cache_rows, "cache the guest sees");
static const XmlRow phys_rows[] = {
    A_WORD("mode", CpuPhysAddr, mode, WORDS("emulate", "passthrough"), "emulate or passthrough",
           .flags = XR_REQUIRED | XR_ABI),
    A_UINT("bits", CpuPhysAddr, bits, "width", .flags = XR_ABI),
    A_UINT("limit", CpuPhysAddr, limit, "upper bound of a passed-through width", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(phys_schema, "maxphysaddr", CpuPhysAddr, phys_rows, "width of physical addresses");

/* -- NUMA -- */

static const XmlRow sibling_rows[] = {
    A_UINT("id", NumaDistance, id, "the other node", .flags = XR_REQUIRED | XR_ABI),
    A_UINT("value", NumaDistance, value, "distance from 10", .flags = XR_REQUIRED | XR_ABI, .min = 10, .max = 255),
    ROWS_END,
};
static SCHEMA(sibling_schema, "numaSibling", NumaDistance, sibling_rows, "distance to a node");
static const XmlRow distances_rows[] = {
    ITEMS("sibling", NumaCell, distances, sibling_schema, "distance to a node"),
    ROWS_END,
};
static SCHEMA(distances_schema, "numaDistances", NumaCell, distances_rows, "distances to other nodes");
static const XmlRow cache_size_rows[] = {
    SIZE_ATTR("value", NumaCache, size, 1024, "size", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(cache_size_schema, "numaCacheSize", NumaCache, cache_size_rows, "size");
static const XmlRow cache_line_rows[] = {
    SIZE_ATTR("value", NumaCache, line, 1, "size", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(cache_line_schema, "numaCacheLine", NumaCache, cache_line_rows, "size of a line");
static const XmlRow numa_cache_rows[] = {
    A_UINT("level", NumaCache, level, "level", .flags = XR_REQUIRED),
    A_WORD("associativity", NumaCache, associativity, WORDS("none", "direct", "full"), "none, direct or full"),
    A_WORD("policy", NumaCache, policy, WORDS("none", "writeback", "writethrough"), "none, writeback or writethrough"),
    GROUP("size", cache_size_schema, "size"),
    GROUP("line", cache_line_schema, "size of a line"),
    ROWS_END,
};
static SCHEMA(numa_cache_schema, "numaCache", NumaCache, numa_cache_rows, "memory side cache");

static const XmlRow cell_rows[] = {
    A_UINT("id", NumaCell, id, "number of the node"),
    A_SET("cpus", NumaCell, cpus, "processors of the node", .flags = XR_ABI),
    SIZE_ATTR("memory", NumaCell, memory, 1024, "its memory", .flags = XR_REQUIRED | XR_ABI),
    A_WORD("memAccess", NumaCell, mem_access, WORDS("shared", "private"), "who sees the memory"),
    A_YESNO("discard", NumaCell, discard, "contents may be thrown away at the end"),
    GROUP("distances", distances_schema, "distances to other nodes"),
    ITEMS("cache", NumaCell, caches, numa_cache_schema, "memory side cache"),
    ROWS_END,
};
static SCHEMA(cell_schema, "numaCell", NumaCell, cell_rows, "NUMA node");

#define LINK_ROWS \
    A_UINT("initiator", NumaLink, initiator, "from", .flags = XR_REQUIRED), \
    A_UINT("target", NumaLink, target, "to", .flags = XR_REQUIRED), \
    A_UINT("cache", NumaLink, cache, "level of the cache"), \
    A_WORD("type", NumaLink, type, WORDS("access", "read", "write"), "access, read or write", .flags = XR_REQUIRED)
static const XmlRow latency_rows[] = {
    LINK_ROWS,
    A_U64("value", NumaLink, value, "nanoseconds", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(latency_schema, "numaLatency", NumaLink, latency_rows, "latency between nodes");
static const XmlRow speed_rows[] = {
    LINK_ROWS,
    SIZE_ATTR("value", NumaLink, value, 1024, "per second", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(speed_schema, "numaBandwidth", NumaLink, speed_rows, "bandwidth between nodes");
static const XmlRow interconnects_rows[] = {
    ITEMS("latency", C, latencies, latency_schema, "latency"),
    ITEMS("bandwidth", C, bandwidths, speed_schema, "bandwidth"),
    ROWS_END,
};
static SCHEMA(interconnects_schema, "numaInterconnects", C, interconnects_rows, "properties of links");
static const XmlRow numa_rows[] = {
    ITEMS("cell", C, cells, cell_schema, "a node"),
    GROUP("interconnects", interconnects_schema, "links"),
    ROWS_END,
};

#define MAX_CELLS 128

/* Numbered from 0 without a gap; without numbers, in document order. */
static int
numa_check(XmlParse *parse, xmlNode *element, void *object)
{
    C *cpu = object;

    if (cpu->cells.n > MAX_CELLS)
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED, "a machine has at most %d NUMA cells",
                           MAX_CELLS);
    for (size_t i = 0; i < cpu->cells.n; i++)
        if (!cpu->cells.items[i]->id.set)
            cpu->cells.items[i]->id = (OptUint)OPT(i);
    for (size_t i = 0; i < cpu->cells.n; i++) {
        size_t at = i;

        while (at < cpu->cells.n && cpu->cells.items[at]->id.v != i)
            at++;
        if (at == cpu->cells.n)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "NUMA cells must be numbered from 0 without a gap or repetition; there is none with id %zu", i);
        NumaCell *swap = cpu->cells.items[i];
        cpu->cells.items[i] = cpu->cells.items[at];
        cpu->cells.items[at] = swap;
    }
    for (size_t i = 0; i < cpu->cells.n; i++)
        for (size_t j = 0; j < i; j++)
            if (bitmap_overlaps(cpu->cells.items[i]->cpus, cpu->cells.items[j]->cpus))
                return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                                   "NUMA cells %zu and %zu share processors", j, i);
    return 0;
}
static SCHEMA(numa_schema, "numa", C, numa_rows, "NUMA nodes", .check = numa_check);

/* -- <cpu> -- */

static const XmlRow model_rows[] = {
    A_ENUM("fallback", C, fallback, fallback_names, "whether another model may be taken"),
    A_STR("vendor_id", C, vendor_id, "vendor the guest sees", .flags = XR_ABI),
    T_STR(C, model, "name of the model", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(model_schema, "cpuModel", C, model_rows, "model of the processor");

static int
cpu_check(XmlParse *parse, xmlNode *element, void *object)
{
    C *cpu = object;
    const xmlNode *model = xml_child(element, "model");

    if (!cpu->mode && (cpu->model || model))
        cpu->mode = CPU_CUSTOM;
    if (cpu->vendor_id && strlen(cpu->vendor_id) != 12)
        return xml_problem(parse, element, FROM_CPU, ERR_XML_ERROR, "vendor_id '%s' must be 12 characters long",
                           cpu->vendor_id);
    if (cpu->mode == CPU_CUSTOM && cpu->model && !cpu->match)
        cpu->match = CPU_EXACT;
    if (cpu->mode == CPU_CUSTOM && cpu->model && !cpu->fallback)
        cpu->fallback = CPU_FALLBACK_ALLOW;
    if (cpu->mode == CPU_HOST_MODEL && model && !cpu->fallback)
        cpu->fallback = CPU_FALLBACK_ALLOW;
    for (size_t i = 0; i < cpu->features.n; i++)
        for (size_t j = 0; j < i; j++)
            if (cpu->features.items[i]->name && strcmp(cpu->features.items[i]->name, cpu->features.items[j]->name) == 0)
                return xml_problem(parse, element, FROM_CPU, ERR_XML_ERROR, "CPU feature '%s' is given more than once",
                                   cpu->features.items[i]->name);
    return 0;
}

static const XmlRow cpu_rows[] = {
    PRESENT(C, present),
    A_ENUM("mode", C, mode, cpu_mode_names, "how the processor is described", .flags = XR_ABI),
    A_ENUM("match", C, match, cpu_match_names, "how exactly it must be had", .flags = XR_ABI),
    A_ENUM("check", C, check, cpu_check_names, "what is compared with the host"),
    A_ONOFF("migratable", C, migratable, "leave out what cannot migrate", .flags = XR_ABI),
    A_ONOFF("deprecated_features", C, deprecated_features, "keep deprecated features"),
    GROUP("model", model_schema, "model"),
    E_STR("vendor", C, vendor, "vendor of the host's processor"),
    GROUP_AT("topology", C, topology, topology_schema, "arrangement"),
    PTR("cache", C, cache, cache_schema, "cache"),
    PTR("maxphysaddr", C, maxphysaddr, phys_schema, "width of physical addresses"),
    ITEMS("feature", C, features, feature_schema, "a feature"),
    GROUP("numa", numa_schema, "NUMA nodes"),
    ROWS_END,
};
SCHEMA(cpu_schema, "cpu", C, cpu_rows, "processor of the guest", .check = cpu_check);
