/*
 * Programs of others that backends run: as children without a shell, with nothing but their arguments, killed at a
 * deadline. Which package of Debian a program is in is said when it is missing. Arguments never carry secrets.
 */
#pragma once

#include "common/base/process.h"

#define TOOL_TIMEOUT (2 * 60 * USEC_PER_SEC)       /* for what should take seconds */
#define TOOL_LONG_TIMEOUT (6 * 3600 * USEC_PER_SEC) /* for what writes a device */

typedef struct ToolCall {
    const char *const *argv; /* argv[0]: a name in the table of tool.c; ends with NULL */
    const char *input;       /* NULL: none */
    const ProcessFd *fds;    /* further descriptors of the child */
    size_t n_fds;
    uint64_t timeout;        /* 0: TOOL_TIMEOUT */
    unsigned also_fine;      /* bit n: exit status n is no failure (0 never is) */
} ToolCall;

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Returns the exit status, which is 0 or in also_fine; ret_out (may be NULL) is standard output, for g_free. Suspends. */
int tool_call(Job *job, const ToolCall *call, char **ret_out, Error *err) _must_check_;
int tool_run(Job *job, const char *const *argv, char **ret_out, Error *err) _must_check_;

/*
 * Have a module of the kernel loaded, by the host's systemd: our sandbox may not, nor may what we run. Whoever needs a module that
 * can't be had says so itself. Suspends.
 */
void tool_load(Job *job, const char *module);

/* Wait until udev has made the nodes and links of what changed. A host without it has none to wait for. Suspends. */
int tool_settle(Job *job, Error *err) _must_check_;
