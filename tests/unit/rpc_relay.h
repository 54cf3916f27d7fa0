/*
 * The relay with all around it, in one process and over real sockets: a front daemon (virtsecretd, to have events of its
 * own) in front of two others, and a client of the front one. For the tests of the relay.
 */
#pragma once

#include "common/rpc/relay.h"

#include <fcntl.h>

#include "tests/unit/rpc_listen.h"
#include "tests/unit/rpc_raw.h"

static RpcServer *front, *qemu, *net;
static RpcTarget qemu_target, net_target;
static char *paths[4];
static Raw raw;

/* What the back daemons saw. */
static RpcIdentity seen;
static bool seen_readonly, hold;
static unsigned int net_opened, held, max_held;
static char *seen_token;

static inline int
relay(RpcCall *call, void *daemon, Error *err)
{
    const RpcProc *proc = rpc_call_proc(call);

    return rpc_relay_call(call, proc->owner == RPC_OWNER_NETWORK ? &net_target : &qemu_target, err);
}

/* --- handlers of the back daemons ------------------------------------------------------------------------------------- */

static inline int
network_lookup(RpcCall *call, const remote_network_lookup_by_name_args *args, remote_network_lookup_by_name_ret *ret, Error *err)
{
    seen = *rpc_client_identity(rpc_call_client(call));
    seen_readonly = rpc_client_readonly(rpc_call_client(call));
    g_free(seen_token);
    seen_token = g_strdup(seen.token);
    if (strcmp(args->name, "default") != 0) {
        error_setf(err, FROM_NETWORK, ERR_NO_NETWORK, "no network '%s'", args->name);
        err->str1 = g_strdup("extra");
        err->int2 = 12;
        return -1;
    }
    ret->net.name = args->name;
    return 0;
}

/* Takes until the test lets go. */
static inline int
network_create(Job *job, RpcCall *call, const remote_network_create_args *args, void *ret, Error *err)
{
    held++;
    max_held = MAX(max_held, held);
    while (hold)
        if (job_sleep(job, USEC_PER_MSEC, err) < 0)
            return -1;
    held--;
    return 0;
}

static inline int
get_version(Job *job, RpcCall *call, const void *args, remote_connect_get_version_ret *ret, Error *err)
{
    ret->hv_ver = 7;
    return 0;
}

static inline int
open_graphics(Job *job, RpcCall *call, const remote_domain_open_graphics_args *args, void *ret, Error *err)
{
    int fd = rpc_call_take_fd(call, 0);

    if (fd < 0)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "no descriptor");
    assert_int_equal(write(fd, "taken", 5), 5);
    close(fd);
    return 0;
}

static inline int
open_graphics_fd(Job *job, RpcCall *call, const remote_domain_open_graphics_fd_args *args, void *ret, Error *err)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], "from there", 10), 10);
    close(fds[1]);
    return rpc_call_reply_fd(call, fds[0], err);
}

typedef struct Sink {
    size_t taken, produced, to_produce;
    uint64_t holes;
    bool stuck, finished, fail, closed, aborted;
    RpcStream *stream;
} Sink;

static Sink sink;

static inline ssize_t
sink_write(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    if (sink.fail)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "no space left");
    if (sink.stuck)
        return 0;
    sink.taken += size;
    return size;
}

static inline ssize_t
sink_read(RpcStream *stream, void *data, void *buffer, size_t size, uint64_t *ret_hole, Error *err)
{
    if (sink.produced == sink.to_produce)
        return RPC_STREAM_END;
    size = MIN(size, sink.to_produce - sink.produced);
    memset(buffer, 'x', size);
    sink.produced += size;
    return size;
}

static inline int
sink_hole(RpcStream *stream, void *data, uint64_t length, Error *err)
{
    sink.holes += length;
    return 0;
}

static inline int
sink_finish(RpcStream *stream, void *data, Error *err)
{
    sink.finished = true;
    return 0;
}

static inline void
sink_closed(RpcStream *stream, void *data, bool aborted)
{
    sink.closed = true;
    sink.aborted = aborted;
}

static const RpcStreamOps sink_ops = { .write = sink_write, .hole = sink_hole, .finish = sink_finish, .closed = sink_closed };
static const RpcStreamOps source_ops = { .read = sink_read, .closed = sink_closed };

static inline int
upload(Job *job, RpcCall *call, const remote_storage_vol_upload_args *args, void *ret, Error *err)
{
    if (args->offset == 666)
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "no volume");
    return rpc_stream_open(call, &sink_ops, NULL, &sink.stream, err);
}

static inline int
download(Job *job, RpcCall *call, const remote_storage_vol_download_args *args, void *ret, Error *err)
{
    sink.to_produce = args->length;
    return rpc_stream_open(call, &source_ops, NULL, &sink.stream, err);
}

static const RpcBinding net_bindings[] = {
    REMOTE_BIND(NETWORK_LOOKUP_BY_NAME, network_lookup),
    REMOTE_BIND(NETWORK_CREATE, network_create),
};

