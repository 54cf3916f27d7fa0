/*
 * Making an image: under a hidden name, filled, and renamed. A kill at any instant leaves nothing under the volume's name; what
 * it leaves is removed by a later life (sweep.c). A copy within a pool is a clone: nothing is copied until it is written.
 */
#include <errno.h>
#include <string.h>

#include "common/base/fault.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/rbd/image.h"
#include "virtstoraged/backend/rbd/rbd.h"

#define SETTLE_MSEC 5000 /* an image whose header is still missing then was given up by its maker */

typedef struct Making {
    RbdPart part;
    char *name;
    uint64_t capacity;
    char *source;        /* the image it shall be a clone of; NULL: none */
    uint64_t source_size;
    bool cloned;         /* it is one */
    Content *content;    /* the new image's, open to be filled; NULL: it need not be */
} Making;

static void
clear(gpointer data)
{
    Making *making = data;

    content_unref(making->content);
    g_free(making->name);
    g_free(making->source);
}

static int
exists(const RbdConnection *connection, const Making *making, Error *err)
{
    return error_setf(err, FROM_STORAGE, ERR_STORAGE_VOL_EXIST, "storage volume '%s' exists already: there is an image '%s/%s'", making->name,
                      connection->pool, making->name);
}

/*
 * Is the name taken? By an image, or by what is left of one whose maker or remover was killed: a name without a header. That
 * goes. Somebody who is just making one gets the time to.
 */
static int
check_name(RbdConnection *connection, const Making *making, Error *err)
{
    int r = -ENOENT;

    for (int waited = 0; waited < SETTLE_MSEC; waited += 250) {
        g_autofree char *id = NULL;
        RbdImage image = { .name = making->name, .id = "" };

        r = rbd_image_id(connection, making->name, &id);
        if (r == 0)
            image.id = id;
        else if (r != -ENOENT)
            return rbd_failed(err, r, "failed to look for the image '%s/%s'", connection->pool, making->name);
        rbd_images_read(connection, &image, 1, false);
        if (image.result == 0)
            return exists(connection, making, err);
        if (image.result != -ENOENT)
            return rbd_failed(err, image.result, "failed to read the image '%s/%s'", connection->pool, making->name);
        if (r == -ENOENT)
            return 0;
        g_usleep(250 * 1000);
    }
    r = ceph.rbd_remove(connection->io, making->name);
    return r < 0 && r != -ENOENT ? rbd_failed(err, r, "failed to remove what is left of the image '%s/%s'", connection->pool, making->name) : 0;
}

static int
make_empty(RbdConnection *connection, Making *making, Error *err)
{
    rbd_image_options_t options;
    int r;

    ceph.rbd_image_options_create(&options);
    fault_point("rbd-create", making->name);
    r = ceph.rbd_create4(connection->io, making->part.name, making->capacity, options);
    fault_point("rbd-created", making->name);
    ceph.rbd_image_options_destroy(options);
    return r < 0 ? rbd_failed(err, r, "failed to create the image '%s/%s' of %llu bytes", connection->pool, making->name,
                              (unsigned long long)making->capacity)
                 : 0;
}

/* librbd calls it, whether or not anybody wants to know. */
static int
go_on(uint64_t done, uint64_t total, void *data)
{
    return 0;
}

/* A clone has its origin's size. */
static int
grow(RbdConnection *connection, Making *making, Error *err)
{
    rbd_image_t image;
    int r = ceph.rbd_open(connection->io, making->part.name, &image, NULL);

    if (r == 0) {
        r = ceph.rbd_resize2(image, making->capacity, false, go_on, NULL);
        ceph.rbd_close(image);
    }
    return r < 0 ? rbd_failed(err, r, "failed to resize the clone '%s/%s'", connection->pool, making->name) : 0;
}

/* 1: cloned, 0: images that can't be cloned are copied. */
static int
make_clone(RbdConnection *connection, Making *making, Error *err)
{
    g_autofree char *snapshot = NULL;
    rbd_image_options_t options;
    int r = rbd_snapshot_for_clone(connection, making->source, &snapshot, err);

    if (r <= 0)
        return r;
    ceph.rbd_image_options_create(&options);
    fault_point("rbd-clone", making->name);
    r = ceph.rbd_clone3(connection->io, making->source, snapshot, connection->io, making->part.name, options);
    fault_point("rbd-cloned", making->name);
    ceph.rbd_image_options_destroy(options);
    if (r < 0)
        return rbd_failed(err, r, "failed to clone the image '%s/%s' as '%s'", connection->pool, making->source, making->name);
    making->cloned = true;
    return making->capacity > making->source_size && grow(connection, making, err) < 0 ? -1 : 1;
}

static int
begin(RbdConnection *connection, void *data, Error *err)
{
    Making *making = data;
    int r;

    if (check_name(connection, making, err) < 0)
        return -1;
    r = making->source ? make_clone(connection, making, err) : 0;
    return r == 0 ? make_empty(connection, making, err) : MIN(r, 0);
}

