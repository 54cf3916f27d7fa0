/* The client's side of a connection; see peer.h. */
#include "common/rpc/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>

#include "protocol/calls.h"
#include "protocol/net.h"

#define CONNECT_RETRY (10 * USEC_PER_MSEC)
#define CONNECT_TIMEOUT (10 * USEC_PER_SEC)

/* One call that waits for its reply. */
typedef struct Pending {
    struct Pending *next;
    uint32_t serial;
    RpcForwardedFn fn; /* NULL: a fiber waits */
    void *data;
    Wait wait;       /* result: the reply's status, -1 broken */
    void *payload;   /* in the caller's arena */
    size_t size;
    Arena *arena;
} Pending;

struct RpcPeer {
    RpcConn *conn; /* NULL: broken */
    char *name;
    uint32_t serial;
    Pending *pending;
    unsigned int n_pending;
    RpcPeerMessageFn message;
    RpcPeerClosedFn closed;
    void *data;
};

/* --- pending calls ---------------------------------------------------------------------------------------------------- */

static Pending *
take_pending(RpcPeer *peer, uint32_t serial)
{
    for (Pending **at = &peer->pending; *at; at = &(*at)->next) {
        Pending *found = *at;

        if (found->serial != serial)
            continue;
        *at = found->next;
        peer->n_pending--;
        return found;
    }
    return NULL;
}

/* Tell who waits. A forwarded one is ours to free, a fiber's lies on its stack. */
static void
complete(Pending *pending, int status, const void *payload, size_t size)
{
    if (pending->fn) {
        pending->fn(pending->data, status, payload, size);
        g_free(pending);
        return;
    }
    if (size)
        pending->payload = arena_memdup(pending->arena, payload, size);
    pending->size = size;
    wait_done(&pending->wait, status);
}

/* Give the call a serial and put it on the list. */
static int
add_pending(RpcPeer *peer, Pending *pending, Error *err)
{
    if (!peer->conn)
        return error_setf(err, FROM_RPC, ERR_NO_CONNECT, "the connection to '%s' is broken", peer->name);
    if (peer->n_pending >= RPC_PEER_CALLS_MAX)
        return error_setf(err, FROM_RPC, ERR_RESOURCE_BUSY, "too many calls to '%s' are waiting for an answer", peer->name);
    pending->serial = peer->serial++;
    pending->next = peer->pending;
    peer->pending = pending;
    peer->n_pending++;
    return 0;
}

static void
fail_all(RpcPeer *peer)
{
    while (peer->pending) {
        Pending *pending = take_pending(peer, peer->pending->serial);

        complete(pending, -1, NULL, 0);
    }
}

/* --- the connection --------------------------------------------------------------------------------------------------- */

static int
peer_frame(RpcConn *conn, void *data, RpcFrame *frame)
{
    RpcPeer *peer = data;
    Pending *pending;

    if (frame->header.type != VIR_NET_REPLY && frame->header.type != VIR_NET_REPLY_WITH_FDS) {
        if (peer->message)
            peer->message(peer, peer->data, frame);
        return RPC_FRAME_TAKEN;
    }
    pending = take_pending(peer, frame->header.serial);
    if (pending)
        complete(pending, (int)frame->header.status, frame->payload, frame->size);
    return RPC_FRAME_TAKEN; /* the answer of a call that was given up is dropped */
}

static void
peer_closed(RpcConn *conn, void *data, const char *reason)
{
    RpcPeer *peer = data;

    peer->conn = rpc_conn_free(peer->conn);
    fail_all(peer);
    if (peer->closed)
        peer->closed(peer, peer->data);
}

static const RpcConnOps peer_ops = { .frame = peer_frame, .closed = peer_closed };

int
rpc_peer_new(int fd, const char *name, RpcPeer **ret, Error *err)
{
    RpcPeer *peer = g_new0(RpcPeer, 1);

    peer->conn = rpc_conn_new(fd, &peer_ops, peer, err);
    if (!peer->conn) {
        g_free(peer);
        return -1;
    }
    peer->name = g_strdup(name);
    *ret = peer;
    return 0;
}

int
rpc_peer_connect(Job *job, const char *path, RpcPeer **ret, Error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    uint64_t end = loop_now() + CONNECT_TIMEOUT;
    int fd;

    if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= (int)sizeof(address.sun_path))
        return error_setf(err, FROM_RPC, ERR_INVALID_ARG, "socket path '%s' is too long", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(err, FROM_RPC, errno, "cannot make a socket");
    while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int problem = errno;

        if (problem == EINTR)
            continue;
        if (problem != EAGAIN || loop_now() > end) {
            close(fd);
            return error_set_errno(err, FROM_RPC, problem, "Failed to connect socket to '%s'", path);
        }
        if (job_sleep(job, CONNECT_RETRY, err) < 0) {
            close(fd);
            return -1;
        }
    }
    return rpc_peer_new(fd, path, ret, err);
}

