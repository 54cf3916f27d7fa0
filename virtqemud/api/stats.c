/* Statistics of guests, one by one and in bulk. */
#include <string.h>

#include "common/conf/domain/device/disk.h"
#include "common/conf/domain/device/interface.h"
#include "virtqemud/api/api.h"
#include "virtqemud/source/medium.h"
#include "virtqemud/stats/bulk.h"

#define BULK_TIMEOUT (2 * USEC_PER_SEC)          /* one stopped guest must not make monitoring blind */
#define BULK_SKIP (500 * USEC_PER_MSEC)          /* a monitor that owes an answer for so long is not asked again */
#define BULK_TIMEOUT_NOWAIT (200 * USEC_PER_MSEC) /* for callers that don't want to wait */

/* --- one guest --- */

static int
memory_stats(Job *job, RpcCall *call, const remote_domain_memory_stats_args *args, remote_domain_memory_stats_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    __attribute__((cleanup(stats_answer_done))) StatsAnswer answer = { 0 };
    remote_domain_memory_stat rows[VIR_DOMAIN_MEMORY_STAT_NR];
    unsigned n = 0;
    uint64_t value;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || run_check_monitor(d, err) < 0 ||
        stats_ask(job, d, STATS_ASK_BALLOON, QMP_TIMEOUT, &answer, err) < 0)
        return -1;
    if (answer.balloon)
        rows[n++] = (remote_domain_memory_stat){ VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON, (uint64_t)qmp_int(answer.balloon, "actual", 0) / 1024 };
    for (size_t i = 0; i < stats_n_memory_rows; i++)
        if (stats_memory_value(answer.guest_stats, &stats_memory_rows[i], &value))
            rows[n++] = (remote_domain_memory_stat){ stats_memory_rows[i].tag, value };
    if (d->run)
        rows[n++] = (remote_domain_memory_stat){ VIR_DOMAIN_MEMORY_STAT_RSS, stats_rss_kib(d->run) };
    ret->n_stats = MIN(n, args->maxStats);
    ret->stats = arena_memdup(rpc_call_arena(call), rows, n * sizeof(*rows));
    return 0;
}

/* With path empty, the sum of all disks. */
static int
ask_block(Job *job, Domain *d, const char *path, StatsBlock *ret, Error *err)
{
    __attribute__((cleanup(stats_answer_done))) StatsAnswer answer = { 0 };
    g_autoptr(DomainDef) live = NULL;
    const DiskDef *disk;
    g_autofree char *alias = NULL;

    if (run_check_monitor(d, err) < 0)
        return -1;
    *ret = (StatsBlock){ 0 };
    live = domain_def_ref(d->live); /* the guest may end while its QEMU is asked */
    if (*path) {
        disk = api_disk(d, live, path, err);
        if (!disk)
            return -1;
        alias = g_strdup(disk->base.info.alias);
    }
    if (stats_ask(job, d, STATS_ASK_BLOCK, QMP_TIMEOUT, &answer, err) < 0)
        return -1;
    if (alias)
        return stats_block(&answer, alias, ret) ? 0 : error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "QEMU of %s has no disk '%s' any more", d->label, path);
    DOMAIN_FOREACH_KIND(live, DEVICE_DISK, device) {
        StatsBlock one;

        if (!device->info.alias || !stats_block(&answer, device->info.alias, &one))
            continue;
        ret->rd_reqs += one.rd_reqs;
        ret->rd_bytes += one.rd_bytes;
        ret->rd_times += one.rd_times;
        ret->wr_reqs += one.wr_reqs;
        ret->wr_bytes += one.wr_bytes;
        ret->wr_times += one.wr_times;
        ret->fl_reqs += one.fl_reqs;
        ret->fl_times += one.fl_times;
    }
    return 0;
}

static int
block_stats(Job *job, RpcCall *call, const remote_domain_block_stats_args *args, remote_domain_block_stats_ret *ret, Error *err)
{
    StatsBlock b;

    if (ask_block(job, api_domain(call), args->path, &b, err) < 0)
        return -1;
    *ret = (remote_domain_block_stats_ret){ .rd_req = (int64_t)b.rd_reqs, .rd_bytes = (int64_t)b.rd_bytes, .wr_req = (int64_t)b.wr_reqs,
                                            .wr_bytes = (int64_t)b.wr_bytes, .errs = -1 };
    return 0;
}

