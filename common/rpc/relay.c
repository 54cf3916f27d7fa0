/* The relay's connections, and the calls that go over them; see relay.h. */
#include "common/rpc/relay.h"

#include <string.h>
#include <unistd.h>

#include "common/rpc/relay_internal.h"
#include "protocol/net.h"

#define LOG_SOURCE "rpc.relay"
#include "common/base/log.h"

#define RETRY_FIRST (100 * USEC_PER_MSEC) /* after an attempt that failed; the very first comes at once */
#define RETRY_MAX (10 * USEC_PER_SEC)     /* between attempts; a connection that lasted longer was well */

static void open_upstream(RpcUpstream *upstream);

/* --- calls ------------------------------------------------------------------------------------------------------------ */

/* The error for one call of what went wrong with its connection. */
static int
explain(const RpcCall *call, const Error *cause, Error *err)
{
    const char *name = rpc_api_name(call->proc);

    if (cause->code == ERR_NO_SUPPORT)
        return error_setf(err, rpc_proc_class(call->proc), ERR_NO_SUPPORT,
                          "%s: this function is not supported by the connection driver: %s", cause->message, name);
    error_setf(err, cause->code == ERR_NO_CONNECT ? rpc_proc_class(call->proc) : cause->domain, cause->code, "%s: %s", name,
               cause->message);
    return -1;
}

/* There will be no answer. Deregistering from what has ended is done. */
static void
fail(Relayed *relayed, const Error *cause)
{
    _cleanup_error_ Error err = ERROR_INIT;
    uint8_t nothing[4] = { 0 };
    bool done = relay_event_answered(relayed, NULL);
    RpcCall *call = relayed->call;

    relay_stream_answered(relayed, false);
    g_free(relayed);
    if (!call)
        return;
    if (done) {
        rpc_call_finish(call, &(RpcFrame){ .header.status = VIR_NET_OK, .payload = nothing, .size = call->proc->ret ? 4 : 0 });
        return;
    }
    explain(call, cause, &err);
    rpc_call_fail(call, &err);
}

static void
lost_error(const RpcUpstream *upstream, const char *reason, Error *err)
{
    error_setf(err, FROM_RPC, ERR_NO_CONNECT, "the connection to %s was lost before it answered: %s; calling again connects anew",
               upstream->target.daemon, *reason ? reason : "it closed the connection, or crashed");
}

static void
on_reply(void *data, RpcFrame *reply, const char *reason)
{
    Relayed *relayed = data;
    RpcCall *call = relayed->call;

    if (!reply) {
        _cleanup_error_ Error cause = ERROR_INIT;

        lost_error(relayed->upstream, reason, &cause);
        fail(relayed, &cause);
        return;
    }
    relay_event_answered(relayed, reply);
    relay_stream_answered(relayed, reply->header.status == VIR_NET_OK);
    g_free(relayed);
    if (call)
        rpc_call_finish(call, reply);
}

static void
forward(Relayed *relayed)
{
    RpcPeer *peer = relayed->upstream->peer;
    _cleanup_error_ Error err = ERROR_INIT;
    RpcCall *call = relayed->call;
    unsigned int n_fds = call->n_fds;
    uint32_t serial;

    call->n_fds = 0; /* the peer closes them */
    if (rpc_peer_forward(peer, &call->header, call->payload, call->size, call->fds, n_fds, on_reply, relayed, &serial, &err) < 0) {
        fail(relayed, &err);
        return;
    }
    g_clear_pointer(&call->payload, g_free);
    if (relayed->stream) {
        relayed->stream->forwarded = true;
        relayed->stream->serial = serial;
    }
}

void
relay_forward_own(RpcUpstream *upstream, const RpcHeader *header, const void *payload, size_t size,
                  RelayRegistration *registration)
{
    Relayed *relayed = g_new0(Relayed, 1);

    relayed->upstream = upstream;
    relayed->registration = registration;
    relayed->events = registration ? registration->events : NULL;
    if (rpc_peer_forward(upstream->peer, header, payload, size, NULL, 0, on_reply, relayed, NULL, NULL) < 0)
        fail(relayed, &ERROR_INIT);
}

static void
enqueue(Relayed *relayed)
{
    g_queue_push_tail(&relayed->upstream->waiting, relayed);
    relayed->call->client->pending_bytes += relayed->call->size;
}

static Relayed *
dequeue(RpcUpstream *upstream)
{
    Relayed *relayed = g_queue_pop_head(&upstream->waiting);

    if (relayed)
        relayed->call->client->pending_bytes -= relayed->call->size;
    return relayed;
}

