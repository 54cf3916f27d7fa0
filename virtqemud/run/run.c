#include "virtqemud/run/run.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/net/card.h"
#include "virtqemud/net/netport.h"
#include "virtqemud/run/guestlog.h"
#include "virtqemud/run/hook.h"
#include "virtqemud/run/ownership.h"
#include "virtqemud/run/prepare.h"

#define LOG_SOURCE "qemu.run"
#include "common/base/log.h"

#define LOG_INTERVAL (60 * USEC_PER_SEC)

static void
ownership_clear(void *data)
{
    g_free(((RunOwnership *)data)->path);
}

DomainRun *
run_new(void)
{
    DomainRun *run = g_new0(DomainRun, 1);

    run->process.pidfd = -1;
    run->pause_reason = -1;
    run->owned = g_array_new(FALSE, TRUE, sizeof(RunOwnership));
    g_array_set_clear_func(run->owned, ownership_clear);
    run->vcpu_tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    run->ended = g_ptr_array_new();
    run->exit_waits = g_ptr_array_new();
    run->removals = g_ptr_array_new();
    run->stop_reason = VIR_DOMAIN_SHUTOFF_CRASHED;
    run->stop_detail = VIR_DOMAIN_EVENT_STOPPED_FAILED;
    return run;
}

static void
tell_all(GPtrArray *waits)
{
    while (waits->len > 0)
        wait_done(g_ptr_array_steal_index_fast(waits, 0), 0);
}

void
run_free(DomainRun *run)
{
    if (!run)
        return;
    tell_all(run->exit_waits);
    tell_all(run->ended);
    g_ptr_array_unref(run->ended);
    g_ptr_array_unref(run->exit_waits);
    g_ptr_array_unref(run->removals);
    domain_def_unref(run->plugging);
    run->exit_source = sd_event_source_disable_unref(run->exit_source);
    run->log_timer = sd_event_source_disable_unref(run->log_timer);
    qmp_free(run->qmp);
    process_done(&run->process);
    qemu_caps_unref(run->caps);
    g_array_unref(run->owned);
    g_array_unref(run->vcpu_tids);
    g_free(run->dir);
    g_free(run->monitor_path);
    g_free(run);
}

/* The monitor's directory holds sockets and key files only. */
static void
remove_directory(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        unlink(file);
    }
    rmdir(path);
}

static void
remove_ram(const Domain *domain)
{
    g_autofree char *dir = prepare_ram_dir(domain->driver, domain->base.id, domain_name(domain));

    remove_directory(dir);
}

/*
 * Everything that lives as long as QEMU goes, whatever ended it; the domain is shut off, or gone if it was transient.
 * Called with the job held and QEMU dead.
 */
void
run_cleanup(Job *job, Domain *domain)
{
    DomainRun *run = domain->run;
    bool started = !run->starting;

    job_shield(job);
    log_info("%s has ended", domain->label);
    qmp_free(g_steal_pointer(&run->qmp));
    hook_domain_soft(job, domain, "stopped", "end");
    ownership_restore(job, domain);
    card_close_all(job, domain);
    netport_release_all(domain);
    hook_domain_soft(job, domain, "release", "end");
    remove_directory(run->dir);
    remove_ram(domain);
    domain->run = NULL;
    domain->dying = false;
    domain_set_state(domain, VIR_DOMAIN_SHUTOFF, run->stop_reason, -1, 0);
    if (started) /* the event still carries the id */
        event_lifecycle(domain, VIR_DOMAIN_EVENT_STOPPED, run->stop_detail);
    store_set_id(&domain->driver->domains, &domain->base, -1);
    domain_set_live(domain, NULL);
    /* Last of what is on disk: until here a later life of ours would have cleaned up. */
    persist_remove_status(domain);
    if (!domain->persistent)
        store_remove(&domain->driver->domains, &domain->base);
    run_free(run);
    job_unshield(job);
    daemon_touch(domain->driver->daemon);
}

uint64_t
run_cpu_time(const DomainRun *run)
{
    RunTimes times;

    return run_times(run->process.pid, 0, &times) ? times.user + times.system : 0;
}

/* Fields 14, 15 (utime, stime) and 39 (processor) of stat, counted from behind the name. */
bool
run_times(pid_t pid, pid_t thread, RunTimes *ret)
{
    g_autofree char *path = thread ? g_strdup_printf("/proc/%d/task/%d/stat", (int)pid, (int)thread) : g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *line = file_read_line(path);
    const char *at = line ? strrchr(line, ')') : NULL;
    uint64_t tick = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t fields[40] = { 0 };

    if (!at)
        return false;
    at++;
    for (int i = 3; i < 40 && *at; i++) {
        while (*at == ' ')
            at++;
        fields[i] = g_ascii_strtoull(at, NULL, 10);
        while (*at && *at != ' ')
            at++;
    }
    *ret = (RunTimes){ .user = fields[14] * tick, .system = fields[15] * tick, .cpu = (int)fields[39] };
    return true;
}

/* --- the end of the process --- */

static void
run_end_job(Job *job, void *data)
{
    g_autoptr(Domain) domain = data;

    job_shield(job);
    /* A job that is running on this guest sees its waits fail and lets go. */
    if (job_acquire(job, &domain->queue, domain->label, LOOP_NEVER, NULL) == 0) {
        if (domain->run && !process_alive(&domain->run->process))
            run_cleanup(job, domain);
        job_release(job, &domain->queue);
    }
    job_unshield(job);
}

