#include "virtstoraged/volume/chain.h"

#include <string.h>

#include "common/base/worker.h"
#include "virtstoraged/backend/look.h"
#include "virtstoraged/pool/pool.h"

#define LOOK_TIMEOUT (60 * USEC_PER_SEC)

static Volume *
volume_at(Driver *driver, const char *path)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver_pools(driver)->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        Volume *volume = g_hash_table_lookup(((Pool *)object)->volumes.by_path, path);

        if (volume)
            return volume;
    }
    return NULL;
}

/* --- a file that is in no pool --- */

typedef struct Outside {
    char *path;
    Found *found;
} Outside;

static void
clear(gpointer data)
{
    Outside *outside = data;

    g_free(outside->path);
    if (outside->found)
        found_free(outside->found);
}

static int
look(void *data, Error *err)
{
    Outside *outside = data;

    return look_at_path(outside->path, POOL_DIR, &outside->found, err);
}

static VolDef *
look_outside(Job *job, const char *path, Error *err)
{
    Outside *outside = g_atomic_rc_box_new0(Outside);
    VolDef *def = NULL;

    outside->path = g_strdup(path);
    if (worker_run(job, "looking at a backing file", look, outside, clear, LOOK_TIMEOUT, err) == 0)
        def = vol_def_ref(outside->found->def);
    g_atomic_rc_box_release_full(outside, clear);
    return def;
}

/* --- the walk --- */

static bool
is_path(const char *text)
{
    return text[0] == '/';
}

/* The layer at this place. What the layer above says of its format is what counts: its own header may be anybody's text. */
static VolDef *
layer_of(Job *job, Driver *driver, const VolBacking *backing, bool inside, Error *err)
{
    Volume *volume = volume_at(driver, backing->path);
    g_autoptr(VolDef) found = NULL;
    VolDef *layer;

    if (!volume && inside) {
        error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "backing file '%s' is no volume of an active pool", backing->path);
        return NULL;
    }
    found = volume ? vol_def_ref(volume->def) : look_outside(job, backing->path, err);
    if (!found)
        return NULL;
    layer = vol_def_copy(found);
    if (backing->format)
        layer->format = backing->format;
    if (layer->format == FORMAT_RAW)
        g_clear_pointer(&layer->backing.path, g_free);
    return layer;
}

int
chain_of(Job *job, Driver *driver, const VolDef *def, bool inside, GPtrArray **ret, Error *err)
{
    g_autoptr(GPtrArray) chain = g_ptr_array_new_with_free_func((GDestroyNotify)vol_def_unref);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    g_hash_table_add(seen, def->path);
    while (def->backing.path) {
        VolDef *layer;

        if (!is_path(def->backing.path))
            return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "'%s' lies upon '%s', which is no file", def->path, def->backing.path);
        if (g_hash_table_contains(seen, def->backing.path))
            return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "the backing files of '%s' lie upon each other: '%s' comes twice",
                              chain->len ? ((VolDef *)chain->pdata[0])->path : def->path, def->backing.path);
        if (chain->len >= IMAGE_CHAIN_MAX)
            return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "more than %d backing files below each other, at '%s'", IMAGE_CHAIN_MAX,
                              def->backing.path);
        layer = layer_of(job, driver, &def->backing, inside, err);
        if (!layer)
            return error_prefixf(err, "backing file of '%s'", def->path);
        g_ptr_array_add(chain, layer);
        g_hash_table_add(seen, layer->path);
        def = layer;
    }
    *ret = g_steal_pointer(&chain);
    return 0;
}
