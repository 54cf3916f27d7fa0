/* The host: what it is called, what it has, how busy it is. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/base/file.h"
#include "common/host/node.h"
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/api/params.h"
#include "virtqemud/caps/qemucaps.h"

#define DEFAULT_MAX_VCPUS 16 /* where no emulator says */

static int
get_version(Job *job, RpcCall *call, const void *args, remote_connect_get_version_ret *ret, Error *err)
{
    const char *binary = qemu_caps_find_binary(node_arch());
    g_autoptr(QemuCaps) caps = NULL;

    if (!binary)
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "there is no QEMU for this host: install qemu-system-%s", node_arch());
    if (qemu_caps_get(job, binary, &caps, err) < 0)
        return -1;
    ret->hv_ver = caps->version;
    return 0;
}

/* What the kernel takes, and what it recommends where it does not say. */
static int
kvm_max_vcpus(void)
{
    _cleanup_fd_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int n = kvm >= 0 ? ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS) : 0;

    if (n <= 0 && kvm >= 0)
        n = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
    return n > 0 ? n : DEFAULT_MAX_VCPUS;
}

static int
get_max_vcpus(RpcCall *call, const remote_connect_get_max_vcpus_args *args, remote_connect_get_max_vcpus_ret *ret, Error *err)
{
    const char *type = args->type ? args->type : "qemu";

    if (g_ascii_strcasecmp(type, "qemu") == 0)
        ret->max_vcpus = DEFAULT_MAX_VCPUS;
    else if (g_ascii_strcasecmp(type, "kvm") == 0)
        ret->max_vcpus = kvm_max_vcpus();
    else
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the domain type '%s' is not known; try qemu or kvm", type);
    return 0;
}

/* "model" is an architecture name in 32 bytes. */
static int
get_info(RpcCall *call, const void *args, remote_node_get_info_ret *ret, Error *err)
{
    g_autoptr(NodeTopology) t = node_topology_new();

    g_strlcpy(ret->model, node_arch(), sizeof(ret->model));
    ret->memory = node_memory_kib();
    ret->cpus = (int)t->online;
    ret->mhz = (int)t->mhz;
    ret->nodes = (int)t->cells->len;
    ret->sockets = (int)t->sockets;
    ret->cores = (int)t->cores;
    ret->threads = (int)t->threads;
    return 0;
}

static int
get_cpu_stats(RpcCall *call, const remote_node_get_cpu_stats_args *args, remote_node_get_cpu_stats_ret *ret, Error *err)
{
    NodeCpuTimes times;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || node_cpu_times(args->cpuNum, &times, err) < 0)
        return -1;
    const remote_node_get_cpu_stats rows[] = {
        { VIR_NODE_CPU_STATS_KERNEL, times.kernel }, { VIR_NODE_CPU_STATS_USER, times.user },
        { VIR_NODE_CPU_STATS_IDLE, times.idle }, { VIR_NODE_CPU_STATS_IOWAIT, times.iowait },
    };

    ret->nparams = G_N_ELEMENTS(rows);
    if (args->nparams == 0)
        return 0;
    ret->n_params = MIN((unsigned)args->nparams, G_N_ELEMENTS(rows));
    ret->params = arena_memdup(rpc_call_arena(call), rows, sizeof(rows));
    return 0;
}

static int
get_memory_stats(RpcCall *call, const remote_node_get_memory_stats_args *args, remote_node_get_memory_stats_ret *ret, Error *err)
{
    NodeMemory memory;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || node_memory(args->cellNum, &memory, err) < 0)
        return -1;
    const remote_node_get_memory_stats rows[] = {
        { VIR_NODE_MEMORY_STATS_TOTAL, memory.total },
        { VIR_NODE_MEMORY_STATS_FREE, memory.free },
        { VIR_NODE_MEMORY_STATS_BUFFERS, memory.buffers },
        { VIR_NODE_MEMORY_STATS_CACHED, memory.cached },
    };
    unsigned n = memory.has_buffers ? 4 : 2;

    ret->nparams = (int)n;
    if (args->nparams == 0)
        return 0;
    ret->n_params = MIN((unsigned)args->nparams, n);
    ret->params = arena_memdup(rpc_call_arena(call), rows, sizeof(rows));
    return 0;
}

static int
get_free_memory(RpcCall *call, const void *args, remote_node_get_free_memory_ret *ret, Error *err)
{
    ret->freeMem = node_free_memory_bytes(-1);
    return 0;
}

static int
get_cells_free_memory(RpcCall *call, const remote_node_get_cells_free_memory_args *args, remote_node_get_cells_free_memory_ret *ret,
                      Error *err)
{
    g_autoptr(NodeTopology) t = node_topology_new();
    unsigned n = 0;

    if (args->maxcells <= 0 || args->startCell < 0 || (unsigned)args->startCell >= t->cells->len)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the host has no memory cell %d (it has %u)", args->startCell, t->cells->len);
    ret->cells = arena_newv(rpc_call_arena(call), uint64_t, t->cells->len);
    for (guint i = (guint)args->startCell; i < t->cells->len && n < (unsigned)args->maxcells; i++)
        ret->cells[n++] = node_free_memory_bytes((int)g_array_index(t->cells, NodeCell, i).id);
    ret->n_cells = n;
    return 0;
}

