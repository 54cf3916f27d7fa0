/*
 * Our own connection to another daemon: calls as a client makes them, from fibers, and raw forwarding of what is not ours.
 *
 * Typed calls are in protocol/calls.h: remote_call_network_lookup_by_name(job, peer, arena, &args, &ret, err). Reply and
 * its strings live in the arena. A peer whose connection broke stays valid and fails every call with ERR_NO_CONNECT; its
 * holder drops it and connects anew (link.h does that). At most RPC_PEER_CALLS_MAX calls are in flight; more are refused.
 *
 * The daemon at the other end is not believed more than a client is: bad frames, an answer to nothing, an answer to
 * another procedure than was called, or a call break the connection, and only it. Its keepalive pings are answered.
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

/* Connect to a unix socket; waits while its queue is full. Nothing is said yet. name ("virtnetworkd") is for errors. */
int rpc_peer_connect(Job *job, const char *path, const char *name, RpcPeer **ret, Error *err) _must_check_;
/* Over a connected socket, which it takes. */
int rpc_peer_new(int fd, const char *name, RpcPeer **ret, Error *err);
RpcPeer *rpc_peer_ref(RpcPeer *peer);
RpcPeer *rpc_peer_unref(RpcPeer *peer); /* NULL is fine; returns NULL. The last one closes the connection. */
/* Close the connection whoever else holds the peer, and drop one's reference; waiting calls fail. */
RpcPeer *rpc_peer_free(RpcPeer *peer); /* NULL is fine; returns NULL */
bool rpc_peer_broken(const RpcPeer *peer);
bool rpc_peer_shared(const RpcPeer *peer); /* somebody else has a reference */
const char *rpc_peer_name(const RpcPeer *peer);

static inline void rpc_peer_unref_var(RpcPeer **peer) { *peer = rpc_peer_unref(*peer); }
#define _cleanup_peer_ __attribute__((cleanup(rpc_peer_unref_var)))

/* The handshake: authentication, which must be none for us, and opening the URI. flags: VIR_CONNECT_RO. */
int rpc_peer_open(Job *job, RpcPeer *peer, const char *uri, unsigned int flags, Error *err) _must_check_;

/* How long a typed call waits for its answer, in usec; without a word LOOP_NEVER (the job's deadline holds anyway). */
void rpc_peer_set_timeout(RpcPeer *peer, uint64_t timeout);

/* rpc_peer_call() is declared in descriptor.h; may suspend. */

/*
 * Forward a call as it is, under a serial of our own; takes the descriptors, also when it fails. fn gets the answer (with
 * its descriptors, which it may take), or NULL and why the connection ended ("": without a word), once, on the main stack.
 */
typedef void (*RpcForwardedFn)(void *data, RpcFrame *reply, const char *reason);
int rpc_peer_forward(RpcPeer *peer, const RpcHeader *header, const void *payload, size_t size, const int *fds,
                     unsigned int n_fds, RpcForwardedFn fn, void *data, uint32_t *ret_serial, Error *err);

/* Send a message that is no call (a stream's packet). Nothing happens on a broken connection. */
void rpc_peer_send(RpcPeer *peer, const RpcHeader *header, const void *payload, size_t size);
size_t rpc_peer_unsent(const RpcPeer *peer);

/* What the holder does with the rest. All are called on the main stack; every slot may be NULL. */
typedef struct RpcPeerOps {
    /* May anything be delivered now? false: nothing is read from the connection until rpc_peer_resume(). */
    bool (*ready)(RpcPeer *peer, void *data);
    /* An event or stream packet: 0, or -1: it breaks the rules, end the connection. NULL: they are dropped. */
    int (*message)(RpcPeer *peer, void *data, RpcFrame *frame);
    /* Queued output was sent. */
    void (*sent)(RpcPeer *peer, void *data);
    /* The connection ended; before the waiting calls are told. Not called by rpc_peer_free(). */
    void (*closed)(RpcPeer *peer, void *data, const char *reason);
} RpcPeerOps;
void rpc_peer_set_ops(RpcPeer *peer, const RpcPeerOps *ops, void *data);
void rpc_peer_resume(RpcPeer *peer);
