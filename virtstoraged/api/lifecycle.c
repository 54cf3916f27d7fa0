/* Pools built, started, refreshed, stopped and deleted. */
#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/pool/define.h"
#include "virtstoraged/pool/event.h"
#include "virtstoraged/pool/health.h"
#include "virtstoraged/pool/persist.h"
#include "virtstoraged/pool/run.h"
#include "virtstoraged/pool/unfinished.h"

#define CREATE_FLAGS \
    (VIR_STORAGE_POOL_CREATE_WITH_BUILD | VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE | VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE)
#define OVERWRITE_FLAGS (VIR_STORAGE_POOL_BUILD_OVERWRITE | VIR_STORAGE_POOL_BUILD_NO_OVERWRITE)

/* What is built, so that what an interrupted building left is known for its own. */
static char *
source_text(const PoolDef *def)
{
    GString *text = g_string_new(def->source.name);

    g_string_append_printf(text, "\n%d", def->source.format);
    LIST_FOREACH(PoolDevice, device, &def->source.devices)
        g_string_append_printf(text, "\n%s", device->path);
    return g_string_free(text, FALSE);
}

/*
 * Nothing is lost that was not meant to be. 1: what is on the source will not be changed; 0: it may, which is noted. *ret_again: an
 * earlier building was interrupted, and it is not known what is there.
 */
static int
prepare_building(Job *job, const Pool *pool, const Backend *backend, const PoolDef *def, unsigned flags, bool *ret_again, Error *err)
{
    g_autofree char *noted = unfinished_noted(pool, UNFINISHED_BUILD), *source = source_text(def);
    int r = 0;

    *ret_again = noted != NULL;
    if (backend->unbuild && g_strcmp0(noted, source) == 0 && !(flags & VIR_STORAGE_POOL_BUILD_OVERWRITE) && backend->unbuild(job, def, err) < 0)
        return error_prefixf(err, "cannot take away what an interrupted building of %s left", pool->label);
    if (backend->may_build)
        r = backend->may_build(job, def, flags, err);
    return r ? r : unfinished_note(job, pool, UNFINISHED_BUILD, source, err);
}

static int
build_pool(Job *job, Pool *pool, const PoolDef *def, unsigned flags, Error *err)
{
    const Backend *backend = pool_backend(def, err);
    bool again;
    int r;

    if (!backend)
        return -1;
    if (!backend->build)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "pool does not support pool build");
    if (flags & ~backend->build_flags)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "unsupported flags (0x%x) for building a pool of type '%s'",
                          flags & ~backend->build_flags, pool_kind(def->type)->name);
    if ((flags & OVERWRITE_FLAGS) == OVERWRITE_FLAGS)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "overwrite and no overwrite flags are mutually exclusive");
    if (!backend->build_flags)
        return backend->build(job, def, flags, err);
    r = prepare_building(job, pool, backend, def, flags, &again, err);
    if (r)
        return r < 0 ? -1 : backend->build(job, def, flags, err);
    r = backend->build(job, def, flags, err);
    /* One that failed told its client. One that was interrupted before and failed now is as it was. */
    if (r == 0 || !again)
        unfinished_end(job, pool, UNFINISHED_BUILD, NULL);
    if (r == 0 && unfinished_known(pool, UNFINISHED_DELETE, NULL))
        unfinished_end(job, pool, UNFINISHED_DELETE, NULL);
    return r;
}

/* Building that was asked for with the start. */
static int
build_first(Job *job, Pool *pool, const PoolDef *def, unsigned create_flags, Error *err)
{
    unsigned flags = 0;

    if (create_flags & VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE)
        flags |= VIR_STORAGE_POOL_BUILD_OVERWRITE;
    if (create_flags & VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE)
        flags |= VIR_STORAGE_POOL_BUILD_NO_OVERWRITE;
    return create_flags ? build_pool(job, pool, def, flags, err) : 0;
}

static int
create(Job *job, RpcCall *call, const remote_storage_pool_create_args *args, void *ret, Error *err)
{
    Pool *pool = api_pool(call);
    g_autoptr(PoolDef) def = NULL;
    const PoolDef *config;

    if (rpc_call_check_flags(call, args->flags, CREATE_FLAGS, err) < 0)
        return -1;
    if (pool->phase != PHASE_INACTIVE)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s is already active", pool->label);
    config = pool_config(pool, err);
    if (!config)
        return -1;
    def = pool_def_ref((PoolDef *)config);
    return build_first(job, pool, def, args->flags, err) < 0 ? -1 : pool_start(job, pool, def, err);
}

