/*
 * Whole connections: bytes through framing, dispatcher, decoding of every procedure, streams and keepalive of a live
 * server, as one client sends them. The first byte of the input says how the rest is read: raw bytes, or records that
 * are made into well-formed frames, so that the depths are reached too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/rpc/codec.h"
#include "common/rpc/rpc.h"
#include "protocol/net.h"
#include "protocol/remote.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static RpcServer *server;
static JobQueue queue;
static int pipe_fds[2], lent_fds[2]; /* of all streams that have one */
static unsigned int turn;

/* --- a daemon that has everything, and does nothing ------------------------------------------------------------------- */

static ssize_t
take(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    return MIN(size, 3);
}

static ssize_t
give(RpcStream *stream, void *data, void *buffer, size_t size, uint64_t *ret_hole, Error *err)
{
    return RPC_STREAM_END;
}

static const RpcStreamOps stream_ops = { .read = give, .write = take };

/* Every answer there is, in turn. */
static int
room(RpcStream *stream, void *data, size_t size, int *ret_pipe, Error *err)
{
    *ret_pipe = pipe_fds[1];
    switch (turn++ % 16) {
    case 5:
        rpc_stream_wake(stream);
        return 0;
    case 9:
        *ret_pipe = -1;
        return 1;
    case 15:
        return error_setf(err, FROM_STREAMS, ERR_OPERATION_FAILED, "no room");
    default:
        return 1;
    }
}

static void
filled(RpcStream *stream, void *data, size_t size)
{
    uint8_t bytes[4096];

    if (size == 0 || turn % 4 == 0)
        while (read(pipe_fds[0], bytes, sizeof(bytes)) > 0)
            ;
}

static ssize_t
lend(RpcStream *stream, void *data, RpcLoan *ret, size_t max, uint64_t *ret_hole, Error *err)
{
    uint8_t bytes[4096] = { 0 };
    ssize_t n;

    while (read(lent_fds[0], bytes, sizeof(bytes)) > 0)
        ;
    n = turn++ % 8 ? write(lent_fds[1], bytes, sizeof(bytes)) : 0;
    *ret = (RpcLoan){ .pipe = lent_fds[0] };
    return n > 0 ? n : RPC_STREAM_END;
}

static const RpcStreamOps upload_ops = { .write = take, .room = room, .filled = filled };
static const RpcStreamOps download_ops = { .lend = lend };

static const RpcStreamOps *
ops_of(const RpcProc *proc)
{
    return proc == rpc_proc(RPC_PROGRAM_REMOTE, REMOTE_PROC_STORAGE_VOL_UPLOAD)     ? &upload_ops
           : proc == rpc_proc(RPC_PROGRAM_REMOTE, REMOTE_PROC_STORAGE_VOL_DOWNLOAD) ? &download_ops
                                                                                    : &stream_ops;
}

static int
handle(RpcCall *call, Error *err)
{
    rpc_call_take_fd(call, 0);
    return rpc_call_proc(call)->stream ? rpc_stream_open(call, ops_of(rpc_call_proc(call)), NULL, NULL, err) : 0;
}

static int
handle_inline(RpcCall *call, const void *args, void *ret, Error *err)
{
    return handle(call, err);
}

static int
handle_fiber(Job *job, RpcCall *call, const void *args, void *ret, Error *err)
{
    job_yield(job);
    return handle(call, err);
}

static int
lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    *ret_object = &queue;
    return 0;
}

static void
unref(void *object)
{
}

static JobQueue *
object_queue(void *object, const char **ret_name)
{
    *ret_name = "thing";
    return object;
}

static const RpcObjectClass class = { .lookup = lookup, .unref = unref, .queue = object_queue };

