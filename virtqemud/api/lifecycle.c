/* Starting, stopping, pausing. */
#include <string.h>

#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/run/boot.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.api"
#include "common/base/log.h"

/* --- guests that end with their maker's connection --- */

static void
autodestroy_job(Job *job, void *data)
{
    g_autoptr(Domain) d = data;
    _cleanup_error_ Error err = ERROR_INIT;

    if (job_acquire(job, &d->queue, d->label, LOOP_NEVER, &err) < 0)
        return;
    if (d->run && d->run->autodestroy &&
        run_stop(job, d, VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, false, &err) < 0)
        log_error("%s", err.message);
    job_release(job, &d->queue);
}

static void
maker_gone(RpcClient *client, void *data)
{
    job_spawn("autodestroy", rpc_client_label(client), autodestroy_job, data); /* takes the reference */
}

static void
bind_to_maker(RpcCall *call, Domain *d)
{
    RpcClient *maker = rpc_call_client(call);

    if (rpc_client_gone(maker)) /* while the guest started */
        maker_gone(maker, domain_ref(d));
    else
        rpc_client_on_close(maker, maker_gone, domain_ref(d));
}

/* --- start --- */

#define START_FLAGS \
    (VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_BYPASS_CACHE | VIR_DOMAIN_START_FORCE_BOOT | \
     VIR_DOMAIN_START_VALIDATE)

static int
start(Job *job, RpcCall *call, unsigned flags, Error *err)
{
    Domain *d = api_domain(call);

    if (domain_active(d))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s is already running", d->label);
    if (boot_domain(job, d, flags, err) < 0)
        return -1;
    if (flags & VIR_DOMAIN_START_AUTODESTROY)
        bind_to_maker(call, d);
    return 0;
}

static int
create(Job *job, RpcCall *call, const remote_domain_create_args *args, void *ret, Error *err)
{
    return start(job, call, 0, err);
}

static int
create_with_flags(Job *job, RpcCall *call, const remote_domain_create_with_flags_args *args, remote_domain_create_with_flags_ret *ret,
                  Error *err)
{
    unsigned known = VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_BYPASS_CACHE |
                     VIR_DOMAIN_START_FORCE_BOOT;

    if (rpc_call_check_flags(call, args->flags, known, err) < 0 || start(job, call, args->flags, err) < 0)
        return -1;
    ret->dom = api_wire_domain(api_domain(call));
    return 0;
}

/* A transient guest, or a defined one with a definition for this run. */
static int
create_new(Job *job, RpcCall *call, DomainDef *def, unsigned flags, Domain **ret, Error *err)
{
    Driver *driver = api_driver(call);
    RunStart how = {
        .paused = flags & VIR_DOMAIN_START_PAUSED,
        .autodestroy = flags & VIR_DOMAIN_START_AUTODESTROY,
        .incoming_fd = -1,
        .running_reason = VIR_DOMAIN_RUNNING_BOOTED,
        .started_detail = VIR_DOMAIN_EVENT_STARTED_BOOTED,
    };
    g_autoptr(Domain) d = NULL;
    int r;

    if (define_claim(job, driver, def, true, &d, err) < 0)
        return -1;
    r = run_start(job, d, def, &how, err);
    define_release(job, d);
    if (r < 0)
        return -1;
    if (flags & VIR_DOMAIN_START_AUTODESTROY)
        bind_to_maker(call, d);
    *ret = g_steal_pointer(&d);
    return 0;
}

static int
create_xml(Job *job, RpcCall *call, const remote_domain_create_xml_args *args, remote_domain_create_xml_ret *ret, Error *err)
{
    g_autoptr(DomainDef) def = NULL;
    g_autoptr(Domain) d = NULL;
    unsigned validate = args->flags & VIR_DOMAIN_START_VALIDATE ? XML_VALIDATE : 0;

    if (rpc_call_check_flags(call, args->flags, START_FLAGS & ~VIR_DOMAIN_START_FORCE_BOOT, err) < 0 ||
        define_parse(job, api_driver(call), args->xml_desc, XML_INACTIVE | validate, &def, err) < 0 ||
        create_new(job, call, def, args->flags, &d, err) < 0)
        return -1;
    ret->dom = api_wire_domain(d);
    ret->dom.name = arena_strdup(rpc_call_arena(call), ret->dom.name);
    return 0;
}

/* --- stop --- */

/* Any job of this guest is told to give up; then QEMU is ended. */
static int
destroy(Job *job, RpcCall *call, bool graceful, Error *err)
{
    Domain *d = api_domain(call);

    if (!d->run || domain_check_active(d, err) < 0)
        return domain_check_active(d, err);
    return run_stop(job, d, VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, graceful, err);
}

static int
destroy_plain(Job *job, RpcCall *call, const remote_domain_destroy_args *args, void *ret, Error *err)
{
    return destroy(job, call, false, err);
}

static int
destroy_flags(Job *job, RpcCall *call, const remote_domain_destroy_flags_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_DESTROY_GRACEFUL | VIR_DOMAIN_DESTROY_REMOVE_LOGS, err) < 0)
        return -1;
    return destroy(job, call, args->flags & VIR_DOMAIN_DESTROY_GRACEFUL, err);
}

#define AGENT_FLAG_IS_SET(flags, agent, others) (((flags) & (agent)) && !((flags) & (others)))

