/* Images deleted, and what a kill left of them and of new ones. */
#include <errno.h>
#include <time.h>

#include "common/base/fault.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/rbd/rbd.h"

#define ABANDONED_SEC 3600 /* whoever removes an image for longer than that is dead */

typedef struct Delete {
    char *name;
    bool with_snapshots;
} Delete;

static void
clear(gpointer data)
{
    g_free(((Delete *)data)->name);
}

/* librbd moves the image out of sight first: from then on it is gone, whoever is killed. */
static int
delete(RbdConnection *connection, void *data, Error *err)
{
    const Delete *request = data;
    int r;

    if (rbd_remove_snapshots(connection, request->name, request->with_snapshots, err) < 0)
        return -1;
    fault_point("rbd-remove", request->name);
    r = ceph.rbd_remove(connection->io, request->name);
    fault_point("rbd-removed", request->name);
    if (r == -EBUSY)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID,
                          "failed to remove volume '%s/%s': somebody has the image open, or had it until half a minute ago", connection->pool,
                          request->name);
    return r < 0 && r != -ENOENT ? rbd_failed(err, r, "failed to remove volume '%s/%s'", connection->pool, request->name) : 0;
}

int
rbd_vol_delete(Job *job, const PoolDef *pool, const VolDef *def, unsigned flags, Error *err)
{
    Delete *request = g_atomic_rc_box_new0(Delete);
    int r;

    *request = (Delete){ g_strdup(def->name), flags & VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS };
    r = rbd_run(job, pool, "deleting the image", delete, request, clear, RBD_LONG_TIMEOUT, err);
    g_atomic_rc_box_release_full(request, clear);
    return r;
}

void
rbd_sweep_trash(RbdConnection *connection)
{
    size_t n = 256;
    g_autofree rbd_trash_image_info_t *entries = g_new0(rbd_trash_image_info_t, n);

    if (ceph.rbd_trash_list(connection->io, entries, &n) < 0)
        return; /* more than that is for its administrator */
    for (size_t i = 0; i < n; i++)
        if (entries[i].source == RBD_TRASH_IMAGE_SOURCE_REMOVING && entries[i].deletion_time + ABANDONED_SEC < time(NULL))
            ceph.rbd_trash_remove(connection->io, entries[i].id, false);
    ceph.rbd_trash_list_cleanup(entries, n);
}