static int
open_part(RbdConnection *connection, void *data, Error *err)
{
    Making *making = data;

    making->content = rbd_content_open(connection, making->part.name, true, err);
    return making->content ? 0 : -1;
}

static int
publish(RbdConnection *connection, void *data, Error *err)
{
    Making *making = data;
    int r;

    if (making->content)
        content_release(g_steal_pointer(&making->content));
    fault_point("rbd-rename", making->name);
    r = ceph.rbd_rename(connection->io, making->part.name, making->name);
    fault_point("rbd-renamed", making->name);
    if (r == -EEXIST)
        return exists(connection, making, err);
    return r < 0 ? rbd_failed(err, r, "failed to give the new image its name '%s/%s'", connection->pool, making->name) : 0;
}

/* What was not finished goes. */
static int
discard(RbdConnection *connection, void *data, Error *err)
{
    Making *making = data;
    int r;

    if (making->content)
        content_release(g_steal_pointer(&making->content));
    r = ceph.rbd_remove(connection->io, making->part.name);
    return r < 0 && r != -ENOENT ? rbd_failed(err, r, "failed to remove the unfinished image '%s'", making->part.name) : 0;
}

static int
run(Job *job, const PoolDef *pool, const char *what, RbdFn fn, Making *making, Error *err)
{
    return rbd_run(job, pool, what, fn, making, clear, RBD_LONG_TIMEOUT, err);
}

static int
make(Job *job, const PoolDef *pool, Making *making, const CopySource *source, Error *err)
{
    if (run(job, pool, "making the image", begin, making, err) < 0)
        return -1;
    if (source && !making->cloned &&
        (run(job, pool, "opening the image", open_part, making, err) < 0 || copy_content(job, source->content, making->content, 0, err) < 0))
        return -1;
    return run(job, pool, "naming the image", publish, making, err);
}

static int
check(const VolDef *def, const CopySource *source, Error *err)
{
    if (def->format != FORMAT_RAW || (source && source->def->format != FORMAT_RAW && source->def->format != FORMAT_ISO))
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "only RAW volumes are supported by this storage pool");
    if (def->encryption || (source && source->def->encryption))
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "storage pool does not support encrypted volumes");
    if (def->backing.path)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "an image in an RBD pool lies upon another when it is cloned from it only");
    if (def->capacity.v == 0)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "volume capacity required for this storage pool");
    return 0;
}

int
rbd_vol_create(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, unsigned flags, Error *err)
{
    _cleanup_error_ Error failed = ERROR_INIT;
    Making *making;
    int r;

    if (check(def, source, err) < 0)
        return -1;
    making = g_atomic_rc_box_new0(Making);
    rbd_part_name(&making->part);
    making->name = g_strdup(def->name);
    making->capacity = def->capacity.v;
    if (source && source->pool->type == POOL_RBD && strcmp(source->pool->name, pool->name) == 0) {
        making->source = g_strdup(source->def->name);
        making->source_size = source->def->capacity.v;
    }
    r = make(job, pool, making, source, &failed);
    if (r < 0) {
        job_shield(job);
        if (run(job, pool, "removing an unfinished image", discard, making, NULL) < 0 || failed.code == ERR_OPERATION_TIMEOUT)
            rbd_part_abandon(&making->part);
        job_unshield(job);
        error_move(err, &failed);
    }
    g_atomic_rc_box_release_full(making, clear);
    return r;
}

/* --- another size --- */

typedef struct Resize {
    char *name;
    uint64_t capacity;
    bool shrink;
} Resize;

static void
clear_resize(gpointer data)
{
    g_free(((Resize *)data)->name);
}

static int
resize(RbdConnection *connection, void *data, Error *err)
{
    const Resize *to = data;
    rbd_image_t image;
    int r = ceph.rbd_open(connection->io, to->name, &image, NULL);

    if (r < 0)
        return rbd_failed(err, r, "failed to open the RBD image '%s'", to->name);
    fault_point("rbd-resize", to->name);
    r = ceph.rbd_resize2(image, to->capacity, to->shrink, go_on, NULL);
    fault_point("rbd-resized", to->name);
    ceph.rbd_close(image);
    return r < 0 ? rbd_failed(err, r, "failed to resize the RBD image '%s' to %llu bytes", to->name, (unsigned long long)to->capacity) : 0;
}

int
rbd_vol_resize(Job *job, const PoolDef *pool, const VolDef *def, const GPtrArray *chain, uint64_t capacity, unsigned flags, Error *err)
{
    Resize *to;
    int r;

    if (flags & VIR_STORAGE_VOL_RESIZE_ALLOCATE)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "images in an RBD pool can't be allocated in advance");
    to = g_atomic_rc_box_new0(Resize);
    *to = (Resize){ g_strdup(def->name), capacity, flags & VIR_STORAGE_VOL_RESIZE_SHRINK };
    r = rbd_run(job, pool, "resizing the image", resize, to, clear_resize, RBD_LONG_TIMEOUT, err);
    g_atomic_rc_box_release_full(to, clear_resize);
    return r;
}
