/*
 * Our own connection to another daemon: calls as a client makes them, from fibers, and raw forwarding of what is not ours.
 *
 * Typed calls are in protocol/calls.h: remote_call_network_lookup_by_name(job, peer, arena, &args, &ret, err). Reply and
 * its strings live in the arena. A peer whose connection broke stays valid and fails every call with ERR_NO_CONNECT; its
 * owner drops it and connects anew. At most RPC_PEER_CALLS_MAX calls are in flight; more are refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/job.h"
#include "common/rpc/descriptor.h"
#include "common/rpc/framing.h"

#define RPC_PEER_CALLS_MAX 1024

/* Connect to a unix socket; waits while its queue is full. Nothing is said yet. */
int rpc_peer_connect(Job *job, const char *path, RpcPeer **ret, Error *err) _must_check_;
/* Over a connected socket, which it takes. name is for errors. */
int rpc_peer_new(int fd, const char *name, RpcPeer **ret, Error *err);
RpcPeer *rpc_peer_free(RpcPeer *peer); /* waiting calls fail; NULL is fine; returns NULL */
bool rpc_peer_broken(const RpcPeer *peer);

/* The handshake: authentication, which must be none for us, and opening the URI. */
int rpc_peer_open(Job *job, RpcPeer *peer, const char *uri, unsigned int flags, Error *err) _must_check_;

/* rpc_peer_call() is declared in descriptor.h; may suspend. */

/*
 * Forward a message as it is, under a serial of our own. fn gets the reply's status and payload, or -1 when the connection
 * broke, once, on the main stack.
 */
typedef void (*RpcForwardedFn)(void *data, int status, const void *payload, size_t size);
int rpc_peer_forward(RpcPeer *peer, const RpcHeader *header, const void *payload, size_t size, RpcForwardedFn fn, void *data,
                     Error *err);

/* Messages without a call: events, stream packets. Called on the main stack. NULL: they are dropped. */
typedef void (*RpcPeerMessageFn)(RpcPeer *peer, void *data, const RpcFrame *frame);
typedef void (*RpcPeerClosedFn)(RpcPeer *peer, void *data);
void rpc_peer_set_handlers(RpcPeer *peer, RpcPeerMessageFn message, RpcPeerClosedFn closed, void *data);
