/*
 * The status file of a running guest: what a later life of this daemon needs to take hold of it again.
 *
 * JSON: { "version": 1, "name", "uuid", "id", "pid", "start_time", "state", "reason", "starting", "persistent",
 * "autodestroy", "monitor", "dir", "emulator", "owned": [ { "path", "uid", "gid" } ], "xml": the live definition }.
 * Lives in the runtime directory, so it never outlives the kernel that ran the guest.
 */
#pragma once

#include "virtqemud/domain/domain.h"

char *status_encode(const Domain *domain); /* g_free */

/* A Domain in the state the text describes, with run filled in but connected to nothing; not stored. NULL with err. */
Domain *status_decode(Driver *driver, const char *text, Error *err);
