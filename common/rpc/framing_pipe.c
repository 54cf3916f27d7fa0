/* Packets whose bytes go from the socket into pipes, and are never in our memory. See framing.h. */
#include "common/rpc/framing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/rpc/framing_internal.h"
#include "protocol/net.h"

#define PIPE_TURNS 8 /* pieces that go into pipes before others have their turn */

static uint8_t nowhere[64u << 10]; /* what is dropped */

static void
drop_piped(RpcConn *conn)
{
    conn->pipe_left -= conn_receive(conn, nowhere, MIN(conn->pipe_left, sizeof(nowhere)));
}

/* Nothing came: is the pipe full, or the socket empty? */
static bool
is_waiting(const RpcConn *conn)
{
    int n = 0;

    return ioctl(conn->fd, FIONREAD, &n) == 0 && n > 0;
}

/* One piece of it. False: enough for now. */
static bool
read_into_pipe(RpcConn *conn)
{
    int fd = conn->ops->pipe(conn, conn->data, &conn->pipe_header, conn->pipe_left, true);
    ssize_t n;

    if (fd == RPC_PIPE_LATER)
        conn->paused = true;
    if (fd == RPC_PIPE_NONE)
        drop_piped(conn);
    if (fd < 0 || conn->closing)
        return false;
    do
        n = splice(conn->fd, NULL, fd, NULL, conn->pipe_left, SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        conn_set_closing(conn, "");
    else if (n < 0 && errno != EAGAIN)
        conn_set_closing(conn, errno == ECONNRESET ? "" : g_strerror(errno));
    else if (n < 0 && !is_waiting(conn))
        return false;
    if (conn->closing)
        return false;
    n = MAX(n, 0);
    conn->last_input = loop_now();
    conn->pipe_left -= n;
    conn->ops->piped(conn, conn->data, &conn->pipe_header, n);
    return true;
}

void
conn_read_piped(RpcConn *conn)
{
    conn->busy++;
    for (int i = 0; i < PIPE_TURNS && conn->pipe_left > 0 && !conn->closing && !conn->finishing && !conn->freed; i++)
        if (!read_into_pipe(conn))
            break;
    conn->busy--;
}

/* The head that was read is a packet's that is worth it. */
static bool
begin_piped(RpcConn *conn)
{
    const char *reason;
    uint32_t n_fds;
    ssize_t size = conn_frame_extent(conn->in, conn->in_len, &n_fds, &reason);
    int fd;

    conn->pipe_header = conn_header(conn->in);
    if (size < (ssize_t)(RPC_FRAME_HEAD + DIRECT_MIN) || conn->pipe_header.type != VIR_NET_STREAM || conn->pipe_header.status != VIR_NET_CONTINUE)
        return false;
    fd = conn->ops->pipe(conn, conn->data, &conn->pipe_header, (size_t)size - RPC_FRAME_HEAD, false);
    if (fd == RPC_PIPE_LATER)
        conn->paused = true;
    if (fd >= 0 && !conn->closing) {
        conn->in_len = 0;
        conn->pipe_left = (size_t)size - RPC_FRAME_HEAD;
        conn_read_piped(conn);
    }
    return fd != RPC_PIPE_NONE || conn->closing;
}

/* A message's head alone; who it is for decides how the rest is read. */
void
conn_read_head(RpcConn *conn)
{
    if (conn->in_capacity < RPC_FRAME_HEAD) {
        conn->in = g_realloc(conn->in, RPC_FRAME_HEAD);
        conn->in_capacity = RPC_FRAME_HEAD;
    }
    if (conn->in_len < RPC_FRAME_HEAD)
        conn->in_len += conn_receive(conn, conn->in + conn->in_len, RPC_FRAME_HEAD - conn->in_len);
    if (conn->in_len < RPC_FRAME_HEAD || conn->closing || begin_piped(conn))
        return;
    if (wire_get_u32(conn->in) == RPC_FRAME_HEAD) {
        size_t used = conn_deliver(conn, conn->in, conn->in_len);

        if (!conn->freed && used)
            conn_keep(conn, NULL, 0);
    } else {
        conn_read_more(conn);
    }
}

void
rpc_conn_pipes(RpcConn *conn, bool pipes)
{
    conn->pipes = pipes;
}
