#include "common/base/undo.h"

#include <glib.h>

struct UndoStep {
    UndoStep *next;
    UndoFn fn;
    void *data;
};

void
undo_push(Undo *undo, UndoFn fn, void *data)
{
    UndoStep *step = g_new0(UndoStep, 1);

    *step = (UndoStep){ .next = undo->steps, .fn = fn, .data = data };
    undo->steps = step;
}

static UndoStep *
undo_pop(Undo *undo)
{
    UndoStep *step = undo->steps;

    if (step)
        undo->steps = step->next;
    return step;
}

void
undo_commit(Undo *undo)
{
    UndoStep *step;

    while ((step = undo_pop(undo)))
        g_free(step);
}

void
undo_run(Undo *undo)
{
    UndoStep *step;

    if (!undo->steps)
        return;
    if (undo->job)
        job_shield(undo->job);
    while ((step = undo_pop(undo))) {
        step->fn(undo->job, step->data);
        g_free(step);
    }
    if (undo->job)
        job_unshield(undo->job);
}
