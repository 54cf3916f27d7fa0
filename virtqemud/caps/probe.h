/* Asking a QEMU binary what it can do: one process per accelerator, all questions in one go. Private to caps/. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "common/base/job.h"

/*
 * *ret is an object { "version": ..., "kvm": { "query-machines": ..., ... } or null, "tcg": {...} } of QEMU's answers.
 * scratch is a directory for the monitor sockets.
 */
int qemu_probe(Job *job, const char *binary, const char *scratch, uid_t uid, gid_t gid, json_t **ret, Error *err) _must_check_;
