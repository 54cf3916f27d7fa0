#include "virtstoraged/volume/volume.h"

#include "virtstoraged/pool/pool.h"

Volume *
volume_new(Pool *pool, VolDef *def)
{
    Volume *v = g_new0(Volume, 1);

    v->references = 1;
    v->pool = pool_ref(pool);
    v->label = g_strdup_printf("storage volume '%s' of pool '%s'", def->name, pool_name(pool));
    v->def = def;
    return v;
}

Volume *
volume_ref(Volume *volume)
{
    volume->references++;
    return volume;
}

void
volume_unref(Volume *volume)
{
    if (!volume || --volume->references > 0)
        return;
    pool_unref(volume->pool);
    vol_def_unref(volume->def);
    image_info_unref(volume->image);
    g_free(volume->label);
    g_free(volume);
}

void
volume_set_def(Volume *volume, VolDef *def)
{
    Pool *pool = volume->pool;
    VolDef *old = volume->def;

    volume->def = def;
    /* The tables' keys are the definition's. */
    if (volume->stored) {
        g_hash_table_replace(pool->volumes.by_name, def->name, volume_ref(volume));
        if (!volume->building) {
            g_hash_table_replace(pool->volumes.by_key, def->key, volume);
            g_hash_table_replace(pool->volumes.by_path, def->path, volume);
        }
    }
    vol_def_unref(old);
}

int
volume_check_idle(const Volume *volume, Error *err)
{
    if (volume->in_use > 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "volume '%s' is still in use.", volume->def->name);
    return 0;
}

/* --- table --- */

static void
drop(gpointer data)
{
    volume_unref(data);
}

void
volume_table_init(VolumeTable *table)
{
    table->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, drop);
    table->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    table->by_path = g_hash_table_new(g_str_hash, g_str_equal);
}

void
volume_table_clear(VolumeTable *table)
{
    GHashTableIter iter;
    void *volume;

    g_hash_table_remove_all(table->by_key);
    g_hash_table_remove_all(table->by_path);
    g_hash_table_iter_init(&iter, table->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &volume)) {
        ((Volume *)volume)->stored = false;
        g_hash_table_iter_remove(&iter);
    }
}

void
volume_table_done(VolumeTable *table)
{
    volume_table_clear(table);
    g_hash_table_unref(table->by_name);
    g_hash_table_unref(table->by_key);
    g_hash_table_unref(table->by_path);
}

void
volume_add(Volume *volume)
{
    VolumeTable *table = &volume->pool->volumes;

    volume->stored = true;
    g_hash_table_replace(table->by_name, volume->def->name, volume_ref(volume));
    if (!volume->building) {
        g_hash_table_replace(table->by_key, volume->def->key, volume);
        g_hash_table_replace(table->by_path, volume->def->path, volume);
    }
}

void
volume_built(Volume *volume)
{
    VolumeTable *table = &volume->pool->volumes;

    volume->building = false;
    if (!volume->stored)
        return;
    g_hash_table_replace(table->by_key, volume->def->key, volume);
    g_hash_table_replace(table->by_path, volume->def->path, volume);
}

void
volume_remove(Volume *volume)
{
    VolumeTable *table = &volume->pool->volumes;

    if (!volume->stored)
        return;
    volume->stored = false;
    if (!volume->building) {
        g_hash_table_remove(table->by_key, volume->def->key);
        g_hash_table_remove(table->by_path, volume->def->path);
    }
    g_hash_table_remove(table->by_name, volume->def->name);
}

/* --- what was found --- */

void
found_free(Found *found)
{
    vol_def_unref(found->def);
    image_info_unref(found->image);
    g_free(found);
}

static void
free_found(gpointer data)
{
    found_free(data);
}

void
listing_init(Listing *listing, const VolumeTable *known)
{
    *listing = (Listing){ .known = known, .found = g_ptr_array_new_with_free_func(free_found) };
}

void
listing_done(Listing *listing)
{
    g_ptr_array_unref(listing->found);
}

static void
take(Pool *pool, Found *found)
{
    g_autoptr(Volume) fresh = NULL;
    Volume *volume = g_hash_table_lookup(pool->volumes.by_name, found->def->name);

    if (volume && volume->building)
        return;
    if (volume) {
        volume_set_def(volume, g_steal_pointer(&found->def));
    } else {
        volume = fresh = volume_new(pool, g_steal_pointer(&found->def));
        volume_add(volume);
    }
    image_info_unref(volume->image);
    volume->image = g_steal_pointer(&found->image);
    volume->stamp = found->stamp;
}

void
listing_apply(Listing *listing, Pool *pool)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) all = NULL;

    for (guint i = 0; i < listing->found->len; i++) {
        Found *found = listing->found->pdata[i];

        g_hash_table_add(names, g_strdup(found->def->name));
        take(pool, found);
    }
    all = g_hash_table_get_values(pool->volumes.by_name);
    for (GList *l = all; l; l = l->next) {
        Volume *volume = l->data;

        if (!volume->building && !g_hash_table_contains(names, volume->def->name))
            volume_remove(volume);
    }
}
