#include "common/base/job.h"

#include <glib.h>
#include <sys/epoll.h>

#include "common/base/fiber.h"
#include "common/base/worker.h"

struct Job {
    char *name, *owner;
    Fiber *fiber;
    JobFn fn;
    void *data;
    uint64_t started, deadline;
    uint64_t done, total;
    unsigned shield;
    struct WorkerLane *lane;
    Error cancelled;
    bool timed_out;
    bool suspended; /* in job_suspend() */
};

static void
job_main(void *data)
{
    Job *job = data;

    job->fn(job, job->data);
    error_done(&job->cancelled);
    worker_lane_unref(job->lane);
    g_free(job->name);
    g_free(job->owner);
    g_free(job);
}

Job *
job_spawn(const char *name, const char *owner, JobFn fn, void *data)
{
    Job *job = g_new0(Job, 1);

    job->name = g_strdup(name);
    job->owner = g_strdup(owner ? owner : "daemon");
    job->fn = fn;
    job->data = data;
    job->started = loop_now();
    job->deadline = LOOP_NEVER;
    job->fiber = fiber_spawn(job->name, job_main, job);
    return job;
}

const char *
job_name(const Job *job)
{
    return job->name;
}

void
job_set_lane(Job *job, struct WorkerLane *lane)
{
    worker_lane_ref(lane);
    worker_lane_unref(job->lane);
    job->lane = lane;
}

struct WorkerLane *
job_lane(const Job *job)
{
    return job->lane;
}

const char *
job_owner(const Job *job)
{
    return job->owner;
}

uint64_t
job_started(const Job *job)
{
    return job->started;
}

void
job_set_deadline(Job *job, uint64_t usec_from_now)
{
    job->deadline = usec_from_now == LOOP_NEVER ? LOOP_NEVER : loop_now() + usec_from_now;
}

void
job_set_progress(Job *job, uint64_t done, uint64_t total)
{
    job->done = done;
    job->total = total;
}

void
job_get_progress(const Job *job, uint64_t *ret_done, uint64_t *ret_total)
{
    *ret_done = job->done;
    *ret_total = job->total;
}

bool
job_cancelled(const Job *job)
{
    return error_is_set(&job->cancelled) && job->shield == 0;
}

void
job_cancel(Job *job, ErrorDomain domain, ErrorCode code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_setv(&job->cancelled, domain, code, format, args);
    va_end(args);
    if (job->suspended && job->shield == 0)
        fiber_resume(job->fiber);
}

void
job_shield(Job *job)
{
    job->shield++;
}

void
job_unshield(Job *job)
{
    g_assert(job->shield > 0);
    job->shield--;
}

static int
job_on_timeout(sd_event_source *source, uint64_t usec, void *data)
{
    Job *job = data;

    job->timed_out = true;
    if (job->suspended)
        fiber_resume(job->fiber);
    return 0;
}

/* Fatal outcomes, in the order in which they are reported. */
static int
job_check(Job *job, const char *what, uint64_t timeout, Error *err)
{
    if (job_cancelled(job)) {
        if (err && !error_is_set(err))
            error_copy(err, &job->cancelled);
        return -1;
    }
    if (job->timed_out)
        return error_setf(err, FROM_NONE, ERR_OPERATION_TIMEOUT, "'%s' gave up waiting for %s after %.1f s", job->name,
                          what, (double)timeout / USEC_PER_SEC);
    return 0;
}

/* Sleep until *done or a fatal outcome. */
static int
job_suspend(Job *job, const bool *done, const char *what, uint64_t timeout, Error *err)
{
    sd_event_source *timer = NULL;
    int r;

    g_assert(fiber_current() == job->fiber);
    if (job->deadline != LOOP_NEVER && job->shield == 0) {
        uint64_t now = loop_now();

        timeout = MIN(timeout, job->deadline > now ? job->deadline - now : 0);
    }
    job->timed_out = timeout == 0;
    if (timeout != LOOP_NEVER && timeout > 0 && loop_timer(&timer, timeout, job_on_timeout, job, err) < 0)
        return -1;
    while (!*done && (r = job_check(job, what, timeout, err)) == 0) {
        fiber_set_waiting(what);
        job->suspended = true;
        fiber_suspend();
        job->suspended = false;
    }
    sd_event_source_disable_unref(timer);
    return *done ? 0 : r;
}

