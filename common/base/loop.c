#include "common/base/loop.h"

#include <glib.h>
#include <time.h>

#define TIMER_ACCURACY (1 * USEC_PER_MSEC)

static struct {
    sd_event *event;
    Deferred ready; /* ring head */
    bool exiting;
    int exit_code;
} loop;

int
loop_init(Error *err)
{
    int r;

    g_assert(!loop.event);
    r = sd_event_default(&loop.event);
    if (r < 0)
        return error_set_errno(err, FROM_EVENT, -r, "cannot create the event loop");
    loop.ready.prev = loop.ready.next = &loop.ready;
    loop.exiting = false;
    return 0;
}

void
loop_done(void)
{
    loop.event = sd_event_unref(loop.event);
}

sd_event *
loop_event(void)
{
    return loop.event;
}

void
loop_defer(Deferred *deferred, void (*fn)(void *data), void *data)
{
    if (deferred->next)
        return;
    deferred->fn = fn;
    deferred->data = data;
    deferred->prev = loop.ready.prev;
    deferred->next = &loop.ready;
    loop.ready.prev->next = deferred;
    loop.ready.prev = deferred;
}

void
loop_defer_cancel(Deferred *deferred)
{
    if (!deferred->next)
        return;
    deferred->prev->next = deferred->next;
    deferred->next->prev = deferred->prev;
    deferred->prev = deferred->next = NULL;
}

/* Runs what is queued now; what these queue waits for the next round, so that I/O is never starved. */
static void
loop_run_ready(void)
{
    Deferred mark = { 0 };

    if (loop.ready.next == &loop.ready)
        return;
    loop_defer(&mark, NULL, NULL);
    while (loop.ready.next != &mark) {
        Deferred *d = loop.ready.next;

        loop_defer_cancel(d);
        d->fn(d->data);
    }
    loop_defer_cancel(&mark);
}

int
loop_run_once(uint64_t timeout_usec, Error *err)
{
    int r;

    r = sd_event_run(loop.event, loop.ready.next != &loop.ready ? 0 : timeout_usec);
    if (r < 0)
        return error_set_errno(err, FROM_EVENT, -r, "the event loop failed");
    loop_run_ready();
    return 0;
}

int
loop_run(Error *err)
{
    while (!loop.exiting)
        if (loop_run_once(LOOP_NEVER, err) < 0)
            return -1;
    return loop.exit_code;
}

void
loop_exit(int code)
{
    loop.exiting = true;
    loop.exit_code = code;
}

uint64_t
clock_monotonic_usec(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_realtime_usec(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
loop_now(void)
{
    uint64_t now;

    if (!loop.event || sd_event_now(loop.event, CLOCK_MONOTONIC, &now) < 0)
        return clock_monotonic_usec();
    return now;
}

int
loop_timer(sd_event_source **ret, uint64_t usec_from_now, sd_event_time_handler_t fn, void *data, Error *err)
{
    int r;

    r = sd_event_add_time_relative(loop.event, ret, CLOCK_MONOTONIC, usec_from_now, TIMER_ACCURACY, fn, data);
    if (r < 0)
        return error_set_errno(err, FROM_EVENT, -r, "cannot arm a timer");
    return 0;
}
