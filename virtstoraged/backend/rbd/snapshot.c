/*
 * Snapshots of images: those that clones lie upon, which are ours, and those of others, which keep an image from being deleted.
 */
#include <errno.h>
#include <string.h>

#include "common/base/fault.h"
#include "virtstoraged/backend/rbd/part.h"
#include "virtstoraged/backend/rbd/rbd.h"

#define FEATURE_LAYERING (UINT64_C(1) << 0)
#define FEATURE_FAST_DIFF (UINT64_C(1) << 4)

/* Snapshots of an open image; *ret_snapshots and what is in it are freed by snapshots_done(). */
static int
snapshots_of(rbd_image_t image, rbd_snap_info_t **ret, int *ret_n)
{
    int n = 32, r;

    do {
        rbd_snap_info_t *list = g_new0(rbd_snap_info_t, (gsize)n + 1);

        r = ceph.rbd_snap_list(image, list, &n);
        if (r >= 0) {
            *ret = list;
            *ret_n = r;
            return 0;
        }
        g_free(list);
    } while (r == -ERANGE);
    return r;
}

static void
snapshots_done(rbd_snap_info_t *list)
{
    ceph.rbd_snap_list_end(list);
    g_free(list);
}

static int
differs(uint64_t offset, size_t length, int there, void *data)
{
    return -EEXIST;
}

/* Was nothing written since? Only where that is known without reading the image. */
static bool
is_current(rbd_image_t image, const rbd_snap_info_t *snapshot)
{
    uint64_t size, features;

    return ceph.rbd_get_features(image, &features) == 0 && (features & FEATURE_FAST_DIFF) && ceph.rbd_get_size(image, &size) == 0 &&
           size == snapshot->size && ceph.rbd_diff_iterate2(image, snapshot->name, 0, size, 0, 1, differs, NULL) == 0;
}

static char *
newest_of_ours(rbd_image_t image, const rbd_snap_info_t *list, int n)
{
    int is_protected = 0;

    if (n == 0 || !g_str_has_prefix(list[n - 1].name, RBD_SNAP_PREFIX) || !is_current(image, &list[n - 1]) ||
        ceph.rbd_snap_is_protected(image, list[n - 1].name, &is_protected) < 0 || !is_protected)
        return NULL;
    return g_strdup(list[n - 1].name);
}

static int
make_snapshot(rbd_image_t image, const char *name, char **ret, Error *err)
{
    RbdPart unique;
    g_autofree char *snapshot = NULL;
    int r;

    rbd_part_name(&unique);
    snapshot = g_strconcat(RBD_SNAP_PREFIX, unique.name + strlen(RBD_PART_PREFIX), NULL);
    fault_point("rbd-snapshot", name);
    r = ceph.rbd_snap_create(image, snapshot);
    if (r < 0)
        return rbd_failed(err, r, "failed to create a snapshot of the image '%s'", name);
    fault_point("rbd-protect", name);
    r = ceph.rbd_snap_protect(image, snapshot);
    if (r < 0) {
        ceph.rbd_snap_remove(image, snapshot);
        return rbd_failed(err, r, "failed to protect the snapshot of the image '%s'", name);
    }
    fault_point("rbd-protected", name);
    *ret = g_steal_pointer(&snapshot);
    return 1;
}

int
rbd_snapshot_for_clone(RbdConnection *connection, const char *name, char **ret, Error *err)
{
    rbd_snap_info_t *list;
    rbd_image_t image;
    uint64_t features = 0;
    int n, r = ceph.rbd_open(connection->io, name, &image, NULL);

    if (r < 0)
        return rbd_failed(err, r, "failed to open the image '%s/%s'", connection->pool, name);
    r = ceph.rbd_get_features(image, &features);
    if (r == 0 && (features & FEATURE_LAYERING) && (r = snapshots_of(image, &list, &n)) == 0) {
        *ret = newest_of_ours(image, list, n);
        snapshots_done(list);
        r = *ret ? 1 : make_snapshot(image, name, ret, err);
    } else if (r < 0) {
        rbd_failed(err, r, "failed to list the snapshots of the image '%s/%s'", connection->pool, name);
    }
    ceph.rbd_close(image);
    return r;
}

/* --- deleting --- */

/* An example of the clones that lie upon the snapshot; NULL: there are none. g_free. */
static char *
clone_of(rbd_image_t image, const char *snapshot)
{
    rbd_linked_image_spec_t children[1] = { 0 };
    size_t n = 1;
    char *found = NULL;
    int r = ceph.rbd_snap_set(image, snapshot);

    if (r == 0)
        r = ceph.rbd_list_children3(image, children, &n);
    if (r >= 0 && n > 0) {
        found = g_strconcat(children[0].pool_name, "/", children[0].image_name, NULL);
        ceph.rbd_linked_image_spec_list_cleanup(children, n);
    } else if (r == -ERANGE) {
        found = g_strdup_printf("%zu images", n);
    }
    ceph.rbd_snap_set(image, NULL);
    return found;
}

static int
remove_snapshot(rbd_image_t image, const char *name, const char *snapshot, Error *err)
{
    g_autofree char *clone = clone_of(image, snapshot);
    int is_protected = 0, r;

    if (clone)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "storage volume '%s' is in use: it has the clone '%s'", name, clone);
    if (ceph.rbd_snap_is_protected(image, snapshot, &is_protected) == 0 && is_protected) {
        fault_point("rbd-unprotect", name);
        r = ceph.rbd_snap_unprotect(image, snapshot);
        if (r < 0)
            return rbd_failed(err, r, "failed to unprotect the snapshot '%s@%s'", name, snapshot);
    }
    fault_point("rbd-remove-snapshot", name);
    r = ceph.rbd_snap_remove(image, snapshot);
    return r < 0 && r != -ENOENT ? rbd_failed(err, r, "failed to remove the snapshot '%s@%s'", name, snapshot) : 0;
}

int
rbd_remove_snapshots(RbdConnection *connection, const char *name, bool all, Error *err)
{
    rbd_snap_info_t *list;
    rbd_image_t image;
    int n, others = 0, r = ceph.rbd_open(connection->io, name, &image, NULL);

    if (r < 0)
        return r == -ENOENT ? 0 : rbd_failed(err, r, "failed to open the image '%s/%s'", connection->pool, name);
    r = snapshots_of(image, &list, &n);
    if (r < 0) {
        ceph.rbd_close(image);
        return rbd_failed(err, r, "failed to list the snapshots of the image '%s/%s'", connection->pool, name);
    }
    for (int i = 0; i < n; i++)
        others += !g_str_has_prefix(list[i].name, RBD_SNAP_PREFIX);
    if (others > 0 && !all)
        r = error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "storage volume '%s' has %d snapshots: delete it with them, or them first", name,
                       others);
    for (int i = 0; r == 0 && i < n; i++)
        r = remove_snapshot(image, name, list[i].name, err);
    snapshots_done(list);
    ceph.rbd_close(image);
    return r;
}
