/* Volumes resized and wiped. */
#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/volume/chain.h"
#include "virtstoraged/volume/refresh.h"
#include "virtstoraged/volume/wipe.h"

#define RESIZE_FLAGS (VIR_STORAGE_VOL_RESIZE_ALLOCATE | VIR_STORAGE_VOL_RESIZE_DELTA | VIR_STORAGE_VOL_RESIZE_SHRINK)

/* The backend, when the volume may be changed now. Its pool stays meanwhile: end() it. NULL with err. */
static const Backend *
begin(Job *job, Volume *volume, PoolDef **ret_pool, Error *err)
{
    if (pool_enter(job, volume->pool, err) < 0 || volume_check_idle(volume, err) < 0)
        return NULL;
    *ret_pool = pool_def_ref(volume->pool->live);
    volume->in_use++;
    volume->written++;
    volume->pool->working++;
    return backend_of((*ret_pool)->type);
}

static void
end(Volume *volume)
{
    volume->in_use--;
    volume->written--;
    volume->pool->working--;
}

/* The capacity asked for, from what it is now. */
static int
wanted(const VolDef *def, uint64_t capacity, unsigned flags, uint64_t *ret, Error *err)
{
    uint64_t now = def->capacity.v;
    bool delta = flags & VIR_STORAGE_VOL_RESIZE_DELTA, shrink = flags & VIR_STORAGE_VOL_RESIZE_SHRINK;

    if (delta && shrink)
        capacity = capacity > now ? 0 : now - capacity;
    else if (delta)
        capacity = capacity > INT64_MAX - now ? UINT64_MAX : now + capacity;
    if (capacity > INT64_MAX)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "volume '%s' can't be that large", def->name);
    if (capacity < now && !shrink)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "Can't shrink capacity below current capacity unless shrink flag explicitly specified");
    if (capacity < def->allocation.v && !shrink)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "can't shrink capacity below existing allocation");
    *ret = capacity;
    return 0;
}

static int
resize_with(Job *job, Volume *volume, const Backend *backend, const PoolDef *pool, const VolDef *def, uint64_t capacity, unsigned flags,
            Error *err)
{
    g_autoptr(GPtrArray) chain = NULL;

    if (chain_of(job, volume->pool->driver, def, false, &chain, err) < 0)
        return -1;
    return backend->vol_resize(job, pool, def, chain, capacity, flags, err);
}

static int
resize(Job *job, RpcCall *call, const remote_storage_vol_resize_args *args, void *ret, Error *err)
{
    Volume *volume = api_volume(call);
    g_autoptr(PoolDef) pool = NULL;
    g_autoptr(VolDef) def = NULL;
    const Backend *backend;
    uint64_t capacity;
    int r;

    if (rpc_call_check_flags(call, args->flags, RESIZE_FLAGS, err) < 0 || wanted(volume->def, args->capacity, args->flags, &capacity, err) < 0)
        return -1;
    backend = begin(job, volume, &pool, err);
    if (!backend)
        return -1;
    def = vol_def_ref(volume->def);
    r = backend->vol_resize ? resize_with(job, volume, backend, pool, def, capacity, args->flags, err)
                            : error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool does not support changing of volume capacity");
    end(volume);
    if (r == 0 && volume->stored) {
        VolDef *changed = vol_def_copy(volume->def);

        changed->capacity = (OptU64){ true, capacity };
        volume_set_def(volume, changed);
    }
    return r;
}

static int
wipe_with(Job *job, RpcCall *call, unsigned algorithm, unsigned flags, Error *err)
{
    Volume *volume = api_volume(call);
    g_autoptr(PoolDef) pool = NULL;
    int r;

    if (rpc_call_check_flags(call, flags, 0, err) < 0 || wipe_check(algorithm, err) < 0 || !begin(job, volume, &pool, err))
        return -1;
    r = volume_wipe(job, volume, algorithm, err);
    end(volume);
    return r;
}

static int
wipe(Job *job, RpcCall *call, const remote_storage_vol_wipe_args *args, void *ret, Error *err)
{
    return wipe_with(job, call, VIR_STORAGE_VOL_WIPE_ALG_ZERO, args->flags, err);
}

static int
wipe_pattern(Job *job, RpcCall *call, const remote_storage_vol_wipe_pattern_args *args, void *ret, Error *err)
{
    return wipe_with(job, call, args->algorithm, args->flags, err);
}

API_TABLE(api_change,
    REMOTE_BIND(STORAGE_VOL_RESIZE, resize),
    REMOTE_BIND(STORAGE_VOL_WIPE, wipe),
    REMOTE_BIND(STORAGE_VOL_WIPE_PATTERN, wipe_pattern));
