/*
 * See framing.h. One Deferred per connection does what must not happen inside somebody's callback: sending what was
 * queued from elsewhere, going on with input after a pause, reporting the end.
 */
#include "common/rpc/framing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc/framing_internal.h"
#include "protocol/net.h"

#define BULK_SIZE (2 * SCRATCH_SIZE) /* two packets of a stream */

/* Every connection's input arrives here first; there is one thread and no nested loop. */
static uint8_t scratch[SCRATCH_SIZE];

static void conn_work(void *data);

void
conn_want_work(RpcConn *conn)
{
    if (!conn->reported)
        loop_defer(&conn->work, conn_work, conn);
}

void
conn_set_closing(RpcConn *conn, const char *reason)
{
    char *copy;

    if (conn->closing)
        return;
    copy = g_strdup(reason); /* reason may be the one kept */

    g_free(conn->reason);
    conn->reason = copy;
    conn->closing = true;
    conn_want_work(conn);
}

/* --- input ------------------------------------------------------------------------------------------------------------ */

static bool
carries_fds(uint32_t type)
{
    return type == VIR_NET_CALL_WITH_FDS || type == VIR_NET_REPLY_WITH_FDS;
}

ssize_t
conn_frame_extent(const uint8_t *data, size_t len, uint32_t *ret_fds, const char **ret_reason)
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

RpcHeader
conn_header(const uint8_t *data)
{
    return (RpcHeader){
        .program = wire_get_u32(data + 4), .version = wire_get_u32(data + 8), .proc = wire_get_u32(data + 12),
        .type = wire_get_u32(data + 16), .serial = wire_get_u32(data + 20), .status = wire_get_u32(data + 24),
    };
}

static int
deliver_one(RpcConn *conn, uint8_t *data, size_t size, uint32_t n_fds)
{
    bool with_fds = carries_fds(wire_get_u32(data + 16));
    RpcFrame frame = {
        .header = conn_header(data),
        .payload = data + RPC_FRAME_HEAD + (with_fds ? 4 : 0),
        .size = size - RPC_FRAME_HEAD - (with_fds ? 4 : 0),
        .fds = conn->in_fds,
        .n_fds = n_fds,
    };
    int r;

    if (n_fds > conn->n_in_fds) {
        conn_set_closing(conn, "message without the descriptors it announced");
        return -1;
    }
    r = conn->ops->frame(conn, conn->data, &frame);
    if (r < 0)
        conn_set_closing(conn, "protocol violation");
    if (r != RPC_FRAME_TAKEN)
        return r;
    for (unsigned int i = 0; i < n_fds; i++)
        if (conn->in_fds[i] >= 0)
            close(conn->in_fds[i]);
    conn->n_in_fds -= n_fds;
    memmove(conn->in_fds, conn->in_fds + n_fds, conn->n_in_fds * sizeof(int));
    return RPC_FRAME_TAKEN;
}

size_t
conn_deliver(RpcConn *conn, uint8_t *data, size_t len)
{
    const char *reason = "";
    size_t at = 0;

    conn->busy++;
    while (!conn->closing && !conn->finishing && !conn->freed) {
        uint32_t n_fds;
        ssize_t extent = conn_frame_extent(data + at, len - at, &n_fds, &reason);
        int r;

        if (extent < 0)
            conn_set_closing(conn, reason);
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

void
conn_keep(RpcConn *conn, const uint8_t *data, size_t len)
{
    if (!len && conn->bulk) {
        /* the next packet comes into the same place */
    } else if (!len) {
        g_clear_pointer(&conn->in, g_free);
        conn->in_capacity = 0;
    } else if (len <= conn->in_capacity) {
        memmove(conn->in, data, len);
    } else { /* from the scratch buffer */
        g_free(conn->in);
        conn->in = g_memdup2(data, len);
        conn->in_capacity = len;
    }
    conn->in_len = len;
}

static void
take_fds(RpcConn *conn, struct msghdr *msg)
{
    if (msg->msg_flags & MSG_CTRUNC)
        conn_set_closing(conn, "more descriptors than allowed");
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
                conn_set_closing(conn, "more descriptors than allowed");
            }
        }
    }
}

