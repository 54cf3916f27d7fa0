/* Processors: which models there are, whether one fits another, what several have in common. */
#include <string.h>

#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/caps/cpuops.h"
#include "virtqemud/caps/domcaps.h"
#include "virtqemud/caps/target.h"

static int
get_model_names(RpcCall *call, const remote_connect_get_cpu_model_names_args *args, remote_connect_get_cpu_model_names_ret *ret,
                Error *err)
{
    static const char *const no_models[] = { "aarch64", "armv7l", "loongarch64", "riscv64", "s390x", NULL };
    unsigned n = 0;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (strcmp(args->arch, "x86_64") == 0 || strcmp(args->arch, "i686") == 0) {
        const CpuModel *models = cpu_models(&n);

        ret->models = arena_newv(rpc_call_arena(call), const char *, n);
        for (unsigned i = 0; i < n; i++)
            ret->models[i] = models[i].name;
    } else if (g_str_has_prefix(args->arch, "ppc64")) {
        const char *const *models = cpu_ppc64_models();

        n = g_strv_length((char **)models);
        ret->models = arena_memdup(rpc_call_arena(call), models, n * sizeof(*models));
    } else if (!g_strv_contains(no_models, args->arch)) {
        return error_setf(err, FROM_CPU, ERR_INVALID_ARG, "cannot find architecture %s", args->arch);
    }
    ret->ret = (int)n;
    ret->n_models = args->need_results ? n : 0;
    return 0;
}

/* --- comparing --- */

#define COMPARE_FLAGS (VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE | VIR_CONNECT_COMPARE_CPU_VALIDATE_XML)

static int
compare(const CpuSet *have, const char *vendor, const char *xml, unsigned flags, int *ret, Error *err)
{
    _cleanup_asked_ CpuAsked asked = { 0 };
    g_autofree char *why = NULL;

    if (cpu_asked_parse(xml, &asked, err) < 0)
        return -1;
    *ret = (int)cpu_compare(have, vendor, &asked, &why);
    if (*ret == CPU_INCOMPATIBLE && (flags & VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE))
        return error_setf(err, FROM_CPU, ERR_CPU_INCOMPATIBLE, "the CPU is incompatible with host CPU: %s", why);
    return 0;
}

static int
compare_cpu(Job *job, RpcCall *call, const remote_connect_compare_cpu_args *args, remote_connect_compare_cpu_ret *ret, Error *err)
{
    const HostCpu *host = host_cpu();

    if (rpc_call_check_flags(call, args->flags, COMPARE_FLAGS, err) < 0)
        return -1;
    if (!host->known)
        return error_setf(err, FROM_CPU, ERR_NO_SUPPORT, "the host's processor can't be compared on this architecture");
    return compare(&host->features, host->vendor, args->xml, args->flags, &ret->result, err);
}

static int
no_hypervisor_cpu(const CapsTarget *target, Error *err)
{
    return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "'%s' does not say what processor it can give a guest of '%s'",
                      target->caps->binary, target->arch);
}

static int
compare_hypervisor_cpu(Job *job, RpcCall *call, const remote_connect_compare_hypervisor_cpu_args *args,
                       remote_connect_compare_hypervisor_cpu_ret *ret, Error *err)
{
    _cleanup_target_ CapsTarget target = { 0 };
    HypervisorCpu cpu;

    if (rpc_call_check_flags(call, args->flags, COMPARE_FLAGS, err) < 0 ||
        caps_target_find(job, args->emulator, args->arch, args->machine, args->virttype, &target, err) < 0)
        return -1;
    if (!domcaps_hypervisor_cpu(target.caps, target.accel, &cpu))
        return no_hypervisor_cpu(&target, err);
    /* Whose processor a guest is told to have is the hypervisor's choice. */
    return compare(&cpu.features, NULL, args->xmlCPU, args->flags, &ret->result, err);
}

/* --- baselines --- */

typedef struct {
    CpuAsked *items;
    size_t n;
} AskedList;

static void
asked_list_done(AskedList *list)
{
    for (size_t i = 0; i < list->n; i++)
        cpu_asked_done(&list->items[i]);
    g_free(list->items);
}

#define _cleanup_list_ __attribute__((cleanup(asked_list_done)))

/* n is bounded by the protocol (256). */
static int
parse_list(const char *const *xml, unsigned n, AskedList *list, Error *err)
{
    list->items = g_new0(CpuAsked, MAX(n, 1));
    for (; list->n < n; list->n++)
        if (cpu_asked_parse(xml[list->n], &list->items[list->n], err) < 0)
            return -1;
    return 0;
}

