/* Asking a QEMU binary what it can do: one process per accelerator, all questions in one go. Private to caps/. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "common/base/job.h"

/* Whom a probe runs as: with what a guest would have, or it says that there is no KVM where guests could use it, or the reverse. */
typedef struct ProbeUser {
    uid_t uid; /* (uid_t)-1: as ourselves */
    gid_t gid;
    const char *groups_of; /* user whose further groups it has; NULL: none */
} ProbeUser;

/*
 * *ret is an object { "version": ..., "kvm": { "query-machines": ..., ... } or null, "tcg": {...} } of QEMU's answers.
 * scratch is a directory for the monitor sockets.
 */
int qemu_probe(Job *job, const char *binary, const char *scratch, const ProbeUser *user, json_t **ret, Error *err) _must_check_;
