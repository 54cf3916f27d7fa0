#include "common/host/node.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/base/file.h"

#define CPU_DIR "/sys/devices/system/cpu"
#define NODE_DIR "/sys/devices/system/node"
#define MEMINFO_MAX 65536

static int
read_int(int fallback, const char *format, ...)
{
    g_autofree char *path = NULL, *text = NULL;
    va_list args;

    va_start(args, format);
    path = g_strdup_vprintf(format, args);
    va_end(args);
    text = file_read_line(path);
    return text && *text ? atoi(text) : fallback;
}

/* "0-2,5" as a set of bits in a byte array. */
static GArray *
parse_list(const char *text)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(unsigned));

    while (text && isdigit((unsigned char)*text)) {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

        for (unsigned long i = first; i <= last && i < 65536; i++) {
            unsigned id = (unsigned)i;

            g_array_append_val(ids, id);
        }
        text = *end == ',' ? end + 1 : end;
    }
    return ids;
}

static GArray *
read_list(const char *path)
{
    g_autofree char *text = file_read_line(path);

    return parse_list(text);
}

static bool
list_contains(const GArray *ids, unsigned id)
{
    for (guint i = 0; i < ids->len; i++)
        if (g_array_index(ids, unsigned, i) == id)
            return true;
    return false;
}

static void
cpu_clear(void *data)
{
    g_free(((NodeCpu *)data)->siblings);
}

static void
cell_clear(void *data)
{
    g_array_unref(((NodeCell *)data)->cpus);
}

static void
topology_cells(NodeTopology *t)
{
    g_autoptr(GArray) ids = read_list(NODE_DIR "/online");

    if (ids->len == 0) {
        unsigned zero = 0;

        g_array_append_val(ids, zero);
    }
    for (guint i = 0; i < ids->len; i++) {
        unsigned id = g_array_index(ids, unsigned, i);
        g_autofree char *path = g_strdup_printf(NODE_DIR "/node%u/cpulist", id);
        NodeMemory memory = { 0 };
        NodeCell cell = { .id = id };

        if (access(path, R_OK) < 0) { /* a kernel without NUMA: one cell with everything */
            cell.cpus = read_list(CPU_DIR "/present");
            cell.memory_kib = node_memory_kib();
        } else {
            cell.cpus = read_list(path);
            node_memory((int)id, &memory, NULL);
            cell.memory_kib = memory.total;
        }
        g_array_append_val(t->cells, cell);
    }
}

static int
cell_of(const NodeTopology *t, unsigned cpu)
{
    for (guint i = 0; i < t->cells->len; i++) {
        NodeCell *cell = &g_array_index(t->cells, NodeCell, i);

        if (list_contains(cell->cpus, cpu))
            return (int)cell->id;
    }
    return 0;
}

static unsigned
count_distinct(const NodeTopology *t, int cell, int socket, int core)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < t->cpus->len; i++) {
        NodeCpu *c = &g_array_index(t->cpus, NodeCpu, i);

        if (!c->online || c->cell != cell || (socket >= 0 && c->socket != socket) || (core >= 0 && c->core != core))
            continue;
        g_hash_table_add(seen, GINT_TO_POINTER(core >= 0 ? (int)c->id : socket >= 0 ? c->die * 65536 + c->core : c->socket));
    }
    return g_hash_table_size(seen);
}

/* The largest count of each level; uneven machines are shown as one cell of all CPUs, as libvirt does. */
static void
topology_count(NodeTopology *t)
{
    for (guint i = 0; i < t->cpus->len; i++) {
        NodeCpu *c = &g_array_index(t->cpus, NodeCpu, i);

        if (!c->online)
            continue;
        t->online++;
        t->sockets = MAX(t->sockets, count_distinct(t, c->cell, -1, -1));
        t->cores = MAX(t->cores, count_distinct(t, c->cell, c->socket, -1));
        t->threads = MAX(t->threads, count_distinct(t, c->cell, c->socket, c->core));
    }
    if (t->cells->len * t->sockets * t->cores * t->threads != t->cpus->len) {
        t->sockets = 1;
        t->cores = t->cpus->len / MAX(t->cells->len, 1);
        t->threads = 1;
    }
}

