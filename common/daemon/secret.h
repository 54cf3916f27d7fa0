/*
 * Values of secrets, from the daemon that keeps them: over the wire, showing that we are a daemon of this host, so private
 * secrets too. They stay in memory that is wiped when it is freed, and are never put in a message, log or argument list.
 */
#pragma once

#include <glib.h>

#include "common/conf/secret/secret.h"
#include "common/conf/storage/parts.h"
#include "common/daemon/daemon.h"

/*
 * The value of the secret that ref names by UUID, or by its usage of that kind. *ret is the caller's. May suspend. Errors:
 * ERR_NO_SECRET when there is none or it has no value; those of daemon_peer().
 */
int daemon_secret(Job *job, Daemon *daemon, const SecretRef *ref, SecretUsage usage, GBytes **ret, Error *err) _must_check_;

/* Bytes as a value that is wiped when it is freed; copied. */
GBytes *secret_value(const void *bytes, size_t size);
