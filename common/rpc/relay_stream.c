/*
 * Streams of relayed calls: packets pass both ways with their serials exchanged. Nothing is kept here: what one side does
 * not take is not read from the other.
 */
#include "common/rpc/relay_internal.h"
#include "protocol/net.h"

int
relay_stream_prepare(Relayed *relayed, Error *err)
{
    RpcUpstream *upstream = relayed->upstream;
    const RpcCall *call = relayed->call;
    RpcClient *client = upstream->client;

    if (!call->proc->stream)
        return 0;
    if (client->n_streams >= RPC_STREAM_MAX)
        return error_setf(err, FROM_STREAMS, ERR_OPERATION_FAILED, "a client may have at most %d streams open", RPC_STREAM_MAX);
    relayed->stream = g_new0(RelayStream, 1);
    relayed->stream->header = call->header;
    relayed->stream->sparse = call->proc->sparse;
    relayed->stream->next = upstream->streams;
    upstream->streams = relayed->stream;
    rpc_client_count_stream(client, true);
    return 0;
}

static void
stream_free(RpcUpstream *upstream, RelayStream *stream)
{
    RelayStream **at = &upstream->streams;

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    rpc_client_count_stream(upstream->client, false);
    if (upstream->client->conn)
        rpc_conn_resume(upstream->client->conn); /* it may have been the one that could not be served */
    g_free(stream);
}

void
relay_stream_answered(Relayed *relayed, bool ok)
{
    if (!relayed->stream)
        return;
    if (ok) {
        relayed->stream->started = true;
    } else {
        stream_free(relayed->upstream, relayed->stream);
    }
}

/* --- from the client -------------------------------------------------------------------------------------------------- */

static RelayStream *
find_stream(const RpcClient *client, const RpcHeader *header, RpcUpstream **ret_upstream)
{
    for (RpcUpstream *upstream = client->upstreams; upstream; upstream = upstream->next) {
        for (RelayStream *s = upstream->streams; s; s = s->next) {
            if (s->header.serial == header->serial && s->header.proc == header->proc && s->header.program == header->program) {
                *ret_upstream = upstream;
                return s;
            }
        }
    }
    return NULL;
}

int
rpc_relay_stream_frame(RpcClient *client, RpcFrame *frame)
{
    RpcUpstream *upstream = NULL;
    RelayStream *stream = find_stream(client, &frame->header, &upstream);
    bool data = frame->header.status == VIR_NET_CONTINUE;

    if (!stream || stream->ending)
        return RPC_FRAME_TAKEN;
    if (!stream->forwarded || (data && rpc_peer_unsent(upstream->peer) >= RPC_OUTPUT_HIGH))
        return RPC_FRAME_LATER;
    stream->ending = !data;
    frame->header.serial = stream->serial;
    rpc_peer_send(upstream->peer, &frame->header, frame->payload, frame->size);
    return RPC_FRAME_TAKEN;
}

/* --- from the other daemon -------------------------------------------------------------------------------------------- */

/* What a client would take for the end of its connection is not passed on. */
static bool
against_rules(const RelayStream *stream, const RpcFrame *frame)
{
    if (!stream->started)
        return true;
    if (frame->header.type == VIR_NET_STREAM_HOLE && (!stream->sparse || frame->header.status != VIR_NET_CONTINUE))
        return true;
    switch (frame->header.status) {
    case VIR_NET_CONTINUE:
        return frame->size > RPC_STREAM_CHUNK;
    case VIR_NET_OK:
        return !stream->ending || frame->size;
    default:
        return frame->header.status != VIR_NET_ERROR;
    }
}

int
relay_stream_message(RpcUpstream *upstream, RpcFrame *frame)
{
    RelayStream *stream = upstream->streams;
    RpcHeader header = frame->header;

    while (stream && !(stream->forwarded && stream->serial == header.serial && stream->header.proc == header.proc &&
                       stream->header.program == header.program))
        stream = stream->next;
    if (!stream)
        return 0; /* of one that has ended */
    if (against_rules(stream, frame))
        return -1;
    header.serial = stream->header.serial;
    rpc_conn_send(upstream->client->conn, &header, frame->payload, frame->size);
    if (header.status != VIR_NET_CONTINUE)
        stream_free(upstream, stream);
    return 0;
}

/* --- the end ---------------------------------------------------------------------------------------------------------- */

/* Those whose call was not answered yet end with their call. */
void
relay_streams_lost(RpcUpstream *upstream, const Error *why)
{
    for (RelayStream *stream = upstream->streams, *next; stream; stream = next) {
        next = stream->next;
        if (!stream->started)
            continue;
        rpc_send_error(upstream->client->conn, &stream->header, VIR_NET_STREAM, why);
        stream_free(upstream, stream);
    }
}

void
relay_streams_free(RpcUpstream *upstream)
{
    while (upstream->streams)
        stream_free(upstream, upstream->streams);
}
