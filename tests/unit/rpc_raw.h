/*
 * A client made of bytes, for the tests of the RPC layer: one end of a socket pair, the other adopted by a server. Frames
 * are put together by hand, so that they can also be wrong.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/loop.h"
#include "common/rpc/codec.h"
#include "common/rpc/rpc.h"
#include "protocol/constants.h"
#include "protocol/net.h"
#include "protocol/qemu.h"
#include "protocol/remote.h"
#include "tests/unit/unit.h"

typedef struct Raw {
    int fd;
    uint32_t serial;
    GByteArray *in;
    bool closed;
    int fds[8]; /* received */
    unsigned int n_fds;
} Raw;

typedef struct RawReply {
    uint32_t program, type, serial, status;
    int32_t proc;
    uint8_t payload[300000];
    size_t size;
} RawReply;

static RawReply raw_last;

static inline Raw
raw_connect(RpcServer *server, const RpcServiceOptions *options)
{
    Raw raw = { .in = g_byte_array_new() };
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(rpc_server_adopt(server, fds[1], options, NULL, NULL), 0);
    raw.fd = fds[0];
    return raw;
}

static inline void
raw_done(Raw *raw)
{
    close(raw->fd);
    for (unsigned int i = 0; i < raw->n_fds; i++)
        close(raw->fds[i]);
    g_byte_array_free(raw->in, TRUE);
}

/* Let the server work until it has nothing to do for a moment. */
static inline void
settle(void)
{
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_run_once(0, NULL), 0);
}

static inline void
raw_write(Raw *raw, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size) {
        ssize_t n = send(raw->fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN) {
            settle();
            continue;
        }
        if (n < 0)
            return; /* closed by the server; the test looks at that */
        at += n;
        size -= n;
    }
}

/* The byte that follows a message with descriptors, and one of them. */
static inline void
raw_send_fd(Raw *raw, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
    struct iovec iov = { "", 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

    memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
    assert_int_equal(sendmsg(raw->fd, &msg, 0), 1);
}

/* length word and header, then payload */
static inline GByteArray *
raw_frame(uint32_t program, uint32_t version, int32_t proc, uint32_t type, uint32_t serial, uint32_t status,
          const void *payload, size_t size)
{
    uint32_t words[7] = { 28 + size, program, version, proc, type, serial, status };
    GByteArray *frame = g_byte_array_new();

    for (int i = 0; i < 7; i++) {
        uint8_t be[4];

        wire_put_u32(be, words[i]);
        g_byte_array_append(frame, be, 4);
    }
    if (size)
        g_byte_array_append(frame, payload, size);
    return frame;
}

static inline void
raw_send(Raw *raw, uint32_t program, int32_t proc, uint32_t type, uint32_t serial, uint32_t status, const void *payload,
         size_t size)
{
    g_autoptr(GByteArray) frame = raw_frame(program, 1, proc, type, serial, status, payload, size);

    raw_write(raw, frame->data, frame->len);
}

/* Send a call with arguments from a struct (type 0: none); returns its serial. */
static inline uint32_t
raw_call(Raw *raw, uint32_t program, int32_t proc, unsigned int type, const void *args)
{
    WireBuffer buffer = WIRE_BUFFER_INIT(1 << 24);

    assert_int_equal(wire_encode(type, args, &buffer, NULL), 0);
    raw_send(raw, program, proc, VIR_NET_CALL, raw->serial, 0, buffer.data, buffer.len);
    wire_buffer_done(&buffer);
    return raw->serial++;
}

static inline void
raw_read(Raw *raw)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 8)];
    } control;
    uint8_t bytes[65536];
    struct iovec iov = { bytes, sizeof(bytes) };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(raw->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n == 0 || (n < 0 && errno != EAGAIN))
        raw->closed = true;
    if (n <= 0)
        return;
    g_byte_array_append(raw->in, bytes, n);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
        if (c->cmsg_type == SCM_RIGHTS)
            memcpy(&raw->fds[raw->n_fds++], CMSG_DATA(c), sizeof(int));
}