RpcPeer *
rpc_peer_free(RpcPeer *peer)
{
    if (!peer)
        return NULL;
    peer->conn = rpc_conn_free(peer->conn);
    fail_all(peer);
    g_free(peer->name);
    g_free(peer);
    return NULL;
}

bool
rpc_peer_broken(const RpcPeer *peer)
{
    return !peer->conn;
}

void
rpc_peer_set_handlers(RpcPeer *peer, RpcPeerMessageFn message, RpcPeerClosedFn closed, void *data)
{
    peer->message = message;
    peer->closed = closed;
    peer->data = data;
}

/* --- calls ------------------------------------------------------------------------------------------------------------ */

static int
decode_error(void *payload, size_t size, Arena *arena, Error *err)
{
    virNetMessageError error;

    if (wire_decode(WIRE_virNetMessageError, payload, size, arena, &error, err) < 0)
        return error_prefixf(err, "an error was answered, but");
    error_setf(err, (ErrorDomain)error.domain, error.code ? (ErrorCode)error.code : ERR_INTERNAL_ERROR, "%s",
               error.message ? error.message : "unknown error");
    if (err) {
        err->str1 = g_strdup(error.str1);
        err->str2 = g_strdup(error.str2);
        err->str3 = g_strdup(error.str3);
        err->int1 = error.int1;
        err->int2 = error.int2;
    }
    return -1;
}

static int
encode_call(RpcPeer *peer, RpcProgramId program, uint32_t number, uint32_t serial, const void *args, Error *err)
{
    RpcHeader header = { .program = rpc_programs[program].number, .version = rpc_programs[program].version,
                         .proc = (int32_t)number, .type = VIR_NET_CALL, .serial = serial };
    WireBuffer *out = rpc_conn_begin(peer->conn, &header, 0);

    if (wire_encode(rpc_proc(program, number)->args, args, out, err) < 0) {
        rpc_conn_abandon(peer->conn);
        return -1;
    }
    rpc_conn_end(peer->conn, NULL, 0);
    return 0;
}

int
rpc_peer_call(Job *job, RpcPeer *peer, RpcProgramId program, uint32_t number, Arena *arena, const void *args, void *ret,
              Error *err)
{
    const RpcProc *proc = rpc_proc(program, number);
    Pending pending = { .arena = arena };

    if (add_pending(peer, &pending, err) < 0)
        return -1;
    if (encode_call(peer, program, number, pending.serial, args, err) < 0) {
        take_pending(peer, pending.serial);
        return -1;
    }
    if (job_wait(job, &pending.wait, "another daemon's answer", LOOP_NEVER, err) < 0) {
        take_pending(peer, pending.serial);
        return -1;
    }
    if (pending.wait.result < 0)
        return error_setf(err, FROM_RPC, ERR_NO_CONNECT, "the connection to the other daemon broke during %s",
                          rpc_proc_name(proc)); /* peer may be gone */
    if (pending.wait.result != VIR_NET_OK)
        return decode_error(pending.payload, pending.size, arena, err);
    return proc->ret ? wire_decode(proc->ret, pending.payload, pending.size, arena, ret, err) : 0;
}

int
rpc_peer_open(Job *job, RpcPeer *peer, const char *uri, unsigned int flags, Error *err)
{
    remote_connect_open_args open = { .name = uri, .flags = flags };
    remote_auth_list_ret auth;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = remote_call_auth_list(job, peer, &arena, &auth, err);
    if (r >= 0 && (auth.n_types != 1 || auth.types[0] != REMOTE_AUTH_NONE))
        r = error_setf(err, FROM_RPC, ERR_AUTH_FAILED, "'%s' wants us to authenticate", peer->name);
    if (r >= 0)
        r = remote_call_connect_open(job, peer, &arena, &open, err);
    arena_done(&arena);
    return r;
}

int
rpc_peer_forward(RpcPeer *peer, const RpcHeader *header, const void *payload, size_t size, RpcForwardedFn fn, void *data,
                 Error *err)
{
    Pending *pending = g_new0(Pending, 1);
    RpcHeader own = *header;

    pending->fn = fn;
    pending->data = data;
    if (add_pending(peer, pending, err) < 0) {
        g_free(pending);
        return -1;
    }
    own.serial = pending->serial;
    rpc_conn_send(peer->conn, &own, payload, size);
    return 0;
}
