/* Streams over a client's connection; see stream.h. */
#include "common/rpc/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/rpc/internal.h"
#include "protocol/net.h"

/* What the client sent and the daemon has not taken. */
typedef struct Chunk {
    struct Chunk *next;
    uint64_t hole; /* not 0: a hole, no bytes */
    size_t size, taken;
    uint8_t bytes[];
} Chunk;

struct RpcStream {
    RpcStream *prev, *next; /* client->streams */
    RpcClient *client;
    RpcHeader header; /* of the call */
    const RpcStreamOps *ops;
    void *data;
    bool sparse;
    bool started;     /* the call was answered */
    bool ended;       /* our data has ended */
    bool finishing;   /* the client has finished; answer when its data is taken */
    bool finish_sent; /* ops->finish() was called */
    bool closed;
    unsigned int busy; /* inside one of its callbacks */
    Chunk *first, *last;
    size_t backlog;
    Deferred work;
};

static uint8_t outgoing[RPC_STREAM_CHUNK]; /* between a source and the output queue; one thread, never nested */

/* --- life ------------------------------------------------------------------------------------------------------------- */

void
rpc_client_count_stream(RpcClient *client, bool opened)
{
    client->n_streams += opened ? 1 : -1;
    if (client->conn)
        rpc_conn_bulk(client->conn, client->n_streams > 0);
}

static void
count_pipes(RpcStream *stream, bool opened)
{
    RpcClient *client = stream->client;

    if (!stream->ops->room)
        return;
    client->n_pipe_streams += opened ? 1 : -1;
    if (client->conn)
        rpc_conn_pipes(client->conn, client->n_pipe_streams > 0);
}

static void
drop_chunk(RpcStream *stream)
{
    Chunk *chunk = stream->first;

    stream->first = chunk->next;
    if (!stream->first)
        stream->last = NULL;
    stream->backlog -= chunk->size;
    g_free(chunk);
}

static void
stream_free(RpcStream *stream)
{
    while (stream->first)
        drop_chunk(stream);
    loop_defer_cancel(&stream->work);
    g_free(stream);
}

/* Take the stream off its client and tell its owner. The memory goes when no callback is on the stack. */
static void
stream_close(RpcStream *stream, bool aborted)
{
    RpcClient *client = stream->client;

    if (stream->closed)
        return;
    stream->closed = true;
    if (client->piping == stream && client->conn)
        rpc_conn_unpipe(client->conn); /* of a packet that was announced all comes */
    if (client->piping == stream)
        client->piping = NULL;
    if (stream->prev) {
        stream->prev->next = stream->next;
    } else {
        client->streams = stream->next;
    }
    if (stream->next)
        stream->next->prev = stream->prev;
    rpc_client_count_stream(client, false);
    count_pipes(stream, false);
    loop_defer_cancel(&stream->work);
    if (client->conn)
        rpc_conn_resume(client->conn);
    stream->busy++;
    if (stream->ops->closed)
        stream->ops->closed(stream, stream->data, aborted);
    stream->busy--;
    if (!stream->busy)
        stream_free(stream);
}

static void
leave(RpcStream *stream)
{
    if (--stream->busy == 0 && stream->closed)
        stream_free(stream);
}

/* --- towards the client ----------------------------------------------------------------------------------------------- */

static void
send_packet(RpcStream *stream, uint32_t type, uint32_t status, const void *bytes, size_t size)
{
    RpcHeader header = stream->header;

    header.type = type;
    header.status = status;
    rpc_conn_send(stream->client->conn, &header, bytes, size);
}

static void
send_pipe(RpcStream *stream, int pipe, size_t size)
{
    RpcHeader header = stream->header;

    header.type = VIR_NET_STREAM;
    header.status = VIR_NET_CONTINUE;
    stream->client->piping = stream;
    rpc_conn_send_pipe(stream->client->conn, &header, pipe, size);
}

static void
send_hole(RpcStream *stream, uint64_t length)
{
    virNetStreamHole hole = { .length = (int64_t)length };
    RpcHeader header = stream->header;
    WireBuffer *out;

    header.type = VIR_NET_STREAM_HOLE;
    header.status = VIR_NET_CONTINUE;
    out = rpc_conn_begin(stream->client->conn, &header, 0);
    wire_encode(WIRE_virNetStreamHole, &hole, out, NULL);
    rpc_conn_end(stream->client->conn, NULL, 0);
}

void
rpc_stream_fail(RpcStream *stream, const Error *err)
{
    if (stream->closed)
        return;
    if (stream->client->conn && stream->started)
        rpc_send_error(stream->client->conn, &stream->header, VIR_NET_STREAM, err);
    stream_close(stream, true);
}

