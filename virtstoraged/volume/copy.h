/* The content of one volume copied into another: what the backends' copies have in common. */
#pragma once

#include "common/base/job.h"
#include "common/conf/storage/volume.h"
#include "virtstoraged/volume/content.h"

/* What is copied. Borrowed; it stays as it is meanwhile. */
typedef struct CopySource {
    const PoolDef *pool;
    const VolDef *def;
    const GPtrArray *chain; /* of VolDef: what it lies upon, from the top down */
    Content *content;       /* its raw bytes, open for reading */
} CopySource;

/*
 * Copy the first bytes of from, size of them at most (0: all), to the beginning of to, whose bytes are all zero now: holes are
 * left out. Synced when it returns. Blocks of a file system are shared where it can do that. The job's progress is in bytes.
 * Suspends; works in workers, so that it can be cancelled between two blocks.
 */
int copy_content(Job *job, Content *from, Content *to, uint64_t size, Error *err) _must_check_;
/* Sharing blocks or nothing: fails where the file system can't (VIR_STORAGE_VOL_CREATE_REFLINK). */
int copy_reflink(Job *job, Content *from, Content *to, Error *err) _must_check_;
