#include "virtstoraged/pool/define.h"

#include <string.h>

#include "virtstoraged/driver.h"

/* One that can't be read uses nothing. */
static bool
clashes(Pool *pool, const PoolDef *def)
{
    const PoolDef *defs[] = { pool->live, pool->persistent ? pool_config(pool, NULL) : NULL };

    for (size_t i = 0; i < G_N_ELEMENTS(defs); i++)
        if (defs[i] && pool_def_same_storage(defs[i], def))
            return true;
    return false;
}

static int
check_storage(Driver *driver, const PoolDef *def, Error *err)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver_pools(driver)->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        Pool *pool = object;

        if (memcmp(pool->base.uuid, def->uuid.b, UUID_SIZE) != 0 && clashes(pool, def))
            return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "Storage source conflict with pool: '%s'", pool_name(pool));
    }
    return 0;
}

int
define_parse(Driver *driver, const char *xml, unsigned flags, PoolDef **ret, Error *err)
{
    g_autoptr(PoolDef) def = NULL;
    StoreObject *same;

    if (pool_def_parse(xml, flags, &def, err) < 0 || !pool_backend(def, err) ||
        store_match(driver_pools(driver), "pool", FROM_STORAGE, def->name, def->uuid.b, &same, err) < 0 ||
        check_storage(driver, def, err) < 0)
        return -1;
    *ret = g_steal_pointer(&def);
    return 0;
}

static int
check(const Pool *pool, bool inactive, Error *err)
{
    if (!pool->base.stored)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "%s was removed meanwhile", pool->label);
    if (inactive && pool->phase != PHASE_INACTIVE)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "pool is already active as '%s'", pool_name(pool));
    return 0;
}

int
define_claim(Job *job, Driver *driver, const PoolDef *def, bool inactive, Pool **ret, Error *err)
{
    Store *store = driver_pools(driver);
    g_autoptr(Pool) pool = NULL;
    StoreObject *same;

    if (store_match(store, "pool", FROM_STORAGE, def->name, def->uuid.b, &same, err) < 0 ||
        (same && check((Pool *)same, inactive, err) < 0))
        return -1;
    pool = same ? pool_ref((Pool *)same) : pool_new(driver, def->name, def->uuid.b);
    if (!same)
        store_add(store, &pool->base);
    if (job_acquire(job, &pool->queue, pool->label, JOB_QUEUE_TIMEOUT, err) < 0)
        return -1; /* whoever holds it now decides whether it stays */
    if (check(pool, inactive, err) < 0) {
        define_release(job, pool);
        return -1;
    }
    *ret = g_steal_pointer(&pool);
    return 0;
}

void
define_release(Job *job, Pool *pool)
{
    if (pool->base.stored && !pool->persistent && pool->phase == PHASE_INACTIVE)
        store_remove(&pool->driver->pools, &pool->base);
    job_release(job, &pool->queue);
    daemon_touch(pool->driver->daemon);
}
