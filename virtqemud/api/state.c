/* What a domain is and how it is, all from memory. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/run/run.h"

#define OCCUPIED (1 * USEC_PER_SEC) /* a monitor that has not answered for so long is shown as occupied */

static int
get_state(RpcCall *call, const remote_domain_get_state_args *args, remote_domain_get_state_ret *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    ret->state = (int)d->state;
    ret->reason = d->reason;
    return 0;
}

static int
get_info(RpcCall *call, const remote_domain_get_info_args *args, remote_domain_get_info_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    const DomainDef *def = domain_definition(d, err);

    if (!def)
        return -1;
    ret->state = (unsigned char)d->state;
    ret->maxMem = def->memory.v;
    ret->memory = def->current_memory.v;
    if (d->run && d->run->balloon_kib)
        ret->memory = d->run->balloon_kib;
    ret->nrVirtCpu = (unsigned short)domain_def_vcpus(def);
    ret->cpuTime = d->run ? run_cpu_time(d->run) : 0;
    return 0;
}

#define XML_FLAGS \
    (VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_UPDATE_CPU | VIR_DOMAIN_XML_MIGRATABLE)

/* The usual texts are kept until the definition changes, so asking again costs a copy into the reply. */
static int
get_xml(RpcCall *call, const remote_domain_get_xml_desc_args *args, remote_domain_get_xml_desc_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    bool live = d->live && !(args->flags & VIR_DOMAIN_XML_INACTIVE);
    const DomainDef *def;
    g_autofree char *text = NULL;

    if (rpc_call_check_flags(call, args->flags, XML_FLAGS, err) < 0)
        return -1;
    ret->xml = domain_xml(d, args->flags);
    if (ret->xml)
        return 0;
    /* A transient guest has only what it runs with. */
    def = d->live && (live || !d->persistent) ? d->live : domain_config(d, err); /* one that is being made has nothing yet */
    if (!def)
        return -1;
    text = domain_def_format(def, (args->flags & VIR_DOMAIN_XML_SECURE ? XML_SECURE : 0) | (live ? 0 : XML_INACTIVE) |
                                      (args->flags & VIR_DOMAIN_XML_MIGRATABLE ? XML_MIGRATABLE : 0));
    ret->xml = domain_keep_xml(d, args->flags, text);
    if (!ret->xml)
        ret->xml = arena_strdup(rpc_call_arena(call), text);
    return 0;
}

static int
is_active(RpcCall *call, const remote_domain_is_active_args *args, remote_domain_is_active_ret *ret, Error *err)
{
    ret->active = domain_active(api_domain(call));
    return 0;
}

static int
is_persistent(RpcCall *call, const remote_domain_is_persistent_args *args, remote_domain_is_persistent_ret *ret, Error *err)
{
    ret->persistent = api_domain(call)->persistent;
    return 0;
}

static int
is_updated(RpcCall *call, const remote_domain_is_updated_args *args, remote_domain_is_updated_ret *ret, Error *err)
{
    ret->updated = api_domain(call)->updated;
    return 0;
}

static int
get_os_type(RpcCall *call, const remote_domain_get_os_type_args *args, remote_domain_get_os_type_ret *ret, Error *err)
{
    const DomainDef *def = domain_definition(api_domain(call), err);

    if (!def)
        return -1;
    ret->type = os_type_names[def->os.type];
    return 0;
}

static int
get_max_memory(RpcCall *call, const remote_domain_get_max_memory_args *args, remote_domain_get_max_memory_ret *ret, Error *err)
{
    const DomainDef *def = domain_definition(api_domain(call), err);

    if (!def)
        return -1;
    ret->memory = def->memory.v;
    return 0;
}

static int
get_max_vcpus(RpcCall *call, const remote_domain_get_max_vcpus_args *args, remote_domain_get_max_vcpus_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    const DomainDef *def = domain_definition(d, err);

    if (!def)
        return -1;
    if (domain_check_active(d, err) < 0)
        return -1;
    ret->num = (int)def->vcpus.v;
    return 0;
}

static int
get_vcpus_flags(Job *job, RpcCall *call, const remote_domain_get_vcpus_flags_args *args, remote_domain_get_vcpus_flags_ret *ret,
                Error *err)
{
    Domain *d = api_domain(call);
    const DomainDef *def;

    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_VCPU_LIVE | VIR_DOMAIN_VCPU_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM, err) < 0)
        return -1;
    if ((args->flags & VIR_DOMAIN_VCPU_LIVE) && domain_check_active(d, err) < 0)
        return -1;
    def = args->flags & VIR_DOMAIN_VCPU_CONFIG ? domain_config(d, err) : domain_definition(d, err);
    if (!def)
        return -1;
    ret->num = args->flags & VIR_DOMAIN_VCPU_MAXIMUM ? (int)def->vcpus.v : (int)domain_def_vcpus(def);
    return 0;
}

static int
get_autostart(RpcCall *call, const remote_domain_get_autostart_args *args, remote_domain_get_autostart_ret *ret, Error *err)
{
    ret->autostart = api_domain(call)->autostart;
    return 0;
}

static int
has_managed_save(RpcCall *call, const remote_domain_has_managed_save_image_args *args, remote_domain_has_managed_save_image_ret *ret,
                 Error *err)
{
    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    ret->result = api_domain(call)->managed_save;
    return 0;
}

