/* What is in an rbd pool, and what one image is. */
#include <errno.h>

#include "virtstoraged/backend/rbd/image.h"
#include "virtstoraged/backend/rbd/rbd.h"

#define LOG_SOURCE "storage.rbd"
#include "common/base/log.h"

#define IMAGES_MAX 1000000 /* of a pool; more are an error */

static void
free_found(gpointer data)
{
    found_free(data);
}

/* What libvirt's rbd pools say of a volume. The rest is unknown without asking the guest. */
static Found *
found_new(const char *pool, const RbdImage *image)
{
    Found *found = g_new0(Found, 1);
    VolDef *def = found->def = vol_def_new(POOL_RBD);

    def->type = VOL_NETWORK;
    def->name = g_strdup(image->name);
    def->key = g_strconcat(pool, "/", image->name, NULL);
    def->path = g_strdup(def->key);
    def->capacity = def->physical = (OptU64){ true, image->size };
    def->allocation = (OptU64){ true, image->mapped ? image->used : image->size };
    return found;
}

/* --- all of them --- */

typedef struct Scan {
    bool want_used;
    GPtrArray *found;  /* of Found */
    PoolSizes sizes;
    unsigned unreadable;
    char *example; /* one of them */
    GPtrArray *left; /* names of images that an earlier life was making */
} Scan;

static void
clear_scan(gpointer data)
{
    Scan *scan = data;

    g_ptr_array_unref(scan->found);
    g_ptr_array_unref(scan->left);
    g_free(scan->example);
}

static int
measure(RbdConnection *connection, Scan *scan, Error *err)
{
    struct rados_cluster_stat_t cluster;
    struct rados_pool_stat_t pool;
    int r = ceph.rados_cluster_stat(connection->cluster, &cluster);

    if (r < 0)
        return rbd_failed(err, r, "failed to stat the RADOS cluster");
    r = ceph.rados_ioctx_pool_stat(connection->io, &pool);
    if (r < 0)
        return rbd_failed(err, r, "failed to stat the RADOS pool '%s'", connection->pool);
    scan->sizes = (PoolSizes){ .capacity = cluster.kb * 1024, .allocation = pool.num_bytes, .available = cluster.kb_avail * 1024 };
    return 0;
}

static int
list(RbdConnection *connection, rbd_image_spec_t **ret, size_t *ret_n, Error *err)
{
    size_t n = 1024;

    for (;;) {
        rbd_image_spec_t *specs = g_new0(rbd_image_spec_t, n);
        int r = ceph.rbd_list2(connection->io, specs, &n);

        if (r >= 0) {
            *ret = specs;
            *ret_n = n;
            return 0;
        }
        g_free(specs);
        if (r != -ERANGE)
            return rbd_failed(err, r, "failed to list the images of the RBD pool '%s'", connection->pool);
        if (n > IMAGES_MAX)
            return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "RBD pool '%s' has more than %d images", connection->pool, IMAGES_MAX);
    }
}

/* One that is gone meanwhile, or was never finished, is no volume; one that can't be read is nothing that others suffer from. */
static int
take(RbdConnection *connection, Scan *scan, const RbdImage *images, size_t n, Error *err)
{
    int failed = 0;

    for (size_t i = 0; i < n; i++) {
        if (images[i].result == 0) {
            g_ptr_array_add(scan->found, found_new(connection->pool, &images[i]));
        } else if (images[i].result != -ENOENT) {
            failed = images[i].result;
            g_free(scan->example);
            scan->example = g_strdup(images[i].name);
            scan->unreadable++;
        }
    }
    return failed && scan->found->len == 0 ? rbd_failed(err, failed, "failed to read the image '%s/%s'", connection->pool, scan->example) : 0;
}

static bool
is_volume_name(const char *name)
{
    return g_utf8_validate(name, -1, NULL) && vol_name_check(name, POOL_RBD, NULL) == 0;
}

static int
scan_pool(RbdConnection *connection, void *data, Error *err)
{
    Scan *scan = data;
    rbd_image_spec_t *specs;
    g_autofree RbdImage *images = NULL;
    size_t n, used = 0;
    int r;

    if (measure(connection, scan, err) < 0 || list(connection, &specs, &n, err) < 0)
        return -1;
    images = g_new0(RbdImage, n);
    for (size_t i = 0; i < n; i++)
        if (rbd_part_is_left(specs[i].name))
            g_ptr_array_add(scan->left, g_strdup(specs[i].name));
        else if (is_volume_name(specs[i].name))
            images[used++] = (RbdImage){ .name = specs[i].name, .id = specs[i].id ? specs[i].id : "" };
    rbd_images_read(connection, images, used, scan->want_used);
    r = take(connection, scan, images, used, err);
    ceph.rbd_image_spec_list_cleanup(specs, n);
    g_free(specs);
    return r;
}

/* Nobody sees these, so nobody waits for their end. One that is still watched by our dead predecessor goes the next time. */
static int
sweep(RbdConnection *connection, void *data, Error *err)
{
    const Scan *scan = data;

    for (guint i = 0; i < scan->left->len; i++)
        ceph.rbd_remove(connection->io, scan->left->pdata[i]);
    rbd_sweep_trash(connection);
    return 0;
}

int
rbd_refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    Scan *scan = g_atomic_rc_box_new0(Scan);
    int r;

    scan->want_used = live->refresh_allocation != REFRESH_CAPACITY;
    scan->found = g_ptr_array_new_with_free_func(free_found);
    scan->left = g_ptr_array_new_with_free_func(g_free);
    r = rbd_run(job, live, "reading the pool's images", scan_pool, scan, clear_scan, RBD_TIMEOUT, err);
    if (r == 0) {
        rbd_run_later(live, "removing unfinished images", sweep, scan, clear_scan);
        g_ptr_array_extend_and_steal(listing->found, g_ptr_array_ref(scan->found));
        scan->found = g_ptr_array_new_with_free_func(free_found);
        listing->sizes = scan->sizes;
        if (scan->unreadable)
            log_warning("storage pool '%s': %u images can't be read and are left out, '%s' is one", live->name, scan->unreadable, scan->example);
    }
    g_atomic_rc_box_release_full(scan, clear_scan);
    return r;
}

/* --- one of them --- */

typedef struct One {
    char *name;
    bool want_used;
    Found *found;
} One;

static void
clear_one(gpointer data)
{
    One *one = data;

    g_free(one->name);
    if (one->found)
        found_free(one->found);
}

static int
look(RbdConnection *connection, void *data, Error *err)
{
    One *one = data;
    g_autofree char *id = NULL;
    RbdImage image = { .name = one->name };
    int r = rbd_image_id(connection, one->name, &id);

    image.id = r < 0 ? "" : id;
    if (r == 0 || r == -ENOENT) {
        rbd_images_read(connection, &image, 1, one->want_used);
        r = image.result;
    }
    if (r == -ENOENT)
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "Storage volume not found: there is no image '%s' in the RBD pool '%s'", one->name,
                          connection->pool);
    if (r < 0)
        return rbd_failed(err, r, "failed to read the image '%s/%s'", connection->pool, one->name);
    one->found = found_new(connection->pool, &image);
    return 0;
}

int
rbd_vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err)
{
    One *one = g_atomic_rc_box_new0(One);
    int r;

    one->name = g_strdup(def->name);
    one->want_used = pool->refresh_allocation != REFRESH_CAPACITY;
    r = rbd_run(job, pool, "reading the image", look, one, clear_one, RBD_TIMEOUT, err);
    if (r == 0)
        *ret = g_steal_pointer(&one->found);
    g_atomic_rc_box_release_full(one, clear_one);
    return r;
}