static unsigned
read_mhz(void)
{
    g_autofree char *text = NULL;
    const char *at;

    if (file_read("/proc/cpuinfo", 16 * 1024 * 1024, &text, NULL, NULL) < 0)
        return 0;
    at = strstr(text, "cpu MHz");
    at = at ? strchr(at, ':') : NULL;
    return at ? (unsigned)g_ascii_strtod(at + 1, NULL) : 0;
}

NodeTopology *
node_topology_new(void)
{
    NodeTopology *t = g_new0(NodeTopology, 1);
    g_autoptr(GArray) present = read_list(CPU_DIR "/present"), online = read_list(CPU_DIR "/online");

    t->cpus = g_array_new(FALSE, TRUE, sizeof(NodeCpu));
    g_array_set_clear_func(t->cpus, cpu_clear);
    t->cells = g_array_new(FALSE, TRUE, sizeof(NodeCell));
    g_array_set_clear_func(t->cells, cell_clear);
    topology_cells(t);
    for (guint i = 0; i < present->len; i++) {
        unsigned id = g_array_index(present, unsigned, i);
        g_autofree char *siblings = g_strdup_printf(CPU_DIR "/cpu%u/topology/thread_siblings_list", id);
        NodeCpu cpu = {
            .id = id,
            .online = list_contains(online, id),
            .cell = cell_of(t, id),
            .socket = read_int(0, CPU_DIR "/cpu%u/topology/physical_package_id", id),
            .die = read_int(0, CPU_DIR "/cpu%u/topology/die_id", id),
            .cluster = read_int(0, CPU_DIR "/cpu%u/topology/cluster_id", id),
            .core = read_int(0, CPU_DIR "/cpu%u/topology/core_id", id),
            .siblings = file_read_line(siblings),
        };

        cpu.die = MAX(cpu.die, 0);
        cpu.socket = MAX(cpu.socket, 0);
        g_array_append_val(t->cpus, cpu);
    }
    topology_count(t);
    t->mhz = read_mhz();
    return t;
}

void
node_topology_free(NodeTopology *t)
{
    if (!t)
        return;
    g_array_unref(t->cpus);
    g_array_unref(t->cells);
    g_free(t);
}

const char *
node_arch(void)
{
    static char arch[65];
    struct utsname uts;

    if (!arch[0] && uname(&uts) == 0)
        g_strlcpy(arch, strcmp(uts.machine, "arm64") == 0 ? "aarch64" : uts.machine, sizeof(arch));
    return arch;
}

uint64_t
node_memory_kib(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024);
}

static uint64_t
meminfo_value(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? g_ascii_strtoull(at + strlen(key), NULL, 10) : 0;
}

int
node_memory(int cell, NodeMemory *ret, Error *err)
{
    g_autofree char *path = cell < 0 ? g_strdup("/proc/meminfo") : g_strdup_printf(NODE_DIR "/node%d/meminfo", cell);
    g_autofree char *text = NULL;

    if (file_read(path, MEMINFO_MAX, &text, NULL, NULL) < 0)
        return error_setf(err, FROM_NONE, ERR_INVALID_ARG, "the host has no memory cell %d", cell);
    *ret = (NodeMemory){
        .total = meminfo_value(text, "MemTotal:"),
        .free = meminfo_value(text, "MemFree:"),
        .has_buffers = cell < 0,
    };
    if (cell < 0) {
        ret->buffers = meminfo_value(text, "Buffers:");
        ret->cached = meminfo_value(text, "\nCached:");
    }
    return 0;
}

uint64_t
node_free_memory_bytes(int cell)
{
    NodeMemory memory = { 0 };

    return node_memory(cell, &memory, NULL) < 0 ? 0 : memory.free * 1024;
}

