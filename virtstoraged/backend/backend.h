/*
 * The contract of a kind of pool. Adding one is a file with such a table, and its row in backend.c.
 *
 * All slots may suspend and block in workers or children only, with deadlines: a pool that hangs hangs alone. A slot that is
 * NULL: not supported (where nothing else is said). Definitions are complete and checked; FROM_STORAGE errors. The queue
 * of the pool is held, but for those of volumes.
 */
#pragma once

#include "common/conf/storage/volume.h"
#include "virtstoraged/volume/content.h"
#include "virtstoraged/volume/copy.h"
#include "virtstoraged/volume/volume.h"

typedef struct Backend {
    PoolType type;
    bool remote;  /* its source can go away by itself: an active pool is checked from time to time */
    bool watched; /* it is a directory: the kernel may tell what is changed there (Listing.watch_fd) */
    /*
     * Does the source of an active pool answer? Asked after a restart of the daemon, when something took too long, and of
     * remote ones from time to time, whatever else is going on: cheap, with a short deadline, and it changes nothing.
     * ERR_OPERATION_INVALID: what start made is not there any more (the pool was ended behind our back). NULL: refresh finds out.
     */
    int (*check)(Job *job, const PoolDef *def, Error *err);
    /* Make the pool usable (mount, log in). Leaves nothing when it fails. NULL: nothing to do. */
    int (*start)(Job *job, const PoolDef *def, Error *err);
    /* What was half-made when we were killed goes. After start and after a restart of the daemon, when nothing is made. */
    int (*sweep)(Job *job, const PoolDef *def, Error *err);
    /* Undo start; also after half of one, and of a source that hangs. Fails when somebody uses it. NULL: nothing to do. */
    int (*stop)(Job *job, const PoolDef *def, Error *err);
    /*
     * May what is on the source be lost, as far as flags say? Asked before build, and before it is noted that building has begun: from
     * then on nobody misses it. 1: nothing there will be changed, 0: it may. NULL: it may.
     */
    int (*may_build)(Job *job, const PoolDef *def, unsigned flags, Error *err);
    /*
     * Make what start needs, once (directory, file system). flags: virStoragePoolBuildFlags, checked against build_flags, and not
     * both that are about overwriting.
     */
    int (*build)(Job *job, const PoolDef *def, unsigned flags, Error *err);
    unsigned build_flags;
    /*
     * Building with the same definition was interrupted by a kill: what it may have left goes, and nothing else, before may_build is
     * asked again. NULL: it stays, and to build again takes the overwrite flag.
     */
    int (*unbuild)(Job *job, const PoolDef *def, Error *err);
    /*
     * Undo build: the content is lost. flags: virStoragePoolDeleteFlags. rest: what delete_rest said, maybe before a kill of a deletion
     * that began and did not end: then the rest goes now.
     */
    int (*delete)(Job *job, const PoolDef *def, const char *rest, unsigned flags, Error *err);
    /*
     * What will be left to take away when the middle of a deletion is done, which then can't be told from the source any more. *ret: for
     * g_free, in words of the backend's own; NULL: the source is not there. It is kept until the deletion has ended. NULL: no such middle.
     */
    int (*delete_rest)(Job *job, const PoolDef *def, char **ret, Error *err);
    /* Where such pools could be: adds PoolSources to found. wanted says where to look, parts may be missing. */
    int (*find)(Job *job, const PoolSource *wanted, GPtrArray *found, Error *err);
    /*
     * What is in a started pool: fill the listing's volumes and sizes. live is ours to complete with what the host says
     * (permissions of the target). NULL: pools of this type are defined only, and can't be started.
     */
    int (*refresh)(Job *job, PoolDef *live, Listing *listing, Error *err);
    /* The key and path a volume of that name will have, into def. Doesn't suspend. */
    void (*vol_name)(const PoolDef *def, VolDef *volume);
    /*
     * Make a volume, empty or as a copy of source (NULL: empty): natively where the backend can, else by copy_content() into
     * what it made. It is there complete under its name afterwards, or not at all, whenever we are killed: what takes more
     * than one atomic step is done under a hidden name first. def is checked and has key and path; flags:
     * virStorageVolCreateFlags, checked against create_flags. ERR_STORAGE_VOL_EXIST when there is something of that name.
     */
    int (*vol_create)(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, unsigned flags, Error *err);
    unsigned create_flags;
    bool fills_in_place; /* a copy has its name before its content: noted in the journal, and removed after a kill */
    /* What the host says of one volume now. known and image: the stamp and header of the last look, image may be NULL. */
    int (*vol_look)(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err);
    /* Its bytes as they lie there, for reading, or for reading and writing over what is there. *ret is the caller's. */
    int (*vol_open)(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err);
    /*
     * capacity: bytes the guest sees, wanted already checked. flags: virStorageVolResizeFlags; DELTA is resolved. chain: of VolDef,
     * what it lies upon.
     */
    int (*vol_resize)(Job *job, const PoolDef *pool, const VolDef *def, const GPtrArray *chain, uint64_t capacity, unsigned flags,
                      Error *err);
    /* flags: virStorageVolDeleteFlags, checked against delete_flags. */
    int (*vol_delete)(Job *job, const PoolDef *pool, const VolDef *def, unsigned flags, Error *err);
    unsigned delete_flags;
} Backend;

const Backend *backend_of(PoolType type); /* NULL: not known here */
uint64_t backend_supported(void);         /* bit n: pools of PoolType n can be started */

extern const Backend backend_dir, backend_fs, backend_netfs, backend_logical, backend_disk, backend_iscsi, backend_scsi, backend_mpath;
extern const Backend backend_rbd, backend_iscsi_direct; /* in folders of their own */
