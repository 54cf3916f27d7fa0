/*
 * A private host: namespaces in which the clients' usual paths lead to a root of our own.
 *
 * private_host_enter() changes the calling process (its mounts, and the PID namespace of its future children), so only a
 * process made for it calls it. Nothing it does is visible outside, and nothing is left behind when the processes end.
 */
#pragma once

#include <stdbool.h>

typedef struct PrivateHost {
    const char *build; /* absolute; seen under PRIVATE_HOST_BUILD too, where ordinary users can read it; NULL: none */
    const char *root; /* absolute; NULL: a temporary one, in memory, gone with the namespace */
    bool netns;       /* a network of its own, with only loopback, up */
    bool no_kvm;      /* hide /dev/kvm */
    bool session;     /* the caller's uid is kept when a user namespace is needed; otherwise it becomes 0 in there */
} PrivateHost;

#define PRIVATE_HOST_TEMPORARY_ROOT "/run/devhost"
#define PRIVATE_HOST_BUILD "/run/devhost-build"

/* Enter the namespaces and make the mounts. Returns 0, or -1 after telling stderr what failed. */
int private_host_enter(const PrivateHost *host);

/* In the first child (PID 1 of the new namespace): a /proc that shows it. Returns 0, or -1 after telling stderr. */
int private_host_mount_proc(void);