static int
block_stats_flags(Job *job, RpcCall *call, const remote_domain_block_stats_flags_args *args, remote_domain_block_stats_flags_ret *ret,
                  Error *err)
{
    Params params = { .arena = rpc_call_arena(call) };
    StatsBlock b;

    if (rpc_call_check_flags(call, args->flags, VIR_TYPED_PARAM_STRING_OKAY, err) < 0 ||
        ask_block(job, api_domain(call), args->path, &b, err) < 0)
        return -1;
    params_llong(&params, (int64_t)b.wr_bytes, VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES);
    params_llong(&params, (int64_t)b.wr_reqs, VIR_DOMAIN_BLOCK_STATS_WRITE_REQ);
    params_llong(&params, (int64_t)b.rd_bytes, VIR_DOMAIN_BLOCK_STATS_READ_BYTES);
    params_llong(&params, (int64_t)b.rd_reqs, VIR_DOMAIN_BLOCK_STATS_READ_REQ);
    params_llong(&params, (int64_t)b.fl_reqs, VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ);
    params_llong(&params, (int64_t)b.wr_times, VIR_DOMAIN_BLOCK_STATS_WRITE_TOTAL_TIMES);
    params_llong(&params, (int64_t)b.rd_times, VIR_DOMAIN_BLOCK_STATS_READ_TOTAL_TIMES);
    params_llong(&params, (int64_t)b.fl_times, VIR_DOMAIN_BLOCK_STATS_FLUSH_TOTAL_TIMES);
    ret->nparams = (int)params.n;
    if (args->nparams == 0)
        return 0;
    ret->params = params.items;
    ret->n_params = MIN(params.n, (unsigned)MAX(args->nparams, 0));
    return 0;
}

/* Of a guest that does not run: from the image itself. An empty drive has no size, as in one that runs. */
static int
image_info(Job *job, Domain *d, const char *path, remote_domain_get_block_info_ret *ret, Error *err)
{
    const DomainDef *def = domain_config(d, err);
    g_autoptr(Device) disk = NULL;
    MediumInfo info = { 0 };

    if (!def || api_disk_image(job, d, def, path, &disk, err) < 0 ||
        (!storage_source_is_empty(&DISK(disk)->source) && medium_look(job, &DISK(disk)->source, &info, err) < 0))
        return -1;
    ret->capacity = info.capacity;
    ret->allocation = info.allocation;
    ret->physical = info.physical;
    return 0;
}

static int
block_info(Job *job, RpcCall *call, const remote_domain_get_block_info_args *args, remote_domain_get_block_info_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    StatsBlock b;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (!domain_active(d))
        return image_info(job, d, args->path, ret, err);
    if (ask_block(job, d, args->path, &b, err) < 0)
        return -1;
    ret->capacity = b.capacity;
    ret->allocation = b.allocation;
    ret->physical = b.physical;
    return 0;
}

/* By the host's interface name, or the MAC address. */
static int
interface_stats(Job *job, RpcCall *call, const remote_domain_interface_stats_args *args, remote_domain_interface_stats_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    const char *name = NULL;
    StatsNet net;

    if (domain_check_active(d, err) < 0)
        return -1;
    DOMAIN_FOREACH_KIND(d->live, DEVICE_INTERFACE, device) {
        const NetDef *i = NET(device);
        g_autofree char *mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", i->mac.b[0], i->mac.b[1], i->mac.b[2], i->mac.b[3], i->mac.b[4], i->mac.b[5]);

        if (g_strcmp0(i->target, args->device) == 0 || g_ascii_strcasecmp(mac, args->device) == 0)
            name = i->target;
    }
    if (!name || !stats_net(name, &net))
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "%s has no host interface '%s'", d->label, args->device);
    *ret = (remote_domain_interface_stats_ret){ (int64_t)net.rx_bytes, (int64_t)net.rx_packets, (int64_t)net.rx_errs, (int64_t)net.rx_drop,
                                                (int64_t)net.tx_bytes, (int64_t)net.tx_packets, (int64_t)net.tx_errs, (int64_t)net.tx_drop };
    return 0;
}

static int
get_vcpus(Job *job, RpcCall *call, const remote_domain_get_vcpus_args *args, remote_domain_get_vcpus_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    size_t maplen = (size_t)MAX(args->maplen, 0);
    unsigned n;
    uint8_t *maps;

    if (domain_check_active(d, err) < 0)
        return -1;
    n = MIN(d->run->vcpu_tids->len, (unsigned)MAX(args->maxinfo, 0));
    if (maplen > 8192 || n * maplen > REMOTE_CPUMAPS_MAX)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "maps of %zu bytes for %u vCPUs are too large", maplen, n);
    ret->info = arena_newv(rpc_call_arena(call), remote_vcpu_info, n);
    maps = arena_alloc(rpc_call_arena(call), n * maplen);
    for (unsigned i = 0; i < n; i++) {
        RunTimes times = { 0 };

        run_times(d->run->process.pid, g_array_index(d->run->vcpu_tids, pid_t, i), &times);
        ret->info[i] = (remote_vcpu_info){ .number = i, .state = VIR_VCPU_RUNNING, .cpu_time = times.user + times.system, .cpu = times.cpu };
        memset(maps + i * maplen, 0xff, maplen); /* no vCPU is pinned by us */
    }
    ret->n_info = n;
    ret->cpumaps = maps;
    ret->n_cpumaps = (unsigned)(n * maplen);
    return 0;
}

/* --- many --- */

typedef struct {
    Domain *domain;
    unsigned needs;
    uint64_t timeout;
    StatsAnswer answer;
    Wait done;
} Ask;

