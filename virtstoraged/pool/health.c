#include "virtstoraged/pool/health.h"

#include "virtstoraged/backend/backend.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/run.h"

#define LOG_SOURCE "storage.health"
#include "common/base/log.h"

static void plan(Pool *pool, uint64_t delay);

static int
look(Job *job, Pool *pool, Error *err)
{
    const Backend *backend = backend_of(pool->live->type);
    g_autoptr(PoolDef) live = pool_def_ref(pool->live);

    /* It was away: what is in it may be another. */
    return pool->trouble.reason || !backend->check ? pool_refresh(job, pool, false, err) : backend->check(job, live, err);
}

static void
look_job(Job *job, void *data)
{
    g_autoptr(Pool) pool = data;
    _cleanup_error_ Error err = ERROR_INIT;
    unsigned life = pool->life;

    job_set_lane(job, pool->trouble.lane);
    if (pool_active(pool) && look(job, pool, &err) < 0 && pool->life == life)
        health_bad(pool, &err);
    pool->trouble.looking = false;
    if (pool_active(pool) && pool->life == life && !pool->trouble.reason && backend_of(pool->live->type)->remote)
        plan(pool, HEALTH_PERIOD);
}

static int
on_timer(sd_event_source *source, uint64_t when, void *data)
{
    Pool *pool = data;

    if (pool->trouble.looking) { /* of this life or one before: its outcome may be of no use */
        plan(pool, HEALTH_RETRY_MIN);
        return 0;
    }
    pool->trouble.looking = true;
    job_spawn("health", NULL, look_job, pool_ref(pool));
    return 0;
}

static void
plan(Pool *pool, uint64_t delay)
{
    sd_event_source_disable_unref(pool->trouble.timer);
    pool->trouble.timer = NULL;
    if (loop_timer(&pool->trouble.timer, delay, on_timer, pool, NULL) < 0)
        log_error("%s can't be watched: no timer", pool->label);
}

void
health_begin(Pool *pool)
{
    if (backend_of(pool->live->type)->remote)
        plan(pool, HEALTH_PERIOD);
}

void
health_end(Pool *pool)
{
    pool->trouble.timer = sd_event_source_disable_unref(pool->trouble.timer);
    g_clear_pointer(&pool->trouble.reason, g_free);
}

void
health_bad(Pool *pool, const Error *why)
{
    Trouble *trouble = &pool->trouble;

    if (!pool_active(pool) || pool->phase != PHASE_ACTIVE)
        return;
    if (!trouble->reason) {
        trouble->since = clock_realtime_usec();
        trouble->delay = HEALTH_RETRY_MIN;
        log_error("%s is degraded: %s", pool->label, why->message);
    } else {
        trouble->delay = MIN(trouble->delay * 2, HEALTH_RETRY_MAX);
    }
    g_free(trouble->reason);
    trouble->reason = g_strdup(why->message ? why->message : "its source does not answer");
    plan(pool, trouble->delay);
}

void
health_good(Pool *pool)
{
    Trouble *trouble = &pool->trouble;

    if (!trouble->reason)
        return;
    log_info("%s is well again, after %.1f s", pool->label, (double)(clock_realtime_usec() - trouble->since) / (double)USEC_PER_SEC);
    g_clear_pointer(&trouble->reason, g_free);
    trouble->timer = sd_event_source_disable_unref(trouble->timer);
    pool_fresh_lanes(pool);
    health_begin(pool);
}

void
health_suspect(Pool *pool)
{
    if (pool_active(pool) && !pool->trouble.reason)
        plan(pool, 0);
}