static const RpcBinding qemu_bindings[] = {
    REMOTE_BIND(CONNECT_GET_VERSION, get_version),
    REMOTE_BIND(DOMAIN_OPEN_GRAPHICS, open_graphics),
    REMOTE_BIND(DOMAIN_OPEN_GRAPHICS_FD, open_graphics_fd),
    REMOTE_BIND(STORAGE_VOL_UPLOAD, upload),
    REMOTE_BIND(STORAGE_VOL_DOWNLOAD, download),
};

/* --- the three daemons ------------------------------------------------------------------------------------------------ */

static inline int
on_net_opened(void *daemon, RpcClient *client, Error *err)
{
    net_opened++;
    return 0;
}

static inline void
serve_net(void)
{
    static const RpcHooks hooks = { .opened = on_net_opened };
    const RpcServerOptions options = { .name = "virtnetworkd", .owner = RPC_OWNER_NETWORK, .type = "network",
                                       .scheme = "network", .hooks = &hooks };

    net = rpc_server_new(&options);
    rpc_server_bind(net, net_bindings, G_N_ELEMENTS(net_bindings));
    assert_int_equal(rpc_server_listen(net, listen_at("net"), &(RpcServiceOptions){ 0 }, NULL), 0);
    assert_int_equal(rpc_server_listen(net, listen_at("net-ro"), &(RpcServiceOptions){ .readonly = true }, NULL), 0);
}

static inline void
serve_qemu(void)
{
    const RpcServerOptions options = { .name = "virtqemud", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu" };

    qemu = rpc_server_new(&options);
    rpc_server_bind(qemu, qemu_bindings, G_N_ELEMENTS(qemu_bindings));
    assert_int_equal(rpc_server_listen(qemu, listen_at("qemu"), &(RpcServiceOptions){ 0 }, NULL), 0);
}

static inline void
open_front(Raw *client, bool readonly)
{
    remote_connect_open_args open = { .name = "secret:///system" };

    *client = raw_connect(front, &(RpcServiceOptions){ .readonly = readonly });
    raw_ok(client, REMOTE_PROC_CONNECT_OPEN, WIRE_remote_connect_open_args, &open);
}

static inline int
set_up(void **state)
{
    static const char *const names[] = { "net", "net-ro", "qemu", "liar" };
    static const RpcHooks hooks = { .relay = relay };
    const RpcServerOptions options = { .name = "virtsecretd", .owner = RPC_OWNER_SECRET, .type = "secret", .scheme = "secret",
                                       .hooks = &hooks };

    assert_int_equal(loop_init(NULL), 0);
    listen_set_up();
    for (int i = 0; i < 4; i++)
        paths[i] = listen_path(names[i]);
    net_target = (RpcTarget){ .daemon = "virtnetworkd", .socket = paths[0], .socket_ro = paths[1], .uri = "network:///system" };
    qemu_target = (RpcTarget){ .daemon = "virtqemud", .socket = paths[2], .uri = "qemu:///system" };
    memset(&sink, 0, sizeof(sink));
    net_opened = held = max_held = 0;
    hold = false;
    front = rpc_server_new(&options);
    open_front(&raw, false);
    return 0;
}

static inline void
free_server(RpcServer **server)
{
    for (int i = 0; i < 1000 && *server && rpc_server_running_calls(*server); i++)
        loop_run_once(1000, NULL);
    *server = rpc_server_free(*server);
    settle();
}

static inline int
tear_down(void **state)
{
    raw_done(&raw);
    hold = false;
    settle();
    free_server(&front);
    free_server(&net);
    free_server(&qemu);
    settle();
    listen_tear_down();
    for (int i = 0; i < 4; i++)
        g_free(paths[i]);
    g_clear_pointer(&seen_token, g_free);
    loop_done();
    return 0;
}

/* --- what tests share ------------------------------------------------------------------------------------------------- */

static inline uint32_t
lookup(Raw *client, const char *name)
{
    remote_network_lookup_by_name_args args = { .name = name };

    return raw_call(client, REMOTE_PROGRAM, REMOTE_PROC_NETWORK_LOOKUP_BY_NAME, WIRE_remote_network_lookup_by_name_args, &args);
}

/* The answer is there, and is that of a look-up. */
static inline void
lookup_ok(Raw *client)
{
    uint32_t serial = lookup(client, "default");

    assert_true(raw_receive(client));
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    assert_int_equal(raw_last.proc, REMOTE_PROC_NETWORK_LOOKUP_BY_NAME);
    assert_int_equal(raw_last.program, REMOTE_PROGRAM);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(raw_last.size, 4 + 8 + VIR_UUID_BUFLEN);
}

static inline uint32_t
create(Raw *client)
{
    remote_network_create_args args = { .net.name = "default" };

    return raw_call(client, REMOTE_PROGRAM, REMOTE_PROC_NETWORK_CREATE, WIRE_remote_network_create_args, &args);
}

/* The message of the error in raw_last holds the text. */
static inline void
error_says(const char *text)
{
    assert_non_null(memmem(raw_last.payload, raw_last.size, text, strlen(text)));
}

static inline uint32_t
start_upload(uint64_t offset, unsigned int flags)
{
    remote_storage_vol_upload_args args = { .vol = { .pool = "p", .name = "v", .key = "k" }, .offset = offset, .flags = flags };

    return raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, WIRE_remote_storage_vol_upload_args, &args);
}
