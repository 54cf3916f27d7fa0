/* Volumes made, empty or as copies, and deleted. */
#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/pool/unfinished.h"
#include "virtstoraged/volume/chain.h"
#include "virtstoraged/volume/refresh.h"

#define LOG_SOURCE "storage.make"
#include "common/base/log.h"

#define CREATE_FLAGS (VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA | VIR_STORAGE_VOL_CREATE_VALIDATE)

/* What a new volume takes from the pool until the next refresh measures it. */
static void
account(Pool *pool, uint64_t bytes, bool taken)
{
    PoolSizes *sizes = &pool->sizes;

    bytes = MIN(bytes, taken ? sizes->available : sizes->allocation);
    sizes->allocation += taken ? bytes : -bytes;
    sizes->available += taken ? -bytes : bytes;
}

static int
parse(const Pool *pool, const char *xml, unsigned how, unsigned flags, VolDef **ret, Error *err)
{
    g_autoptr(VolDef) def = NULL;

    if (vol_def_parse(xml, pool->live->type, how | (flags & VIR_STORAGE_VOL_CREATE_VALIDATE ? XML_VALIDATE : 0), &def, err) < 0 ||
        vol_def_check_create(def, err) < 0)
        return -1;
    if (g_hash_table_contains(pool->volumes.by_name, def->name))
        return error_setf(err, FROM_STORAGE, ERR_STORAGE_VOL_EXIST, "storage volume '%s' exists already", def->name);
    *ret = g_steal_pointer(&def);
    return 0;
}

/* Where on which devices another volume lay, whose text this was: a new one's place is the backend's. */
static void
forget_place(VolDef *def)
{
    while (def->devices.n > 0) {
        VolDevice *device = list_take((AnyList *)(void *)&def->devices, 0);

        while (device->extents.n > 0)
            g_free(list_take((AnyList *)(void *)&device->extents, 0));
        g_free(device->extents.items);
        g_free(device->path);
        g_free(device);
    }
}

/* Others may use the pool while the volume is made; it stays, and the name is taken. */
static int
make(Job *job, Volume *volume, const Backend *backend, const CopySource *source, unsigned flags, Error *err)
{
    Pool *pool = volume->pool;
    g_autoptr(PoolDef) live = pool_def_ref(pool->live);
    bool noted = source && backend->fills_in_place;
    int r;

    pool->working++;
    job_release(job, &pool->queue);
    r = noted ? unfinished_begin(job, pool, UNFINISHED_MAKE, volume->def->name, 0, err) : 0;
    if (r == 0)
        r = backend->vol_create(job, live, volume->def, source, flags, err);
    if (noted)
        unfinished_end(job, pool, UNFINISHED_MAKE, volume->def->name);
    job_shield(job);
    if (r == 0 && volume_look(job, volume, NULL) < 0)
        log_warning("%s was made, but can't be looked at", volume->label);
    if (job_acquire(job, &pool->queue, pool->label, LOOP_NEVER, err) < 0)
        r = -1; /* can't be: the job is shielded and waits for ever */
    job_unshield(job);
    pool->working--;
    return r;
}

/* What a client asked for becomes a volume. *ret_wire is what the call answers. */
static int
create_volume(Job *job, RpcCall *call, VolDef *def, const CopySource *source, unsigned flags, remote_nonnull_storage_vol *ret_wire, Error *err)
{
    Pool *pool = api_pool(call);
    const Backend *backend = backend_of(pool->live->type);
    g_autoptr(Volume) volume = NULL;

    flags &= ~(unsigned)VIR_STORAGE_VOL_CREATE_VALIDATE;
    if (!backend->vol_create)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool does not support volume creation");
    if (flags & ~backend->create_flags)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "flags 0x%x are not supported for volumes in a pool of type '%s'",
                          flags & ~backend->create_flags, pool_kind(pool->live->type)->name);
    forget_place(def);
    backend->vol_name(pool->live, def);
    volume = volume_new(pool, vol_def_ref(def));
    volume->building = true;
    volume_add(volume);
    if (make(job, volume, backend, source, flags, err) < 0) {
        volume_remove(volume);
        return -1;
    }
    volume_built(volume);
    account(pool, volume->def->allocation.v, true);
    *ret_wire = api_wire_volume(call, volume);
    return 0;
}

static int
create(Job *job, RpcCall *call, const remote_storage_vol_create_xml_args *args, remote_storage_vol_create_xml_ret *ret, Error *err)
{
    Pool *pool = api_pool(call);
    g_autoptr(VolDef) def = NULL;

    if (rpc_call_check_flags(call, args->flags, CREATE_FLAGS, err) < 0 || pool_enter(job, pool, err) < 0 ||
        parse(pool, args->xml, 0, args->flags, &def, err) < 0)
        return -1;
    return create_volume(job, call, def, NULL, args->flags, &ret->vol, err);
}

/* --- copies --- */

