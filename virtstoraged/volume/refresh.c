#include "virtstoraged/volume/refresh.h"

#include "virtstoraged/backend/backend.h"
#include "virtstoraged/pool/pool.h"

static VolDef *
measured(const VolDef *was, VolDef *now)
{
    VolDef *def = vol_def_copy(was);

    def->capacity = now->capacity;
    def->allocation = now->allocation;
    def->physical = now->physical;
    g_free(def->permissions.label);
    def->permissions = now->permissions;
    now->permissions.label = NULL;
    def->times = now->times;
    return def;
}

/* A backend may know key and path only once a volume is there: while it is made nobody looks for it by them. */
static void
take_identity(VolDef *def, VolDef *now)
{
    g_free(def->key);
    g_free(def->path);
    def->key = g_steal_pointer(&now->key);
    def->path = g_steal_pointer(&now->path);
}

static void
take(Volume *volume, VolDef *def, Found *found)
{
    volume_set_def(volume, def);
    image_info_unref(volume->image);
    volume->image = g_steal_pointer(&found->image);
    volume->stamp = found->stamp;
}

int
volume_look(Job *job, Volume *volume, Error *err)
{
    g_autoptr(PoolDef) pool = volume->pool->live ? pool_def_ref(volume->pool->live) : NULL;
    g_autoptr(VolDef) before = vol_def_ref(volume->def);
    Found *found;

    if (!pool)
        return pool_check_active(volume->pool, err);
    if (backend_of(pool->type)->vol_look(job, pool, before, &volume->stamp, volume->image, &found, err) < 0)
        return -1;
    if (volume->stored || volume->building) {
        VolDef *def = measured(volume->def, found->def);

        if (volume->building)
            take_identity(def, found->def);
        take(volume, def, found);
    }
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
        take(volume, g_steal_pointer(&found->def), found);
    found_free(found);
}
