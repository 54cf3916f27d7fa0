/*
 * Work that can block in the kernel (open, fsync, NFS, librbd, ...), done by threads while its fiber waits.
 *
 * fn runs in another thread and may touch only what data holds. data is reference counted (g_atomic_rc_box_new and
 * friends): the thread holds its own reference, so a caller that gave up waiting just drops its own. Threads are made
 * on demand, up to WORKER_MAX, and end after some idle seconds. Past the bound, work queues.
 */
#pragma once

#include <glib.h>

#include "common/base/job.h"

#define WORKER_MAX 64

typedef int (*WorkFn)(void *data, Error *err);

/*
 * Run fn(data) in a worker; returns what it returned, with its error. -1 with a timeout error when it took longer:
 * the thread goes on and its result is dropped. what is borrowed ("reading the image header"). clear (may be NULL)
 * releases the members of data with the last reference, in either thread.
 */
int worker_run(Job *job, const char *what, WorkFn fn, void *data, GDestroyNotify clear, uint64_t timeout,
               Error *err) _must_check_;

/*
 * A lane: what one object does in workers. A source that hangs would otherwise take a thread with every new try, until none is
 * left for others: once WORKER_LANE_STUCK pieces of work that nobody waits for any more still hang in a lane, further
 * work in it is refused at once (ERR_OPERATION_TIMEOUT), until one of them ends. Loop thread only.
 */
#define WORKER_LANE_STUCK 2
typedef struct WorkerLane {
    unsigned references, stuck;
    char *name; /* "storage pool 'p'" */
} WorkerLane;

WorkerLane *worker_lane_new(const char *name);
void worker_lane_ref(WorkerLane *lane);   /* NULL is fine */
void worker_lane_unref(WorkerLane *lane); /* NULL is fine */

/* Run fn(data) and forget it; used where nobody waits. */
void worker_detach(const char *what, WorkFn fn, void *data, GDestroyNotify clear);

size_t worker_busy(void);  /* threads doing something now: a daemon isn't idle while there are any */
void worker_pool_done(void); /* end of process: wait for running work, at most a second */