/* Closed connections are noted. */
size_t
conn_receive(RpcConn *conn, void *buffer, size_t size)
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
            conn_set_closing(conn, errno == ECONNRESET ? "" : g_strerror(errno));
        return 0;
    }
    if (conn->unix_socket && msg.msg_controllen)
        take_fds(conn, &msg);
    if (n == 0)
        conn_set_closing(conn, "");
    conn->last_input = loop_now();
    return n;
}

static void
read_first(RpcConn *conn)
{
    size_t n = conn_receive(conn, scratch, sizeof(scratch));
    size_t used = conn_deliver(conn, scratch, n);

    if (!conn->freed && used < n)
        conn_keep(conn, scratch + used, n - used);
}

/* Go on with an incomplete message: the buffer grows with what came, up to what is still missing. */
void
conn_read_more(RpcConn *conn)
{
    const char *reason;
    uint32_t n_fds;
    ssize_t extent = conn_frame_extent(conn->in, conn->in_len, &n_fds, &reason);
    size_t want = extent > 0 ? (size_t)extent : conn->in_len + 256, used;

    if (want <= conn->in_len)
        want = conn->in_len + 256;
    if (want > conn->in_len * 2 + SCRATCH_SIZE)
        want = conn->in_len * 2 + SCRATCH_SIZE;
    if (conn->bulk && !conn->pipes) /* else no further than to the next head */
        want = MAX(want, (size_t)BULK_SIZE);
    if (want > conn->in_capacity) {
        conn->in = g_realloc(conn->in, want);
        conn->in_capacity = want;
    }
    conn->in_len += conn_receive(conn, conn->in + conn->in_len, want - conn->in_len);
    used = conn_deliver(conn, conn->in, conn->in_len);
    if (!conn->freed && used)
        conn_keep(conn, conn->in + used, conn->in_len - used);
}

static void
go_on(RpcConn *conn)
{
    size_t used;

    conn->paused = false;
    used = conn_deliver(conn, conn->in, conn->in_len);
    if (!conn->freed && used)
        conn_keep(conn, conn->in + used, conn->in_len - used);
}

void
rpc_conn_resume(RpcConn *conn)
{
    if (!conn->paused || conn->resume)
        return;
    conn->resume = true;
    conn_want_work(conn);
}

void
rpc_conn_bulk(RpcConn *conn, bool bulk)
{
    int size = BULK_SIZE * 2;

    if (conn->bulk == bulk)
        return;
    conn->bulk = bulk;
    if (bulk) /* splice() knows no MSG_DONTWAIT */
        fcntl(conn->fd, F_SETFL, fcntl(conn->fd, F_GETFL) | O_NONBLOCK);
    /* Root may have more than the limit for everybody. It stays: streams come one after the other. */
    if (bulk && setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (!bulk && !conn->in_len && !conn->busy)
        conn_keep(conn, NULL, 0);
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
        conn_set_closing(conn, "");
    if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && conn->events & EPOLLIN && !conn->closing) {
        if (conn->pipe_left) {
            conn_read_piped(conn);
        } else if (conn->pipes && conn->in_len <= RPC_FRAME_HEAD) {
            conn_read_head(conn);
        } else if (conn->in_len || conn->bulk) {
            conn_read_more(conn);
        } else {
            read_first(conn);
        }
    }
    if (!conn->freed)
        conn_flush(conn);
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
            conn_flush(conn);
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
        conn_set_closing(conn, reason);
        return;
    }
    if (!conn->finishing) {
        conn->finishing = true;
        g_free(conn->reason);
        conn->reason = g_strdup(reason);
        conn_want_work(conn);
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
