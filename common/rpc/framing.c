/*
 * See framing.h. One Deferred per connection does what must not happen inside somebody's callback: sending what was
 * queued from elsewhere, going on with input after a pause, reporting the end.
 */
#include "common/rpc/framing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/loop.h"
#include "protocol/net.h"

#define SCRATCH_SIZE (256u << 10)
#define LINGER (10 * USEC_PER_SEC) /* how long a closing connection may take to read what is queued */
#define DIRECT_MIN (16u << 10) /* from this size on a message is worth a system call of its own */
#define BULK_SIZE (2 * SCRATCH_SIZE)    /* two packets of a stream */
#define KEEP_OUTPUT (4u << 10) /* an empty output buffer larger than this is given back */

/* Every connection's input arrives here first; there is one thread and no nested loop. */
static uint8_t scratch[SCRATCH_SIZE];

typedef struct OutFd {
    size_t at; /* the byte of the output buffer it travels with */
    int fd;
} OutFd;

struct RpcConn {
    int fd;
    bool unix_socket;
    sd_event_source *io, *linger;
    uint32_t events;
    const RpcConnOps *ops;
    void *data;

    uint8_t *in; /* what did not make a whole message yet, or waits for the end of a pause */
    size_t in_len, in_capacity;
    int in_fds[RPC_FDS_MAX]; /* arrived, in order, not yet claimed by a message */
    unsigned int n_in_fds;
    uint64_t last_input;

    WireBuffer out;
    size_t out_sent, message; /* start of the message being built */
    GArray *out_fds;          /* of OutFd, in order; NULL when never needed */
    unsigned int building_fds;

    Deferred work;
    bool paused, resume, finishing, closing, reported;
    bool bulk;
    char *reason;
    unsigned int busy; /* inside one of our own functions that call back */
    bool freed;
};

static void conn_work(void *data);

static void
want_work(RpcConn *conn)
{
    if (!conn->reported)
        loop_defer(&conn->work, conn_work, conn);
}

static void
set_closing(RpcConn *conn, const char *reason)
{
    char *copy;

    if (conn->closing)
        return;
    copy = g_strdup(reason); /* reason may be the one kept */

    g_free(conn->reason);
    conn->reason = copy;
    conn->closing = true;
    want_work(conn);
}

static void
update_events(RpcConn *conn)
{
    uint32_t events = 0;

    if (conn->closing || !conn->io)
        return;
    if (!conn->paused && !conn->finishing)
        events |= EPOLLIN;
    if (conn->out.len > conn->out_sent)
        events |= EPOLLOUT;
    if (events != conn->events) {
        conn->events = events;
        sd_event_source_set_io_events(conn->io, events);
    }
}

/* --- output ----------------------------------------------------------------------------------------------------------- */

/* Send once, up to the next byte that carries a descriptor, or that byte alone. Bytes sent, 0: socket full, -1: closed. */
static ssize_t
send_some(RpcConn *conn)
{
    size_t size = conn->out.len - conn->out_sent;
    OutFd *carried = conn->out_fds && conn->out_fds->len ? &g_array_index(conn->out_fds, OutFd, 0) : NULL;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = conn->out.data + conn->out_sent };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (carried && carried->at > conn->out_sent) {
        size = carried->at - conn->out_sent;
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
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n < 0) {
        set_closing(conn, errno == EPIPE || errno == ECONNRESET ? "" : g_strerror(errno));
        return -1;
    }
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
    set_closing(data, "the last reply was not read");
    return 0;
}