/* Produce one packet; true if there may be more. */
static bool
produce(RpcStream *stream)
{
    _cleanup_error_ Error err = ERROR_INIT;
    RpcLoan loan = { .bytes = outgoing };
    uint64_t hole = 0;
    ssize_t n;

    if (!stream->started || stream->ended || stream->closed || !(stream->ops->read || stream->ops->lend) || !stream->client->conn)
        return false;
    if (rpc_conn_unsent(stream->client->conn) >= RPC_OUTPUT_HIGH || rpc_conn_piped(stream->client->conn))
        return false;
    n = stream->ops->lend ? stream->ops->lend(stream, stream->data, &loan, sizeof(outgoing), &hole, &err)
                          : stream->ops->read(stream, stream->data, outgoing, sizeof(outgoing), &hole, &err);
    if (stream->closed || n == RPC_STREAM_AGAIN)
        return false;
    if (n > 0 && !loan.bytes) {
        send_pipe(stream, loan.pipe, n);
    } else if (n > 0) {
        send_packet(stream, VIR_NET_STREAM, VIR_NET_CONTINUE, loan.bytes, n);
    } else if (n == RPC_STREAM_HOLE) {
        send_hole(stream, hole);
    } else if (n == RPC_STREAM_END) {
        stream->ended = true;
        send_packet(stream, VIR_NET_STREAM, VIR_NET_CONTINUE, NULL, 0);
    } else {
        rpc_stream_fail(stream, &err);
    }
    return !stream->ended && !stream->closed;
}

/* --- from the client -------------------------------------------------------------------------------------------------- */

static void
finished(RpcStream *stream, Error *err)
{
    if (stream->closed)
        return;
    if (error_is_set(err)) {
        rpc_stream_fail(stream, err);
        return;
    }
    if (stream->client->conn)
        send_packet(stream, VIR_NET_STREAM, VIR_NET_OK, NULL, 0);
    stream_close(stream, false);
}

void
rpc_stream_finished(RpcStream *stream, Error *err)
{
    finished(stream, err);
}

static void
try_finish(RpcStream *stream)
{
    _cleanup_error_ Error err = ERROR_INIT;
    int r;

    if (!stream->finishing || stream->finish_sent || stream->first || stream->closed)
        return;
    stream->finish_sent = true;
    r = stream->ops->finish ? stream->ops->finish(stream, stream->data, &err) : 0;
    if (r <= 0)
        finished(stream, &err);
}

/* Give the daemon what it takes of one chunk: 1 all of it, 0 not now, -1 the stream failed. */
static int
consume(RpcStream *stream, const uint8_t *bytes, size_t size, uint64_t hole, size_t *taken)
{
    _cleanup_error_ Error err = ERROR_INIT;
    ssize_t n;

    if (hole) {
        n = stream->ops->hole(stream, stream->data, hole, &err);
        if (n >= 0)
            return 1;
        rpc_stream_fail(stream, &err);
        return -1;
    }
    while (*taken < size && !stream->closed) {
        n = stream->ops->write(stream, stream->data, bytes + *taken, size - *taken, &err);
        if (n < 0) {
            rpc_stream_fail(stream, &err);
            return -1;
        }
        if (n == 0)
            return 0;
        *taken += n;
    }
    return stream->closed ? -1 : 1;
}

static void
drain(RpcStream *stream)
{
    while (stream->started && !stream->closed && stream->first) {
        Chunk *chunk = stream->first;

        if (consume(stream, chunk->bytes, chunk->size, chunk->hole, &chunk->taken) <= 0)
            return;
        drop_chunk(stream);
    }
    if (!stream->closed && stream->backlog < RPC_STREAM_BACKLOG / 2 && stream->client->conn)
        rpc_conn_resume(stream->client->conn);
}

static void
push_chunk(RpcStream *stream, const uint8_t *bytes, size_t size, uint64_t hole)
{
    Chunk *chunk = g_malloc(sizeof(Chunk) + size);

    *chunk = (Chunk){ .hole = hole, .size = size };
    if (size)
        memcpy(chunk->bytes, bytes, size);
    if (stream->last) {
        stream->last->next = chunk;
    } else {
        stream->first = chunk;
    }
    stream->last = chunk;
    stream->backlog += size;
}

static void
take_data(RpcStream *stream, const uint8_t *bytes, size_t size, uint64_t hole)
{
    _cleanup_error_ Error err = ERROR_INIT;
    size_t taken = 0;

    if (!(hole ? stream->ops->hole != NULL : stream->ops->write != NULL) || stream->finishing) {
        error_setf(&err, FROM_STREAMS, ERR_INVALID_STREAM, "this stream takes no %s", hole ? "holes" : "data now");
        rpc_stream_fail(stream, &err);
        return;
    }
    if (stream->started && !stream->first) {
        if (consume(stream, bytes, size, hole, &taken) != 0)
            return;
    }
    push_chunk(stream, bytes + taken, size - taken, hole);
}

static int
take_hole(RpcStream *stream, RpcFrame *frame)
{
    _cleanup_error_ Error err = ERROR_INIT;
    virNetStreamHole hole;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = wire_decode(WIRE_virNetStreamHole, frame->payload, frame->size, &arena, &hole, &err);
    arena_done(&arena);
    if (r >= 0 && (!stream->sparse || hole.length <= 0 || hole.flags))
        r = error_setf(&err, FROM_STREAMS, ERR_INVALID_STREAM, "unexpected hole of %" G_GINT64_FORMAT " bytes", hole.length);
    if (r < 0) {
        rpc_stream_fail(stream, &err);
    } else {
        take_data(stream, NULL, 0, hole.length);
    }
    return RPC_FRAME_TAKEN;
}

