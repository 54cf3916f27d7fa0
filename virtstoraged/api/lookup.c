/* Finding pools: by name, UUID, path and volume, lists of them with every filter, and what they are. */
#include <string.h>

#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"

remote_nonnull_storage_pool
api_wire_pool(const Pool *pool)
{
    remote_nonnull_storage_pool wire = { .name = pool->base.name };

    memcpy(wire.uuid, pool->base.uuid, UUID_SIZE);
    return wire;
}

remote_nonnull_storage_pool
api_wire_pool_copy(RpcCall *call, const Pool *pool)
{
    remote_nonnull_storage_pool wire = api_wire_pool(pool);

    wire.name = arena_strdup(rpc_call_arena(call), wire.name);
    return wire;
}

int
api_no_pool(const char *what, const char *value, Error *err)
{
    return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_POOL, "Storage pool not found: no storage pool with matching %s '%s'", what, value);
}

/* --- for the dispatcher --- */

static int
class_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_storage_pool *named = wire;
    StoreObject *object = store_by_uuid(driver_pools(((Daemon *)daemon)->user), named->uuid);
    char uuid[UUID_TEXT_SIZE];

    if (!object) {
        uuid_to_text(named->uuid, uuid);
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_POOL, "Storage pool not found: no storage pool with matching uuid '%s' (%s)", uuid,
                          named->name);
    }
    *ret_object = store_ref(object);
    return 0;
}

static void
class_unref(void *object)
{
    pool_unref(object);
}

static JobQueue *
class_queue(void *object, const char **ret_name)
{
    Pool *pool = object;

    *ret_name = pool->label;
    return &pool->queue;
}

static int
class_check(void *daemon, void *object, Error *err)
{
    Pool *pool = object;

    return pool->base.stored ? 0 : api_no_pool("name", pool_name(pool), err);
}

const RpcObjectClass api_pool_class = {
    .lookup = class_lookup,
    .unref = class_unref,
    .queue = class_queue,
    .check = class_check,
};

/* --- single look-ups --- */

static int
found(RpcCall *call, StoreObject *object, remote_nonnull_storage_pool *ret, Error *err)
{
    *ret = api_wire_pool((Pool *)object);
    return rpc_call_check_access(NULL, call, RPC_OBJECT_STORAGE_POOL, "getattr", object, err);
}

static int
lookup_by_name(RpcCall *call, const remote_storage_pool_lookup_by_name_args *args, remote_storage_pool_lookup_by_name_ret *ret, Error *err)
{
    StoreObject *object = store_by_name(driver_pools(api_driver(call)), args->name);

    return object ? found(call, object, &ret->pool, err) : api_no_pool("name", args->name, err);
}

static int
lookup_by_uuid(RpcCall *call, const remote_storage_pool_lookup_by_uuid_args *args, remote_storage_pool_lookup_by_uuid_ret *ret, Error *err)
{
    StoreObject *object = store_by_uuid(driver_pools(api_driver(call)), args->uuid);
    char uuid[UUID_TEXT_SIZE];

    uuid_to_text(args->uuid, uuid);
    return object ? found(call, object, &ret->pool, err) : api_no_pool("uuid", uuid, err);
}

static int
lookup_by_volume(RpcCall *call, const remote_storage_pool_lookup_by_volume_args *args, remote_storage_pool_lookup_by_volume_ret *ret, Error *err)
{
    StoreObject *object = store_by_name(driver_pools(api_driver(call)), args->vol.pool);

    return object ? found(call, object, &ret->pool, err) : api_no_pool("name", args->vol.pool, err);
}

static int
lookup_by_target_path(RpcCall *call, const remote_storage_pool_lookup_by_target_path_args *args,
                      remote_storage_pool_lookup_by_target_path_ret *ret, Error *err)
{
    g_autofree char *path = storage_path_clean(args->path);
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver_pools(api_driver(call))->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &object))
        if (g_strcmp0(((Pool *)object)->live->path, path) == 0)
            return found(call, object, &ret->pool, err);
    return api_no_pool("target path", args->path, err);
}

/* --- lists --- */

