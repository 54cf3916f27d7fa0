/*
 * The procedures virtnetworkd serves: one file per subject, each with its table of bindings. Handlers are thin: they check
 * the state and call the part that knows.
 */
#pragma once

#include "common/daemon/api.h"
#include "protocol/remote.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/network.h"

extern const ApiTable api_lookup, api_define, api_lifecycle, api_update, api_metadata, api_leases, api_ports;
extern const RpcObjectClass api_network_class, api_port_class; /* how the dispatcher finds what a call is about */

/* A network as the wire names it; the name is borrowed. */
remote_nonnull_network api_wire_network(const Network *network);
/* For answers of calls that may suspend after it: the name is the call's own. */
remote_nonnull_network api_wire_network_copy(RpcCall *call, const Network *network);
int api_no_network(const char *what, const char *value, Error *err);

static inline Network *api_network(const RpcCall *call) { return rpc_call_object(call); }

static inline Driver *
api_driver(const RpcCall *call)
{
    return ((Daemon *)rpc_call_daemon(call))->user;
}
