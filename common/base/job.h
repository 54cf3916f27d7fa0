/*
 * Jobs: what a fiber is doing, for whom, until when; and the queue that serializes the changes of one object.
 *
 * A function that takes `Job *` first may suspend its fiber; one that doesn't, can't. Every wait returns its fatal
 * outcomes itself: -1 with err when the job was cancelled or its deadline or the wait's own timeout has passed, so
 * nobody has to remember to look again. Timeouts are in usec from now, LOOP_NEVER for none; the job's own deadline
 * bounds every wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/loop.h"

typedef struct Job Job;
typedef struct JobQueue JobQueue;
typedef void (*JobFn)(Job *job, void *data);

#define _must_check_ __attribute__((warn_unused_result))

/* --- a job --- */

/* Queue a job on a new fiber. name ("save") and owner ("client 7") are copied. The Job is valid until fn returns. */
Job *job_spawn(const char *name, const char *owner, JobFn fn, void *data);

const char *job_name(const Job *job);
const char *job_owner(const Job *job);
uint64_t job_started(const Job *job); /* CLOCK_MONOTONIC usec */
void job_set_deadline(Job *job, uint64_t usec_from_now);

/* Make the current and all later waits of the job fail with this error. The first cancellation stays. */
void job_cancel(Job *job, ErrorDomain domain, ErrorCode code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool job_cancelled(const Job *job);

/* Protect a section that must end (undoing, committing) from cancellation and the job's deadline; nests. */
void job_shield(Job *job);
void job_unshield(Job *job);

/* Progress shown to who asks; any unit, total 0 when unknown. */
void job_set_progress(Job *job, uint64_t done, uint64_t total);
void job_get_progress(const Job *job, uint64_t *ret_done, uint64_t *ret_total);

/* All work of the job from now on belongs to that lane (worker.h), of which it keeps a reference; NULL: none. */
struct WorkerLane;
void job_set_lane(Job *job, struct WorkerLane *lane);
struct WorkerLane *job_lane(const Job *job);

/* --- waiting --- */

/*
 * One awaited outcome. Who starts something keeps a pointer to the Wait and calls wait_done() once. When the job
 * stops waiting first (cancelled, timeout), job_wait() returns -1 and the Wait is gone: its starter must then be told
 * to forget it by the caller of job_wait().
 */
typedef struct Wait {
    Job *job; /* set while somebody waits */
    bool done;
    int result;
} Wait;

void wait_done(Wait *wait, int result);

/* 0 when wait_done() was called (then wait->result is valid), -1 otherwise. what is borrowed ("QMP reply"). */
int job_wait(Job *job, Wait *wait, const char *what, uint64_t timeout, Error *err) _must_check_;
int job_sleep(Job *job, uint64_t usec, Error *err) _must_check_;
/* The events (EPOLLIN, ...) that came, positive; -1 on timeout or cancellation. */
int job_wait_fd(Job *job, int fd, uint32_t events, const char *what, uint64_t timeout, Error *err) _must_check_;
/* Let everything else that is ready run first. */
void job_yield(Job *job);

/* --- the queue of an object --- */

/*
 * A first-come-first-served lock for modifying jobs. Readers never take it. The error of a timed-out acquire names the
 * object, the holder, its owner and since when it runs.
 */
struct JobQueue {
    struct JobQueueEntry *first, *last; /* waiting jobs */
    Job *holder;
    unsigned depth;   /* the holder may acquire again */
    unsigned waiting; /* length of the list */
};

#define JOB_QUEUE_TIMEOUT (30 * USEC_PER_SEC) /* how long a modifying call waits for its turn, as in libvirt */

int job_acquire(Job *job, JobQueue *queue, const char *object, uint64_t timeout, Error *err) _must_check_;
void job_release(Job *job, JobQueue *queue);
static inline bool job_queue_busy(const JobQueue *queue) { return queue->holder != NULL; }
