/*
 * Child processes: exact descriptors, environment and identity, watched by pidfd, never through a shell.
 *
 * A child gets the descriptors named in the spec and nothing else, a clean signal mask and default signal handlers.
 * An error before or in exec (missing program, no permission) is reported by process_spawn(), with the step that failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/job.h"

typedef struct ProcessFd {
    int source; /* ours; stays open here */
    int target; /* the child's number */
} ProcessFd;

typedef struct ProcessSpec {
    const char *const *argv; /* argv[0] is the absolute path of the program */
    const char *const *envp; /* exactly this environment; NULL: PATH and LC_ALL=C only */
    const ProcessFd *fds;    /* 0, 1, 2 not named here are /dev/null */
    size_t n_fds;
    bool set_identity;       /* then uid, gid and the supplementary groups of user (may be NULL: none) */
    uid_t uid;
    gid_t gid;
    const char *user;
    bool keep_capabilities;  /* ambient; default: a child with another uid has none */
    bool detach;             /* own session: signals to our group don't reach it */
    bool no_new_privs;
    bool die_with_us;        /* killed when this process ends, however: for what would be wrong to go on alone */
    /* process_run(): standard output as it comes, instead of collected. Doesn't suspend. */
    void (*on_output)(const char *text, size_t size, void *data);
    void *on_output_data;
    /*
     * Called in this process with the child's pid while the child waits, before it becomes the program: to note it on
     * disk. When this process dies meanwhile, or the callback fails, the program is never run.
     */
    int (*before_exec)(pid_t pid, void *data, Error *err);
    void *before_exec_data;
    const char *cwd;         /* default "/" */
    int umask;               /* -1 or 0: 022 */
    uint64_t limit_nofile, limit_core, limit_memlock, limit_nproc; /* 0: unchanged; UINT64_MAX: unlimited */
} ProcessSpec;

typedef struct Process {
    pid_t pid;
    int pidfd;
} Process;

int process_spawn(const ProcessSpec *spec, Process *ret, Error *err);
/* Take hold of a process that is not our child: checks that it still is the one that started then. 1: it is gone. */
int process_adopt(pid_t pid, uint64_t start_time, Process *ret, Error *err);
uint64_t process_start_time(pid_t pid); /* field 22 of /proc/PID/stat, 0 when gone */
void process_done(Process *process);    /* closes the pidfd; the process goes on */
void process_kill(const Process *process, int sig);
bool process_alive(const Process *process);

/* Wait for the end. status as of waitid (si_code/si_status folded into wait(2) form), 0 when it is not our child. */
int process_wait(Job *job, const Process *process, uint64_t timeout, int *ret_status, Error *err) _must_check_;
/* Reap it if it has ended; the status as above, -1 while it lives. Not our child: 0 when it is gone. */
int process_wait_nohang(const Process *process);
/* "exit status 1", "signal 9 (Killed)". g_free. */
char *process_status_text(int status);

/* Run to the end, collecting output. */
typedef struct ProcessOutput {
    char *out, *err; /* NUL-terminated; NULL before */
    size_t out_size, err_size;
    int status;
} ProcessOutput;

#define PROCESS_OUTPUT_MAX (16 * 1024 * 1024) /* more than this of either kills the child */

/*
 * 0 when the child ended (look at status). Deadline or cancellation: SIGTERM, after a second SIGKILL, then -1. input
 * (may be NULL) is given on standard input.
 */
int process_run(Job *job, const ProcessSpec *spec, const char *input, uint64_t timeout, ProcessOutput *ret,
                Error *err) _must_check_;
/* The same, and an exit status other than 0 is an error with the last words of standard error. */
int process_check(Job *job, const ProcessSpec *spec, const char *input, uint64_t timeout, ProcessOutput *ret,
                  Error *err) _must_check_;
void process_output_done(ProcessOutput *output);