static int
run_on_exit(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    Domain *domain = data;
    DomainRun *run = domain->run;

    run->exit_source = sd_event_source_disable_unref(run->exit_source);
    process_wait_nohang(&run->process);
    run->exited = true;
    tell_all(run->exit_waits);
    if (domain->state == VIR_DOMAIN_SHUTDOWN && !domain->dying) {
        run->stop_reason = VIR_DOMAIN_SHUTOFF_SHUTDOWN;
        run->stop_detail = VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN;
    }
    if (run->qmp)
        qmp_end(run->qmp, "QEMU has exited");
    job_spawn("end", NULL, run_end_job, domain_ref(domain));
    return 0;
}

/* QEMU writes by itself, so somebody has to look. Only while guests run. */
static int
run_on_log_timer(sd_event_source *source, uint64_t usec, void *data)
{
    Domain *domain = data;

    domain->run->log_timer = sd_event_source_disable_unref(domain->run->log_timer);
    guestlog_bound(domain);
    loop_timer(&domain->run->log_timer, LOG_INTERVAL, run_on_log_timer, domain, NULL);
    return 0;
}

int
run_watch(Domain *domain, Error *err)
{
    int r = sd_event_add_io(loop_event(), &domain->run->exit_source, domain->run->process.pidfd, EPOLLIN, run_on_exit, domain);

    return r < 0 ? error_set_errno(err, FROM_QEMU, -r, "cannot watch the process of %s", domain->label)
                 : loop_timer(&domain->run->log_timer, LOG_INTERVAL, run_on_log_timer, domain, err);
}

int
run_wait_end(Job *job, Domain *domain, uint64_t timeout, Error *err)
{
    Wait wait = { 0 };
    DomainRun *run = domain->run;
    int r;

    if (!run)
        return 0;
    g_ptr_array_add(run->ended, &wait);
    r = job_wait(job, &wait, "the end of QEMU", timeout, err);
    if (r < 0) /* the run is there still: its end would have told us */
        g_ptr_array_remove(run->ended, &wait);
    return r;
}

/* The process is waited for here, not the clean-up, which needs the job we may hold. */
static int
run_wait_exit(Job *job, Domain *domain, uint64_t timeout)
{
    DomainRun *run = domain->run;
    Wait wait = { 0 };
    int r;

    if (run->exited)
        return 0;
    g_ptr_array_add(run->exit_waits, &wait);
    r = job_wait(job, &wait, "the end of QEMU", timeout, NULL);
    if (r < 0)
        g_ptr_array_remove(run->exit_waits, &wait);
    return r;
}

/* A process stopped by a signal or a debugger does not hear SIGTERM. */
static bool
run_is_stopped(const DomainRun *run)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)run->process.pid), *line = file_read_line(path);
    const char *at = line ? strrchr(line, ')') : NULL;

    return at && at[1] == ' ' && (at[2] == 'T' || at[2] == 't');
}

/* Whatever it waits for, it gives up, and ends what it has made. */
static int
run_stop_start(Job *job, Domain *domain, Error *err)
{
    job_cancel(domain->run->starter, FROM_QEMU, ERR_OPERATION_ABORTED, "%s was destroyed while it started", domain->label);
    return run_wait_end(job, domain, LOOP_NEVER, err);
}

int
run_stop(Job *job, Domain *domain, int shutoff_reason, int stopped_detail, bool graceful, Error *err)
{
    DomainRun *run = domain->run;
    int id = domain->base.id, old_reason = run->stop_reason, old_detail = run->stop_detail;

    domain->dying = true;
    run->stop_reason = shutoff_reason;
    run->stop_detail = stopped_detail;
    if (run->starter)
        return run_stop_start(job, domain, err);
    job_shield(job);
    process_kill(&run->process, SIGTERM);
    if (run_wait_exit(job, domain, run_is_stopped(run) && !graceful ? 0 : RUN_STOP_GRACE) < 0) {
        if (graceful) {
            domain->dying = false; /* whatever ends it later is reported as what it is */
            run->stop_reason = old_reason;
            run->stop_detail = old_detail;
            job_unshield(job);
            return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED,
                              "%s did not end within %d s; without the graceful flag it is killed", domain->label,
                              (int)(RUN_STOP_GRACE / USEC_PER_SEC));
        }
        log_warning("%s does not end; killing it", domain->label);
        process_kill(&run->process, SIGKILL);
        if (run_wait_exit(job, domain, RUN_STOP_GRACE) < 0) {
            job_unshield(job);
            return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED,
                              "process %d of %s was killed but does not go: it hangs in the kernel", (int)run->process.pid,
                              domain->label);
        }
    }
    job_unshield(job);
    if (domain->queue.holder == job) {
        run_cleanup(job, domain);
        return 0;
    }
    if (domain->base.id != id)
        return 0; /* who held the job was faster */
    job_spawn("end", NULL, run_end_job, domain_ref(domain));
    return run_wait_end(job, domain, LOOP_NEVER, err);
}

int
run_check_monitor(const Domain *domain, Error *err)
{
    if (domain_check_active(domain, err) < 0)
        return -1;
    if (domain->run && domain->run->qmp)
        return 0;
    return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s is just being started or ended, or its QEMU does not answer: it cannot be asked now",
                      domain->label);
}

/* --- vCPUs --- */

int
run_resume(Job *job, Domain *domain, int running_reason, int resumed_detail, Error *err)
{
    domain->run->resume_reason = running_reason;
    domain->run->resume_detail = resumed_detail;
    return qmp_call(job, domain->run->qmp, "cont", NULL, NULL, err);
}

int
run_pause(Job *job, Domain *domain, int paused_reason, int suspended_detail, Error *err)
{
    domain->run->pause_reason = paused_reason;
    domain->run->pause_detail = suspended_detail;
    return qmp_call(job, domain->run->qmp, "stop", NULL, NULL, err);
}
