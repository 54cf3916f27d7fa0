/*
 * The undo stack of a multi-step operation: each step that took effect pushes its inverse. undo_commit() forgets them;
 * otherwise undo_run() (also what the cleanup attribute does) calls them newest first, shielded from cancellation.
 */
#pragma once

#include "common/base/job.h"

typedef void (*UndoFn)(Job *job, void *data);
typedef struct UndoStep UndoStep;

typedef struct Undo {
    Job *job;
    UndoStep *steps;
} Undo;

#define UNDO_INIT(j) ((Undo){ .job = (j) })
#define _cleanup_undo_ __attribute__((cleanup(undo_run)))

void undo_push(Undo *undo, UndoFn fn, void *data);
void undo_commit(Undo *undo);
void undo_run(Undo *undo);
