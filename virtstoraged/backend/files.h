/* Pools whose volumes are files of a directory: slots of a Backend. Everything that touches the directory is in workers. */
#pragma once

#include "protocol/constants.h"
#include "virtstoraged/backend/backend.h"

#define FILES_TIMEOUT (60 * USEC_PER_SEC) /* for what should take no time */
#define FILES_CHECK_TIMEOUT (10 * USEC_PER_SEC) /* to find the directory there at all */
#define FILES_SCAN_TIMEOUT (10 * 60 * USEC_PER_SEC) /* to read it: there may be many files on a slow disk */
#define FILES_LONG_TIMEOUT (24 * 3600 * USEC_PER_SEC) /* for what writes a volume */
#define FILES_CREATE_FLAGS (VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA | VIR_STORAGE_VOL_CREATE_REFLINK)
#define FILES_PART_PREFIX VOL_HIDDEN_PREFIX /* names of volumes that are being made; never shown */

int files_check(Job *job, const PoolDef *def, Error *err); /* is the directory there */
int files_sweep(Job *job, const PoolDef *def, Error *err); /* what was being made when we were killed goes */
int files_refresh(Job *job, PoolDef *live, Listing *listing, Error *err);
void files_vol_name(const PoolDef *def, VolDef *volume);
int files_vol_create(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, unsigned flags, Error *err);
int files_vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err);
int files_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err);
int files_vol_resize(Job *job, const PoolDef *pool, const VolDef *def, const GPtrArray *chain, uint64_t capacity, unsigned flags, Error *err);
int files_vol_delete(Job *job, const PoolDef *pool, const VolDef *def, unsigned flags, Error *err);

/* The slots of volumes, for tables of backends whose pools are such directories once they are started. */
#define FILES_VOLUMES \
    .vol_name = files_vol_name, .vol_create = files_vol_create, .create_flags = FILES_CREATE_FLAGS, .vol_look = files_vol_look, \
    .vol_open = files_vol_open, .vol_resize = files_vol_resize, .vol_delete = files_vol_delete