/* --- a connection's end ----------------------------------------------------------------------------------------------- */

static void
upstream_free(RpcUpstream *upstream)
{
    g_free((char *)upstream->target.daemon);
    g_free((char *)upstream->target.socket);
    g_free((char *)upstream->target.socket_ro);
    g_free((char *)upstream->target.uri);
    g_free((char *)upstream->target.program);
    g_free(upstream);
}

static void
fail_waiting(RpcUpstream *upstream, const Error *cause)
{
    /* A call that ends lets the next one in, which is not of those that failed. */
    for (unsigned int n = upstream->waiting.length; n > 0; n--)
        fail(dequeue(upstream), cause);
}

static int
on_retry(sd_event_source *source, uint64_t usec, void *data)
{
    RpcUpstream *upstream = data;

    upstream->retry = sd_event_source_disable_unref(upstream->retry);
    open_upstream(upstream);
    return 0;
}

void
relay_want(RpcUpstream *upstream)
{
    if (upstream->opening || upstream->retry || upstream->peer)
        return;
    if (!upstream->attempts++) {
        open_upstream(upstream);
        return;
    }
    loop_timer(&upstream->retry, MIN(RETRY_FIRST << MIN(upstream->attempts - 2, 10), RETRY_MAX), on_retry, upstream, NULL);
}

/* Streams are told now, the calls by the peer, right after this. */
static void
upstream_lost(RpcUpstream *upstream, const char *reason)
{
    _cleanup_error_ Error why = ERROR_INIT;

    log_warning("%s: lost the connection to %s: %s", upstream->client->label, upstream->target.daemon,
                *reason ? reason : "it closed the connection");
    lost_error(upstream, reason, &why);
    if (loop_now() - upstream->opened_at > RETRY_MAX)
        upstream->attempts = 0;
    relay_streams_lost(upstream, &why);
    relay_events_lost(upstream);
    rpc_conn_resume(upstream->client->conn);
}

static void
on_closed(RpcPeer *peer, void *data, const char *reason)
{
    RpcUpstream *upstream = data;

    upstream->peer = NULL;
    upstream_lost(upstream, reason);
    rpc_peer_unref(peer);
}

/* --- what comes ------------------------------------------------------------------------------------------------------- */

static bool
may_deliver(RpcPeer *peer, void *data)
{
    RpcUpstream *upstream = data;

    return rpc_conn_unsent(upstream->client->conn) < RPC_OUTPUT_HIGH;
}

static int
on_message(RpcPeer *peer, void *data, RpcFrame *frame)
{
    return frame->header.type == VIR_NET_MESSAGE ? relay_event_message(data, frame) : relay_stream_message(data, frame);
}

static void
on_sent(RpcPeer *peer, void *data)
{
    RpcUpstream *upstream = data;

    if (rpc_peer_unsent(peer) < RPC_OUTPUT_HIGH)
        rpc_conn_resume(upstream->client->conn);
}

static const RpcPeerOps upstream_ops = { .ready = may_deliver, .message = on_message, .sent = on_sent, .closed = on_closed };

void
rpc_relay_sent(RpcClient *client)
{
    for (RpcUpstream *upstream = client->upstreams; upstream; upstream = upstream->next)
        if (upstream->peer)
            rpc_peer_resume(upstream->peer);
}

bool
rpc_relay_blocked(const RpcClient *client)
{
    for (const RpcUpstream *upstream = client->upstreams; upstream; upstream = upstream->next)
        if (upstream->peer && rpc_peer_unsent(upstream->peer) >= RPC_OUTPUT_HIGH)
            return true;
    return false;
}

/* --- opening ---------------------------------------------------------------------------------------------------------- */

static void
upstream_open(RpcUpstream *upstream, RpcPeer *peer)
{
    Relayed *relayed;

    log_info("%s: connected to %s", upstream->client->label, upstream->target.daemon);
    upstream->peer = peer;
    upstream->opened_at = loop_now();
    rpc_peer_set_ops(peer, &upstream_ops, upstream);
    relay_events_renew(upstream);
    while (upstream->peer && (relayed = dequeue(upstream)))
        forward(relayed);
    rpc_conn_resume(upstream->client->conn); /* packets of streams may wait */
}

static void
upstream_unopened(RpcUpstream *upstream, const Error *cause)
{
    log_info("%s: %s", upstream->client->label, cause->message);
    fail_waiting(upstream, cause);
    if (upstream->registrations)
        relay_want(upstream);
    rpc_conn_resume(upstream->client->conn);
}

