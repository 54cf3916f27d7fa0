/*
 * The listening socket a QEMU gets for its monitor: we bind it and pass it as a descriptor, so it can be connected to at
 * once, and again by a later life of this daemon.
 */
#pragma once

#include <sys/types.h>

#include "common/base/error.h"

/* A bound, listening, close-on-exec unix socket, only for this uid/gid (-1: leave). An old socket file is replaced. */
int qmp_listen(const char *path, uid_t uid, gid_t gid, int *ret_fd, Error *err);