int
node_cpu_times(int cpu, NodeCpuTimes *ret, Error *err)
{
    g_autofree char *text = NULL, *label = cpu < 0 ? g_strdup("cpu ") : g_strdup_printf("cpu%d ", cpu);
    uint64_t tick = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
    unsigned long long v[7] = { 0 };
    const char *at;

    if (file_read("/proc/stat", 16 * 1024 * 1024, &text, NULL, err) < 0)
        return -1;
    at = g_str_has_prefix(text, label) ? text : NULL;
    for (const char *line = text; !at && (line = strchr(line, '\n')); )
        at = g_str_has_prefix(++line, label) ? line : NULL;
    if (!at || sscanf(at + strlen(label), "%llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6) < 5)
        return error_setf(err, FROM_NONE, ERR_INVALID_ARG, "the host has no CPU %d", cpu);
    *ret = (NodeCpuTimes){ .user = (v[0] + v[1]) * tick, .kernel = (v[2] + v[5] + v[6]) * tick, .idle = v[3] * tick,
                           .iowait = v[4] * tick };
    return 0;
}

static unsigned
base_page_kib(void)
{
    return (unsigned)sysconf(_SC_PAGESIZE) / 1024;
}

int
node_pages(int cell, unsigned size_kib, uint64_t *ret_total, uint64_t *ret_free)
{
    g_autofree char *dir = cell < 0 ? g_strdup_printf("/sys/kernel/mm/hugepages/hugepages-%ukB", size_kib)
                                    : g_strdup_printf(NODE_DIR "/node%d/hugepages/hugepages-%ukB", cell, size_kib);
    g_autofree char *total = g_build_filename(dir, "nr_hugepages", NULL), *free_path = g_build_filename(dir, "free_hugepages", NULL);
    uint64_t huge_kib = 0;

    if (size_kib != base_page_kib()) {
        if (access(total, R_OK) < 0)
            return -1;
        *ret_total = (uint64_t)read_int(0, "%s", total);
        *ret_free = (uint64_t)read_int(0, "%s", free_path);
        return 0;
    }
    /* Ordinary pages are what huge pages leave. */
    g_autoptr(GArray) sizes = node_page_sizes();

    for (guint i = 0; i < sizes->len; i++) {
        unsigned size = g_array_index(sizes, unsigned, i);
        uint64_t all, unused;

        if (size != size_kib && node_pages(cell, size, &all, &unused) == 0)
            huge_kib += all * size;
    }
    NodeMemory memory = { 0 };

    if (node_memory(cell, &memory, NULL) < 0 && node_memory(-1, &memory, NULL) < 0)
        return -1;
    *ret_total = (memory.total - MIN(memory.total, huge_kib)) / size_kib;
    *ret_free = memory.free / size_kib;
    return 0;
}

static int
compare_sizes(gconstpointer a, gconstpointer b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return x < y ? -1 : x > y;
}

GArray *
node_page_sizes(void)
{
    GArray *sizes = g_array_new(FALSE, FALSE, sizeof(unsigned));
    g_autoptr(GDir) dir = g_dir_open("/sys/kernel/mm/hugepages", 0, NULL);
    unsigned base = base_page_kib(), size;
    const char *name;

    g_array_append_val(sizes, base);
    while (dir && (name = g_dir_read_name(dir)))
        if (sscanf(name, "hugepages-%ukB", &size) == 1)
            g_array_append_val(sizes, size);
    g_array_sort(sizes, compare_sizes);
    return sizes;
}

static bool
host_uuid_from(const char *text, uint8_t *uuid)
{
    unsigned n = 0;
    bool same = true;

    for (; text && *text && n < 32; text++) {
        int digit = g_ascii_xdigit_value(*text);

        if (*text == '-')
            continue;
        if (digit < 0)
            return false;
        uuid[n / 2] = (uint8_t)(n % 2 ? uuid[n / 2] | digit : digit << 4);
        n++;
    }
    for (int i = 1; i < 16; i++)
        same = same && uuid[i] == uuid[0];
    return n == 32 && !same; /* all alike is what careless firmware says */
}

bool
node_uuid(const char *source, uint8_t uuid[16])
{
    g_autofree char *firmware = NULL, *machine = NULL;

    if (g_strcmp0(source, "machine-id") != 0) {
        firmware = file_read_line("/sys/devices/virtual/dmi/id/product_uuid");
        if (host_uuid_from(firmware, uuid))
            return true;
    }
    machine = file_read_line("/etc/machine-id");
    return host_uuid_from(machine, uuid);
}

char *
node_hostname(void)
{
    char name[256] = "";

    gethostname(name, sizeof(name) - 1);
    return g_strdup(*name ? name : "localhost");
}
