/* Finding volumes: by name, key and path, lists of them, and what they are. */
#include <string.h>

#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/volume/refresh.h"

remote_nonnull_storage_vol
api_wire_volume(RpcCall *call, const Volume *volume)
{
    Arena *arena = rpc_call_arena(call);

    return (remote_nonnull_storage_vol){ .pool = arena_strdup(arena, pool_name(volume->pool)), .name = arena_strdup(arena, volume->def->name),
                                         .key = arena_strdup(arena, volume->def->key) };
}

int
api_no_volume(const char *what, const char *value, Error *err)
{
    return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "Storage volume not found: no storage vol with matching %s '%s'", what, value);
}

Volume *
api_volume_named(const Pool *pool, const char *name)
{
    Volume *volume = g_hash_table_lookup(pool->volumes.by_name, name);

    return volume && !volume->building ? volume : NULL;
}

/* --- for the dispatcher --- */

static int
class_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_storage_vol *named = wire;
    Pool *pool = (Pool *)store_by_name(driver_pools(((Daemon *)daemon)->user), named->pool);
    Volume *volume;

    if (!pool)
        return api_no_pool("name", named->pool, err);
    if (pool_check_active(pool, err) < 0)
        return -1;
    volume = api_volume_named(pool, named->name);
    if (!volume)
        return api_no_volume("name", named->name, err);
    *ret_object = volume_ref(volume);
    return 0;
}

static void
class_unref(void *object)
{
    volume_unref(object);
}

static JobQueue *
class_queue(void *object, const char **ret_name)
{
    Volume *volume = object;

    *ret_name = volume->label;
    return &volume->queue;
}

static int
class_check(void *daemon, void *object, Error *err)
{
    Volume *volume = object;

    return volume->stored ? 0 : api_no_volume("name", volume->def->name, err);
}

const RpcObjectClass api_volume_class = {
    .lookup = class_lookup,
    .unref = class_unref,
    .queue = class_queue,
    .check = class_check,
};

/* --- single look-ups --- */

static int
found(Job *job, RpcCall *call, Volume *volume, remote_nonnull_storage_vol *ret, Error *err)
{
    g_autoptr(Volume) held = volume_ref(volume);

    *ret = api_wire_volume(call, held);
    return rpc_call_check_access(job, call, RPC_OBJECT_STORAGE_VOL, "getattr", volume, err);
}

static int
lookup_by_name(Job *job, RpcCall *call, const remote_storage_vol_lookup_by_name_args *args, remote_storage_vol_lookup_by_name_ret *ret, Error *err)
{
    Pool *pool = api_pool(call);
    Volume *volume;

    if (pool_settled(job, pool, err) < 0 || pool_check_active(pool, err) < 0)
        return -1;
    volume = api_volume_named(pool, args->name);
    return volume ? found(job, call, volume, &ret->vol, err) : api_no_volume("name", args->name, err);
}

/* In all active pools. One that is not settled yet may be the one. NULL with err when there is none. */
static Volume *
find_everywhere(Job *job, RpcCall *call, bool by_key, const char *text, Error *err)
{
    g_autofree char *clean = storage_path_clean(text);
    g_autoptr(GPtrArray) all = store_list(driver_pools(api_driver(call)));
    Volume *volume = NULL;
    bool failed = false;

    for (guint i = 0; i < all->len; i++) {
        Pool *pool = all->pdata[i];

        /* What hangs is looked into last, when nobody else has it. */
        if (!volume && pool_active(pool) && !pool->settling)
            volume = g_hash_table_lookup(by_key ? pool->volumes.by_key : pool->volumes.by_path, by_key ? text : clean);
    }
    for (guint i = 0; i < all->len; i++) {
        Pool *pool = all->pdata[i];

        if (!volume && !failed && pool->settling) {
            failed = pool_settled(job, pool, err) < 0;
            volume = failed ? NULL : g_hash_table_lookup(by_key ? pool->volumes.by_key : pool->volumes.by_path, by_key ? text : clean);
        }
        pool_unref(pool);
    }
    if (!volume && !failed)
        api_no_volume(by_key ? "key" : "path", text, err);
    return volume;
}

static int
lookup_by_key(Job *job, RpcCall *call, const remote_storage_vol_lookup_by_key_args *args, remote_storage_vol_lookup_by_key_ret *ret, Error *err)
{
    Volume *volume = find_everywhere(job, call, true, args->key, err);

    return volume ? found(job, call, volume, &ret->vol, err) : -1;
}

static int
lookup_by_path(Job *job, RpcCall *call, const remote_storage_vol_lookup_by_path_args *args, remote_storage_vol_lookup_by_path_ret *ret, Error *err)
{
    Volume *volume = find_everywhere(job, call, false, args->path, err);

    return volume ? found(job, call, volume, &ret->vol, err) : -1;
}

/* --- lists --- */

