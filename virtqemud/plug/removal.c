#include "virtqemud/plug/removal.h"

#include <string.h>

#include "virtqemud/domain/event.h"
#include "virtqemud/driver.h"
#include "virtqemud/plug/plug.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.plug"
#include "common/base/log.h"

enum { LEFT = 0, KEPT = 1, LOST = 2 }; /* results of the wait */

static Removal *
find(const Domain *domain, const char *alias)
{
    GPtrArray *removals = domain->run->removals;

    for (guint i = 0; i < removals->len; i++)
        if (strcmp(((Removal *)removals->pdata[i])->alias, alias) == 0)
            return removals->pdata[i];
    return NULL;
}

static void
tell(Domain *domain, Removal *removal, int result)
{
    g_ptr_array_remove(domain->run->removals, removal);
    wait_done(&removal->wait, result);
}

void
removal_expect(Domain *domain, Removal *removal)
{
    g_ptr_array_add(domain->run->removals, removal);
}

void
removal_forget(Domain *domain, Removal *removal)
{
    g_ptr_array_remove(domain->run->removals, removal); /* nothing when it was told */
}

int
removal_await(Job *job, Domain *domain, Removal *removal, Error *err)
{
    /* It may have left while the answer was under way. */
    if (!removal->wait.done && job_wait(job, &removal->wait, "the guest lets go of a device", REMOVAL_WAIT, NULL) < 0) {
        removal_forget(domain, removal);
        return REMOVAL_PENDING;
    }
    if (removal->wait.result == KEPT)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the guest does not let go of device '%s'", removal->alias);
    if (removal->wait.result == LOST)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "%s ended while device '%s' was being detached", domain->label, removal->alias);
    return 0;
}

int
removal_request(Job *job, Domain *domain, const char *alias, Error *err)
{
    Removal removal = { .alias = alias };
    _cleanup_error_ Error why = ERROR_INIT;

    if (find(domain, alias))
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "device '%s' is being detached already", alias);
    removal_expect(domain, &removal);
    if (qmp_call(job, domain->run->qmp, "device_del", json_pack("{s:s}", "id", alias), NULL, &why) < 0) {
        removal_forget(domain, &removal);
        if (g_strcmp0(why.str1, "DeviceNotFound") == 0)
            return 0; /* it left before */
        return error_move(err, &why);
    }
    return removal_await(job, domain, &removal, err);
}

/* --- events --- */

typedef struct Left {
    Domain *domain;
    int id; /* of the run it left */
    char *alias;
} Left;

static void
left_job(Job *job, void *data)
{
    Left *left = data;

    if (job_acquire(job, &left->domain->queue, left->domain->label, LOOP_NEVER, NULL) == 0) {
        if (left->domain->run && left->domain->base.id == left->id)
            plug_detached(job, left->domain, left->alias);
        job_release(job, &left->domain->queue);
    }
    domain_unref(left->domain);
    g_free(left->alias);
    g_free(left);
}

void
removal_done(Domain *domain, const char *alias)
{
    Removal *removal = find(domain, alias);
    Left *left;

    if (removal) {
        tell(domain, removal, LEFT);
        return;
    }
    if (domain->dying || !domain_def_find_alias(domain->live, alias))
        return;
    left = g_new0(Left, 1);
    *left = (Left){ domain_ref(domain), domain->base.id, g_strdup(alias) };
    job_spawn("detached", NULL, left_job, left);
}

void
removal_refused(Domain *domain, const char *alias)
{
    Removal *removal = find(domain, alias);

    if (removal)
        tell(domain, removal, KEPT);
    if (domain_def_find_alias(domain->live, alias))
        event_device_removal_failed(domain, alias);
}

void
removal_ended(Domain *domain)
{
    while (domain->run->removals->len > 0)
        tell(domain, domain->run->removals->pdata[0], LOST);
}
