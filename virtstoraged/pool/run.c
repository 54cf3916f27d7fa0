#include "virtstoraged/pool/run.h"

#include "common/base/undo.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/event.h"
#include "virtstoraged/pool/health.h"
#include "virtstoraged/pool/persist.h"
#include "virtstoraged/pool/unfinished.h"
#include "virtstoraged/pool/watch.h"

#define LOG_SOURCE "storage.run"
#include "common/base/log.h"

#define REFRESH_PATIENCE (5 * USEC_PER_SEC) /* for one that runs to let go of the source */

/* What still runs for it comes to nothing, or lets go soon. */
static void
quiet(Job *job, Pool *pool)
{
    job_set_lane(job, NULL); /* ending it is tried in any case */
    pool->life++;
    watch_drop(pool);
    if (job_acquire(job, &pool->refreshing, pool->label, REFRESH_PATIENCE, NULL) == 0)
        job_release(job, &pool->refreshing);
}

static void
forget(Pool *pool)
{
    health_end(pool);
    volume_table_clear(&pool->volumes);
    pool->phase = PHASE_INACTIVE;
    pool->sizes = (PoolSizes){ 0 };
    pool_set_active(pool, false);
    persist_remove_status(pool);
    pool_set_live(pool, NULL);
    daemon_touch(pool->driver->daemon);
}

void
pool_unmake(Job *job, Pool *pool)
{
    g_autoptr(PoolDef) live = pool_def_ref(pool->live);
    const Backend *backend = backend_of(live->type);
    _cleanup_error_ Error err = ERROR_INIT;

    pool->phase = PHASE_STOPPING; /* nothing is begun in it any more: a refresh would belong to the next life */
    quiet(job, pool);
    if (backend && backend->stop && backend->stop(job, live, &err) < 0)
        log_error("%s: %s", pool->label, err.message);
    forget(pool);
}

static void
undo_start(Job *job, void *data)
{
    pool_unmake(job, data);
}

int
pool_start(Job *job, Pool *pool, const PoolDef *def, Error *err)
{
    const Backend *backend = pool_backend(def, err);
    _cleanup_undo_ Undo undo = UNDO_INIT(job);

    if (!backend)
        return -1;
    if (!backend->refresh)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "starting a pool of type '%s' is not supported", pool_kind(def->type)->name);
    if (unfinished_known(pool, UNFINISHED_BUILD, NULL))
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID,
                          "the building of %s was interrupted: nobody knows what is there; build it again (with the overwrite flag, if it can't be built without)", pool->label);
    pool_fresh_lanes(pool);
    job_set_lane(job, pool->lane);
    pool_set_live(pool, pool_def_ref((PoolDef *)def));
    pool->phase = PHASE_STARTING;
    undo_push(&undo, undo_start, pool);
    if (persist_status(pool, err) < 0 || (backend->start && backend->start(job, pool->live, err) < 0) ||
        (backend->sweep && backend->sweep(job, pool->live, err) < 0) || pool_refresh(job, pool, false, err) < 0)
        return -1;
    pool->phase = PHASE_ACTIVE;
    if (persist_status(pool, err) < 0)
        return -1;
    pool_set_active(pool, true);
    health_begin(pool);
    undo_commit(&undo);
    unfinished_resume(job, pool);
    event_lifecycle(pool, VIR_STORAGE_POOL_EVENT_STARTED);
    return 0;
}

/* It stays active when its source can't be let go (somebody uses what is mounted). One that does not answer is left to itself. */
static int
stop(Job *job, Pool *pool, Error *err)
{
    g_autoptr(PoolDef) live = pool_def_ref(pool->live);
    const Backend *backend = backend_of(live->type);
    _cleanup_error_ Error why = ERROR_INIT, ignored = ERROR_INIT;

    quiet(job, pool);
    if (!backend || !backend->stop || backend->stop(job, live, &why) == 0)
        return 0;
    if (pool->trouble.reason) {
        log_error("%s: %s", pool->label, why.message);
        return 0;
    }
    error_move(err, &why);
    pool->phase = PHASE_ACTIVE;
    /* What was made quiet is awake again. */
    health_begin(pool);
    if (persist_status(pool, &ignored) < 0 || pool_refresh(job, pool, false, &ignored) < 0)
        log_error("%s: %s", pool->label, ignored.message);
    return -1;
}

int
pool_stop(Job *job, Pool *pool, Error *err)
{
    int r;

    pool->phase = PHASE_STOPPING;
    if (persist_status(pool, err) < 0) {
        pool->phase = PHASE_ACTIVE;
        return -1;
    }
    job_shield(job);
    r = stop(job, pool, err);
    if (r == 0)
        forget(pool);
    job_unshield(job);
    if (r == 0)
        event_lifecycle(pool, VIR_STORAGE_POOL_EVENT_STOPPED);
    return r;
}