static Volume **
select_volumes(RpcCall *call, unsigned max, unsigned *ret_n)
{
    Pool *pool = api_pool(call);
    Volume **list = arena_newv(rpc_call_arena(call), Volume *, g_hash_table_size(pool->volumes.by_name));
    GHashTableIter iter;
    unsigned n = 0;
    void *volume;

    g_hash_table_iter_init(&iter, pool->volumes.by_name);
    while (n < max && g_hash_table_iter_next(&iter, NULL, &volume))
        if (!((Volume *)volume)->building && rpc_call_visible(NULL, call, volume))
            list[n++] = volume;
    *ret_n = n;
    return list;
}

static int
check_list(Job *job, RpcCall *call, Error *err)
{
    return pool_settled(job, api_pool(call), err) < 0 || pool_check_active(api_pool(call), err) < 0 ? -1 : 0;
}

static int
list_all(Job *job, RpcCall *call, const remote_storage_pool_list_all_volumes_args *args, remote_storage_pool_list_all_volumes_ret *ret, Error *err)
{
    Volume **list;
    unsigned n;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || check_list(job, call, err) < 0)
        return -1;
    list = select_volumes(call, G_MAXUINT, &n);
    ret->ret = n;
    if (!args->need_results)
        return 0;
    ret->vols = arena_newv(rpc_call_arena(call), remote_nonnull_storage_vol, n);
    ret->n_vols = n;
    for (unsigned i = 0; i < n; i++)
        ret->vols[i] = (remote_nonnull_storage_vol){ pool_name(list[i]->pool), list[i]->def->name, list[i]->def->key };
    return 0;
}

static int
list_names(Job *job, RpcCall *call, const remote_storage_pool_list_volumes_args *args, remote_storage_pool_list_volumes_ret *ret, Error *err)
{
    Volume **list;

    if (check_list(job, call, err) < 0)
        return -1;
    list = select_volumes(call, (unsigned)MAX(args->maxnames, 0), &ret->n_names);
    ret->names = arena_newv(rpc_call_arena(call), const char *, ret->n_names);
    for (unsigned i = 0; i < ret->n_names; i++)
        ret->names[i] = list[i]->def->name;
    return 0;
}

static int
num_volumes(Job *job, RpcCall *call, const remote_storage_pool_num_of_volumes_args *args, remote_storage_pool_num_of_volumes_ret *ret, Error *err)
{
    unsigned n;

    if (check_list(job, call, err) < 0)
        return -1;
    select_volumes(call, G_MAXUINT, &n);
    ret->num = (int)n;
    return 0;
}

/* --- what one is --- */

static int
info(Job *job, RpcCall *call, unsigned flags, char *type, uint64_t *capacity, uint64_t *allocation, Error *err)
{
    Volume *volume = api_volume(call);

    if (rpc_call_check_flags(call, flags, VIR_STORAGE_VOL_GET_PHYSICAL, err) < 0 || volume_look(job, volume, err) < 0)
        return -1;
    *type = (char)(volume->def->type - 1);
    *capacity = volume->def->capacity.v;
    *allocation = flags & VIR_STORAGE_VOL_GET_PHYSICAL ? volume->def->physical.v : volume->def->allocation.v;
    return 0;
}

static int
get_info(Job *job, RpcCall *call, const remote_storage_vol_get_info_args *args, remote_storage_vol_get_info_ret *ret, Error *err)
{
    return info(job, call, 0, &ret->type, &ret->capacity, &ret->allocation, err);
}

static int
get_info_flags(Job *job, RpcCall *call, const remote_storage_vol_get_info_flags_args *args, remote_storage_vol_get_info_flags_ret *ret, Error *err)
{
    return info(job, call, args->flags, &ret->type, &ret->capacity, &ret->allocation, err);
}

static int
get_xml(Job *job, RpcCall *call, const remote_storage_vol_get_xml_desc_args *args, remote_storage_vol_get_xml_desc_ret *ret, Error *err)
{
    Volume *volume = api_volume(call);
    g_autofree char *xml = NULL;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || volume_look(job, volume, err) < 0)
        return -1;
    xml = vol_def_format(volume->def);
    ret->xml = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

static int
get_path(Job *job, RpcCall *call, const remote_storage_vol_get_path_args *args, remote_storage_vol_get_path_ret *ret, Error *err)
{
    ret->name = arena_strdup(rpc_call_arena(call), api_volume(call)->def->path);
    return 0;
}

API_TABLE(api_volumes,
    REMOTE_BIND(STORAGE_VOL_LOOKUP_BY_NAME, lookup_by_name),
    REMOTE_BIND(STORAGE_VOL_LOOKUP_BY_KEY, lookup_by_key),
    REMOTE_BIND(STORAGE_VOL_LOOKUP_BY_PATH, lookup_by_path),
    REMOTE_BIND(STORAGE_POOL_LIST_ALL_VOLUMES, list_all),
    REMOTE_BIND(STORAGE_POOL_LIST_VOLUMES, list_names),
    REMOTE_BIND(STORAGE_POOL_NUM_OF_VOLUMES, num_volumes),
    REMOTE_BIND(STORAGE_VOL_GET_INFO, get_info),
    REMOTE_BIND(STORAGE_VOL_GET_INFO_FLAGS, get_info_flags),
    REMOTE_BIND(STORAGE_VOL_GET_XML_DESC, get_xml),
    REMOTE_BIND(STORAGE_VOL_GET_PATH, get_path));