void
wait_done(Wait *wait, int result)
{
    wait->done = true;
    wait->result = result;
    if (wait->job && wait->job->suspended)
        fiber_resume(wait->job->fiber);
}

int
job_wait(Job *job, Wait *wait, const char *what, uint64_t timeout, Error *err)
{
    int r;

    wait->job = job;
    r = job_suspend(job, &wait->done, what, timeout, err);
    wait->job = NULL;
    return r;
}

int
job_sleep(Job *job, uint64_t usec, Error *err)
{
    Error local = ERROR_INIT;
    bool never = false;

    if (job_suspend(job, &never, "a pause", usec, &local) < 0 && job->timed_out && !job_cancelled(job)) {
        error_done(&local);
        return 0;
    }
    return error_move(err, &local);
}

static int
job_on_fd(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    wait_done(data, (int)revents);
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return 0;
}

int
job_wait_fd(Job *job, int fd, uint32_t events, const char *what, uint64_t timeout, Error *err)
{
    sd_event_source *source = NULL;
    Wait wait = { 0 };
    int r;

    r = sd_event_add_io(loop_event(), &source, fd, events, job_on_fd, &wait);
    if (r < 0)
        return error_set_errno(err, FROM_EVENT, -r, "cannot watch descriptor %d for %s", fd, what);
    r = job_wait(job, &wait, what, timeout, err);
    sd_event_source_disable_unref(source);
    return r < 0 ? r : wait.result;
}

void
job_yield(Job *job)
{
    fiber_set_waiting("its turn");
    /* Not marked suspended: nobody but the queue may wake it, and the queue does. */
    fiber_yield();
}

typedef struct JobQueueEntry {
    struct JobQueueEntry *next;
    Job *job;
    Wait wait;
} JobQueueEntry;

static void
job_queue_unlink(JobQueue *queue, JobQueueEntry *entry)
{
    JobQueueEntry **at = &queue->first, *previous = NULL;

    while (*at && *at != entry) {
        previous = *at;
        at = &(*at)->next;
    }
    if (!*at)
        return;
    *at = entry->next;
    if (queue->last == entry)
        queue->last = previous;
    queue->waiting--;
}

/* Hand the lock to the first waiting job. */
static void
job_queue_next(JobQueue *queue)
{
    JobQueueEntry *entry = queue->first;

    queue->holder = NULL;
    queue->depth = 0;
    if (!entry)
        return;
    job_queue_unlink(queue, entry);
    queue->holder = entry->job;
    queue->depth = 1;
    wait_done(&entry->wait, 0);
}

int
job_acquire(Job *job, JobQueue *queue, const char *object, uint64_t timeout, Error *err)
{
    _cleanup_error_ Error local = ERROR_INIT;
    JobQueueEntry entry = { .job = job };
    g_autofree char *name = NULL;

    if (!queue->holder || queue->holder == job) {
        queue->holder = job;
        queue->depth++;
        return 0;
    }
    name = g_strdup(object); /* a job we wait for may rename it */
    if (queue->last)
        queue->last->next = &entry;
    else
        queue->first = &entry;
    queue->last = &entry;
    queue->waiting++;
    if (job_wait(job, &entry.wait, "the running job of its object", timeout, &local) == 0)
        return 0;
    job_queue_unlink(queue, &entry);
    if (!job->timed_out)
        return error_move(err, &local);
    return error_setf(err, FROM_QEMU, ERR_OPERATION_TIMEOUT,
                      "cannot %s: %s is busy with '%s' (started by %s %.0f s ago); try again when it is done",
                      job->name, name, queue->holder->name, queue->holder->owner,
                      (double)(loop_now() - queue->holder->started) / USEC_PER_SEC);
}

void
job_release(Job *job, JobQueue *queue)
{
    g_assert(queue->holder == job && queue->depth > 0);
    if (--queue->depth == 0)
        job_queue_next(queue);
}