static void
opening_main(Job *job, void *data)
{
    _cleanup_error_ Error err = ERROR_INIT;
    RpcUpstream *upstream = data;
    RpcPeer *peer = NULL;
    RpcClient *client;
    int r;

    if (!upstream->client) { /* it went before our turn came */
        upstream_free(upstream);
        return;
    }
    client = rpc_client_ref(upstream->client);
    do {
        upstream->stale = false;
        peer = rpc_peer_free(peer);
        rpc_client_read_start_time(client);
        r = rpc_target_open(job, &upstream->target, &client->identity, client->readonly ? RPC_TARGET_READONLY : 0, &peer, &err);
        if (r >= 0 && rpc_peer_broken(peer))
            r = error_setf(&err, FROM_RPC, ERR_NO_CONNECT, "%s closed the connection at once", upstream->target.daemon);
    } while (r >= 0 && upstream->stale && upstream->client);
    upstream->opening = NULL;
    if (r < 0 || !upstream->client)
        peer = rpc_peer_free(peer);
    if (!upstream->client) {
        upstream_free(upstream);
    } else if (r < 0) {
        upstream_unopened(upstream, &err);
    } else {
        upstream_open(upstream, peer);
    }
    rpc_client_unref(client);
}

static void
open_upstream(RpcUpstream *upstream)
{
    g_autofree char *name = g_strdup_printf("connect to %s", upstream->target.daemon);

    if (upstream->opening || upstream->peer)
        return;
    upstream->retry = sd_event_source_disable_unref(upstream->retry);
    upstream->opening = job_spawn(name, upstream->client->label, opening_main, upstream);
}

static RpcUpstream *
find_upstream(RpcClient *client, const RpcTarget *target)
{
    RpcUpstream *upstream;

    for (upstream = client->upstreams; upstream; upstream = upstream->next)
        if (strcmp(upstream->target.socket, target->socket) == 0 && strcmp(upstream->target.uri, target->uri) == 0)
            return upstream;
    upstream = g_new0(RpcUpstream, 1);
    upstream->client = client;
    upstream->target = (RpcTarget){ .daemon = g_strdup(target->daemon), .socket = g_strdup(target->socket),
                                    .socket_ro = g_strdup(target->socket_ro), .uri = g_strdup(target->uri),
                                    .program = g_strdup(target->program) };
    g_queue_init(&upstream->waiting);
    upstream->next = client->upstreams;
    client->upstreams = upstream;
    return upstream;
}

/* --- the entrance ----------------------------------------------------------------------------------------------------- */

int
rpc_relay_call(RpcCall *call, const RpcTarget *target, Error *err)
{
    RpcUpstream *upstream = find_upstream(call->client, target);
    Relayed *relayed = g_new0(Relayed, 1);
    int r;

    relayed->upstream = upstream;
    relayed->call = call;
    r = relay_stream_prepare(relayed, err);
    if (r >= 0)
        r = relay_event_prepare(relayed, err);
    if (r < 0) {
        relay_stream_answered(relayed, false);
        g_free(relayed);
        return -1;
    }
    if (r == RELAY_ANSWERED) {
        fail(relayed, NULL);
        return 1;
    }
    if (upstream->peer) {
        forward(relayed);
        return 1;
    }
    enqueue(relayed);
    open_upstream(upstream);
    return 1;
}

/* --- the client ------------------------------------------------------------------------------------------------------- */

void
rpc_relay_identity_changed(RpcClient *client)
{
    for (RpcUpstream *upstream = client->upstreams; upstream; upstream = upstream->next) {
        RpcPeer *peer = g_steal_pointer(&upstream->peer);

        upstream->stale = true;
        if (!peer)
            continue;
        upstream_lost(upstream, "the client's identity changed");
        rpc_peer_free(peer);
    }
}

void
rpc_relay_client_gone(RpcClient *client)
{
    _cleanup_error_ Error cause = ERROR_INIT;
    RpcUpstream *upstream;

    error_setf(&cause, FROM_RPC, ERR_OPERATION_ABORTED, "%s has disconnected", client->label);
    while ((upstream = client->upstreams)) {
        client->upstreams = upstream->next;
        upstream->retry = sd_event_source_disable_unref(upstream->retry);
        upstream->peer = rpc_peer_free(upstream->peer);
        fail_waiting(upstream, &cause);
        relay_streams_free(upstream);
        relay_events_free(upstream);
        upstream->client = NULL;
        if (upstream->opening) {
            job_cancel(upstream->opening, cause.domain, cause.code, "%s", cause.message);
        } else {
            upstream_free(upstream);
        }
    }
}
