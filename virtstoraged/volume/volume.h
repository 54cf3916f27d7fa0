/*
 * A volume, the table of those in a pool, and what a look into a pool found.
 *
 * Volumes belong to the loop thread and are reference counted; one that left its pool stays valid for whoever holds it
 * (`stored` is then false). A volume keeps its identity over refreshes by its name.
 */
#pragma once

#include <glib.h>

#include "common/base/job.h"
#include "common/conf/storage/volume.h"
#include "common/host/image.h"

typedef struct Pool Pool;

/* Equal stamps: the file was not changed. */
typedef struct FileStamp {
    uint64_t device, inode, size;
    int64_t mtime, mtime_nsec, ctime, ctime_nsec;
} FileStamp;

typedef struct Volume {
    unsigned references;
    Pool *pool;       /* a reference */
    char *label;      /* "storage volume 'NAME' of pool 'POOL'" */
    JobQueue queue;
    bool stored;      /* is in the table of its pool */
    bool building;    /* its name is taken, it is not there yet */
    unsigned in_use;  /* streams, copies, changes */
    unsigned written; /* of those, how many change its content */
    VolDef *def;      /* replaced, never changed */
    FileStamp stamp;  /* of the file when image was read */
    bool stale;       /* its header may say another format than is known: that counts when a client asks for another look */
    uint64_t changed; /* Pool.changes when def was set */
    ImageInfo *image; /* NULL: not read */
} Volume;

Volume *volume_new(Pool *pool, VolDef *def); /* takes def over */
Volume *volume_ref(Volume *volume);
void volume_unref(Volume *volume); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Volume, volume_unref)
void volume_set_def(Volume *volume, VolDef *def); /* takes def over; the name is the same */
int volume_check_idle(const Volume *volume, Error *err);    /* ERR_OPERATION_INVALID while anything uses it */
int volume_check_settled(const Volume *volume, Error *err); /* the same while its content is being changed */

typedef struct VolumeTable {
    GHashTable *by_name, *by_key, *by_path; /* -> Volume; by_name has the reference. Those that are building: by name only */
} VolumeTable;

void volume_table_init(VolumeTable *table);
void volume_table_clear(VolumeTable *table);
void volume_table_done(VolumeTable *table);
void volume_add(Volume *volume);    /* into its pool's table: a reference is taken */
void volume_built(Volume *volume);  /* it is there now: building ends */
void volume_remove(Volume *volume); /* out of it; nothing when it is not there */

/* --- what was found --- */

typedef struct Found {
    VolDef *def;      /* complete */
    FileStamp stamp;
    ImageInfo *image; /* may be NULL */
    bool unread;      /* what it is was recorded, its header was not asked */
} Found;
void found_free(Found *found);
/* The volume is what was found / is what it was, with the sizes, permissions and times that were found. found is emptied. */
void volume_found(Volume *volume, Found *found);
void volume_measured(Volume *volume, Found *found);

typedef struct Listing {
    const VolumeTable *known; /* what was there: headers of files that are the same need not be read */
    uint64_t since;           /* Pool.changes when it began */
    /*
     * Names that may have changed: nothing else need be looked at. NULL: all. Only for backends that are watched; those that can't
     * make use of it clear it.
     */
    GHashTable *only;
    bool anew;                /* a client asks for another look: headers of what was changed count; else what is known, or recorded, does */
    int watch_fd;             /* see watch_add(); -1: don't */
    int watch;                /* filled: what it returned */
    GPtrArray *found;         /* of Found */
    PoolSizes sizes;
    bool changed;             /* once applied: volumes came or went */
} Listing;

void listing_init(Listing *listing, const Pool *pool);
void listing_apply(Listing *listing, Pool *pool); /* the pool's table becomes what was found */
void listing_done(Listing *listing);
