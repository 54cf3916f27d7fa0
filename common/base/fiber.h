/*
 * Fibers: linear code that may wait, on a stack of its own, all in the loop's thread.
 *
 * This is the lowest floor; code that does work uses jobs (job.h), which carry a name, a deadline and cancellation.
 * A fiber runs until it calls fiber_suspend() and goes on after somebody called fiber_resume(). Resuming only queues
 * the fiber: it runs from the loop (loop.h), never inside the resumer. Stacks have a guard page and are pooled. The
 * sanitizers and valgrind are told of every stack and switch. tools/gdb/fibers.py lists what is suspended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Fiber Fiber;
typedef void (*FiberFn)(void *data);

/* Queue a new fiber; it starts from the loop. name is borrowed and must outlive the fiber. */
Fiber *fiber_spawn(const char *name, FiberFn fn, void *data);

Fiber *fiber_current(void); /* NULL on the main stack */
void fiber_suspend(void);   /* only inside a fiber; returns after fiber_resume() */
void fiber_resume(Fiber *fiber); /* of a suspended fiber; no-op when already queued */
void fiber_yield(void);     /* suspend and queue again: everything already queued runs first */

/* The name and what it waits for, both borrowed, shown by the debugger helper. */
void fiber_set_waiting(const char *what);

size_t fiber_count(void); /* alive */
void fiber_pool_trim(void); /* give pooled stacks back to the kernel */
