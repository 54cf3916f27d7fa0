#include "virtqemud/run/shutdown.h"

#include "virtqemud/domain/persist.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.run"
#include "common/base/log.h"

/* The same QEMU again: what a reboot is when the guest can only power off. */
static int
reset_and_run(Job *job, Domain *domain, Error *err)
{
    if (qmp_call(job, domain->run->qmp, "system_reset", NULL, NULL, err) < 0)
        return -1;
    domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SHUTTING_DOWN, -1, 0);
    return run_resume(job, domain, VIR_DOMAIN_RUNNING_BOOTED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, err);
}

static void
finish(Job *job, void *data)
{
    g_autoptr(Domain) domain = data;
    _cleanup_error_ Error err = ERROR_INIT;
    int id = domain->base.id; /* another run may follow before it is our turn */
    bool again;

    if (job_acquire(job, &domain->queue, domain->label, LOOP_NEVER, &err) < 0)
        return;
    if (domain->run && domain->base.id == id && domain->state == VIR_DOMAIN_SHUTDOWN) {
        again = domain->run->fake_reboot || domain->live->on_poweroff == ACTION_RESTART;
        domain->run->fake_reboot = false;
        if (again && reset_and_run(job, domain, &err) < 0) {
            log_error("%s does not start anew: %s", domain->label, err.message);
            again = false;
        }
        if (!again && run_stop(job, domain, VIR_DOMAIN_SHUTOFF_SHUTDOWN, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, false, NULL) < 0)
            log_error("%s powered off but its QEMU does not end", domain->label);
    }
    job_release(job, &domain->queue);
}

void
shutdown_finish(Domain *domain)
{
    job_spawn("shutdown", NULL, finish, domain_ref(domain));
}

static void
panicked(Job *job, void *data)
{
    g_autoptr(Domain) domain = data;
    _cleanup_error_ Error err = ERROR_INIT;

    if (job_acquire(job, &domain->queue, domain->label, LOOP_NEVER, &err) < 0)
        return;
    if (domain->run && domain->state == VIR_DOMAIN_CRASHED) {
        int r = 0;

        if (domain->live->on_crash == ACTION_RESTART)
            r = reset_and_run(job, domain, &err);
        else if (domain->live->on_crash != ACTION_PRESERVE)
            r = run_stop(job, domain, VIR_DOMAIN_SHUTOFF_CRASHED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, false, &err);
        if (r < 0)
            log_error("%s panicked: %s", domain->label, err.message);
    }
    job_release(job, &domain->queue);
}

void
shutdown_panicked(Domain *domain)
{
    job_spawn("panic", NULL, panicked, domain_ref(domain));
}