static int
get_cpu_map(RpcCall *call, const remote_node_get_cpu_map_args *args, remote_node_get_cpu_map_ret *ret, Error *err)
{
    g_autoptr(NodeTopology) t = node_topology_new();
    unsigned bytes = (t->cpus->len + 7) / 8;
    uint8_t *map = arena_alloc(rpc_call_arena(call), bytes);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    for (guint i = 0; i < t->cpus->len; i++)
        if (g_array_index(t->cpus, NodeCpu, i).online)
            map[i / 8] |= (uint8_t)(1u << i % 8);
    if (args->need_map) {
        ret->n_cpumap = bytes;
        ret->cpumap = map;
    }
    ret->online = args->need_online ? t->online : 0;
    ret->ret = (int)t->cpus->len;
    return 0;
}

static int
get_free_pages(RpcCall *call, const remote_node_get_free_pages_args *args, remote_node_get_free_pages_ret *ret, Error *err)
{
    g_autoptr(NodeTopology) t = node_topology_new();
    unsigned n = 0;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (args->n_pages == 0 || args->cellCount == 0 || args->cellCount > 1024 / args->n_pages)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "%u page sizes on %u cells can't be asked for at once", args->n_pages,
                          args->cellCount);
    ret->counts = arena_newv(rpc_call_arena(call), uint64_t, (size_t)args->n_pages * args->cellCount);
    for (unsigned c = 0; c < args->cellCount; c++) {
        int cell = args->startCell + (int)c;

        if (cell >= (int)t->cells->len || cell < -1)
            return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "the host has no memory cell %d (it has %u)", cell, t->cells->len);
        for (unsigned p = 0; p < args->n_pages; p++) {
            uint64_t total;

            if (node_pages(cell, args->pages[p], &total, &ret->counts[n]) < 0)
                return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the host has no pages of %u KiB", args->pages[p]);
            n++;
        }
    }
    ret->n_counts = n;
    return 0;
}

static int
get_security_model(RpcCall *call, const void *args, remote_node_get_security_model_ret *ret, Error *err)
{
    /* Neither SELinux nor AppArmor is driven yet: both are empty, as libvirt says it for "none". */
    ret->model = arena_strdup(rpc_call_arena(call), "");
    ret->doi = arena_strdup(rpc_call_arena(call), "");
    ret->n_model = ret->n_doi = 1;
    return 0;
}

/* --- same-page merging --- */

#define KSM_DIR "/sys/kernel/mm/ksm/"

static const struct {
    const char *name, *file;
    bool is_uint; /* settings; counters are unsigned long long */
} ksm[] = {
    { VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN, "pages_to_scan", true },
    { VIR_NODE_MEMORY_SHARED_SLEEP_MILLISECS, "sleep_millisecs", true },
    { VIR_NODE_MEMORY_SHARED_PAGES_SHARED, "pages_shared" },
    { VIR_NODE_MEMORY_SHARED_PAGES_SHARING, "pages_sharing" },
    { VIR_NODE_MEMORY_SHARED_PAGES_UNSHARED, "pages_unshared" },
    { VIR_NODE_MEMORY_SHARED_PAGES_VOLATILE, "pages_volatile" },
    { VIR_NODE_MEMORY_SHARED_FULL_SCANS, "full_scans" },
    { VIR_NODE_MEMORY_SHARED_MERGE_ACROSS_NODES, "merge_across_nodes", true },
};

static int
get_memory_parameters(RpcCall *call, const remote_node_get_memory_parameters_args *args,
                      remote_node_get_memory_parameters_ret *ret, Error *err)
{
    Params params = { .arena = rpc_call_arena(call) };

    if (rpc_call_check_flags(call, args->flags, VIR_TYPED_PARAM_STRING_OKAY, err) < 0)
        return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(ksm); i++) {
        g_autofree char *path = g_strconcat(KSM_DIR, ksm[i].file, NULL), *line = file_read_line(path);

        if (line && ksm[i].is_uint)
            params_uint(&params, (unsigned)g_ascii_strtoull(line, NULL, 10), "%s", ksm[i].name);
        else if (line)
            params_ullong(&params, g_ascii_strtoull(line, NULL, 10), "%s", ksm[i].name);
    }
    if (params.n == 0)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "this host's kernel does not merge pages (no %s)", KSM_DIR);
    ret->nparams = (int)params.n;
    if (args->nparams == 0) /* only how many */
        return 0;
    ret->n_params = MIN((unsigned)args->nparams, params.n);
    ret->params = params.items;
    return 0;
}

static int
get_sev_info(Job *job, RpcCall *call, const remote_node_get_sev_info_args *args, remote_node_get_sev_info_ret *ret, Error *err)
{
    return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "guests with encrypted memory (SEV) are not supported");
}

API_TABLE(api_host,
    REMOTE_BIND(NODE_GET_MEMORY_PARAMETERS, get_memory_parameters),
    REMOTE_BIND(NODE_GET_SEV_INFO, get_sev_info),
    REMOTE_BIND(CONNECT_GET_VERSION, get_version),
    REMOTE_BIND(CONNECT_GET_MAX_VCPUS, get_max_vcpus),
    REMOTE_BIND(NODE_GET_INFO, get_info),
    REMOTE_BIND(NODE_GET_CPU_STATS, get_cpu_stats),
    REMOTE_BIND(NODE_GET_MEMORY_STATS, get_memory_stats),
    REMOTE_BIND(NODE_GET_FREE_MEMORY, get_free_memory),
    REMOTE_BIND(NODE_GET_CELLS_FREE_MEMORY, get_cells_free_memory),
    REMOTE_BIND(NODE_GET_CPU_MAP, get_cpu_map),
    REMOTE_BIND(NODE_GET_FREE_PAGES, get_free_pages),
    REMOTE_BIND(NODE_GET_SECURITY_MODEL, get_security_model));
