#include "common/base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WORKER_IDLE_SEC 5

typedef struct Work {
    struct Work *next;
    const char *what;
    WorkFn fn;
    void *data;
    GDestroyNotify clear;
    Wait *wait; /* loop thread only; NULL when nobody waits (any more) */
    WorkerLane *stuck_in; /* loop thread only; a reference, when it was given up */
    int result;
    Error err;
} Work;

/* The only state shared between threads; everything below is guarded by lock. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    Work *todo, *todo_last, *finished;
    unsigned threads, idle;
    int event_fd;
    sd_event_source *source;
    size_t pending; /* loop thread only: submitted and not yet reaped */
    bool ending;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .event_fd = -1 };

static Work *
worker_next(void)
{
    struct timespec until;
    Work *work;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WORKER_IDLE_SEC;
    pool.idle++;
    while (!pool.todo && !pool.ending)
        if (pthread_cond_timedwait(&pool.wake, &pool.lock, &until) == ETIMEDOUT && !pool.todo)
            break;
    pool.idle--;
    work = pool.todo;
    if (work) {
        pool.todo = work->next;
        if (!pool.todo)
            pool.todo_last = NULL;
    }
    return work;
}

static void *
worker_main(void *unused)
{
    Work *work;

    pthread_mutex_lock(&pool.lock);
    while ((work = worker_next())) {
        pthread_mutex_unlock(&pool.lock);
        work->result = work->fn(work->data, &work->err);
        pthread_mutex_lock(&pool.lock);
        work->next = pool.finished;
        pool.finished = work;
        eventfd_write(pool.event_fd, 1);
    }
    pool.threads--;
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static void
work_free(Work *work)
{
    error_done(&work->err);
    if (work->clear)
        g_atomic_rc_box_release_full(work->data, work->clear);
    else
        g_atomic_rc_box_release(work->data);
    g_free(work);
}

/* --- lanes --- */

WorkerLane *
worker_lane_new(const char *name)
{
    WorkerLane *lane = g_new0(WorkerLane, 1);

    lane->references = 1;
    lane->name = g_strdup(name);
    return lane;
}

void
worker_lane_ref(WorkerLane *lane)
{
    if (lane)
        lane->references++;
}

void
worker_lane_unref(WorkerLane *lane)
{
    if (!lane || --lane->references > 0)
        return;
    g_free(lane->name);
    g_free(lane);
}

static int
lane_check(Job *job, const char *what, Error *err)
{
    const WorkerLane *lane = job_lane(job);

    if (lane && lane->stuck >= WORKER_LANE_STUCK)
        return error_setf(err, FROM_THREAD, ERR_OPERATION_TIMEOUT, "%s is not tried: %u earlier operations of %s still hang", what,
                          lane->stuck, lane->name);
    return 0;
}

static void
lane_gets_stuck(Job *job, Work *work)
{
    WorkerLane *lane = job_lane(job);

    if (!lane)
        return;
    worker_lane_ref(lane);
    lane->stuck++;
    work->stuck_in = lane;
}

static void
lane_recovers(WorkerLane *lane)
{
    lane->stuck--;
    worker_lane_unref(lane);
}

/* --- running --- */

static int
worker_on_finished(sd_event_source *source, int fd, uint32_t revents, void *unused)
{
    eventfd_t count;
    Work *list, *next;

    eventfd_read(fd, &count);
    pthread_mutex_lock(&pool.lock);
    list = pool.finished;
    pool.finished = NULL;
    pthread_mutex_unlock(&pool.lock);
    for (Work *work = list; work; work = next) {
        next = work->next;
        pool.pending--;
        if (work->stuck_in)
            lane_recovers(work->stuck_in);
        if (work->wait)
            wait_done(work->wait, 0);
        else
            work_free(work);
    }
    return 0;
}

/* The pool's thread count never shrinks what waits: a thread is added whenever all are busy. */
static int
worker_submit(Work *work, Error *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r = 0;

    if (pool.event_fd < 0) {
        pool.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (pool.event_fd < 0)
            return error_set_errno(err, FROM_THREAD, errno, "cannot create the eventfd of the workers");
        r = sd_event_add_io(loop_event(), &pool.source, pool.event_fd, EPOLLIN, worker_on_finished, NULL);
        if (r < 0)
            return error_set_errno(err, FROM_THREAD, -r, "cannot watch the workers");
    }
    pthread_mutex_lock(&pool.lock);
    if (pool.idle == 0 && pool.threads < WORKER_MAX) {
        sigset_t all, old;

        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attr, 1024 * 1024);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the loop's thread */
        r = pthread_create(&thread, &attr, worker_main, NULL);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        pthread_attr_destroy(&attr);
        if (r == 0)
            pool.threads++;
    }
    if (pool.threads > 0) {
        r = 0;
        if (pool.todo_last)
            pool.todo_last->next = work;
        else
            pool.todo = work;
        pool.todo_last = work;
        pthread_cond_signal(&pool.wake);
    }
    pthread_mutex_unlock(&pool.lock);
    if (r != 0)
        return error_set_errno(err, FROM_THREAD, r, "cannot start a worker thread for %s", work->what);
    pool.pending++;
    return 0;
}

int
worker_run(Job *job, const char *what, WorkFn fn, void *data, GDestroyNotify clear, uint64_t timeout, Error *err)
{
    Work *work;
    Wait wait = { 0 };
    int r;

    if (lane_check(job, what, err) < 0)
        return -1;
    work = g_new0(Work, 1);
    *work = (Work){ .what = what, .fn = fn, .data = g_atomic_rc_box_acquire(data), .clear = clear, .wait = &wait };
    if (worker_submit(work, err) < 0) {
        work_free(work);
        return -1;
    }
    if (job_wait(job, &wait, what, timeout, err) < 0) {
        work->wait = NULL; /* freed when it ends */
        lane_gets_stuck(job, work);
        return -1;
    }
    r = work->result;
    if (r < 0)
        error_move(err, &work->err);
    work_free(work);
    return r;
}

void
worker_detach(const char *what, WorkFn fn, void *data, GDestroyNotify clear)
{
    Work *work = g_new0(Work, 1);

    *work = (Work){ .what = what, .fn = fn, .data = g_atomic_rc_box_acquire(data), .clear = clear };
    if (worker_submit(work, NULL) < 0)
        work_free(work);
}

size_t
worker_busy(void)
{
    return pool.pending;
}

void
worker_pool_done(void)
{
    if (pool.event_fd < 0)
        return;
    pthread_mutex_lock(&pool.lock);
    pool.ending = true;
    pthread_cond_broadcast(&pool.wake);
    for (int i = 0; i < 100 && pool.threads > 0; i++) {
        pthread_mutex_unlock(&pool.lock);
        g_usleep(10000);
        pthread_mutex_lock(&pool.lock);
    }
    pthread_mutex_unlock(&pool.lock);
    worker_on_finished(pool.source, pool.event_fd, EPOLLIN, NULL);
    pool.source = sd_event_source_disable_unref(pool.source);
    close(pool.event_fd);
    pool.event_fd = -1;
    pool.ending = false;
}
