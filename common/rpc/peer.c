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
#include "protocol/keepalive.h"
#include "protocol/net.h"

#define CONNECT_RETRY (10 * USEC_PER_MSEC)
#define CONNECT_TIMEOUT (10 * USEC_PER_SEC)
#define PROBES_MAX (64u << 10) /* unsent bytes from which on a ping is not answered */

/* One call that waits for its answer. */
typedef struct Pending {
    struct Pending *next;
    uint32_t serial, program;
    int32_t proc;
    RpcForwardedFn fn; /* NULL: a fiber waits */
    void *data;
    Wait wait;         /* result: the answer's status, -1 broken */
    void *payload;     /* in the caller's arena */
    size_t size;
    Arena *arena;
    char *reason;      /* of the end, owned */
} Pending;

struct RpcPeer {
    unsigned int refs;
    RpcConn *conn; /* NULL: broken */
    char *name;
    uint32_t serial;
    Pending *pending;
    unsigned int n_pending;
    uint64_t timeout;
    const RpcPeerOps *ops;
    void *data;
};

/* --- pending calls ---------------------------------------------------------------------------------------------------- */

static Pending **
find_pending(RpcPeer *peer, uint32_t serial)
{
    Pending **at = &peer->pending;

    while (*at && (*at)->serial != serial)
        at = &(*at)->next;
    return at;
}

static Pending *
take_pending(RpcPeer *peer, uint32_t serial)
{
    Pending **at = find_pending(peer, serial), *found = *at;

    if (!found)
        return NULL;
    *at = found->next;
    peer->n_pending--;
    return found;
}

/* Tell who waits. A forwarded one is ours to free, a fiber's lies on its stack. */
static void
complete(Pending *pending, RpcFrame *reply, const char *reason)
{
    if (pending->fn) {
        pending->fn(pending->data, reply, reason);
        g_free(pending);
        return;
    }
    if (reply && reply->size)
        pending->payload = arena_memdup(pending->arena, reply->payload, reply->size);
    pending->size = reply ? reply->size : 0;
    pending->reason = g_strdup(reason);
    wait_done(&pending->wait, reply ? (int)reply->header.status : -1);
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
ignore_reply(void *data, RpcFrame *reply, const char *reason)
{
}

/* Its fiber does not wait any more; the answer may still come, and is then known as one. */
static void
give_up(RpcPeer *peer, const Pending *pending)
{
    Pending **at = find_pending(peer, pending->serial), *rest;

    if (!*at)
        return;
    rest = g_new0(Pending, 1);
    *rest = (Pending){ .next = pending->next, .serial = pending->serial, .program = pending->program,
                       .proc = pending->proc, .fn = ignore_reply };
    *at = rest;
}

static void
fail_all(RpcPeer *peer, const char *reason)
{
    while (peer->pending) {
        Pending *pending = take_pending(peer, peer->pending->serial);

        complete(pending, NULL, reason);
    }
}

/* --- the connection --------------------------------------------------------------------------------------------------- */

static int
take_probe(RpcPeer *peer, const RpcFrame *frame)
{
    RpcHeader header = { .program = KEEPALIVE_PROGRAM, .version = KEEPALIVE_VERSION, .proc = KEEPALIVE_PROC_PONG,
                         .type = VIR_NET_MESSAGE };

    if (frame->header.proc == KEEPALIVE_PROC_PING && rpc_conn_unsent(peer->conn) < PROBES_MAX)
        rpc_conn_send(peer->conn, &header, NULL, 0);
    return RPC_FRAME_TAKEN;
}

static int
take_reply(RpcPeer *peer, RpcFrame *frame)
{
    const Pending *pending = *find_pending(peer, frame->header.serial);

    if (!pending || pending->proc != frame->header.proc || pending->program != frame->header.program ||
        (frame->header.status != VIR_NET_OK && frame->header.status != VIR_NET_ERROR))
        return -1;
    complete(take_pending(peer, frame->header.serial), frame, NULL);
    return RPC_FRAME_TAKEN;
}

static int
peer_frame(RpcConn *conn, void *data, RpcFrame *frame)
{
    RpcPeer *peer = data;

    if (frame->header.program == KEEPALIVE_PROGRAM)
        return take_probe(peer, frame);
    if (peer->ops && peer->ops->ready && !peer->ops->ready(peer, peer->data))
        return RPC_FRAME_LATER;
    switch (frame->header.type) {
    case VIR_NET_REPLY:
    case VIR_NET_REPLY_WITH_FDS:
        return take_reply(peer, frame);
    case VIR_NET_MESSAGE:
    case VIR_NET_STREAM:
    case VIR_NET_STREAM_HOLE:
        return peer->ops && peer->ops->message ? peer->ops->message(peer, peer->data, frame) : RPC_FRAME_TAKEN;
    default:
        return -1;
    }
}

static void
peer_sent(RpcConn *conn, void *data)
{
    RpcPeer *peer = data;

    if (peer->ops && peer->ops->sent)
        peer->ops->sent(peer, peer->data);
}

static void
peer_closed(RpcConn *conn, void *data, const char *reason)
{
    RpcPeer *peer = rpc_peer_ref(data);

    peer->conn = rpc_conn_free(peer->conn);
    if (peer->ops && peer->ops->closed)
        peer->ops->closed(peer, peer->data, reason);
    fail_all(peer, reason);
    rpc_peer_unref(peer);
}

static const RpcConnOps peer_ops = { .frame = peer_frame, .sent = peer_sent, .closed = peer_closed };

int
rpc_peer_new(int fd, const char *name, RpcPeer **ret, Error *err)
{
    RpcPeer *peer = g_new0(RpcPeer, 1);

    peer->conn = rpc_conn_new(fd, &peer_ops, peer, err);
    if (!peer->conn) {
        g_free(peer);
        return -1;
    }
    peer->refs = 1;
    peer->name = g_strdup(name);
    peer->timeout = LOOP_NEVER;
    *ret = peer;
    return 0;
}

int
rpc_peer_connect(Job *job, const char *path, const char *name, RpcPeer **ret, Error *err)
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
    return rpc_peer_new(fd, name, ret, err);
}