#define KNOWN_FLAGS \
    (VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE | VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE | VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT | \
     VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT | VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART | VIR_CONNECT_LIST_STORAGE_POOLS_NO_AUTOSTART)

/* Flags of all types of pools. */
static unsigned
type_flags(void)
{
    unsigned flags = 0;

    for (int type = 0; type < POOL_TYPES; type++)
        flags |= pool_kind(type)->list_flag;
    return flags;
}

/* The flag of a pool's type. One whose definition can't be read is of no type. */
static unsigned
flag_of(Pool *p)
{
    const PoolDef *def = pool_definition(p, NULL);

    return def ? pool_kind(def->type)->list_flag : 0;
}

static bool
listed(Pool *p, unsigned flags)
{
    return api_passes(flags, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE, pool_active(p), VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE) &&
           api_passes(flags, VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT, p->persistent, VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT) &&
           api_passes(flags, VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART, p->autostart, VIR_CONNECT_LIST_STORAGE_POOLS_NO_AUTOSTART) &&
           (!(flags & type_flags()) || (flags & flag_of(p)));
}

/* One that is being made for the first time is in the table, so that nobody makes it twice, but nobody's yet. */
static bool
exists(const Pool *p)
{
    return p->persistent || pool_active(p);
}

static Pool **
select_pools(RpcCall *call, unsigned flags, unsigned max, unsigned *ret_n)
{
    Store *store = driver_pools(api_driver(call));
    Pool **list = arena_newv(rpc_call_arena(call), Pool *, store_count(store));
    GHashTableIter iter;
    unsigned n = 0;
    void *object;

    g_hash_table_iter_init(&iter, store->by_uuid);
    while (n < max && g_hash_table_iter_next(&iter, NULL, &object))
        if (exists(object) && listed(object, flags) && rpc_call_visible(NULL, call, object))
            list[n++] = object;
    *ret_n = n;
    return list;
}

static int
list_all(RpcCall *call, const remote_connect_list_all_storage_pools_args *args, remote_connect_list_all_storage_pools_ret *ret, Error *err)
{
    Pool **list;
    unsigned n;

    if (rpc_call_check_flags(call, args->flags, KNOWN_FLAGS | type_flags(), err) < 0)
        return -1;
    list = select_pools(call, args->flags, G_MAXUINT, &n);
    ret->ret = n;
    if (!args->need_results)
        return 0;
    ret->pools = arena_newv(rpc_call_arena(call), remote_nonnull_storage_pool, n);
    ret->n_pools = n;
    for (unsigned i = 0; i < n; i++)
        ret->pools[i] = api_wire_pool(list[i]);
    return 0;
}

static const char **
names_of(RpcCall *call, unsigned flags, int max, unsigned *ret_n)
{
    Pool **list = select_pools(call, flags, (unsigned)MAX(max, 0), ret_n);
    const char **names = arena_newv(rpc_call_arena(call), const char *, *ret_n);

    for (unsigned i = 0; i < *ret_n; i++)
        names[i] = pool_name(list[i]);
    return names;
}

static int
list_active(RpcCall *call, const remote_connect_list_storage_pools_args *args, remote_connect_list_storage_pools_ret *ret, Error *err)
{
    ret->names = names_of(call, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE, args->maxnames, &ret->n_names);
    return 0;
}

static int
list_defined(RpcCall *call, const remote_connect_list_defined_storage_pools_args *args, remote_connect_list_defined_storage_pools_ret *ret,
             Error *err)
{
    ret->names = names_of(call, VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE, args->maxnames, &ret->n_names);
    return 0;
}

static int
num_active(RpcCall *call, const void *args, remote_connect_num_of_storage_pools_ret *ret, Error *err)
{
    unsigned n;

    select_pools(call, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE, G_MAXUINT, &n);
    ret->num = (int)n;
    return 0;
}

static int
num_defined(RpcCall *call, const void *args, remote_connect_num_of_defined_storage_pools_ret *ret, Error *err)
{
    unsigned n;

    select_pools(call, VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE, G_MAXUINT, &n);
    ret->num = (int)n;
    return 0;
}

/* --- what one is --- */

static int
is_active(RpcCall *call, const remote_storage_pool_is_active_args *args, remote_storage_pool_is_active_ret *ret, Error *err)
{
    ret->active = pool_active(api_pool(call));
    return 0;
}

