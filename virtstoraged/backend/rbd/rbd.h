/* Pools of images in Ceph: slots of the Backend, and what the files of this folder share. */
#pragma once

#include "virtstoraged/backend/backend.h"
#include "virtstoraged/backend/rbd/connection.h"
#include "virtstoraged/backend/rbd/part.h"

#define RBD_SNAP_PREFIX "virtd-clone-" /* names of snapshots that clones lie upon */

/* look.c */
int rbd_refresh(Job *job, PoolDef *live, Listing *listing, Error *err);
int rbd_vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err);

/* make.c */
int rbd_vol_create(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, unsigned flags, Error *err);
int rbd_vol_resize(Job *job, const PoolDef *pool, const VolDef *def, const GPtrArray *chain, uint64_t capacity, unsigned flags, Error *err);

/* content.c; the second for workers, its result is released by content_release() */
int rbd_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err);
Content *rbd_content_open(RbdConnection *connection, const char *name, bool write, Error *err);

/* delete.c */
int rbd_vol_delete(Job *job, const PoolDef *pool, const VolDef *def, unsigned flags, Error *err);
void rbd_sweep_trash(RbdConnection *connection); /* in a worker: images whose deletion a kill ended, long ago */

/*
 * snapshot.c, in workers. A snapshot a clone can lie upon: the newest if the image is as it was then, or a new one. 1 with *ret
 * (g_free), 0: the image can't be cloned.
 */
int rbd_snapshot_for_clone(RbdConnection *connection, const char *name, char **ret, Error *err);
/* Those that were made for clones and have none any more; with all, others too. Fails when there are clones, or others. */
int rbd_remove_snapshots(RbdConnection *connection, const char *name, bool all, Error *err);