static void
ask_one(Job *job, void *data)
{
    Ask *ask = data;

    /* It may have ended since this job was made. */
    if (run_check_monitor(ask->domain, NULL) < 0 || stats_ask(job, ask->domain, ask->needs, ask->timeout, &ask->answer, NULL) < 0)
        stats_answer_done(&ask->answer); /* its rows from the monitor are left out */
    wait_done(&ask->done, 0);
}

/* A guest whose monitor can answer. One that owes an answer is not asked again. */
static bool
can_be_asked(const Domain *d, unsigned flags)
{
    return d->run && d->run->qmp && qmp_is_open(d->run->qmp) && !d->run->starting && !qmp_overdue_since(d->run->qmp, BULK_SKIP) &&
           !((flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT) && d->queue.holder);
}

/* All monitors at once, so that fifty guests take as long as the slowest. */
static void
ask_all(Job *job, RpcCall *call, Ask *asks, unsigned n, unsigned flags)
{
    const char *owner = rpc_client_label(rpc_call_client(call));

    for (unsigned i = 0; i < n; i++) {
        asks[i].timeout = flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT ? BULK_TIMEOUT_NOWAIT : BULK_TIMEOUT;
        if (asks[i].needs && can_be_asked(asks[i].domain, flags))
            job_spawn("statistics", owner, ask_one, &asks[i]);
        else
            asks[i].done.done = true;
    }
    job_shield(job); /* they use our memory, and end within BULK_TIMEOUT */
    for (unsigned i = 0; i < n; i++)
        if (job_wait(job, &asks[i].done, "the statistics of a guest", LOOP_NEVER, NULL) < 0)
            g_assert_not_reached();
    job_unshield(job);
}

#define FILTER_FLAGS \
    (VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT | \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT | VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED | \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF | VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER)
#define STATS_FLAGS \
    (FILTER_FLAGS | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT | VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING | \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)

/* The domains named, or all that pass the filter; each with a reference. */
static GPtrArray *
choose(RpcCall *call, const remote_connect_get_all_domain_stats_args *args)
{
    Store *store = driver_domains(api_driver(call));
    GPtrArray *chosen;

    if (args->n_doms > 0) {
        chosen = g_ptr_array_new();
        for (unsigned i = 0; i < args->n_doms; i++) {
            StoreObject *object = store_by_uuid(store, args->doms[i].uuid);

            if (object)
                g_ptr_array_add(chosen, store_ref(object));
        }
    } else {
        chosen = store_list(store);
    }
    for (guint i = chosen->len; i > 0; i--) {
        Domain *d = chosen->pdata[i - 1];

        if (!api_listed(d, api_list_flags_of_stats(args->flags)) || !rpc_call_visible(NULL, call, d)) {
            g_ptr_array_remove_index(chosen, i - 1);
            domain_unref(d);
        }
    }
    return chosen;
}

static int
all_stats(Job *job, RpcCall *call, const remote_connect_get_all_domain_stats_args *args, remote_connect_get_all_domain_stats_ret *ret,
          Error *err)
{
    Arena *arena = rpc_call_arena(call);
    unsigned groups = args->stats ? args->stats & bulk_known_groups : bulk_known_groups;
    GPtrArray *chosen;
    Ask *asks;

    if (rpc_call_check_flags(call, args->flags, STATS_FLAGS, err) < 0)
        return -1;
    if ((args->flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS) && (args->stats & ~bulk_known_groups))
        return error_setf(err, FROM_QEMU, ERR_ARGUMENT_UNSUPPORTED, "the statistics groups 0x%x are not supported", args->stats & ~bulk_known_groups);
    chosen = choose(call, args);
    asks = arena_newv(arena, Ask, chosen->len);
    for (guint i = 0; i < chosen->len; i++)
        asks[i] = (Ask){ .domain = chosen->pdata[i], .needs = bulk_needs(groups) };
    ask_all(job, call, asks, chosen->len, args->flags);
    ret->retStats = arena_newv(arena, remote_domain_stats_record, chosen->len);
    for (guint i = 0; i < chosen->len; i++) {
        Params params = { .arena = arena };
        remote_domain_stats_record *record = &ret->retStats[ret->n_retStats++];

        bulk_rows(asks[i].domain, groups, &asks[i].answer, &params);
        record->dom = api_wire_domain(asks[i].domain);
        record->dom.name = arena_strdup(arena, record->dom.name);
        record->params = params.items;
        record->n_params = params.n;
        stats_answer_done(&asks[i].answer);
        domain_unref(asks[i].domain);
    }
    g_ptr_array_unref(chosen);
    return 0;
}

API_TABLE(api_stats,
    REMOTE_BIND(DOMAIN_MEMORY_STATS, memory_stats),
    REMOTE_BIND(DOMAIN_BLOCK_STATS, block_stats),
    REMOTE_BIND(DOMAIN_BLOCK_STATS_FLAGS, block_stats_flags),
    REMOTE_BIND(DOMAIN_GET_BLOCK_INFO, block_info),
    REMOTE_BIND(DOMAIN_INTERFACE_STATS, interface_stats),
    REMOTE_BIND(DOMAIN_GET_VCPUS, get_vcpus),
    REMOTE_BIND(CONNECT_GET_ALL_DOMAIN_STATS, all_stats));
