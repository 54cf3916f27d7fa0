/*
 * The one event loop of a process: sd-event plus a queue of things ready to run.
 *
 * All state of a daemon belongs to the thread that runs this loop. sd-event sources (sockets, timers, signals) are
 * added to loop_event(). What must run "soon, but not from here" goes through loop_defer(): it runs after the current
 * source's callback, in order, on the main stack. Fibers that became ready run from the same queue (fiber.h), so a
 * callback or a fiber is never interrupted by another one between two waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/base/error.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define LOOP_NEVER UINT64_MAX

int loop_init(Error *err); /* once per process, before anything else of this header; blocks no signals */
void loop_done(void);
sd_event *loop_event(void); /* borrowed */

/* Run until loop_exit(); returns its code. Negative with err when the loop itself fails. */
int loop_run(Error *err);
int loop_run_once(uint64_t timeout_usec, Error *err); /* one round: wait, dispatch, run what is ready. For tests. */
void loop_exit(int code);

uint64_t loop_now(void); /* CLOCK_MONOTONIC in usec, cached per round */
uint64_t clock_monotonic_usec(void);
uint64_t clock_realtime_usec(void);

/* Run fn(data) from the loop after the current callback. A Deferred must stay valid until run or cancelled. */
typedef struct Deferred {
    struct Deferred *prev, *next; /* NULL when not queued */
    void (*fn)(void *data);
    void *data;
} Deferred;

void loop_defer(Deferred *deferred, void (*fn)(void *data), void *data); /* no-op when already queued */
void loop_defer_cancel(Deferred *deferred);
static inline bool loop_deferred(const Deferred *d) { return d->next != NULL; }

/* One-shot timers with an accuracy of 1 ms unless said otherwise; the source is unref'ed with sd_event_source_disable_unref. */
int loop_timer(sd_event_source **ret, uint64_t usec_from_now, sd_event_time_handler_t fn, void *data, Error *err);
