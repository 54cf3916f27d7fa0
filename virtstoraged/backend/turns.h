/*
 * Turns of calls to servers. A server that hangs would keep a worker for every call until its time is over: of one pool at most
 * TURNS_MAX calls are in workers, what takes long among them half of that, and the others wait here, in order. Once one of them
 * was lost (the server did not answer), those that waited behind it fail at once.
 *
 * Loop thread only.
 */
#pragma once

#include "common/base/job.h"

#define TURNS_MAX 4

typedef struct Turn {
    struct Turns *turns;
    JobQueue *queue;
} Turn;

/* Wait for a turn of the pool of that name. May suspend. */
int turn_begin(Job *job, const char *pool, bool is_long, Turn *ret, Error *err) _must_check_;
void turn_end(Job *job, Turn *turn, bool lost);
