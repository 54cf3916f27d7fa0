/*
 * Taking hold of the guests that were running when the last life of this daemon ended. What can be known without waiting
 * (status file, process) is known before the first call is answered; the monitors are connected by jobs.
 */
#include <signal.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/net/netport.h"
#include "virtqemud/plug/plug.h"
#include "virtqemud/run/hook.h"
#include "virtqemud/run/prepare.h"
#include "virtqemud/run/run.h"
#include "virtqemud/run/save.h"
#include "virtqemud/run/shutdown.h"
#include "virtqemud/run/status.h"

#define LOG_SOURCE "qemu.run"
#include "common/base/log.h"

#define STATUS_MAX (16 * 1024 * 1024)
#define ADOPT_TIMEOUT (30 * USEC_PER_SEC)

/* What QEMU says it is doing, as our state. */
static const struct {
    const char *qemu;
    virDomainState state;
    int reason;
} qemu_states[] = {
    { "running", VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNKNOWN },
    { "paused", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN },
    { "prelaunch", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP },
    { "inmigrate", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION },
    { "postmigrate", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION },
    { "finish-migrate", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION },
    { "save-vm", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE },
    { "restore-vm", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN },
    { "io-error", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR },
    { "watchdog", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG },
    { "internal-error", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN },
    { "debug", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN },
    { "suspended", VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED_UNKNOWN },
    { "guest-panicked", VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED },
    { "shutdown", VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_UNKNOWN },
};

/* What happened while nobody watched is reflected, and reported as it would have been. */
static int
reflect(Domain *domain, json_t *status, Error *err)
{
    const char *name = qmp_string(status, "status");

    for (size_t i = 0; i < G_N_ELEMENTS(qemu_states); i++) {
        if (g_strcmp0(name, qemu_states[i].qemu) != 0)
            continue;
        if (domain->state == qemu_states[i].state)
            return 0;
        if (qemu_states[i].state == VIR_DOMAIN_SHUTDOWN) {
            domain_set_state(domain, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_UNKNOWN, VIR_DOMAIN_EVENT_SHUTDOWN,
                             VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED);
            shutdown_finish(domain);
        } else {
            domain_set_state(domain, qemu_states[i].state, qemu_states[i].reason, -1, 0);
        }
        return 0;
    }
    return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "QEMU of %s is in the unknown state '%s'", domain->label, name ? name : "");
}

static int
reconnect(Job *job, Domain *domain, Error *err)
{
    DomainRun *run = domain->run;
    bool saving = domain->state == VIR_DOMAIN_PAUSED && domain->reason == VIR_DOMAIN_PAUSED_SAVE;
    _cleanup_json_ json_t *status = NULL, *cpus = NULL;
    json_t *item;
    size_t i;

    if (run_connect(job, domain, ADOPT_TIMEOUT, err) < 0 ||
        qmp_call(job, run->qmp, "query-status", NULL, &status, err) < 0 ||
        qmp_call(job, run->qmp, "query-cpus-fast", NULL, &cpus, err) < 0)
        return -1;
    json_array_foreach(cpus, i, item) {
        pid_t tid = (pid_t)qmp_int(item, "thread-id", 0);

        g_array_append_val(run->vcpu_tids, tid);
    }
    /* A start that had let it run was complete but for saying so; one that had not is undone. */
    if (run->starting && !qmp_bool(status, "running", false))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_ABORTED, "the start of %s was interrupted", domain->label);
    run->starting = false;
    if (saving && run_abandon_save(job, domain, err) < 0)
        return -1;
    hook_domain_soft(job, domain, "reconnect", "begin");
    if (domain->live->devices.emulator)
        run->caps = qemu_caps_peek(domain->live->devices.emulator);
    if (run->caps)
        qemu_caps_ref(run->caps);
    plug_recover(job, domain);
    plug_reconcile(job, domain);
    return saving ? 0 : reflect(domain, status, err);
}

static void
adopt_job(Job *job, void *data)
{
    g_autoptr(Domain) domain = data;
    Driver *driver = domain->driver;
    _cleanup_error_ Error err = ERROR_INIT;
    DomainRun *run = domain->run;
    bool starting;

    if (job_acquire(job, &domain->queue, domain->label, LOOP_NEVER, &err) == 0) {
        if (domain->run == run && run) {
            starting = run->starting;
            if (!process_alive(&run->process)) {
                run_cleanup(job, domain);
            } else if (run->autodestroy) {
                log_info("%s was to end with its maker's connection", domain->label);
                if (run_stop(job, domain, VIR_DOMAIN_SHUTOFF_DESTROYED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, false, &err) < 0)
                    log_error("%s", err.message);
            } else if (reconnect(job, domain, &err) < 0) {
                log_warning("%s: %s", domain->label, err.message);
                if (domain->run && starting && run_stop(job, domain, VIR_DOMAIN_SHUTOFF_FAILED, VIR_DOMAIN_EVENT_STOPPED_FAILED, false, NULL) < 0)
                    log_error("%s does not end", domain->label);
                else if (domain->run)
                    event_control_error(domain);
            } else {
                persist_status(domain);
            }
        }
        job_release(job, &domain->queue);
    }
    if (domain->run)
        netport_reclaim_all(job, domain); /* without the queue: a network daemon that hangs is no reason for the guest to wait */
    driver->starting--;
    daemon_touch(driver->daemon);
}

/* The running side read from the status file moves into the domain of the persistent definition, if there is one. */
static Domain *
merge(Driver *driver, Domain *found)
{
    Domain *domain = (Domain *)store_by_uuid(&driver->domains, found->base.uuid);

    if (!domain) {
        found->persistent = false;
        store_add(&driver->domains, &found->base);
        return domain_ref(found);
    }
    domain->run = g_steal_pointer(&found->run);
    domain_set_live(domain, g_steal_pointer(&found->live));
    domain->state = found->state;
    domain->reason = found->reason;
    store_set_id(&driver->domains, &domain->base, found->base.id);
    return domain_ref(domain);
}

static void
adopt_one(Driver *driver, const char *name)
{
    g_autofree char *path = driver_status_path(driver, name), *text = NULL;
    g_autoptr(Domain) found = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    Domain *domain;

    if (file_read(path, STATUS_MAX, &text, NULL, &err) < 0 || !(found = status_decode(driver, text, &err))) {
        log_error("the status file '%s' is left alone: %s", path, err.message);
        return;
    }
    domain = merge(driver, found);
    driver->next_id = MAX(driver->next_id, domain->base.id + 1);
    domain->run->process.pidfd = -1;
    if (domain->run->process.pid == 0 || process_adopt(domain->run->process.pid, domain->run->start_time, &domain->run->process, &err) != 0)
        log_info("%s ended while no daemon was watching", domain->label);
    else if (run_watch(domain, &err) < 0)
        log_error("%s", err.message);
    driver->starting++;
    job_spawn("adopt", NULL, adopt_job, domain);
}

void
run_adopt_all(Driver *driver)
{
    g_autoptr(GPtrArray) names = persist_status_names(driver);

    for (guint i = 0; i < names->len; i++)
        adopt_one(driver, names->pdata[i]);
}
