/* Pools of images in a Ceph cluster. */
#include "virtstoraged/backend/rbd/rbd.h"

#include <errno.h>

#include "protocol/constants.h"
#include "virtstoraged/backend/rbd/image.h"

static void
vol_name(const PoolDef *def, VolDef *volume)
{
    volume->type = VOL_NETWORK;
    g_free(volume->key);
    g_free(volume->path);
    volume->key = g_strconcat(def->source.name, "/", volume->name, NULL);
    volume->path = g_strdup(volume->key);
}

/* An image nobody has: whoever would have it says so. */
static int
ask(RbdConnection *connection, void *data, Error *err)
{
    g_autofree char *id = NULL;
    int r = rbd_image_id(connection, RBD_PART_PREFIX, &id);

    return r < 0 && r != -ENOENT ? rbd_failed(err, r, "the RBD pool '%s' does not answer", connection->pool) : 0;
}

static int
check(Job *job, const PoolDef *def, Error *err)
{
    int *nothing = g_atomic_rc_box_new0(int);
    int r = rbd_probe(job, def, "asking Ceph whether it is there", ask, nothing, NULL, err);

    g_atomic_rc_box_release(nothing);
    return r;
}

static int
stop(Job *job, const PoolDef *def, Error *err)
{
    rbd_forget(def);
    return 0;
}

const Backend backend_rbd = {
    .type = POOL_RBD,
    .remote = true,
    .check = check,
    .stop = stop,
    .refresh = rbd_refresh,
    .vol_name = vol_name,
    .vol_create = rbd_vol_create,
    .vol_look = rbd_vol_look,
    .vol_open = rbd_vol_open,
    .vol_resize = rbd_vol_resize,
    .vol_delete = rbd_vol_delete,
    .delete_flags = VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS,
};
