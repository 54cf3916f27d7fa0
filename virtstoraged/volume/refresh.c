#include "virtstoraged/volume/refresh.h"

#include "common/base/fault.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/pool/health.h"
#include "virtstoraged/pool/pool.h"
#include "virtstoraged/pool/unfinished.h"
#include "virtstoraged/volume/wipe.h"

/* A backend may know key, path and place only once a volume is there: while it is made nobody looks for it by them. */
static void
take_identity(Volume *volume, Found *found)
{
    VolDef *def = vol_def_copy(volume->def);
    typeof(def->devices) none = def->devices;

    def->devices = found->def->devices;
    found->def->devices = none;
    g_free(def->key);
    g_free(def->path);
    def->key = g_steal_pointer(&found->def->key);
    def->path = g_steal_pointer(&found->def->path);
    volume_set_def(volume, def);
}

int
volume_look(Job *job, Volume *volume, Error *err)
{
    g_autoptr(PoolDef) pool = volume->pool->live ? pool_def_ref(volume->pool->live) : NULL;
    g_autoptr(VolDef) before = vol_def_ref(volume->def);
    Found *found;

    if (!pool)
        return pool_check_active(volume->pool, err);
    if (volume->pool->trouble.reason)
        return 0; /* what was known last */
    job_set_lane(job, volume->pool->lane);
    if (backend_of(pool->type)->vol_look(job, pool, before, &volume->stamp, volume->image, &found, err) < 0) {
        health_suspect(volume->pool);
        return -1;
    }
    if (volume->building)
        take_identity(volume, found);
    if (volume->stored || volume->building)
        volume_measured(volume, found);
    found_free(found);
    return 0;
}

void
volume_look_anew(Job *job, Volume *volume)
{
    g_autoptr(PoolDef) pool = volume->pool->live ? pool_def_ref(volume->pool->live) : NULL;
    g_autoptr(VolDef) before = vol_def_ref(volume->def);
    const FileStamp none = { 0 };
    Found *found;

    if (!pool || backend_of(pool->type)->vol_look(job, pool, before, &none, NULL, &found, NULL) < 0)
        return;
    if (volume->stored)
        volume_found(volume, found);
    found_free(found);
}

static int
wipe(Job *job, const PoolDef *pool, const VolDef *def, unsigned algorithm, Error *err)
{
    const Backend *backend = backend_of(pool->type);
    Content *content;
    int r;

    if (backend->vol_open(job, pool, def, true, &content, err) < 0)
        return -1;
    r = wipe_content(job, content, algorithm, err);
    content_unref(content);
    return r;
}

int
volume_wipe(Job *job, Volume *volume, unsigned algorithm, Error *err)
{
    g_autoptr(PoolDef) pool = pool_def_ref(volume->pool->live);
    g_autoptr(VolDef) def = vol_def_ref(volume->def);
    int r;

    if (!backend_of(pool->type)->vol_open)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "storage pool doesn't support volume wiping");
    if (unfinished_begin(job, volume->pool, UNFINISHED_WIPE, def->name, algorithm, err) < 0)
        return -1;
    r = wipe(job, pool, def, algorithm, err);
    fault_point("wiped", def->name);
    unfinished_end(job, volume->pool, UNFINISHED_WIPE, def->name);
    volume_look_anew(job, volume);
    return r;
}
