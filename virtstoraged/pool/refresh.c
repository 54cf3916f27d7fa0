/*
 * Finding out what is in a pool. Nobody's turn is taken meanwhile: volumes are made, changed and deleted while it is read, and what
 * was done to them then counts more than what the reading saw.
 */
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/event.h"
#include "virtstoraged/pool/health.h"
#include "virtstoraged/pool/run.h"
#include "virtstoraged/pool/watch.h"

static void
apply(Pool *pool, Listing *listing, PoolDef *live)
{
    listing_apply(listing, pool);
    pool->sizes = listing->sizes;
    pool_set_live(pool, pool_def_ref(live));
    if (listing->watch_fd >= 0 && !listing->only)
        watch_attach(pool, listing->watch);
}

/* Changed ones whose headers nobody looked at yet. */
static void
add_stale(const Pool *pool, GHashTable *names)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, pool->volumes.by_name);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        const Volume *volume = object;

        if (volume->stale)
            g_hash_table_add(names, g_strdup(volume->def->name));
    }
}

/* Between the two, others may have started another refresh: they wait for this one. */
static int
read_pool(Job *job, Pool *pool, const Backend *backend, bool all, bool anew, bool *ret_changed, Error *err)
{
    g_autoptr(PoolDef) live = pool_def_copy(pool->live);
    unsigned life = pool->life;
    Listing listing;
    int r;

    listing_init(&listing, pool);
    listing.watch_fd = backend->watched ? watch_fd(pool->driver) : -1;
    listing.anew = anew;
    listing.only = watch_take(pool);
    if (all)
        g_clear_pointer(&listing.only, g_hash_table_unref);
    else if (anew && listing.only)
        add_stale(pool, listing.only);
    pool->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    r = backend->check ? backend->check(job, live, err) : 0; /* one that hangs is found out soon, however long reading may take */
    if (r == 0)
        r = backend->refresh(job, live, &listing, err);
    if (pool->life != life)
        r = error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s was stopped meanwhile", pool->label);
    else if (r == 0)
        apply(pool, &listing, live);
    else
        watch_drop(pool); /* what was changed was taken and not seen */
    *ret_changed = listing.changed;
    g_clear_pointer(&pool->gone, g_hash_table_unref);
    listing_done(&listing);
    return r;
}

static int
refresh(Job *job, Pool *pool, bool all, bool anew, bool *ret_changed, Error *err)
{
    const Backend *backend;
    unsigned life = pool->life;
    int r;

    *ret_changed = false;
    /* One begun in the middle of its end would be of the next life, and find nothing. */
    if (!pool->live || pool->phase == PHASE_STOPPING)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s was stopped meanwhile", pool->label);
    backend = pool_backend(pool->live, err);
    if (!backend || job_acquire(job, &pool->refreshing, pool->label, LOOP_NEVER, err) < 0)
        return -1;
    r = pool->life == life ? read_pool(job, pool, backend, all, anew, ret_changed, err)
                           : error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s was stopped meanwhile", pool->label);
    if (pool->life == life && r == 0)
        health_good(pool);
    job_release(job, &pool->refreshing);
    return r;
}

int
pool_refresh(Job *job, Pool *pool, bool anew, Error *err)
{
    bool changed;

    return refresh(job, pool, pool->trouble.reason != NULL, anew, &changed, err);
}

int
pool_refresh_changed(Job *job, Pool *pool, Error *err)
{
    bool changed;
    int r = refresh(job, pool, false, false, &changed, err);

    if (r == 0 && changed)
        event_refresh(pool);
    return r;
}
