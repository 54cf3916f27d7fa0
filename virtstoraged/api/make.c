/* Volumes made and deleted. */
#include "protocol/constants.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/backend/backend.h"

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
parse(RpcCall *call, const Pool *pool, const char *xml, unsigned flags, VolDef **ret, Error *err)
{
    g_autoptr(VolDef) def = NULL;

    if (vol_def_parse(xml, pool->live->type, flags & VIR_STORAGE_VOL_CREATE_VALIDATE ? XML_VALIDATE : 0, &def, err) < 0 ||
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

/* Its sizes, owner and times as they came out. */
static void
complete(Job *job, const Backend *backend, const PoolDef *pool, Volume *volume)
{
    g_autoptr(VolDef) def = vol_def_copy(volume->def);
    Found *found;

    if (backend->vol_look(job, pool, volume->def, &volume->stamp, NULL, &found, NULL) < 0)
        return; /* it is there; whoever looks at it is told why that can't be done */
    def->allocation = found->def->allocation;
    def->physical = found->def->physical;
    def->capacity = found->def->capacity;
    g_free(def->permissions.label);
    def->permissions = found->def->permissions;
    found->def->permissions.label = NULL;
    def->times = found->def->times;
    volume->stamp = found->stamp;
    volume->image = g_steal_pointer(&found->image);
    volume_set_def(volume, g_steal_pointer(&def));
    found_free(found);
}

/* Others may use the pool while the volume is made; it stays, and the name is taken. */
static int
make(Job *job, Pool *pool, Volume *volume, const Backend *backend, unsigned flags, Error *err)
{
    g_autoptr(PoolDef) live = pool_def_ref(pool->live);
    int r;

    pool->working++;
    job_release(job, &pool->queue);
    r = backend->vol_create(job, live, volume->def, flags, err);
    job_shield(job);
    if (r == 0)
        complete(job, backend, live, volume);
    if (job_acquire(job, &pool->queue, pool->label, LOOP_NEVER, err) < 0)
        r = -1; /* can't be: the job is shielded and waits for ever */
    job_unshield(job);
    pool->working--;
    return r;
}

static int
create(Job *job, RpcCall *call, const remote_storage_vol_create_xml_args *args, remote_storage_vol_create_xml_ret *ret, Error *err)
{
    Pool *pool = api_pool(call);
    g_autoptr(VolDef) def = NULL;
    g_autoptr(Volume) volume = NULL;
    const Backend *backend;

    if (rpc_call_check_flags(call, args->flags, CREATE_FLAGS, err) < 0 || pool_check_active(pool, err) < 0 ||
        parse(call, pool, args->xml, args->flags, &def, err) < 0)
        return -1;
    backend = backend_of(pool->live->type);
    if (!backend->vol_create)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool does not support volume creation");
    forget_place(def);
    backend->vol_name(pool->live, def);
    volume = volume_new(pool, g_steal_pointer(&def));
    volume->building = true;
    volume_add(volume);
    if (make(job, pool, volume, backend, args->flags & VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA, err) < 0) {
        volume_remove(volume);
        return -1;
    }
    volume_built(volume);
    account(pool, volume->def->allocation.v, true);
    ret->vol = api_wire_volume(call, volume);
    return 0;
}

static int
delete(Job *job, RpcCall *call, const remote_storage_vol_delete_args *args, void *ret, Error *err)
{
    Volume *volume = api_volume(call);
    Pool *pool = volume->pool;
    g_autoptr(PoolDef) live = NULL;
    const Backend *backend;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || pool_check_active(pool, err) < 0 || volume_check_idle(volume, err) < 0)
        return -1;
    live = pool_def_ref(pool->live);
    backend = backend_of(live->type);
    if (!backend->vol_delete)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool does not support vol deletion");
    if (backend->vol_delete(job, live, volume->def, err) < 0)
        return -1;
    if (volume->stored)
        account(pool, volume->def->allocation.v, false);
    volume_remove(volume);
    return 0;
}

API_TABLE(api_make,
    REMOTE_BIND(STORAGE_VOL_CREATE_XML, create),
    REMOTE_BIND(STORAGE_VOL_DELETE, delete));