/* Whether the monitor can be used, and by what it is occupied since when (ms). */
static int
get_control_info(RpcCall *call, const remote_domain_get_control_info_args *args, remote_domain_get_control_info_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    uint64_t overdue;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || domain_check_active(d, err) < 0)
        return -1;
    overdue = d->run ? qmp_overdue_since(d->run->qmp, OCCUPIED) : 0;
    if (d->run && d->run->qmp && !qmp_is_open(d->run->qmp)) {
        ret->state = VIR_DOMAIN_CONTROL_ERROR;
        ret->details = VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR;
    } else if (overdue) {
        ret->state = VIR_DOMAIN_CONTROL_OCCUPIED;
        ret->stateTime = (loop_now() - overdue) / USEC_PER_MSEC;
    } else if (d->queue.holder) {
        ret->state = VIR_DOMAIN_CONTROL_JOB;
        ret->stateTime = (loop_now() - job_started(d->queue.holder)) / USEC_PER_MSEC;
    }
    return 0;
}

static int
get_job_info(RpcCall *call, const remote_domain_get_job_info_args *args, remote_domain_get_job_info_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    uint64_t done, total;

    if (!d->queue.holder)
        return 0;
    job_get_progress(d->queue.holder, &done, &total);
    ret->type = total ? VIR_DOMAIN_JOB_BOUNDED : VIR_DOMAIN_JOB_UNBOUNDED;
    ret->timeElapsed = (loop_now() - job_started(d->queue.holder)) / USEC_PER_MSEC;
    ret->dataTotal = ret->memTotal = total;
    ret->dataProcessed = ret->memProcessed = done;
    ret->dataRemaining = ret->memRemaining = total > done ? total - done : 0;
    return 0;
}

static int
get_job_stats(RpcCall *call, const remote_domain_get_job_stats_args *args, remote_domain_get_job_stats_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    uint64_t done, total;
    remote_typed_param *p;

    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED, err) < 0)
        return -1;
    if ((args->flags & VIR_DOMAIN_JOB_STATS_COMPLETED) || !d->queue.holder)
        return 0; /* VIR_DOMAIN_JOB_NONE */
    job_get_progress(d->queue.holder, &done, &total);
    p = arena_newv(rpc_call_arena(call), remote_typed_param, 4);
    p[0] = (remote_typed_param){ VIR_DOMAIN_JOB_TIME_ELAPSED,
                                 { .type = VIR_TYPED_PARAM_ULLONG, .ul = (loop_now() - job_started(d->queue.holder)) / USEC_PER_MSEC } };
    p[1] = (remote_typed_param){ VIR_DOMAIN_JOB_DATA_TOTAL, { .type = VIR_TYPED_PARAM_ULLONG, .ul = total } };
    p[2] = (remote_typed_param){ VIR_DOMAIN_JOB_DATA_PROCESSED, { .type = VIR_TYPED_PARAM_ULLONG, .ul = done } };
    p[3] = (remote_typed_param){ VIR_DOMAIN_JOB_DATA_REMAINING, { .type = VIR_TYPED_PARAM_ULLONG, .ul = total > done ? total - done : 0 } };
    ret->type = total ? VIR_DOMAIN_JOB_BOUNDED : VIR_DOMAIN_JOB_UNBOUNDED;
    ret->params = p;
    ret->n_params = total ? 4 : 1;
    return 0;
}

static int
get_security_label(RpcCall *call, const remote_domain_get_security_label_args *args, remote_domain_get_security_label_ret *ret, Error *err)
{
    ret->label = arena_strdup(rpc_call_arena(call), ""); /* no security driver is active */
    ret->n_label = 1;
    return 0;
}

API_TABLE(api_state,
    REMOTE_BIND(DOMAIN_GET_STATE, get_state),
    REMOTE_BIND(DOMAIN_GET_INFO, get_info),
    REMOTE_BIND(DOMAIN_GET_XML_DESC, get_xml),
    REMOTE_BIND(DOMAIN_IS_ACTIVE, is_active),
    REMOTE_BIND(DOMAIN_IS_PERSISTENT, is_persistent),
    REMOTE_BIND(DOMAIN_IS_UPDATED, is_updated),
    REMOTE_BIND(DOMAIN_GET_OS_TYPE, get_os_type),
    REMOTE_BIND(DOMAIN_GET_MAX_MEMORY, get_max_memory),
    REMOTE_BIND(DOMAIN_GET_MAX_VCPUS, get_max_vcpus),
    REMOTE_BIND(DOMAIN_GET_VCPUS_FLAGS, get_vcpus_flags),
    REMOTE_BIND(DOMAIN_GET_AUTOSTART, get_autostart),
    REMOTE_BIND(DOMAIN_HAS_MANAGED_SAVE_IMAGE, has_managed_save),
    REMOTE_BIND(DOMAIN_GET_CONTROL_INFO, get_control_info),
    REMOTE_BIND(DOMAIN_GET_JOB_INFO, get_job_info),
    REMOTE_BIND(DOMAIN_GET_JOB_STATS, get_job_stats),
    REMOTE_BIND(DOMAIN_GET_SECURITY_LABEL, get_security_label));