static RpcStream *
find_stream(RpcClient *client, const RpcHeader *header)
{
    for (RpcStream *s = client->streams; s; s = s->next)
        if (s->header.serial == header->serial && s->header.proc == header->proc && s->header.program == header->program)
            return s;
    return NULL;
}

int
rpc_stream_frame(RpcClient *client, RpcFrame *frame)
{
    RpcStream *stream = find_stream(client, &frame->header);

    if (!stream)
        return rpc_relay_stream_frame(client, frame);
    if (frame->header.status == VIR_NET_CONTINUE && stream->backlog >= RPC_STREAM_BACKLOG)
        return RPC_FRAME_LATER;
    stream->busy++;
    if (frame->header.type == VIR_NET_STREAM_HOLE) {
        take_hole(stream, frame);
    } else if (frame->header.status == VIR_NET_CONTINUE) {
        if (frame->size)
            take_data(stream, frame->payload, frame->size, 0);
    } else if (frame->header.status == VIR_NET_OK) {
        stream->finishing = true;
        try_finish(stream);
    } else {
        send_packet(stream, VIR_NET_STREAM, VIR_NET_OK, NULL, 0);
        stream_close(stream, true);
    }
    leave(stream);
    return RPC_FRAME_TAKEN;
}

int
rpc_stream_pipe(RpcClient *client, const RpcHeader *header, size_t left, bool begun)
{
    RpcStream *stream = find_stream(client, header);
    _cleanup_error_ Error err = ERROR_INIT;
    int r, pipe = RPC_PIPE_NONE;

    if (!stream || !stream->ops->room || !stream->started || stream->finishing || stream->first)
        return RPC_PIPE_NONE;
    stream->busy++;
    r = stream->ops->room(stream, stream->data, left, &pipe, &err);
    if (r > 0 && pipe < 0 && begun)
        r = error_setf(&err, FROM_STREAMS, ERR_SYSTEM_ERROR, "there are no pipes left for the rest of a packet");
    if (r < 0)
        rpc_stream_fail(stream, &err);
    leave(stream);
    return r > 0 ? pipe : r == 0 ? RPC_PIPE_LATER : RPC_PIPE_NONE;
}

void
rpc_stream_piped(RpcClient *client, const RpcHeader *header, size_t size)
{
    RpcStream *stream = find_stream(client, header);

    stream->busy++;
    stream->ops->filled(stream, stream->data, size);
    leave(stream);
}

/* --- going on --------------------------------------------------------------------------------------------------------- */

static void
stream_work(void *data)
{
    RpcStream *stream = data;

    stream->busy++;
    drain(stream);
    try_finish(stream);
    while (produce(stream))
        ;
    leave(stream);
}

void
rpc_stream_wake(RpcStream *stream)
{
    if (!stream->closed)
        loop_defer(&stream->work, stream_work, stream);
}

void
rpc_stream_start(RpcStream *stream)
{
    stream->started = true;
    rpc_stream_wake(stream);
}

void
rpc_stream_discard(RpcStream *stream)
{
    stream_close(stream, true);
}

/* One packet of each stream in turn, so that none starves. */
void
rpc_stream_sent(RpcClient *client)
{
    bool any = true;

    while (any && client->conn && rpc_conn_unsent(client->conn) < RPC_OUTPUT_HIGH) {
        any = false;
        for (RpcStream *s = client->streams, *next; s; s = next) {
            s->busy++;
            any = produce(s) || any;
            next = s->next;
            leave(s);
        }
    }
}

void
rpc_stream_client_gone(RpcClient *client)
{
    while (client->streams)
        stream_close(client->streams, true);
}

bool
rpc_stream_sparse(const RpcStream *stream)
{
    return stream->sparse;
}

int
rpc_stream_open(RpcCall *call, const RpcStreamOps *ops, void *data, RpcStream **ret, Error *err)
{
    RpcClient *client = call->client;
    RpcStream *stream;

    g_assert(call->proc->stream && !call->stream);
    if (!client->conn)
        return error_setf(err, FROM_STREAMS, ERR_OPERATION_ABORTED, "%s has disconnected", client->label);
    if (client->n_streams >= RPC_STREAM_MAX)
        return error_setf(err, FROM_STREAMS, ERR_OPERATION_FAILED, "a client may have at most %d streams open", RPC_STREAM_MAX);
    stream = g_new0(RpcStream, 1);
    stream->client = client;
    stream->header = call->header;
    stream->ops = ops;
    stream->data = data;
    if (call->proc->sparse) {
        uint32_t flags;

        memcpy(&flags, (char *)call->args + call->proc->sparse_field, sizeof(flags));
        stream->sparse = flags & call->proc->sparse;
    }
    stream->next = client->streams;
    if (client->streams)
        client->streams->prev = stream;
    client->streams = stream;
    rpc_client_count_stream(client, true);
    count_pipes(stream, true);
    call->stream = stream;
    if (ret)
        *ret = stream;
    return 0;
}
