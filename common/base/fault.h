/*
 * Fault points: named places before and after every durable step, where a test can end the process.
 *
 * Two ways in. A unit test sets fault_hook. A test of a whole daemon starts it with VIRTD_FAULTS=DIR in its environment: while
 * a file DIR/armed is there, holding "N PROGRAM", the points PROGRAM passed since that very file appeared are counted, each is
 * written to DIR/passed as a line "step what", and the N-th kills it (SIGKILL). Without either a point costs one comparison.
 */
#pragma once

extern void (*fault_hook)(const char *step, const char *what);

/* step: "rename", "rbd-create"; what: the path or name it is about. Any thread. */
void fault_point(const char *step, const char *what);
