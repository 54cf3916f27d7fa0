/*
 * Ordinary users have no supervisor that listens for their daemons: whoever needs one starts it, as the client library
 * does. One starter at a time, by a lock beside the socket. LIBVIRT_AUTOSTART=0 forbids it.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/job.h"
#include "common/rpc/target.h"

/* May target->program be started? No if there is none, it cannot be run, or it is forbidden. */
bool autostart_possible(const RpcTarget *target);

/*
 * Start the daemon, unless somebody else just did, and connect to it. The daemon goes to the background, inherits our
 * environment, and ends by itself when it is idle.
 */
int autostart_connect(Job *job, const RpcTarget *target, const char *path, RpcPeer **ret, Error *err) _must_check_;