/* A plain baseline is made of hosts' descriptions. */
static int
check_host(const CpuAsked *cpu, Error *err)
{
    if (cpu->mode || cpu->match)
        return error_setf(err, FROM_CPU, ERR_CONFIG_UNSUPPORTED, "Attribute %s is only allowed for guest CPU",
                          cpu->mode ? "mode" : "match");
    if (!cpu->arch)
        return error_setf(err, FROM_CPU, ERR_XML_ERROR, "Missing CPU architecture");
    if (!cpu_asked_x86(cpu) && !g_str_has_prefix(cpu->arch, "ppc64"))
        return error_setf(err, FROM_CPU, ERR_NO_SUPPORT, "'%s' architecture is not supported by CPU driver", cpu->arch);
    if (!cpu->name || !*cpu->name)
        return error_setf(err, FROM_CPU, ERR_XML_ERROR, "Missing CPU model name");
    return 0;
}

#define BASELINE_FLAGS (VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES | VIR_CONNECT_BASELINE_CPU_MIGRATABLE)

static int
baseline_cpu(Job *job, RpcCall *call, const remote_connect_baseline_cpu_args *args, remote_connect_baseline_cpu_ret *ret, Error *err)
{
    const CpuBaseline how = { .expand = args->flags & VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES,
                              .migratable = args->flags & VIR_CONNECT_BASELINE_CPU_MIGRATABLE,
                              .decode = cpu_baseline_decode_any };
    _cleanup_list_ AskedList cpus = { 0 };
    g_autofree char *xml = NULL;

    if (rpc_call_check_flags(call, args->flags, BASELINE_FLAGS, err) < 0 ||
        parse_list(args->xmlCPUs, args->n_xmlCPUs, &cpus, err) < 0)
        return -1;
    for (size_t i = 0; i < cpus.n; i++)
        if (check_host(&cpus.items[i], err) < 0)
            return -1;
    if (cpu_baseline(&how, cpus.items, cpus.n, &xml, err) < 0)
        return -1;
    ret->cpu = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

static bool
decode_for_target(const CpuSet *features, const char *vendor, const CpuModel *preferred, CpuDecoded *ret, void *data)
{
    const CapsTarget *t = data;

    return domcaps_decode(t->caps, t->accel, features, vendor, NULL, preferred, ret);
}

/* The features this emulator has a name for, on or off. */
static CpuSet
known_to(const CapsTarget *target)
{
    json_t *props = target->caps->accel[target->accel].max_cpu_all, *value;
    const char *name;
    CpuSet set = { 0 };

    json_object_foreach(props, name, value) {
        int i = json_is_boolean(value) ? cpu_feature_index(name) : -1;

        if (i >= 0)
            cpu_set_add(&set, i);
    }
    return set;
}

static int
baseline_hypervisor_cpu(Job *job, RpcCall *call, const remote_connect_baseline_hypervisor_cpu_args *args,
                        remote_connect_baseline_hypervisor_cpu_ret *ret, Error *err)
{
    _cleanup_target_ CapsTarget target = { 0 };
    _cleanup_list_ AskedList cpus = { 0 };
    g_autofree char *xml = NULL;
    CpuSet known;

    if (rpc_call_check_flags(call, args->flags, BASELINE_FLAGS, err) < 0 ||
        parse_list(args->xmlCPUs, args->n_xmlCPUs, &cpus, err) < 0 ||
        caps_target_find(job, args->emulator, args->arch, args->machine, args->virttype, &target, err) < 0)
        return -1;
    known = known_to(&target);
    if (cpu_set_count(&known) == 0)
        return no_hypervisor_cpu(&target, err);
    const CpuBaseline how = { .known = &known,
                              .expand = args->flags & VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES,
                              .migratable = args->flags & VIR_CONNECT_BASELINE_CPU_MIGRATABLE,
                              .decode = decode_for_target,
                              .data = &target };

    if (cpu_baseline(&how, cpus.items, cpus.n, &xml, err) < 0)
        return -1;
    ret->cpu = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

API_TABLE(api_cpu,
    REMOTE_BIND(CONNECT_GET_CPU_MODEL_NAMES, get_model_names),
    REMOTE_BIND(CONNECT_COMPARE_CPU, compare_cpu),
    REMOTE_BIND(CONNECT_COMPARE_HYPERVISOR_CPU, compare_hypervisor_cpu),
    REMOTE_BIND(CONNECT_BASELINE_CPU, baseline_cpu),
    REMOTE_BIND(CONNECT_BASELINE_HYPERVISOR_CPU, baseline_hypervisor_cpu));
