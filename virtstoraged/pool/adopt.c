/*
 * Taking hold of the pools that were active when the last life of this daemon ended, and starting those that start with the
 * host. Each has a job of its own: one that hangs keeps no other.
 */
#include <fcntl.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/health.h"
#include "virtstoraged/pool/persist.h"
#include "virtstoraged/pool/run.h"
#include "virtstoraged/pool/unfinished.h"

#define LOG_SOURCE "storage.adopt"
#include "common/base/log.h"

static void
spawn(Driver *driver, const char *name, JobFn fn, Pool *pool)
{
    driver->starting++;
    job_spawn(name, NULL, fn, pool_ref(pool));
}

static void
ended(Driver *driver)
{
    driver->starting--;
    daemon_touch(driver->daemon);
}

/* --- adoption --- */

/* Half of a start or of an end, or what somebody else ended: nothing of it stays. */
static void
unmake(Job *job, Pool *pool, unsigned life, const char *why)
{
    if (job_acquire(job, &pool->queue, pool->label, LOOP_NEVER, NULL) < 0)
        return;
    if (pool->live && pool->life == life) {
        log_warning("%s is inactive: %s", pool->label, why);
        pool_unmake(job, pool);
        if (!pool->persistent)
            store_remove(&pool->driver->pools, &pool->base);
    }
    job_release(job, &pool->queue);
}

/* Nobody's turn is taken: a source that hangs keeps nobody from ending the pool. */
static int
look(Job *job, Pool *pool, Error *err)
{
    const Backend *backend = pool_backend(pool->live, err);
    g_autoptr(PoolDef) live = pool_def_ref(pool->live);

    if (!backend)
        return -1;
    if (!backend->refresh)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "pools of type '%s' are not supported", pool_kind(live->type)->name);
    if ((backend->check && backend->check(job, live, err) < 0) || (backend->sweep && backend->sweep(job, live, err) < 0))
        return -1;
    if (pool_refresh(job, pool, false, err) < 0)
        return -1;
    unfinished_resume(job, pool);
    return 0;
}

static void
adopt_job(Job *job, void *data)
{
    g_autoptr(Pool) pool = data;
    Driver *driver = pool->driver;
    _cleanup_error_ Error err = ERROR_INIT;
    unsigned life = pool->life;

    bool active = pool->phase == PHASE_ACTIVE;
    int r = -1;

    job_set_lane(job, pool->lane);
    if (job_acquire(job, &pool->adopting, pool->label, LOOP_NEVER, &err) == 0) {
        r = active ? look(job, pool, &err) : -1;
        pool->settling = false;
        job_release(job, &pool->adopting); /* who waits for it may have the pool's turn, which ending it needs */
    }
    if (!active && pool->live) /* else somebody ended it before this job began */
        unmake(job, pool, life, "it was neither started nor stopped when the daemon ended");
    else if (active && r == 0 && pool->life == life)
        health_begin(pool);
    else if (active && pool->life == life && err.code == ERR_OPERATION_INVALID)
        unmake(job, pool, life, err.message);
    else if (active && pool->life == life)
        health_bad(pool, &err);
    ended(driver);
}

/* The pool of the persistent definition, or a new transient one. Borrowed from the store; NULL on a clash. */
static Pool *
pool_of(Driver *driver, const PoolDef *live)
{
    Store *store = &driver->pools;
    Pool *pool;
    StoreObject *same;

    if (store_match(store, "pool", FROM_STORAGE, live->name, live->uuid.b, &same, NULL) < 0)
        return NULL;
    if (same)
        return (Pool *)same;
    pool = pool_new(driver, live->name, live->uuid.b);
    store_add(store, &pool->base);
    pool_unref(pool);
    return pool;
}

static void
adopt_one(Driver *driver, const char *name)
{
    g_autofree char *path = driver_status_path(driver, name);
    g_autoptr(PoolDef) live = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    PoolPhase phase;
    Pool *pool;

    if (persist_read_status(driver, name, &live, &phase, &err) < 0) {
        log_error("the status file '%s' is left alone: %s", path, err.message);
        return;
    }
    pool = pool_of(driver, live);
    if (!pool || pool->live) {
        log_error("the status file '%s' is left alone: its pool has another UUID now", path);
        return;
    }
    pool_set_live(pool, g_steal_pointer(&live));
    pool->phase = phase;
    pool->settling = true;
    if (phase == PHASE_ACTIVE)
        pool_set_active(pool, true);
    spawn(driver, "adopt", adopt_job, pool);
}

void
pool_adopt_all(Driver *driver)
{
    g_autoptr(GPtrArray) names = persist_status_names(driver);

    for (guint i = 0; i < names->len; i++)
        adopt_one(driver, names->pdata[i]);
}

/* --- autostart --- */

static void
start_job(Job *job, void *data)
{
    g_autoptr(Pool) pool = data;
    _cleanup_error_ Error err = ERROR_INIT;
    const PoolDef *config;

    if (job_acquire(job, &pool->queue, pool->label, LOOP_NEVER, NULL) == 0) {
        if (pool->base.stored && pool->phase == PHASE_INACTIVE) {
            config = pool_config(pool, &err);
            if (!config || pool_start(job, pool, config, &err) < 0)
                log_error("cannot autostart %s: %s", pool->label, err.message);
        }
        job_release(job, &pool->queue);
    }
    ended(pool->driver);
}

/* true for the first of this boot. */
static bool
first_of_this_boot(const Driver *driver)
{
    g_autofree char *marker = g_build_filename(driver->state_dir, "autostarted", NULL);
    _cleanup_fd_ int fd = open(marker, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd >= 0;
}

void
pool_autostart(Driver *driver)
{
    g_autoptr(GPtrArray) active = persist_status_names(driver), all = NULL;
    g_autoptr(GDir) links = NULL;

    if (active->len > 0)
        driver_pools(driver); /* indexes, and takes hold of what is active */
    if (!first_of_this_boot(driver))
        return;
    links = g_dir_open(driver->definitions.autostart_dir, 0, NULL);
    if (!links || !g_dir_read_name(links))
        return;
    all = store_list(driver_pools(driver));
    for (guint i = 0; i < all->len; i++) {
        Pool *pool = all->pdata[i];

        if (pool->autostart && pool->phase == PHASE_INACTIVE)
            spawn(driver, "autostart", start_job, pool);
        pool_unref(pool);
    }
}