static int
power_button(Job *job, Domain *d, bool reboot, Error *err)
{
    if (run_check_monitor(d, err) < 0)
        return -1;
    if (d->state != VIR_DOMAIN_RUNNING && d->state != VIR_DOMAIN_PAUSED)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s is %s, not running", d->label, domain_state_name(d->state));
    d->run->fake_reboot = reboot;
    return qmp_call(job, d->run->qmp, "system_powerdown", NULL, NULL, err);
}

static int
shutdown_guest(Job *job, RpcCall *call, const remote_domain_shutdown_args *args, void *ret, Error *err)
{
    return power_button(job, api_domain(call), false, err);
}


static int
shutdown_flags(Job *job, RpcCall *call, const remote_domain_shutdown_flags_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN | VIR_DOMAIN_SHUTDOWN_GUEST_AGENT, err) < 0)
        return -1;
    if (AGENT_FLAG_IS_SET(args->flags, VIR_DOMAIN_SHUTDOWN_GUEST_AGENT, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN))
        return error_setf(err, FROM_QEMU, ERR_ARGUMENT_UNSUPPORTED,
                          "shutting down through the guest agent is not supported yet; use --mode acpi");
    return power_button(job, api_domain(call), false, err);
}

static int
reboot_guest(Job *job, RpcCall *call, const remote_domain_reboot_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN | VIR_DOMAIN_REBOOT_GUEST_AGENT, err) < 0)
        return -1;
    if (AGENT_FLAG_IS_SET(args->flags, VIR_DOMAIN_REBOOT_GUEST_AGENT, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN))
        return error_setf(err, FROM_QEMU, ERR_ARGUMENT_UNSUPPORTED, "rebooting through the guest agent is not supported yet; use "
                          "--mode acpi");
    return power_button(job, api_domain(call), true, err);
}

static int
reset(Job *job, RpcCall *call, const remote_domain_reset_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || run_check_monitor(d, err) < 0)
        return -1;
    return qmp_call(job, d->run->qmp, "system_reset", NULL, NULL, err);
}

/* --- vCPUs --- */

static int
suspend(Job *job, RpcCall *call, const remote_domain_suspend_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (run_check_monitor(d, err) < 0)
        return -1;
    if (d->state == VIR_DOMAIN_PMSUSPENDED)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s has suspended itself; it can only be woken up", d->label);
    if (d->state == VIR_DOMAIN_PAUSED)
        return 0;
    return run_pause(job, d, VIR_DOMAIN_PAUSED_USER, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, err);
}

static int
resume(Job *job, RpcCall *call, const remote_domain_resume_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (run_check_monitor(d, err) < 0)
        return -1;
    if (d->state == VIR_DOMAIN_PMSUSPENDED)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s has suspended itself; it can only be woken up", d->label);
    if (d->state == VIR_DOMAIN_RUNNING)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s is already running", d->label);
    return run_resume(job, d, VIR_DOMAIN_RUNNING_UNPAUSED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, err);
}

static int
wakeup(Job *job, RpcCall *call, const remote_domain_pm_wakeup_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || run_check_monitor(d, err) < 0)
        return -1;
    return qmp_call(job, d->run->qmp, "system_wakeup", NULL, NULL, err);
}

static int
inject_nmi(Job *job, RpcCall *call, const remote_domain_inject_nmi_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || run_check_monitor(d, err) < 0)
        return -1;
    return qmp_call(job, d->run->qmp, "inject-nmi", NULL, NULL, err);
}

/* Whatever the guest's job is doing: it gives up, and undoes what it did. */
static int
abort_job(Job *job, RpcCall *call, const remote_domain_abort_job_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (domain_check_active(d, err) < 0)
        return -1;
    if (!d->queue.holder)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "no job is active on %s", d->label);
    job_cancel(d->queue.holder, FROM_QEMU, ERR_OPERATION_ABORTED, "'%s' of %s was cancelled by %s", job_name(d->queue.holder), d->label,
               rpc_client_label(rpc_call_client(call)));
    return 0;
}

API_TABLE(api_lifecycle,
    REMOTE_BIND(DOMAIN_CREATE, create),
    REMOTE_BIND(DOMAIN_CREATE_WITH_FLAGS, create_with_flags),
    REMOTE_BIND(DOMAIN_CREATE_XML, create_xml),
    REMOTE_BIND(DOMAIN_DESTROY, destroy_plain),
    REMOTE_BIND(DOMAIN_DESTROY_FLAGS, destroy_flags),
    REMOTE_BIND(DOMAIN_SHUTDOWN, shutdown_guest),
    REMOTE_BIND(DOMAIN_SHUTDOWN_FLAGS, shutdown_flags),
    REMOTE_BIND(DOMAIN_REBOOT, reboot_guest),
    REMOTE_BIND(DOMAIN_RESET, reset),
    REMOTE_BIND(DOMAIN_SUSPEND, suspend),
    REMOTE_BIND(DOMAIN_RESUME, resume),
    REMOTE_BIND(DOMAIN_PM_WAKEUP, wakeup),
    REMOTE_BIND(DOMAIN_INJECT_NMI, inject_nmi),
    REMOTE_BIND(DOMAIN_ABORT_JOB, abort_job));
