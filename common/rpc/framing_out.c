/* What a connection sends: one queue of bytes, with descriptors, and with what comes out of a pipe. See framing.h. */
#include "common/rpc/framing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc/framing_internal.h"

#define LINGER (10 * USEC_PER_SEC) /* how long a closing connection may take to read what is queued */
#define KEEP_OUTPUT (4u << 10) /* an empty output buffer larger than this is given back */

static void
update_events(RpcConn *conn)
{
    uint32_t events = 0;

    if (conn->closing || !conn->io)
        return;
    if (!conn->paused && !conn->finishing)
        events |= EPOLLIN;
    if (rpc_conn_unsent(conn) > 0)
        events |= EPOLLOUT;
    if (events != conn->events) {
        conn->events = events;
        sd_event_source_set_io_events(conn->io, events);
    }
}

static ssize_t
sent_nothing(RpcConn *conn)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    conn_set_closing(conn, errno == EPIPE || errno == ECONNRESET ? "" : g_strerror(errno));
    return -1;
}

static ssize_t
send_from_pipe(RpcConn *conn)
{
    ssize_t n;

    do
        n = splice(conn->piped.fd, NULL, conn->fd, NULL, conn->piped.size, SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sent_nothing(conn);
    if (n == 0)
        conn_set_closing(conn, "a pipe held less than was announced");
    conn->piped.size -= n;
    return n;
}

/*
 * Send once, up to the next byte that carries a descriptor, or that byte alone, or what comes from a pipe. Bytes sent, 0:
 * socket full, -1: closed.
 */
static ssize_t
send_some(RpcConn *conn)
{
    size_t size = (conn->piped.size ? conn->piped.at : conn->out.len) - conn->out_sent;
    OutFd *carried = conn->out_fds && conn->out_fds->len ? &g_array_index(conn->out_fds, OutFd, 0) : NULL;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = conn->out.data + conn->out_sent };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (conn->piped.size && size == 0)
        return send_from_pipe(conn);
    if (carried && carried->at > conn->out_sent) {
        size = MIN(size, carried->at - conn->out_sent);
        carried = NULL;
    } else if (carried) {
        size = 1;
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &carried->fd, sizeof(int));
    }
    iov.iov_len = size;
    do
        n = sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sent_nothing(conn);
    conn->out_sent += n;
    if (carried) {
        close(carried->fd);
        g_array_remove_index(conn->out_fds, 0);
    }
    return n;
}

static int
on_linger(sd_event_source *source, uint64_t usec, void *data)
{
    conn_set_closing(data, "the last reply was not read");
    return 0;
}

/* What the socket takes. */
static bool
send_queue(RpcConn *conn)
{
    bool any = false;

    while (!conn->closing && rpc_conn_unsent(conn) > 0 && send_some(conn) > 0)
        any = true;
    if (rpc_conn_unsent(conn) == 0) {
        conn->out.len = conn->out_sent = 0;
        if (conn->out.capacity > KEEP_OUTPUT)
            wire_buffer_done(&conn->out);
    }
    return any;
}

void
conn_flush(RpcConn *conn)
{
    bool any = send_queue(conn);

    if (conn->finishing && rpc_conn_unsent(conn) == 0)
        conn_set_closing(conn, conn->reason);
    else if (conn->finishing && !conn->linger)
        loop_timer(&conn->linger, LINGER, on_linger, conn, NULL);
    update_events(conn);
    if (any && !conn->closing && conn->ops->sent) {
        conn->busy++;
        conn->ops->sent(conn, conn->data);
        conn->busy--;
        if (rpc_conn_unsent(conn) > 0 && !(conn->events & EPOLLOUT))
            conn_want_work(conn); /* queued by that callback */
    }
}

/* Move what is unsent to the front when the sent part has become the larger one. */
static void
compact(RpcConn *conn)
{
    if (conn->out_sent < SCRATCH_SIZE || conn->out_sent < conn->out.len / 2)
        return;
    memmove(conn->out.data, conn->out.data + conn->out_sent, conn->out.len - conn->out_sent);
    for (unsigned int i = 0; conn->out_fds && i < conn->out_fds->len; i++)
        g_array_index(conn->out_fds, OutFd, i).at -= conn->out_sent;
    conn->piped.at -= conn->piped.size ? conn->out_sent : 0;
    conn->out.len -= conn->out_sent;
    conn->out_sent = 0;
}

static void
put_head(uint8_t *head, const RpcHeader *header)
{
    wire_put_u32(head + 4, header->program);
    wire_put_u32(head + 8, header->version);
    wire_put_u32(head + 12, header->proc);
    wire_put_u32(head + 16, header->type);
    wire_put_u32(head + 20, header->serial);
    wire_put_u32(head + 24, header->status);
}