static void
flush(RpcConn *conn)
{
    bool any = false;

    while (!conn->closing && conn->out_sent < conn->out.len) {
        if (send_some(conn) <= 0)
            break;
        any = true;
    }
    if (conn->out_sent == conn->out.len) {
        conn->out.len = conn->out_sent = 0;
        if (conn->out.capacity > KEEP_OUTPUT)
            wire_buffer_done(&conn->out);
        if (conn->finishing)
            set_closing(conn, conn->reason);
    } else if (conn->finishing && !conn->linger) {
        loop_timer(&conn->linger, LINGER, on_linger, conn, NULL);
    }
    update_events(conn);
    if (any && !conn->closing && conn->ops->sent) {
        conn->busy++;
        conn->ops->sent(conn, conn->data);
        conn->busy--;
        if (conn->out_sent < conn->out.len && !(conn->events & EPOLLOUT))
            want_work(conn); /* queued by that callback */
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
        want_work(conn);
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
        want_work(conn);
}

void
rpc_conn_send_fds(RpcConn *conn, const RpcHeader *header, const void *payload, size_t size, const int *fds, unsigned int n_fds)
{
    WireBuffer *out;

    if (size >= DIRECT_MIN && !n_fds && conn->out.len == 0 && !conn->closing) {
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

size_t
rpc_conn_unsent(const RpcConn *conn)
{
    return conn->out.len - conn->out_sent;
}

/* --- input ------------------------------------------------------------------------------------------------------------ */

static bool
carries_fds(uint32_t type)
{
    return type == VIR_NET_CALL_WITH_FDS || type == VIR_NET_REPLY_WITH_FDS;
}

/*
 * How many bytes the first message in data takes with the bytes that carry its descriptors; 0 when that cannot be known
 * yet, -1 when it breaks the rules.
 */
static ssize_t
frame_extent(const uint8_t *data, size_t len, uint32_t *ret_fds, const char **ret_reason)
{
    uint32_t size, fds = 0;

    *ret_fds = 0;
    if (len < 4)
        return 0;
    size = wire_get_u32(data);
    if (size < RPC_FRAME_HEAD || size - 4 > RPC_MESSAGE_MAX) {
        *ret_reason = size < RPC_FRAME_HEAD ? "message shorter than its header" : "message longer than allowed";
        return -1;
    }
    if (len >= RPC_FRAME_HEAD && carries_fds(wire_get_u32(data + 16))) {
        if (size < RPC_FRAME_HEAD + 4) {
            *ret_reason = "message without its descriptor count";
            return -1;
        }
        if (len < RPC_FRAME_HEAD + 4)
            return 0;
        fds = wire_get_u32(data + RPC_FRAME_HEAD);
        if (fds > RPC_FDS_MAX) {
            *ret_reason = "message with too many descriptors";
            return -1;
        }
    }
    *ret_fds = fds;
    return (ssize_t)size + fds;
}

static int
deliver_one(RpcConn *conn, uint8_t *data, size_t size, uint32_t n_fds)
{
    bool with_fds = carries_fds(wire_get_u32(data + 16));
    RpcFrame frame = {
        .header = {
            .program = wire_get_u32(data + 4), .version = wire_get_u32(data + 8), .proc = wire_get_u32(data + 12),
            .type = wire_get_u32(data + 16), .serial = wire_get_u32(data + 20), .status = wire_get_u32(data + 24),
        },
        .payload = data + RPC_FRAME_HEAD + (with_fds ? 4 : 0),
        .size = size - RPC_FRAME_HEAD - (with_fds ? 4 : 0),
        .fds = conn->in_fds,
        .n_fds = n_fds,
    };
    int r;

    if (n_fds > conn->n_in_fds) {
        set_closing(conn, "message without the descriptors it announced");
        return -1;
    }
    r = conn->ops->frame(conn, conn->data, &frame);
    if (r < 0)
        set_closing(conn, "protocol violation");
    if (r != RPC_FRAME_TAKEN)
        return r;
    for (unsigned int i = 0; i < n_fds; i++)
        if (conn->in_fds[i] >= 0)
            close(conn->in_fds[i]);
    conn->n_in_fds -= n_fds;
    memmove(conn->in_fds, conn->in_fds + n_fds, conn->n_in_fds * sizeof(int));
    return RPC_FRAME_TAKEN;
}

/* Deliver the whole messages at the start of data; returns how many bytes they took. */
static size_t
deliver(RpcConn *conn, uint8_t *data, size_t len)
{
    const char *reason = "";
    size_t at = 0;

    conn->busy++;
    while (!conn->closing && !conn->finishing && !conn->freed) {
        uint32_t n_fds;
        ssize_t extent = frame_extent(data + at, len - at, &n_fds, &reason);
        int r;

        if (extent < 0)
            set_closing(conn, reason);
        if (extent <= 0 || len - at < (size_t)extent)
            break;
        r = deliver_one(conn, data + at, extent - n_fds, n_fds);
        if (r == RPC_FRAME_LATER) {
            conn->paused = true;
            break;
        }
        if (r < 0)
            break;
        at += extent;
    }
    conn->busy--;
    return at;
}

/* Keep the rest of the input for later. data may lie in conn->in. */
static void
keep(RpcConn *conn, const uint8_t *data, size_t len)
{
    if (!len && conn->bulk) {
        /* the next packet comes into the same place */
    } else if (!len) {
        g_clear_pointer(&conn->in, g_free);
        conn->in_capacity = 0;
    } else if (conn->in) {
        memmove(conn->in, data, len);
    } else {
        conn->in = g_memdup2(data, len);
        conn->in_capacity = len;
    }
    conn->in_len = len;
}

static void
take_fds(RpcConn *conn, struct msghdr *msg)
{
    if (msg->msg_flags & MSG_CTRUNC)
        set_closing(conn, "more descriptors than allowed");
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        unsigned int n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (unsigned int i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (conn->n_in_fds < RPC_FDS_MAX) {
                conn->in_fds[conn->n_in_fds++] = fd;
            } else {
                close(fd);
                set_closing(conn, "more descriptors than allowed");
            }
        }
    }
}

/* Like recv(), also fetching descriptors. 0 when nothing is there; closed connections are noted. */
static size_t
receive(RpcConn *conn, void *buffer, size_t size)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * RPC_FDS_MAX)];
    } control;
    struct iovec iov = { .iov_base = buffer, .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (conn->unix_socket) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
    }
    do
        n = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            set_closing(conn, errno == ECONNRESET ? "" : g_strerror(errno));
        return 0;
    }
    if (conn->unix_socket && msg.msg_controllen)
        take_fds(conn, &msg);
    if (n == 0)
        set_closing(conn, "");
    conn->last_input = loop_now();
    return n;
}

