#include "virtqemud/run/save.h"

#include <unistd.h>

#include "common/base/file.h"
#include "common/base/undo.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/guestlog.h"

#define LOG_SOURCE "qemu.save"
#include "common/base/log.h"

#define BANDWIDTH_MAX INT64_MAX /* bytes per second: saving is not to be throttled */
#define FD_NAME "save"

/* Give QEMU the descriptor, start the migration, wait for its end. */
static int
transfer(Job *job, Domain *domain, int fd, const char *command, Error *err)
{
    Qmp *qmp = domain->run->qmp;
    Wait done = { 0 };
    int r;

    if (qmp_call_full(job, qmp, "getfd", json_pack("{s:s}", "fdname", FD_NAME), fd, QMP_TIMEOUT, NULL, err) < 0)
        return -1;
    domain->run->migration = &done;
    domain->run->migrating = false;
    r = qmp_call(job, qmp, command, json_pack("{s:s}", "uri", "fd:" FD_NAME), NULL, err);
    if (r == 0)
        r = job_wait(job, &done, "the guest's memory", LOOP_NEVER, err);
    domain->run->migration = NULL;
    if (r == 0 && done.result < 0) {
        _cleanup_json_ json_t *info = NULL;
        const char *why = NULL;

        if (qmp_is_open(qmp) && qmp_call(job, qmp, "query-migrate", NULL, &info, NULL) == 0)
            why = qmp_string(info, "error-desc");
        r = error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "transferring the memory of %s failed: %s", domain->label,
                       why ? why : qmp_is_open(qmp) ? "QEMU gave no reason" : "QEMU has ended");
    }
    return r;
}

int
run_load(Job *job, Domain *domain, int fd, Error *err)
{
    return transfer(job, domain, fd, "migrate-incoming", err);
}

/* Returns when QEMU has given up too: until then it takes no other save, and no change of its devices. */
static int
cancel_transfer(Job *job, Domain *domain, Error *err)
{
    static const char *const under_way[] = { "setup", "active", "device", "pre-switchover", "cancelling", NULL };
    _cleanup_json_ json_t *info = NULL;
    const char *status;
    Wait ended = { 0 };
    int r;

    domain->run->migration = &ended;
    domain->run->migrating = true;
    r = qmp_call(job, domain->run->qmp, "migrate_cancel", NULL, NULL, err);
    if (r == 0)
        r = qmp_call(job, domain->run->qmp, "query-migrate", NULL, &info, err);
    status = qmp_string(info, "status");
    if (r == 0 && status && g_strv_contains(under_way, status))
        r = job_wait(job, &ended, "the end of the transfer", QMP_TIMEOUT, err);
    domain->run->migration = NULL;
    return r;
}

typedef struct {
    Domain *domain;
    bool running;
    const char *path;
} SaveUndo;

/* The guest goes on as if nothing had been asked; the half-written file goes. */
static void
undo_save(Job *job, void *data)
{
    SaveUndo *undo = data;
    _cleanup_error_ Error err = ERROR_INIT;

    unlink(undo->path);
    if (!undo->domain->run || !qmp_is_open(undo->domain->run->qmp))
        return;
    if (cancel_transfer(job, undo->domain, &err) < 0 ||
        (undo->running && run_resume(job, undo->domain, VIR_DOMAIN_RUNNING_SAVE_CANCELED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, &err) < 0))
        log_error("%s stays paused after a failed save: %s", undo->domain->label, err.message);
}

int
run_save(Job *job, Domain *domain, const SaveOptions *options, Error *err)
{
    _cleanup_undo_ Undo undo = UNDO_INIT(job);
    SaveUndo state = { .domain = domain, .running = domain->state == VIR_DOMAIN_RUNNING, .path = options->path };
    g_autofree char *own = options->xml ? NULL : domain_def_format(domain->live, XML_SECURE | XML_MIGRATABLE);
    bool running = options->running >= 0 ? options->running : state.running;
    off_t words = guestlog_end(domain);
    _cleanup_fd_ int fd = -1;
    int r;

    if (saveimage_create(job, options->path, options->xml ? options->xml : own, running, &fd, err) < 0)
        return error_prefixf(err, "cannot save %s", domain->label);
    undo_push(&undo, undo_save, &state);
    if (state.running && run_pause(job, domain, VIR_DOMAIN_PAUSED_SAVE, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, err) < 0)
        return -1;
    if (qmp_call(job, domain->run->qmp, "migrate-set-parameters", json_pack("{s:I}", "max-bandwidth", (json_int_t)BANDWIDTH_MAX),
                 NULL, err) < 0 ||
        transfer(job, domain, fd, "migrate", err) < 0) {
        guestlog_last_words(domain, words, err);
        return error_prefixf(err, "cannot save %s", domain->label);
    }
    job_shield(job); /* who cancels it from now on is too late: QEMU has given its disks away */
    r = saveimage_finish(job, options->path, fd, err);
    job_unshield(job);
    if (r < 0)
        return error_prefixf(err, "cannot save %s", domain->label);
    undo_commit(&undo);
    return run_stop(job, domain, VIR_DOMAIN_SHUTOFF_SAVED, VIR_DOMAIN_EVENT_STOPPED_SAVED, false, err);
}

int
run_abandon_save(Job *job, Domain *domain, Error *err)
{
    if (cancel_transfer(job, domain, err) < 0)
        return -1;
    return run_resume(job, domain, VIR_DOMAIN_RUNNING_SAVE_CANCELED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, err);
}