WireBuffer *
rpc_conn_begin(RpcConn *conn, const RpcHeader *header, unsigned int n_fds)
{
    uint8_t *head;

    compact(conn);
    conn->message = conn->out.len;
    conn->building_fds = n_fds;
    conn->out.limit = conn->message + RPC_FRAME_HEAD + RPC_PAYLOAD_MAX;
    head = wire_buffer_append(&conn->out, RPC_FRAME_HEAD + (n_fds ? 4 : 0), NULL);
    put_head(head, header);
    if (n_fds)
        wire_put_u32(head + 28, n_fds);
    return &conn->out;
}

void
rpc_conn_end(RpcConn *conn, const int *fds, unsigned int n_fds)
{
    wire_put_u32(conn->out.data + conn->message, conn->out.len - conn->message);
    conn->out.limit += n_fds; /* the bytes after the message that carry the descriptors */
    for (unsigned int i = 0; i < n_fds; i++) {
        OutFd out = { .at = conn->out.len, .fd = fds[i] };

        if (!conn->out_fds)
            conn->out_fds = g_array_new(FALSE, FALSE, sizeof(OutFd));
        *(uint8_t *)wire_buffer_append(&conn->out, 1, NULL) = 0;
        g_array_append_val(conn->out_fds, out);
    }
    if (!conn->busy)
        conn_want_work(conn);
}

void
rpc_conn_abandon(RpcConn *conn)
{
    conn->out.len = conn->message;
}

static void
queue_bytes(RpcConn *conn, const void *bytes, size_t size)
{
    conn->out.limit = conn->out.len + size;
    if (size)
        memcpy(wire_buffer_append(&conn->out, size, NULL), bytes, size);
}

/* A large message that has none before it goes out from where it lies; what the socket does not take is queued. */
static void
send_directly(RpcConn *conn, const RpcHeader *header, const void *payload, size_t size)
{
    uint8_t head[RPC_FRAME_HEAD];
    struct iovec iov[] = { { head, sizeof(head) }, { (void *)payload, size } };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
    ssize_t n;
    size_t sent;

    wire_put_u32(head, sizeof(head) + size);
    put_head(head, header);
    do
        n = sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    sent = MAX(n, 0); /* an error shows again when the rest is sent */
    if (sent < sizeof(head))
        queue_bytes(conn, head + sent, sizeof(head) - sent);
    sent -= MIN(sent, sizeof(head));
    queue_bytes(conn, (const uint8_t *)payload + sent, size - sent);
    if (conn->out.len && !conn->busy)
        conn_want_work(conn);
}

void
rpc_conn_send_fds(RpcConn *conn, const RpcHeader *header, const void *payload, size_t size, const int *fds, unsigned int n_fds)
{
    WireBuffer *out;

    if (size >= DIRECT_MIN && !n_fds && conn->out.len == 0 && !conn->piped.size && !conn->closing) {
        send_directly(conn, header, payload, size);
        return;
    }
    out = rpc_conn_begin(conn, header, n_fds);
    if (size)
        memcpy(wire_buffer_append(out, size, NULL), payload, size);
    rpc_conn_end(conn, fds, n_fds);
}

void
rpc_conn_send(RpcConn *conn, const RpcHeader *header, const void *payload, size_t size)
{
    rpc_conn_send_fds(conn, header, payload, size, NULL, 0);
}

void
rpc_conn_send_pipe(RpcConn *conn, const RpcHeader *header, int pipe, size_t size)
{
    uint8_t *head;

    g_assert(!conn->piped.size);
    compact(conn);
    conn->out.limit = conn->out.len + RPC_FRAME_HEAD;
    head = wire_buffer_append(&conn->out, RPC_FRAME_HEAD, NULL);
    wire_put_u32(head, RPC_FRAME_HEAD + size);
    put_head(head, header);
    conn->piped.at = conn->out.len;
    conn->piped.size = size;
    conn->piped.fd = pipe;
    send_queue(conn);
    if (!conn->busy)
        conn_want_work(conn);
}

size_t
rpc_conn_piped(const RpcConn *conn)
{
    return conn->piped.size;
}

void
rpc_conn_unpipe(RpcConn *conn)
{
    size_t at = conn->piped.at, size = conn->piped.size, after = conn->out.len - at;

    if (!size)
        return;
    conn->out.limit = conn->out.len + size;
    wire_buffer_append(&conn->out, size, NULL);
    memmove(conn->out.data + at + size, conn->out.data + at, after);
    for (unsigned int i = 0; conn->out_fds && i < conn->out_fds->len; i++)
        if (g_array_index(conn->out_fds, OutFd, i).at >= at)
            g_array_index(conn->out_fds, OutFd, i).at += size;
    while (conn->piped.size > 0) {
        ssize_t n = read(conn->piped.fd, conn->out.data + at, conn->piped.size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            conn_set_closing(conn, "a pipe held less than was announced");
            break;
        }
        at += n;
        conn->piped.size -= n;
    }
    conn->piped.size = 0;
}

size_t
rpc_conn_unsent(const RpcConn *conn)
{
    return conn->out.len - conn->out_sent + conn->piped.size;
}