static void
read_first(RpcConn *conn)
{
    size_t n = receive(conn, scratch, sizeof(scratch));
    size_t used = deliver(conn, scratch, n);

    if (!conn->freed && used < n)
        keep(conn, scratch + used, n - used);
}

/* Go on with an incomplete message: the buffer grows with what came, up to what is still missing. */
static void
read_more(RpcConn *conn)
{
    const char *reason;
    uint32_t n_fds;
    ssize_t extent = frame_extent(conn->in, conn->in_len, &n_fds, &reason);
    size_t want = extent > 0 ? (size_t)extent : conn->in_len + 256, used;

    if (want <= conn->in_len)
        want = conn->in_len + 256;
    if (want > conn->in_len * 2 + SCRATCH_SIZE)
        want = conn->in_len * 2 + SCRATCH_SIZE;
    if (conn->bulk)
        want = MAX(want, (size_t)BULK_SIZE);
    if (want > conn->in_capacity) {
        conn->in = g_realloc(conn->in, want);
        conn->in_capacity = want;
    }
    conn->in_len += receive(conn, conn->in + conn->in_len, want - conn->in_len);
    used = deliver(conn, conn->in, conn->in_len);
    if (!conn->freed && used)
        keep(conn, conn->in + used, conn->in_len - used);
}

static void
go_on(RpcConn *conn)
{
    size_t used;

    conn->paused = false;
    used = deliver(conn, conn->in, conn->in_len);
    if (!conn->freed && used)
        keep(conn, conn->in + used, conn->in_len - used);
}

void
rpc_conn_resume(RpcConn *conn)
{
    if (!conn->paused || conn->resume)
        return;
    conn->resume = true;
    want_work(conn);
}

