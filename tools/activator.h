/*
 * Socket activation for every daemon of a tree, without systemd.
 *
 * The activator binds the main, read-only and admin sockets of each daemon it finds, starts a daemon at the first client
 * with the descriptors, names and environment systemd would pass, and starts it again at the next client after it went
 * (idle exit, crash or kill). It reaps orphans, so it may be PID 1 of a namespace; anywhere else it makes itself the
 * subreaper. When it ends, everything below it has ended: daemons by SIGTERM and a short wait, then the guests.
 *
 * A daemon that fails at once (non-zero exit within a second of its start) costs the waiting clients their connection:
 * that is what systemd's start limit does to them, and it keeps the activator from spinning.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct ActivatorOptions {
    const char *build;       /* tree that holds the daemons: DIR/<name>/<name>, DIR/sbin/<name> or DIR/<name> */
    const char *root;        /* given to the daemons as --root; NULL: none (session mode, or an installed tree) */
    const char *socket_dir;  /* sockets are bound here; made if missing */
    const char *log_dir;     /* a daemon's stdout and stderr go to <log_dir>/<name>.log; made if missing */
    const char *notify_path; /* datagram socket of sd_notify() messages; NULL: none */
    bool session;            /* no read-only sockets, and modes for the owner only */
    int idle_timeout;        /* given to the daemons as --timeout, in seconds; 0: none given */
    char **daemon_args;      /* further arguments for every daemon, NULL-terminated; may be NULL */
    bool verbose;            /* tell on stderr what starts, is ready and ends */
    int lifeline;            /* everything ends when this descriptor hangs up; -1: none */
    int ready_fd;            /* closed once all sockets listen, when output turns to <log_dir>/activator.log; -1: none */
} ActivatorOptions;

/*
 * Bind, run command (NULL: none, run until SIGTERM), activate on demand. Returns the command's exit status (128 + signal
 * if it died of one), 0 after SIGTERM without a command, 125 if the sockets could not be bound. SIGTERM ends the command.
 */
int activator_run(const ActivatorOptions *options, char **command);
