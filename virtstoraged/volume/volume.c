#include "virtstoraged/volume/volume.h"

#include <string.h>

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

/* The tables' keys are texts of the definition: an entry is made and removed with it, and only by the volume it leads to. */
static void
enter(Volume *volume)
{
    VolumeTable *table = &volume->pool->volumes;

    g_hash_table_replace(table->by_key, volume->def->key, volume);
    g_hash_table_replace(table->by_path, volume->def->path, volume);
}

static void
withdraw(Volume *volume)
{
    VolumeTable *table = &volume->pool->volumes;

    if (g_hash_table_lookup(table->by_key, volume->def->key) == volume)
        g_hash_table_remove(table->by_key, volume->def->key);
    if (g_hash_table_lookup(table->by_path, volume->def->path) == volume)
        g_hash_table_remove(table->by_path, volume->def->path);
}

void
volume_set_def(Volume *volume, VolDef *def)
{
    Pool *pool = volume->pool;
    VolDef *old = volume->def;
    bool entered = volume->stored && !volume->building;

    if (entered)
        withdraw(volume);
    volume->def = def;
    volume->changed = ++pool->changes;
    if (volume->stored)
        g_hash_table_replace(pool->volumes.by_name, def->name, volume_ref(volume));
    if (entered)
        enter(volume);
    vol_def_unref(old);
}

/* The header that was read, and of what state of the file. */
static void
volume_saw(Volume *volume, Found *found)
{
    image_info_unref(volume->image);
    volume->image = g_steal_pointer(&found->image);
    volume->stamp = found->stamp;
    volume->stale = volume->stale || found->unread;
}

/* Owner and mode may be others: that is the ctime. */
static bool
same_content(const FileStamp *a, const FileStamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime == b->mtime && a->mtime_nsec == b->mtime_nsec;
}

/* A header names no secrets: those it was made with are still those it needs. */
static void
keep_secrets(const VolDef *was, VolDef *now)
{
    g_autoptr(VolDef) copy = NULL;
    StorageEncryption *encryption;

    if (!was->encryption || !now->encryption || was->encryption->secrets.n == 0 || now->encryption->secrets.n > 0)
        return;
    copy = vol_def_copy(was);
    encryption = copy->encryption;
    copy->encryption = now->encryption;
    now->encryption = encryption;
}

void
volume_found(Volume *volume, Found *found)
{
    keep_secrets(volume->def, found->def);
    volume->stale = false;
    volume_set_def(volume, g_steal_pointer(&found->def));
    volume_saw(volume, found);
}

/* A format that somebody wrote into a volume of another is nobody's word on how large it is. */
static OptU64
capacity_of(const VolDef *was, const VolDef *now)
{
    if (was->format == now->format)
        return now->capacity;
    return was->format == FORMAT_RAW || was->format == FORMAT_ISO ? now->physical : was->capacity;
}

void
volume_measured(Volume *volume, Found *found)
{
    VolDef *def = vol_def_copy(volume->def);

    def->capacity = capacity_of(volume->def, found->def);
    def->allocation = found->def->allocation;
    def->physical = found->def->physical;
    g_free(def->permissions.label);
    def->permissions = found->def->permissions;
    found->def->permissions.label = NULL;
    def->times = found->def->times;
    volume->stale = volume->stale || (volume->image && !same_content(&volume->stamp, &found->stamp));
    volume_set_def(volume, def);
    volume_saw(volume, found);
}

int
volume_check_idle(const Volume *volume, Error *err)
{
    if (volume->in_use > 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "volume '%s' is still in use.", volume->def->name);
    return 0;
}

int
volume_check_settled(const Volume *volume, Error *err)
{
    if (volume->written > 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "the content of volume '%s' is being changed", volume->def->name);
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
    volume->changed = ++volume->pool->changes;
    g_hash_table_replace(table->by_name, volume->def->name, volume_ref(volume));
    if (!volume->building)
        enter(volume);
}

void
volume_built(Volume *volume)
{
    volume->building = false;
    volume->changed = ++volume->pool->changes;
    if (volume->stored)
        enter(volume);
}

void
volume_remove(Volume *volume)
{
    VolumeTable *table = &volume->pool->volumes;

    if (!volume->stored)
        return;
    volume->stored = false;
    if (volume->pool->gone)
        g_hash_table_add(volume->pool->gone, g_strdup(volume->def->name));
    if (!volume->building)
        withdraw(volume);
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
listing_init(Listing *listing, const Pool *pool)
{
    *listing = (Listing){ .known = &pool->volumes, .since = pool->changes, .watch_fd = -1, .watch = -1,
                          .found = g_ptr_array_new_with_free_func(free_found) };
}

void
listing_done(Listing *listing)
{
    g_ptr_array_unref(listing->found);
    g_clear_pointer(&listing->only, g_hash_table_unref);
}

static void
take(Listing *listing, Pool *pool, Found *found)
{
    g_autoptr(Volume) fresh = NULL;
    Volume *volume = g_hash_table_lookup(pool->volumes.by_name, found->def->name);

    if (volume ? volume->building || volume->changed > listing->since : g_hash_table_contains(pool->gone, found->def->name))
        return;
    if (!volume) {
        volume = fresh = volume_new(pool, g_steal_pointer(&found->def));
        volume_add(volume);
        volume_saw(volume, found);
        listing->changed = true;
    } else if (!listing->anew || (volume->image && !volume->stale && same_content(&volume->stamp, &found->stamp))) {
        volume_measured(volume, found);
    } else {
        volume_found(volume, found);
    }
}

/* A volume that was looked for and not found is not there. */
static void
leave_out(Listing *listing, Volume *volume, const GHashTable *names)
{
    if (volume->building || volume->changed > listing->since || g_hash_table_contains((GHashTable *)names, volume->def->name))
        return;
    listing->changed = true;
    volume_remove(volume);
}

void
listing_apply(Listing *listing, Pool *pool)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) all = NULL;

    for (guint i = 0; i < listing->found->len; i++)
        g_hash_table_add(names, g_strdup(((Found *)listing->found->pdata[i])->def->name));
    all = listing->only ? g_hash_table_get_keys(listing->only) : g_hash_table_get_values(pool->volumes.by_name);
    for (GList *l = all; l; l = l->next) {
        Volume *volume = listing->only ? g_hash_table_lookup(pool->volumes.by_name, l->data) : l->data;

        if (volume)
            leave_out(listing, volume, names);
    }
    for (guint i = 0; i < listing->found->len; i++)
        take(listing, pool, listing->found->pdata[i]);
}
