/*
 * A storage pool: its definitions and, while it is active, its volumes.
 *
 * Owned by the loop thread; reference counted. `live` is what the active pool has, `config` what it will have at the next
 * start; a definition read from disk is parsed when first needed: use pool_config(), pool_definition(). Modifying jobs hold
 * `queue`; readers wait for it only while `settling`.
 */
#pragma once

#include "common/base/job.h"
#include "common/base/worker.h"
#include "common/conf/storage/pool.h"
#include "common/store/store.h"
#include "virtstoraged/volume/volume.h"

typedef struct Driver Driver;
typedef struct Backend Backend;

typedef enum { PHASE_INACTIVE = 0, PHASE_ACTIVE, PHASE_STARTING, PHASE_STOPPING } PoolPhase;
extern const char *const pool_phase_names[]; /* as in the status file */

/* Its source does not answer: see health.h. */
typedef struct Trouble {
    char *reason;   /* NULL: all is well */
    uint64_t since; /* CLOCK_REALTIME usec */
    uint64_t delay; /* until the next look */
    bool looking;
    sd_event_source *timer;
    WorkerLane *lane; /* of the looks: they are made though everything else hangs */
} Trouble;

typedef struct Pool {
    StoreObject base; /* name, uuid; id while active */
    Driver *driver;
    char *label;      /* "storage pool 'NAME'" */
    JobQueue queue;
    bool persistent, autostart;
    PoolPhase phase;
    bool settling;    /* taken over after a restart, its volumes are not known yet */
    JobQueue adopting; /* held by who takes it over */
    unsigned working; /* volumes being made, filled or copied: the pool must stay */
    PoolDef *live;    /* NULL when inactive */
    PoolDef *config;  /* NULL when transient, or not yet parsed */
    PoolSizes sizes;
    VolumeTable volumes;
    unsigned life;       /* counts ends: what began before the last one is about another life */
    JobQueue refreshing; /* held by the one refresh that runs */
    uint64_t changes;    /* counts changes of volumes */
    GHashTable *gone;    /* names of volumes that were deleted while a refresh runs; NULL: none does */
    WorkerLane *lane;    /* what it does in workers; anew when its source is well again: what hangs still is of the past */
    Trouble trouble;
    int watch;             /* see watch.h, -1: none */
    sd_event_source *calm; /* until changes are looked at */
} Pool;

Pool *pool_new(Driver *driver, const char *name, const uint8_t *uuid);
static inline Pool *pool_ref(Pool *pool) { return store_ref(pool); }
void pool_unref(Pool *pool);
void pool_free(Pool *pool); /* by the store */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pool, pool_unref)

static inline const char *pool_name(const Pool *p) { return p->base.name; }
static inline bool pool_active(const Pool *p) { return p->base.id >= 0; }
void pool_set_active(Pool *pool, bool active); /* what lists and look-ups show; sends no event */

/* The persistent definition, parsed now if it was not; borrowed. NULL with err when it has none or its file is broken. */
const PoolDef *pool_config(Pool *pool, Error *err);
const PoolDef *pool_definition(Pool *pool, Error *err); /* live when active, else config */
/* Install new definitions; references are taken over. */
void pool_set_config(Pool *pool, PoolDef *config);
void pool_set_live(Pool *pool, PoolDef *live);
void pool_set_persistent(Pool *pool, bool persistent);
void pool_set_autostart(Pool *pool, bool autostart);

const Backend *pool_backend(const PoolDef *def, Error *err); /* NULL with err: nobody knows how */
int pool_check_active(const Pool *pool, Error *err);
int pool_check_stays(const Pool *pool, Error *err); /* active, and nobody is about to end that: before something that takes longer is begun */
/*
 * Before something is done with its source: it is active, its volumes are known, and its source answers (else the error says since when not, and why); what
 * the job does from now on in workers is the pool's.
 */
int pool_enter(Job *job, Pool *pool, Error *err);
void pool_fresh_lanes(Pool *pool); /* what hangs in workers counts no more */
int pool_check_inactive(const Pool *pool, Error *err);
int pool_check_idle(const Pool *pool, Error *err); /* no volume of it is being worked on */
/* Wait until the volumes of a pool that was just taken over are known. May suspend. */
int pool_settled(Job *job, Pool *pool, Error *err) _must_check_;
