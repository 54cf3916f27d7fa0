/*
 * The journal of what can't be done in one atomic step: a record, durable before the work begins and removed when it ended, so
 * that the next life of the daemon knows what was half-done when this one was killed. One small file each, below the daemon's
 * state: they outlive the host too.
 *
 * What is done under a hidden name first needs none: see Backend.sweep.
 */
#pragma once

#include "virtstoraged/pool/pool.h"

typedef enum UnfinishedKind {
    UNFINISHED_BUILD = 0, /* what is on the source now is neither the old nor the new */
    UNFINISHED_MAKE,      /* a volume has its name before its content */
    UNFINISHED_WIPE,      /* value: the algorithm */
    UNFINISHED_DELETE,    /* the pool's source is being taken away */
} UnfinishedKind;

/* volume: NULL for what is about the pool. Suspends. */
int unfinished_begin(Job *job, const Pool *pool, UnfinishedKind kind, const char *volume, unsigned value, Error *err) _must_check_;
void unfinished_end(Job *job, const Pool *pool, UnfinishedKind kind, const char *volume);
bool unfinished_known(const Pool *pool, UnfinishedKind kind, const char *volume);

/* Begin, or go on with, what is about the pool; the note is for who goes on with it in the next life. Suspends. */
int unfinished_note(Job *job, const Pool *pool, UnfinishedKind kind, const char *note, Error *err) _must_check_;
char *unfinished_noted(const Pool *pool, UnfinishedKind kind); /* for g_free; NULL: nothing is unfinished */

/* The pool is active and its volumes are known: half-made ones are removed, wiping goes on in a job of its own. Suspends. */
void unfinished_resume(Job *job, Pool *pool);
void unfinished_forget(Job *job, const Pool *pool); /* the pool is undefined */
