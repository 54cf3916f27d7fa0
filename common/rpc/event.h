/*
 * Events: who asked for which, and telling them. The procedures that register and deregister are served here for all
 * daemons; a daemon only sends.
 *
 * A message is encoded once; each subscriber gets the bytes with its callback id in front. Clients that use the older
 * procedures get the older message of the same event. No function here suspends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/rpc/server.h"

#define RPC_CALLBACKS_MAX 1024 /* registrations of one client; more are refused */

/*
 * Send the event proc of the program (REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, ...) to all who want it. message is
 * its *_msg struct; callbackID is filled in here. key names the object as registrations do: the UUID, or the name of a
 * node device. object is given to the access hook (may be NULL when there is none).
 */
void rpc_event_send(RpcServer *server, RpcProgramId program, uint32_t proc, const void *message, const void *key,
                    size_t key_size, void *object);

/* The monitor event has a name that registrations may select. */
void rpc_event_send_named(RpcServer *server, RpcProgramId program, uint32_t proc, const void *message, const void *key,
                          size_t key_size, void *object, const char *name);

/* Is anybody listening? Saves making expensive messages. */
bool rpc_event_wanted(const RpcServer *server, RpcProgramId program, uint32_t proc);