static void
bind_rest(RpcProgramId program)
{
    for (unsigned int i = 1; i <= rpc_programs[program].last; i++) {
        const RpcProc *proc = rpc_proc(program, i);
        RpcBinding binding = { .program = program, .proc = i };

        /* What the layer itself serves is bound already: owner self, and those the CONNECT_ and EVENT_ rows name. */
        if (!proc || proc->event || proc->owner == RPC_OWNER_SELF ||
            (!proc->object && !proc->stream && strncmp(rpc_proc_name(proc), "CONNECT_", 8) == 0))
            continue;
        binding.handler = proc->job == RPC_JOB_INLINE ? (RpcAnyHandler *)handle_inline : (RpcAnyHandler *)handle_fiber;
        rpc_server_bind(server, &binding, 1);
    }
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const RpcServerOptions options = { .name = "fuzz", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu",
                                       .keepalive_interval = 5, .keepalive_count = 5 };

    signal(SIGPIPE, SIG_IGN);
    log_init("fuzz");
    log_set_level(LOG_LEVEL_ERROR, NULL);
    log_set_outputs("4:file:/dev/null", NULL);
    if (loop_init(NULL) < 0 || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(lent_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        abort();
    server = rpc_server_new(&options);
    bind_rest(RPC_PROGRAM_REMOTE);
    bind_rest(RPC_PROGRAM_QEMU);
    for (int i = RPC_OBJECT_NONE + 1; i < RPC_OBJECT_COUNT; i++)
        rpc_server_set_class(server, i, &class);
    return 0;
}

/* --- one connection --------------------------------------------------------------------------------------------------- */

static void
rounds(int count)
{
    while (count-- > 0)
        loop_run_once(0, NULL);
}

static void
put(int fd, const void *bytes, size_t size)
{
    uint8_t sink[4096];

    while (size) {
        ssize_t n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
                ;
            rounds(4);
            n = 0;
        }
        if (n < 0)
            return;
        bytes = (const uint8_t *)bytes + n;
        size -= n;
    }
}

static void
put_frame(int fd, uint32_t program, uint32_t proc, uint32_t type, uint32_t serial, uint32_t status, const void *payload,
          size_t size)
{
    uint32_t words[7] = { 28 + size, program, 1, proc, type, serial, status };

    for (int i = 0; i < 7; i++)
        wire_put_u32(&words[i], words[i]);
    put(fd, words, sizeof(words));
    put(fd, payload, size);
}

/* A packet that is worth a pipe: the bytes, and zeros. */
static void
put_packet(int fd, uint32_t proc, uint32_t serial, const uint8_t *bytes, size_t size)
{
    uint8_t *payload = g_malloc0(20000 + size);

    memcpy(payload, bytes, size);
    put_frame(fd, REMOTE_PROGRAM, proc, VIR_NET_STREAM, serial, VIR_NET_CONTINUE, payload, 20000 + size);
    g_free(payload);
}

/* Records: procedure (2), type and status (1), serial (1), size (1), payload. Type 7: a large packet. */
static void
put_records(int fd, const uint8_t *data, size_t size)
{
    static const uint32_t programs[] = { 0x20008086, 0x20008086, 0x20008087, 0x6b656570 };

    put_frame(fd, REMOTE_PROGRAM, REMOTE_PROC_CONNECT_OPEN, VIR_NET_CALL, 0, 0, "\0\0\0\0\0\0\0\0", 8);
    while (size >= 5) {
        uint32_t proc = (data[0] << 8 | data[1]) & 0x1ff, length = MIN(data[4], size - 5);

        if ((data[2] & 7) == 7)
            put_packet(fd, proc, data[3], data + 5, length);
        else
            put_frame(fd, programs[data[0] >> 6], proc, data[2] & 7, data[3], data[2] >> 6, data + 5, length);
        rounds(data[2] >> 4 & 3);
        data += 5 + length;
        size -= 5 + length;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RpcServiceOptions service = { 0 };
    int fds[2];

    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return 0;
    service.readonly = data[0] & 2;
    turn = 0;
    if (rpc_server_adopt(server, fds[1], &service, NULL, NULL) < 0)
        abort();
    if (data[0] & 1) {
        put_records(fds[0], data + 1, size - 1);
    } else {
        put(fds[0], data + 1, size - 1);
    }
    rounds(8);
    close(fds[0]);
    for (int i = 0; i < 1000 && (rpc_server_clients(server) || rpc_server_running_calls(server)); i++)
        rounds(1);
    if (rpc_server_clients(server) || rpc_server_running_calls(server) || queue.holder)
        abort();
    return 0;
}
