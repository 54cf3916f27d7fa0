/*
 * The relay: a client's call that another daemon owns is passed on, undecoded, over a connection of that client's own to
 * that daemon, and what comes back is passed to the client.
 *
 * A client has one such connection per target, opened when it first calls something there (through the read-only socket if
 * the client is read-only), introduced with the client's identity, closed when the client goes. Rewritten are serials and
 * event callback ids, which are unique within the client's connection whoever gave them. Streams, descriptors, events and
 * errors pass both ways.
 *
 *   bounds       as of calls served here: max_client_requests running per owning daemon (see server.h), RPC_STREAM_MAX streams,
 *                RPC_CALLBACKS_MAX registrations. What the client does not read is not read from the other daemon either
 *                (from RPC_OUTPUT_HIGH unsent bytes on), what the other daemon does not take is not read from the client:
 *                neither calls nor a stream's data.
 *   loss         calls under way and open streams of that connection end with ERR_NO_CONNECT, which names the daemon; the
 *                next call connects anew. Registrations are remembered and renewed on a fresh connection at once, then at
 *                growing intervals until it succeeds: the client does not notice, but for events of the moments between.
 *   not there    without a socket the calls answer ERR_NO_SUPPORT, as functions that this connection does not have.
 *   lies         a daemon that breaks the rules of the wire loses this connection, nothing else happens.
 *
 * Nothing here suspends; connections are opened by jobs of the relay's own.
 */
#pragma once

#include "common/base/error.h"
#include "common/rpc/call.h"
#include "common/rpc/target.h"

/*
 * For RpcHooks.relay: pass the call on to target, whose strings are copied. 1: taken, the call will be answered; -1: not,
 * with the error for the client.
 */
int rpc_relay_call(RpcCall *call, const RpcTarget *target, Error *err);
