#include "virtstoraged/pool/pool.h"

#include <string.h>

#include "virtstoraged/backend/backend.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/health.h"
#include "virtstoraged/pool/persist.h"
#include "virtstoraged/pool/watch.h"

const char *const pool_phase_names[] = { "inactive", "active", "starting", "stopping", NULL };

Pool *
pool_new(Driver *driver, const char *name, const uint8_t *uuid)
{
    Pool *p = g_new0(Pool, 1);

    p->base.references = 1;
    p->base.id = -1;
    p->base.name = g_strdup(name);
    memcpy(p->base.uuid, uuid, UUID_SIZE);
    p->label = g_strdup_printf("storage pool '%s'", name);
    p->driver = driver;
    pool_fresh_lanes(p);
    p->watch = -1;
    volume_table_init(&p->volumes);
    return p;
}

void
pool_unref(Pool *pool)
{
    if (pool)
        store_unref(&pool->driver->pools, pool);
}

void
pool_free(Pool *pool)
{
    volume_table_done(&pool->volumes);
    health_end(pool);
    watch_drop(pool);
    worker_lane_unref(pool->lane);
    worker_lane_unref(pool->trouble.lane);
    pool_def_unref(pool->live);
    pool_def_unref(pool->config);
    g_free(pool->label);
    g_free(pool->base.name);
    g_free(pool);
}

void
pool_set_active(Pool *pool, bool active)
{
    store_set_id(&pool->driver->pools, &pool->base, active ? ++pool->driver->next_id : -1);
}

const PoolDef *
pool_config(Pool *pool, Error *err)
{
    if (!pool->persistent) {
        error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s is transient: it has no persistent definition", pool->label);
        return NULL;
    }
    if (!pool->config && persist_load(pool, err) < 0)
        return NULL;
    return pool->config;
}

const PoolDef *
pool_definition(Pool *pool, Error *err)
{
    return pool->live ? pool->live : pool_config(pool, err);
}

void
pool_set_config(Pool *pool, PoolDef *config)
{
    pool_def_unref(pool->config);
    pool->config = config;
}

void
pool_set_live(Pool *pool, PoolDef *live)
{
    pool_def_unref(pool->live);
    pool->live = live;
}

void
pool_set_persistent(Pool *pool, bool persistent)
{
    pool->persistent = persistent;
    store_changed(&pool->driver->pools);
}

void
pool_set_autostart(Pool *pool, bool autostart)
{
    pool->autostart = autostart;
    store_changed(&pool->driver->pools);
}

const Backend *
pool_backend(const PoolDef *def, Error *err)
{
    const Backend *backend = backend_of(def->type);

    if (!backend)
        error_setf(err, FROM_STORAGE, ERR_INTERNAL_ERROR, "missing backend for pool type %d (%s)", (int)def->type - 1,
                   pool_kind(def->type)->name);
    return backend;
}

int
pool_check_active(const Pool *pool, Error *err)
{
    if (!pool_active(pool))
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s is not active", pool->label);
    return 0;
}

int
pool_check_stays(const Pool *pool, Error *err)
{
    if (pool->phase == PHASE_STOPPING)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s is being stopped", pool->label);
    return pool_check_active(pool, err);
}

void
pool_fresh_lanes(Pool *pool)
{
    worker_lane_unref(pool->lane);
    worker_lane_unref(pool->trouble.lane);
    pool->lane = worker_lane_new(pool->label);
    pool->trouble.lane = worker_lane_new(pool->label);
}

int
pool_enter(Job *job, Pool *pool, Error *err)
{
    g_autoptr(GDateTime) since = NULL;
    g_autofree char *text = NULL;

    if (pool_check_active(pool, err) < 0 || pool_settled(job, pool, err) < 0 || pool_check_stays(pool, err) < 0)
        return -1;
    job_set_lane(job, pool->lane);
    if (!pool->trouble.reason)
        return 0;
    since = g_date_time_new_from_unix_local((gint64)(pool->trouble.since / USEC_PER_SEC));
    text = g_date_time_format(since, "%F %T");
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "%s is degraded since %s: %s", pool->label, text, pool->trouble.reason);
}

int
pool_check_inactive(const Pool *pool, Error *err)
{
    if (pool->phase != PHASE_INACTIVE)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s is still active", pool->label);
    return 0;
}

int
pool_check_idle(const Pool *pool, Error *err)
{
    if (pool->working > 0)
        return error_setf(err, FROM_STORAGE, ERR_INTERNAL_ERROR, "%s has asynchronous jobs running: %u of its volumes are being worked on",
                          pool->label, pool->working);
    return 0;
}

int
pool_settled(Job *job, Pool *pool, Error *err)
{
    while (pool->settling) {
        if (job_acquire(job, &pool->adopting, pool->label, JOB_QUEUE_TIMEOUT, err) < 0)
            return -1;
        job_release(job, &pool->adopting);
        job_yield(job); /* its job may not have begun yet */
    }
    return 0;
}