RpcPeer *
rpc_peer_ref(RpcPeer *peer)
{
    peer->refs++;
    return peer;
}

RpcPeer *
rpc_peer_unref(RpcPeer *peer)
{
    if (!peer || --peer->refs)
        return NULL;
    peer->refs = 1; /* for who is told now */
    peer->conn = rpc_conn_free(peer->conn);
    fail_all(peer, "");
    g_free(peer->name);
    g_free(peer);
    return NULL;
}

RpcPeer *
rpc_peer_free(RpcPeer *peer)
{
    if (!peer)
        return NULL;
    peer->ops = NULL;
    peer->conn = rpc_conn_free(peer->conn);
    fail_all(peer, "");
    return rpc_peer_unref(peer);
}

bool
rpc_peer_broken(const RpcPeer *peer)
{
    return !peer->conn;
}

const char *
rpc_peer_name(const RpcPeer *peer)
{
    return peer->name;
}

bool
rpc_peer_shared(const RpcPeer *peer)
{
    return peer->refs > 1;
}

void
rpc_peer_set_timeout(RpcPeer *peer, uint64_t timeout)
{
    peer->timeout = timeout;
}

void
rpc_peer_set_ops(RpcPeer *peer, const RpcPeerOps *ops, void *data)
{
    peer->ops = ops;
    peer->data = data;
}

void
rpc_peer_resume(RpcPeer *peer)
{
    if (peer->conn)
        rpc_conn_resume(peer->conn);
}

size_t
rpc_peer_unsent(const RpcPeer *peer)
{
    return peer->conn ? rpc_conn_unsent(peer->conn) : 0;
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

static int
call_and_wait(Job *job, RpcPeer *peer, RpcProgramId program, uint32_t number, const void *args, Pending *pending, Error *err)
{
    if (add_pending(peer, pending, err) < 0)
        return -1;
    if (encode_call(peer, program, number, pending->serial, args, err) < 0) {
        take_pending(peer, pending->serial);
        return -1;
    }
    if (job_wait(job, &pending->wait, "another daemon's answer", peer->timeout, err) < 0) {
        give_up(peer, pending);
        return error_prefixf(err, "%s", peer->name);
    }
    return 0;
}

int
rpc_peer_call(Job *job, RpcPeer *peer, RpcProgramId program, uint32_t number, Arena *arena, const void *args, void *ret,
              Error *err)
{
    const RpcProc *proc = rpc_proc(program, number);
    Pending pending = { .arena = arena, .program = rpc_programs[program].number, .proc = (int32_t)number };
    int r;

    rpc_peer_ref(peer); /* it may break, and be dropped by its holder, while we wait */
    r = call_and_wait(job, peer, program, number, args, &pending, err);
    if (r >= 0 && pending.wait.result < 0)
        r = error_setf(err, FROM_RPC, ERR_NO_CONNECT, "the connection to '%s' broke during %s%s%s", peer->name,
                       rpc_proc_name(proc), *pending.reason ? ": " : "", pending.reason);
    else if (r >= 0 && pending.wait.result != VIR_NET_OK)
        r = decode_error(pending.payload, pending.size, arena, err);
    else if (r >= 0 && proc->ret)
        r = wire_decode(proc->ret, pending.payload, pending.size, arena, ret, err);
    g_free(pending.reason);
    rpc_peer_unref(peer);
    return r;
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

static void
close_fds(const int *fds, unsigned int n_fds)
{
    for (unsigned int i = 0; i < n_fds; i++)
        close(fds[i]);
}

int
rpc_peer_forward(RpcPeer *peer, const RpcHeader *header, const void *payload, size_t size, const int *fds,
                 unsigned int n_fds, RpcForwardedFn fn, void *data, uint32_t *ret_serial, Error *err)
{
    Pending *pending = g_new0(Pending, 1);
    RpcHeader own = *header;

    *pending = (Pending){ .program = header->program, .proc = header->proc, .fn = fn, .data = data };
    if (add_pending(peer, pending, err) < 0) {
        close_fds(fds, n_fds);
        g_free(pending);
        return -1;
    }
    own.serial = pending->serial;
    own.type = n_fds ? VIR_NET_CALL_WITH_FDS : VIR_NET_CALL;
    rpc_conn_send_fds(peer->conn, &own, payload, size, fds, n_fds);
    if (ret_serial)
        *ret_serial = own.serial;
    return 0;
}

void
rpc_peer_send(RpcPeer *peer, const RpcHeader *header, const void *payload, size_t size)
{
    if (peer->conn)
        rpc_conn_send(peer->conn, header, payload, size);
}