/* The volume a copy is made of, held: it and its pool stay. A reference. NULL with err. */
static Volume *
hold_source(Job *job, RpcCall *call, const remote_nonnull_storage_vol *named, Error *err)
{
    StoreObject *object = store_by_name(driver_pools(api_driver(call)), named->pool);
    g_autoptr(Pool) pool = object ? pool_ref((Pool *)object) : NULL;
    g_autoptr(Volume) volume = NULL;

    if (!pool) {
        api_no_pool("name", named->pool, err);
        return NULL;
    }
    if (pool_enter(job, pool, err) < 0)
        return NULL;
    volume = api_volume_named(pool, named->name);
    if (!volume) {
        api_no_volume("name", named->name, err);
        return NULL;
    }
    volume_ref(volume);
    /* Access is asked for first: that may take a while. */
    if (rpc_call_check_access(job, call, RPC_OBJECT_STORAGE_VOL, "data_read", volume, err) < 0 || pool_check_stays(pool, err) < 0 ||
        volume_check_settled(volume, err) < 0)
        return NULL;
    volume->in_use++;
    pool->working++;
    return g_steal_pointer(&volume);
}

static void
let_go(Volume *volume)
{
    volume->in_use--;
    volume->pool->working--;
    volume_unref(volume);
}

/* A copy is at least as large as what is copied, which is all of it when nothing was said. */
static void
complete(VolDef *def, const VolDef *source)
{
    def->capacity = (OptU64){ true, MAX(def->capacity.v, source->capacity.v) };
    if (!def->has_allocation)
        def->allocation = (OptU64){ true, MIN(source->allocation.v, def->capacity.v) };
}

static int
copy(Job *job, RpcCall *call, Volume *from, VolDef *def, unsigned flags, remote_nonnull_storage_vol *ret_wire, Error *err)
{
    g_autoptr(PoolDef) pool = pool_def_ref(from->pool->live);
    g_autoptr(VolDef) source = vol_def_ref(from->def);
    g_autoptr(GPtrArray) chain = NULL;
    const Backend *backend = backend_of(pool->type);
    CopySource what = { .pool = pool, .def = source };
    int r;

    if (!backend->vol_open)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "volumes of a pool of type '%s' can't be copied", pool_kind(pool->type)->name);
    if (chain_of(job, from->pool->driver, source, true, &chain, err) < 0 || backend->vol_open(job, pool, source, false, &what.content, err) < 0)
        return -1;
    what.chain = chain;
    complete(def, source);
    r = create_volume(job, call, def, &what, flags, ret_wire, err);
    content_unref(what.content);
    return r;
}

static int
create_from(Job *job, RpcCall *call, const remote_storage_vol_create_xml_from_args *args, remote_storage_vol_create_xml_from_ret *ret, Error *err)
{
    Pool *pool = api_pool(call);
    g_autoptr(VolDef) def = NULL;
    Volume *from;
    int r;

    if (rpc_call_check_flags(call, args->flags, CREATE_FLAGS | VIR_STORAGE_VOL_CREATE_REFLINK, err) < 0 || pool_enter(job, pool, err) < 0 ||
        parse(pool, args->xml, VOL_NO_CAPACITY, args->flags, &def, err) < 0)
        return -1;
    from = hold_source(job, call, &args->clonevol, err);
    if (!from)
        return -1;
    r = pool_enter(job, pool, err) < 0 ? -1 : copy(job, call, from, def, args->flags, &ret->vol, err);
    let_go(from);
    return r;
}

/* --- deleting --- */

static int
delete(Job *job, RpcCall *call, const remote_storage_vol_delete_args *args, void *ret, Error *err)
{
    Volume *volume = api_volume(call);
    Pool *pool = volume->pool;
    g_autoptr(PoolDef) live = NULL;
    g_autoptr(VolDef) def = NULL;
    const Backend *backend;
    int r;

    if (pool_enter(job, pool, err) < 0 || volume_check_idle(volume, err) < 0)
        return -1;
    live = pool_def_ref(pool->live);
    def = vol_def_ref(volume->def); /* a refresh may give it another meanwhile */
    backend = backend_of(live->type);
    if (rpc_call_check_flags(call, args->flags, backend->delete_flags, err) < 0)
        return -1;
    if (!backend->vol_delete)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool does not support vol deletion");
    /* Nobody begins with it any more, and its pool stays meanwhile. */
    volume->in_use++;
    volume->written++;
    pool->working++;
    r = backend->vol_delete(job, live, def, args->flags, err);
    volume->in_use--;
    volume->written--;
    pool->working--;
    if (r < 0)
        return -1;
    if (volume->stored)
        account(pool, volume->def->allocation.v, false);
    volume_remove(volume);
    return 0;
}

API_TABLE(api_make,
    REMOTE_BIND(STORAGE_VOL_CREATE_XML, create),
    REMOTE_BIND(STORAGE_VOL_CREATE_XML_FROM, create_from),
    REMOTE_BIND(STORAGE_VOL_DELETE, delete));
