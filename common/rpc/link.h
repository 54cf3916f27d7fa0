/*
 * A daemon's own connection to another daemon, for calls it makes itself: opened when first needed, opened anew when it
 * broke, closed when nobody used it for a while (so that it keeps neither daemon from its idle exit).
 *
 *     _cleanup_peer_ RpcPeer *peer = NULL;
 *
 *     if (rpc_link_get(job, link, &peer, err) < 0 ||
 *         remote_call_network_port_create_xml(job, peer, &arena, &args, &ret, err) < 0)
 *         return -1;
 *
 * A call whose connection breaks fails with ERR_NO_CONNECT: whether it had its effect is not known, so the caller decides
 * if it is safe to do again (then rpc_link_get() gives a fresh connection). The other daemon sees our own identity and the
 * system token. Most callers want daemon_peer() of common/daemon/peers.h, which keeps one link per daemon.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/job.h"
#include "common/rpc/peer.h"
#include "common/rpc/target.h"

#define RPC_LINK_IDLE (10 * USEC_PER_SEC) /* what daemons use */

typedef struct RpcLink RpcLink;

RpcLink *rpc_link_new(const RpcTarget *target, uint64_t idle); /* keeps the pointer; closed after idle usec */
RpcLink *rpc_link_free(RpcLink *link);          /* NULL is fine; returns NULL. No fiber that is inside rpc_link_get() may run again. */

/*
 * The open connection; a reference for the caller, who gives it back (_cleanup_peer_) when his calls are done. Suspends
 * while it must be opened; several callers share one attempt. Errors: those of rpc_target_open().
 */
int rpc_link_get(Job *job, RpcLink *link, RpcPeer **ret, Error *err) _must_check_;