/* Is there a whole message? Then it is taken into raw_last. */
static inline bool
raw_take(Raw *raw)
{
    uint32_t size = raw->in->len >= 4 ? wire_get_u32(raw->in->data) : 0;

    if (!size || raw->in->len < size)
        return false;
    raw_last.program = wire_get_u32(raw->in->data + 4);
    raw_last.proc = wire_get_u32(raw->in->data + 12);
    raw_last.type = wire_get_u32(raw->in->data + 16);
    raw_last.serial = wire_get_u32(raw->in->data + 20);
    raw_last.status = wire_get_u32(raw->in->data + 24);
    raw_last.size = size - 28;
    memcpy(raw_last.payload, raw->in->data + 28, raw_last.size);
    g_byte_array_remove_range(raw->in, 0, size);
    return true;
}

/* The next message; false when the server closed the connection, or kept silent for a second. */
static inline bool
raw_receive(Raw *raw)
{
    gint64 end = g_get_monotonic_time() + G_USEC_PER_SEC;

    while (!raw_take(raw)) {
        if (raw->closed || g_get_monotonic_time() > end)
            return false;
        assert_int_equal(loop_run_once(1000, NULL), 0);
        raw_read(raw);
    }
    return true;
}

static inline bool
raw_is_closed(Raw *raw)
{
    settle();
    while (!raw->closed && !raw_take(raw)) {
        struct pollfd poll_fd = { .fd = raw->fd, .events = POLLIN };

        if (poll(&poll_fd, 1, 0) == 0)
            break;
        raw_read(raw);
    }
    return raw->closed;
}

/* The code of the error in raw_last, its domain checked. */
static inline int
raw_error(ErrorDomain domain)
{
    virNetMessageError error;
    Arena arena;
    int code;

    assert_int_equal(raw_last.status, VIR_NET_ERROR);
    arena_init(&arena, NULL, 0);
    assert_int_equal(wire_decode(WIRE_virNetMessageError, raw_last.payload, raw_last.size, &arena, &error, NULL), 0);
    assert_int_equal(error.domain, domain);
    assert_int_equal(error.level, VIR_ERR_ERROR);
    assert_non_null(error.message);
    code = error.code;
    arena_done(&arena);
    return code;
}

/* Call and expect success; the reply is in raw_last. */
static inline void
raw_ok(Raw *raw, int32_t proc, unsigned int type, const void *args)
{
    uint32_t serial = raw_call(raw, REMOTE_PROGRAM, proc, type, args);

    assert_true(raw_receive(raw));
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.proc, proc);
    assert_int_equal(raw_last.status, VIR_NET_OK);
}

static inline int
raw_fails(Raw *raw, int32_t proc, unsigned int type, const void *args, ErrorDomain domain)
{
    uint32_t serial = raw_call(raw, REMOTE_PROGRAM, proc, type, args);

    assert_true(raw_receive(raw));
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    return raw_error(domain);
}

static inline void
raw_open(Raw *raw)
{
    remote_connect_open_args open = { .name = "qemu:///system" };

    raw_ok(raw, REMOTE_PROC_AUTH_LIST, 0, NULL);
    raw_ok(raw, REMOTE_PROC_CONNECT_OPEN, WIRE_remote_connect_open_args, &open);
}

/* A loop, a server with those handlers, and a connection to it that is open. */
static inline RpcServer *
raw_begin(const RpcBinding *bindings, size_t n, Raw *ret)
{
    const RpcServerOptions options = { .name = "virtqemud", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu" };
    RpcServer *server;

    assert_int_equal(loop_init(NULL), 0);
    server = rpc_server_new(&options);
    rpc_server_bind(server, bindings, n);
    *ret = raw_connect(server, &(RpcServiceOptions){ 0 });
    raw_open(ret);
    return server;
}

static inline void
raw_end(Raw *raw, RpcServer *server)
{
    raw_done(raw);
    settle();
    rpc_server_free(server);
    settle();
    loop_done();
}