static int
is_persistent(RpcCall *call, const remote_storage_pool_is_persistent_args *args, remote_storage_pool_is_persistent_ret *ret, Error *err)
{
    ret->persistent = api_pool(call)->persistent;
    return 0;
}

static int
get_autostart(RpcCall *call, const remote_storage_pool_get_autostart_args *args, remote_storage_pool_get_autostart_ret *ret, Error *err)
{
    ret->autostart = api_pool(call)->autostart;
    return 0;
}

static int
get_info(RpcCall *call, const remote_storage_pool_get_info_args *args, remote_storage_pool_get_info_ret *ret, Error *err)
{
    Pool *pool = api_pool(call);

    ret->state = !pool_active(pool)       ? VIR_STORAGE_POOL_INACTIVE
                 : pool->trouble.reason ? VIR_STORAGE_POOL_DEGRADED
                                        : VIR_STORAGE_POOL_RUNNING;
    ret->capacity = pool->sizes.capacity;
    ret->allocation = pool->sizes.allocation;
    ret->available = pool->sizes.available;
    return 0;
}

static int
get_xml(RpcCall *call, const remote_storage_pool_get_xml_desc_args *args, remote_storage_pool_get_xml_desc_ret *ret, Error *err)
{
    Pool *pool = api_pool(call);
    bool inactive = args->flags & VIR_STORAGE_XML_INACTIVE;
    g_autofree char *xml = NULL;
    const PoolDef *def;

    if (rpc_call_check_flags(call, args->flags, VIR_STORAGE_XML_INACTIVE, err) < 0)
        return -1;
    def = inactive && pool->persistent ? pool_config(pool, err) : pool_definition(pool, err);
    if (!def)
        return -1;
    xml = pool_def_format(def, 0, pool->live ? &pool->sizes : NULL);
    ret->xml = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

static int
get_types(Job *job, RpcCall *call, const void *args, remote_connect_get_capabilities_ret *ret, Error *err)
{
    g_autofree char *xml = pool_types_format(backend_supported());

    ret->capabilities = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

static int
get_capabilities(RpcCall *call, const remote_connect_get_storage_pool_capabilities_args *args,
                 remote_connect_get_storage_pool_capabilities_ret *ret, Error *err)
{
    g_autofree char *xml = NULL;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    xml = pool_capabilities_format(backend_supported());
    ret->capabilities = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

API_TABLE(api_lookup,
    REMOTE_BIND(STORAGE_POOL_LOOKUP_BY_NAME, lookup_by_name),
    REMOTE_BIND(STORAGE_POOL_LOOKUP_BY_UUID, lookup_by_uuid),
    REMOTE_BIND(STORAGE_POOL_LOOKUP_BY_VOLUME, lookup_by_volume),
    REMOTE_BIND(STORAGE_POOL_LOOKUP_BY_TARGET_PATH, lookup_by_target_path),
    REMOTE_BIND(CONNECT_LIST_ALL_STORAGE_POOLS, list_all),
    REMOTE_BIND(CONNECT_LIST_STORAGE_POOLS, list_active),
    REMOTE_BIND(CONNECT_LIST_DEFINED_STORAGE_POOLS, list_defined),
    REMOTE_BIND(CONNECT_NUM_OF_STORAGE_POOLS, num_active),
    REMOTE_BIND(CONNECT_NUM_OF_DEFINED_STORAGE_POOLS, num_defined),
    REMOTE_BIND(STORAGE_POOL_IS_ACTIVE, is_active),
    REMOTE_BIND(STORAGE_POOL_IS_PERSISTENT, is_persistent),
    REMOTE_BIND(STORAGE_POOL_GET_AUTOSTART, get_autostart),
    REMOTE_BIND(STORAGE_POOL_GET_INFO, get_info),
    REMOTE_BIND(STORAGE_POOL_GET_XML_DESC, get_xml),
    REMOTE_BIND(CONNECT_GET_CAPABILITIES, get_types),
    REMOTE_BIND(CONNECT_GET_STORAGE_POOL_CAPABILITIES, get_capabilities));
