/*
 * The other daemons of this host, by what they own: calling them for ourselves, and passing our clients' calls on to them.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/job.h"
#include "common/daemon/daemon.h"
#include "common/rpc/peer.h"

/*
 * The daemon's own connection to the daemon that owns these procedures (RPC_OWNER_NETWORK: virtnetworkd), for the typed
 * calls of protocol/calls.h; opened when first needed and anew when it broke. A reference for the caller (_cleanup_peer_).
 * May suspend. Errors: those of rpc_target_open(); the callers' rules are in common/rpc/link.h.
 */
int daemon_peer(Job *job, Daemon *daemon, RpcOwner owner, RpcPeer **ret, Error *err) _must_check_;

/*
 * RpcHooks.relay of a daemon whose clients expect everything (virtqemud): calls that another daemon owns go to that daemon.
 * Secondary daemons don't set it.
 */
int daemon_relay(RpcCall *call, void *daemon, Error *err);

/* For daemon.c. */
/* socket_dir: where their sockets are; autostart: start those that don't run. */
DaemonPeers *daemon_peers_new(const Paths *paths, const char *socket_dir, bool autostart);
DaemonPeers *daemon_peers_free(DaemonPeers *peers); /* NULL is fine; returns NULL */
