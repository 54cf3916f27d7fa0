/* Where pools could be: what a server exports, which volume groups there are. */
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"

static void
free_source(gpointer data)
{
    pool_source_free(data);
}

static const Backend *
backend_named(const char *name, PoolType *ret_type, Error *err)
{
    int type = enum_from_name(pool_type_names, name);
    const Backend *backend;

    if (type == ENUM_INVALID) {
        error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "unknown storage pool type %s", name);
        return NULL;
    }
    backend = backend_of((PoolType)type);
    if (!backend || !backend->find) {
        error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "pool type '%s' does not support source discovery", name);
        return NULL;
    }
    *ret_type = (PoolType)type;
    return backend;
}

static int
find_sources(Job *job, RpcCall *call, const remote_connect_find_storage_pool_sources_args *args,
             remote_connect_find_storage_pool_sources_ret *ret, Error *err)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_source);
    g_autoptr(PoolSource) wanted = NULL;
    g_autofree char *xml = NULL;
    const Backend *backend;
    PoolType type;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    backend = backend_named(args->type, &type, err);
    if (!backend || pool_source_parse(args->srcSpec, type, &wanted, err) < 0 || backend->find(job, wanted, found, err) < 0)
        return -1;
    xml = pool_sources_format((PoolSource *const *)found->pdata, found->len);
    ret->xml = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

API_TABLE(api_find, REMOTE_BIND(CONNECT_FIND_STORAGE_POOL_SOURCES, find_sources));
