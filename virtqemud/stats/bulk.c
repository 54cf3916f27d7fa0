#include "virtqemud/stats/bulk.h"

#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/interface.h"

static void
rows_state(Domain *d, const StatsAnswer *answer, Params *params)
{
    params_int(params, (int)d->state, VIR_DOMAIN_STATS_STATE_STATE);
    params_int(params, d->reason, VIR_DOMAIN_STATS_STATE_REASON);
}

static void
rows_cpu(Domain *d, const StatsAnswer *answer, Params *params)
{
    RunTimes times;

    if (!d->run || !run_times(d->run->process.pid, 0, &times))
        return;
    params_ullong(params, times.user + times.system, VIR_DOMAIN_STATS_CPU_TIME);
    params_ullong(params, times.user, VIR_DOMAIN_STATS_CPU_USER);
    params_ullong(params, times.system, VIR_DOMAIN_STATS_CPU_SYSTEM);
}

static void
rows_balloon(Domain *d, const StatsAnswer *answer, Params *params)
{
    const DomainDef *def = domain_definition(d, NULL);
    uint64_t value;

    if (!def)
        return;
    if (!d->live)
        value = def->current_memory.v;
    else
        value = answer->balloon ? (uint64_t)qmp_int(answer->balloon, "actual", 0) / 1024
                                : d->run && d->run->balloon_kib ? d->run->balloon_kib : def->current_memory.v;
    params_ullong(params, value, VIR_DOMAIN_STATS_BALLOON_CURRENT);
    params_ullong(params, def->memory.v, VIR_DOMAIN_STATS_BALLOON_MAXIMUM);
    if (!d->run)
        return;
    for (size_t i = 0; i < stats_n_memory_rows; i++)
        if (stats_memory_value(answer->guest_stats, &stats_memory_rows[i], &value))
            params_ullong(params, value, "balloon.%s", stats_memory_rows[i].key);
    params_ullong(params, stats_rss_kib(d->run), VIR_DOMAIN_STATS_BALLOON_RSS);
}

static void
rows_vcpu(Domain *d, const StatsAnswer *answer, Params *params)
{
    const DomainDef *def = domain_definition(d, NULL);

    if (!def)
        return;
    params_uint(params, domain_def_vcpus(def), VIR_DOMAIN_STATS_VCPU_CURRENT);
    params_uint(params, def->vcpus.v, VIR_DOMAIN_STATS_VCPU_MAXIMUM);
    for (guint i = 0; d->run && i < d->run->vcpu_tids->len; i++) {
        pid_t tid = g_array_index(d->run->vcpu_tids, pid_t, i);
        RunTimes times;

        params_int(params, VIR_VCPU_RUNNING, "vcpu.%u.state", i);
        if (tid > 0 && run_times(d->run->process.pid, tid, &times))
            params_ullong(params, times.user + times.system, "vcpu.%u.time", i);
    }
}

static void
rows_interface(Domain *d, const StatsAnswer *answer, Params *params)
{
    unsigned n = 0;

    if (!d->live)
        return;
    params_uint(params, domain_def_count(d->live, DEVICE_INTERFACE), "net.count");
    DOMAIN_FOREACH_KIND(d->live, DEVICE_INTERFACE, device) {
        const char *name = NET(device)->target;
        unsigned i = n++;
        StatsNet net;

        if (!name)
            continue;
        params_string(params, name, "net.%u.name", i);
        if (!stats_net(name, &net))
            continue;
        params_ullong(params, net.rx_bytes, "net.%u.rx.bytes", i);
        params_ullong(params, net.rx_packets, "net.%u.rx.pkts", i);
        params_ullong(params, net.rx_errs, "net.%u.rx.errs", i);
        params_ullong(params, net.rx_drop, "net.%u.rx.drop", i);
        params_ullong(params, net.tx_bytes, "net.%u.tx.bytes", i);
        params_ullong(params, net.tx_packets, "net.%u.tx.pkts", i);
        params_ullong(params, net.tx_errs, "net.%u.tx.errs", i);
        params_ullong(params, net.tx_drop, "net.%u.tx.drop", i);
    }
}

static void
rows_disk(const DiskDef *disk, unsigned i, const StatsAnswer *answer, Params *params)
{
    StatsBlock b;

    params_string(params, disk->target, "block.%u.name", i);
    if (storage_location(&disk->source)->type != STORAGE_NETWORK && storage_location(&disk->source)->path)
        params_string(params, storage_location(&disk->source)->path, "block.%u.path", i);
    if (disk->source.index.set)
        params_uint(params, disk->source.index.v, "block.%u.backingIndex", i);
    if (!disk->base.info.alias || !stats_block(answer, disk->base.info.alias, &b))
        return;
    params_ullong(params, b.rd_reqs, "block.%u.rd.reqs", i);
    params_ullong(params, b.rd_bytes, "block.%u.rd.bytes", i);
    params_ullong(params, b.rd_times, "block.%u.rd.times", i);
    params_ullong(params, b.wr_reqs, "block.%u.wr.reqs", i);
    params_ullong(params, b.wr_bytes, "block.%u.wr.bytes", i);
    params_ullong(params, b.wr_times, "block.%u.wr.times", i);
    params_ullong(params, b.fl_reqs, "block.%u.fl.reqs", i);
    params_ullong(params, b.fl_times, "block.%u.fl.times", i);
    params_ullong(params, b.allocation, "block.%u.allocation", i);
    if (b.capacity)
        params_ullong(params, b.capacity, "block.%u.capacity", i);
    if (b.physical)
        params_ullong(params, b.physical, "block.%u.physical", i);
}

static void
rows_block(Domain *d, const StatsAnswer *answer, Params *params)
{
    unsigned n = 0;

    if (!d->live)
        return;
    params_uint(params, domain_def_count(d->live, DEVICE_DISK), "block.count");
    DOMAIN_FOREACH_KIND(d->live, DEVICE_DISK, device)
        rows_disk(DISK(device), n++, answer, params);
}

static const struct {
    unsigned group, needs;
    void (*rows)(Domain *d, const StatsAnswer *answer, Params *params);
} groups_table[] = {
    { VIR_DOMAIN_STATS_STATE, 0, rows_state },
    { VIR_DOMAIN_STATS_CPU_TOTAL, 0, rows_cpu },
    { VIR_DOMAIN_STATS_BALLOON, STATS_ASK_BALLOON, rows_balloon },
    { VIR_DOMAIN_STATS_VCPU, 0, rows_vcpu },
    { VIR_DOMAIN_STATS_INTERFACE, 0, rows_interface },
    { VIR_DOMAIN_STATS_BLOCK, STATS_ASK_BLOCK, rows_block },
};

const unsigned bulk_known_groups = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |
                                   VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK;

unsigned
bulk_needs(unsigned groups)
{
    unsigned needs = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(groups_table); i++)
        if (groups & groups_table[i].group)
            needs |= groups_table[i].needs;
    return needs;
}

void
bulk_rows(Domain *domain, unsigned groups, const StatsAnswer *answer, Params *params)
{
    for (size_t i = 0; i < G_N_ELEMENTS(groups_table); i++)
        if (groups & groups_table[i].group)
            groups_table[i].rows(domain, answer, params);
}