void
rpc_conn_bulk(RpcConn *conn, bool bulk)
{
    int size = BULK_SIZE * 2;

    if (conn->bulk == bulk)
        return;
    conn->bulk = bulk;
    /* Root may have more than the limit for everybody. It stays: streams come one after the other. */
    if (bulk && setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (!bulk && !conn->in_len && !conn->busy)
        keep(conn, NULL, 0);
}

/* --- the loop's side -------------------------------------------------------------------------------------------------- */

static void
conn_destroy(RpcConn *conn)
{
    for (unsigned int i = 0; i < conn->n_in_fds; i++)
        close(conn->in_fds[i]);
    for (unsigned int i = 0; conn->out_fds && i < conn->out_fds->len; i++)
        close(g_array_index(conn->out_fds, OutFd, i).fd);
    if (conn->out_fds)
        g_array_free(conn->out_fds, TRUE);
    wire_buffer_done(&conn->out);
    g_free(conn->in);
    g_free(conn->reason);
    g_free(conn);
}

static int
on_io(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    RpcConn *conn = data;

    conn->busy++;
    if (revents & (EPOLLHUP | EPOLLERR) && !(conn->events & EPOLLIN))
        set_closing(conn, "");
    if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && conn->events & EPOLLIN && !conn->closing) {
        if (conn->in_len || conn->bulk) {
            read_more(conn);
        } else {
            read_first(conn);
        }
    }
    if (!conn->freed)
        flush(conn);
    conn->busy--;
    if (conn->freed && !conn->busy)
        conn_destroy(conn);
    return 0;
}

static void
conn_work(void *data)
{
    RpcConn *conn = data;

    conn->busy++;
    if (conn->closing) {
        conn->reported = true;
        conn->ops->closed(conn, conn->data, conn->reason ? conn->reason : "");
    } else {
        if (conn->resume) {
            conn->resume = false;
            go_on(conn);
        }
        if (!conn->freed)
            flush(conn);
    }
    conn->busy--;
    if (conn->freed && !conn->busy)
        conn_destroy(conn);
}

RpcConn *
rpc_conn_new(int fd, const RpcConnOps *ops, void *data, Error *err)
{
    RpcConn *conn = g_new0(RpcConn, 1);
    int domain = 0, r;
    socklen_t len = sizeof(domain);

    conn->fd = fd;
    conn->ops = ops;
    conn->data = data;
    conn->out = WIRE_BUFFER_INIT(0);
    conn->last_input = loop_now();
    conn->unix_socket = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
    conn->events = EPOLLIN;
    r = sd_event_add_io(loop_event(), &conn->io, fd, EPOLLIN, on_io, conn);
    if (r < 0) {
        error_set_errno(err, FROM_RPC, -r, "cannot watch a connection");
        close(fd);
        g_free(conn);
        return NULL;
    }
    return conn;
}

RpcConn *
rpc_conn_free(RpcConn *conn)
{
    if (!conn || conn->freed)
        return NULL;
    loop_defer_cancel(&conn->work);
    conn->io = sd_event_source_disable_unref(conn->io);
    conn->linger = sd_event_source_disable_unref(conn->linger);
    close(conn->fd);
    conn->fd = -1;
    conn->freed = conn->closing = conn->reported = true;
    if (!conn->busy)
        conn_destroy(conn);
    return NULL;
}

int
rpc_conn_fd(const RpcConn *conn)
{
    return conn->fd;
}

void
rpc_conn_shutdown(RpcConn *conn, bool now, const char *reason)
{
    if (conn->closing)
        return;
    if (now) {
        set_closing(conn, reason);
        return;
    }
    if (!conn->finishing) {
        conn->finishing = true;
        g_free(conn->reason);
        conn->reason = g_strdup(reason);
        want_work(conn);
    }
}

bool
rpc_conn_has_fds(const RpcConn *conn)
{
    return conn->unix_socket;
}

uint64_t
rpc_conn_last_input(const RpcConn *conn)
{
    return conn->last_input;
}
