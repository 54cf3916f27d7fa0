#include "virtqemud/stats/stats.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/conf/domain/device/simple.h"

#define QUESTIONS 5

static const char *
balloon_alias(const DomainDef *def)
{
    const Device *balloon = domain_def_device(def, DEVICE_MEMBALLOON, 0);

    return balloon && balloon->info.alias ? balloon->info.alias : NULL;
}

int
stats_ask(Job *job, Domain *domain, unsigned what, uint64_t timeout, StatsAnswer *ret, Error *err)
{
    QmpCommand commands[QUESTIONS] = { 0 };
    json_t **answers[QUESTIONS];
    const char *balloon = balloon_alias(domain->live);
    size_t n = 0;
    int r;

    *ret = (StatsAnswer){ 0 };
    if ((what & STATS_ASK_BALLOON) && balloon) {
        g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", balloon);

        answers[n] = &ret->balloon;
        commands[n++].command = "query-balloon";
        answers[n] = &ret->guest_stats;
        commands[n].args = json_pack("{s:s, s:s}", "path", path, "property", "guest-stats");
        commands[n++].command = "qom-get";
    }
    if (what & STATS_ASK_BLOCK) {
        answers[n] = &ret->block;
        commands[n++].command = "query-blockstats";
        answers[n] = &ret->nodes;
        commands[n].args = json_pack("{s:b}", "flat", 1);
        commands[n++].command = "query-named-block-nodes";
    }
    if (what & STATS_ASK_VCPU) {
        answers[n] = &ret->cpus;
        commands[n++].command = "query-cpus-fast";
    }
    if (n == 0)
        return 0;
    r = qmp_call_many(job, domain->run->qmp, commands, n, timeout, err);
    for (size_t i = 0; i < n; i++)
        *answers[i] = r == 0 ? json_incref(commands[i].ret) : NULL;
    qmp_commands_done(commands, n);
    return r;
}

void
stats_answer_done(StatsAnswer *answer)
{
    json_decref(answer->balloon);
    json_decref(answer->guest_stats);
    json_decref(answer->block);
    json_decref(answer->nodes);
    json_decref(answer->cpus);
    *answer = (StatsAnswer){ 0 };
}

/* "/machine/peripheral/virtio-disk0/virtio-backend" is of alias "virtio-disk0". */
static bool
path_names(const char *path, const char *alias)
{
    static const char prefix[] = "/machine/peripheral/";
    size_t n = strlen(alias);

    if (!path)
        return false;
    if (g_str_has_prefix(path, prefix))
        path += strlen(prefix);
    return strncmp(path, alias, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void
image_sizes(json_t *nodes, const char *name, StatsBlock *ret)
{
    json_t *node;
    size_t i;

    json_array_foreach(nodes, i, node) {
        json_t *image = json_object_get(node, "image");

        if (!name || g_strcmp0(qmp_string(node, "node-name"), name) != 0)
            continue;
        ret->capacity = (uint64_t)qmp_int(image, "virtual-size", 0);
        ret->physical = (uint64_t)qmp_int(image, "actual-size", 0);
    }
}

bool
stats_block(const StatsAnswer *answer, const char *alias, StatsBlock *ret)
{
    json_t *item;
    size_t i;

    json_array_foreach(answer->block, i, item) {
        json_t *stats = json_object_get(item, "stats"), *parent = json_object_get(json_object_get(item, "parent"), "stats");

        if (!path_names(qmp_string(item, "qdev"), alias))
            continue;
        *ret = (StatsBlock){
            .rd_reqs = (uint64_t)qmp_int(stats, "rd_operations", 0),
            .rd_bytes = (uint64_t)qmp_int(stats, "rd_bytes", 0),
            .rd_times = (uint64_t)qmp_int(stats, "rd_total_time_ns", 0),
            .wr_reqs = (uint64_t)qmp_int(stats, "wr_operations", 0),
            .wr_bytes = (uint64_t)qmp_int(stats, "wr_bytes", 0),
            .wr_times = (uint64_t)qmp_int(stats, "wr_total_time_ns", 0),
            .fl_reqs = (uint64_t)qmp_int(stats, "flush_operations", 0),
            .fl_times = (uint64_t)qmp_int(stats, "flush_total_time_ns", 0),
        };
        image_sizes(answer->nodes, qmp_string(item, "node-name"), ret);
        ret->allocation = (uint64_t)qmp_int(parent ? parent : stats, "wr_highest_offset", 0);
        return true;
    }
    return false;
}

static uint64_t
counter(const char *interface, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/statistics/%s", interface, name), *text = file_read_line(path);

    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

bool
stats_net(const char *interface, StatsNet *ret)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/statistics", interface);

    if (strchr(interface, '/') || access(path, F_OK) < 0)
        return false;
    *ret = (StatsNet){
        .rx_bytes = counter(interface, "tx_bytes"),     .rx_packets = counter(interface, "tx_packets"),
        .rx_errs = counter(interface, "tx_errors"),     .rx_drop = counter(interface, "tx_dropped"),
        .tx_bytes = counter(interface, "rx_bytes"),     .tx_packets = counter(interface, "rx_packets"),
        .tx_errs = counter(interface, "rx_errors"),     .tx_drop = counter(interface, "rx_dropped"),
    };
    return true;
}

const StatsMemoryRow stats_memory_rows[] = {
    { VIR_DOMAIN_MEMORY_STAT_SWAP_IN, "swap_in", "stat-swap-in", 1024 },
    { VIR_DOMAIN_MEMORY_STAT_SWAP_OUT, "swap_out", "stat-swap-out", 1024 },
    { VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT, "major_fault", "stat-major-faults", 1 },
    { VIR_DOMAIN_MEMORY_STAT_MINOR_FAULT, "minor_fault", "stat-minor-faults", 1 },
    { VIR_DOMAIN_MEMORY_STAT_UNUSED, "unused", "stat-free-memory", 1024 },
    { VIR_DOMAIN_MEMORY_STAT_AVAILABLE, "available", "stat-total-memory", 1024 },
    { VIR_DOMAIN_MEMORY_STAT_USABLE, "usable", "stat-available-memory", 1024 },
    { VIR_DOMAIN_MEMORY_STAT_DISK_CACHES, "disk_caches", "stat-disk-caches", 1024 },
    { VIR_DOMAIN_MEMORY_STAT_HUGETLB_PGALLOC, "hugetlb_pgalloc", "stat-htlb-pgalloc", 1 },
    { VIR_DOMAIN_MEMORY_STAT_HUGETLB_PGFAIL, "hugetlb_pgfail", "stat-htlb-pgfail", 1 },
    { VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE, "last-update", NULL, 1 },
};
const size_t stats_n_memory_rows = G_N_ELEMENTS(stats_memory_rows);

bool
stats_memory_value(json_t *guest_stats, const StatsMemoryRow *row, uint64_t *ret)
{
    json_t *value = row->qemu ? json_object_get(json_object_get(guest_stats, "stats"), row->qemu)
                              : json_object_get(guest_stats, "last-update");

    /* UINT64_MAX, which arrives as -1 or as a real, is "not known". */
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(value) / row->divisor;
    return true;
}

uint64_t
stats_rss_kib(const DomainRun *run)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)run->process.pid), *text = file_read_line(path);
    const char *second = text ? strchr(text, ' ') : NULL;

    return second ? g_ascii_strtoull(second, NULL, 10) * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024) : 0;
}