static int
create_xml(Job *job, RpcCall *call, const remote_storage_pool_create_xml_args *args, remote_storage_pool_create_xml_ret *ret, Error *err)
{
    Driver *driver = api_driver(call);
    g_autoptr(PoolDef) def = NULL;
    g_autoptr(Pool) pool = NULL;
    int r;

    if (rpc_call_check_flags(call, args->flags, CREATE_FLAGS, err) < 0 ||
        define_parse(driver, args->xml, XML_INACTIVE, &def, err) < 0 || define_claim(job, driver, def, true, &pool, err) < 0)
        return -1;
    r = build_first(job, pool, def, args->flags, err) < 0 ? -1 : pool_start(job, pool, def, err);
    if (r == 0)
        ret->pool = api_wire_pool_copy(call, pool);
    define_release(job, pool);
    return r;
}

static int
build(Job *job, RpcCall *call, const remote_storage_pool_build_args *args, void *ret, Error *err)
{
    Pool *pool = api_pool(call);
    g_autoptr(PoolDef) def = NULL;
    const PoolDef *config;

    if (pool->phase != PHASE_INACTIVE)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "%s is already active", pool->label);
    config = pool_config(pool, err);
    if (!config)
        return -1;
    def = pool_def_ref((PoolDef *)config);
    if (build_pool(job, pool, def, args->flags, err) < 0)
        return -1;
    event_lifecycle(pool, VIR_STORAGE_POOL_EVENT_CREATED);
    return 0;
}

static int
destroy(Job *job, RpcCall *call, const remote_storage_pool_destroy_args *args, void *ret, Error *err)
{
    Pool *pool = api_pool(call);

    if (pool_check_active(pool, err) < 0 || pool_check_idle(pool, err) < 0 || pool_stop(job, pool, err) < 0)
        return -1;
    if (!pool->persistent)
        store_remove(&pool->driver->pools, &pool->base);
    return 0;
}

/* One that was interrupted goes on where the source is gone already; else it begins anew. */
static int
delete_pool(Job *job, Pool *pool, const Backend *backend, const PoolDef *def, unsigned flags, Error *err)
{
    g_autofree char *rest = NULL;

    if (backend->delete_rest && backend->delete_rest(job, def, &rest, err) < 0)
        return -1;
    if (rest && unfinished_note(job, pool, UNFINISHED_DELETE, rest, err) < 0)
        return -1;
    if (!rest)
        rest = unfinished_noted(pool, UNFINISHED_DELETE);
    if (backend->delete(job, def, rest, flags, err) < 0)
        return -1;
    if (rest)
        unfinished_end(job, pool, UNFINISHED_DELETE, NULL);
    return 0;
}

static int
delete(Job *job, RpcCall *call, const remote_storage_pool_delete_args *args, void *ret, Error *err)
{
    Pool *pool = api_pool(call);
    g_autoptr(PoolDef) def = NULL;
    const Backend *backend;
    const PoolDef *config;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || pool_check_inactive(pool, err) < 0 || pool_check_idle(pool, err) < 0)
        return -1;
    config = pool_config(pool, err);
    backend = config ? pool_backend(config, err) : NULL;
    if (!backend)
        return -1;
    if (!backend->delete)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "pool does not support pool deletion");
    def = pool_def_ref((PoolDef *)config);
    if (delete_pool(job, pool, backend, def, args->flags, err) < 0)
        return -1;
    event_lifecycle(pool, VIR_STORAGE_POOL_EVENT_DELETED);
    return 0;
}

static int
refresh(Job *job, RpcCall *call, const remote_storage_pool_refresh_args *args, void *ret, Error *err)
{
    Pool *pool = api_pool(call);
    unsigned life;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || pool_check_stays(pool, err) < 0)
        return -1;
    life = pool->life;
    job_set_lane(job, pool->lane);
    if (pool_refresh(job, pool, true, err) < 0) {
        if (pool->life == life)
            health_bad(pool, err);
        return -1;
    }
    event_refresh(pool);
    return 0;
}

API_TABLE(api_lifecycle,
    REMOTE_BIND(STORAGE_POOL_CREATE, create),
    REMOTE_BIND(STORAGE_POOL_CREATE_XML, create_xml),
    REMOTE_BIND(STORAGE_POOL_BUILD, build),
    REMOTE_BIND(STORAGE_POOL_DESTROY, destroy),
    REMOTE_BIND(STORAGE_POOL_DELETE, delete),
    REMOTE_BIND(STORAGE_POOL_REFRESH, refresh));
