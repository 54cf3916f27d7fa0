/*
 * The relay: a front daemon (virtsecretd, to have events of its own) in front of two others, all in one process and over
 * real sockets. Calls, errors, descriptors, streams, events and losses as a client sees them through it.
 */
#include "common/rpc/relay.h"

#include <fcntl.h>

#include "protocol/keepalive.h"
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

static int
relay(RpcCall *call, void *daemon, Error *err)
{
    const RpcProc *proc = rpc_call_proc(call);

    return rpc_relay_call(call, proc->owner == RPC_OWNER_NETWORK ? &net_target : &qemu_target, err);
}

/* --- handlers of the back daemons ------------------------------------------------------------------------------------- */

static int
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
static int
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

static int
get_version(Job *job, RpcCall *call, const void *args, remote_connect_get_version_ret *ret, Error *err)
{
    ret->hv_ver = 7;
    return 0;
}

static int
open_graphics(Job *job, RpcCall *call, const remote_domain_open_graphics_args *args, void *ret, Error *err)
{
    int fd = rpc_call_take_fd(call, 0);

    if (fd < 0)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "no descriptor");
    assert_int_equal(write(fd, "taken", 5), 5);
    close(fd);
    return 0;
}

static int
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

static ssize_t
sink_write(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    if (sink.fail)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "no space left");
    if (sink.stuck)
        return 0;
    sink.taken += size;
    return size;
}

static ssize_t
sink_read(RpcStream *stream, void *data, void *buffer, size_t size, uint64_t *ret_hole, Error *err)
{
    if (sink.produced == sink.to_produce)
        return RPC_STREAM_END;
    size = MIN(size, sink.to_produce - sink.produced);
    memset(buffer, 'x', size);
    sink.produced += size;
    return size;
}

static int
sink_hole(RpcStream *stream, void *data, uint64_t length, Error *err)
{
    sink.holes += length;
    return 0;
}

static int
sink_finish(RpcStream *stream, void *data, Error *err)
{
    sink.finished = true;
    return 0;
}

static void
sink_closed(RpcStream *stream, void *data, bool aborted)
{
    sink.closed = true;
    sink.aborted = aborted;
}

static const RpcStreamOps sink_ops = { .write = sink_write, .hole = sink_hole, .finish = sink_finish, .closed = sink_closed };
static const RpcStreamOps source_ops = { .read = sink_read, .closed = sink_closed };

static int
upload(Job *job, RpcCall *call, const remote_storage_vol_upload_args *args, void *ret, Error *err)
{
    if (args->offset == 666)
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "no volume");
    return rpc_stream_open(call, &sink_ops, NULL, &sink.stream, err);
}

static int
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

static int
on_net_opened(void *daemon, RpcClient *client, Error *err)
{
    net_opened++;
    return 0;
}

static void
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

static void
serve_qemu(void)
{
    const RpcServerOptions options = { .name = "virtqemud", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu" };

    qemu = rpc_server_new(&options);
    rpc_server_bind(qemu, qemu_bindings, G_N_ELEMENTS(qemu_bindings));
    assert_int_equal(rpc_server_listen(qemu, listen_at("qemu"), &(RpcServiceOptions){ 0 }, NULL), 0);
}

static void
open_front(Raw *client, bool readonly)
{
    remote_connect_open_args open = { .name = "secret:///system" };

    *client = raw_connect(front, &(RpcServiceOptions){ .readonly = readonly });
    raw_ok(client, REMOTE_PROC_CONNECT_OPEN, WIRE_remote_connect_open_args, &open);
}

static int
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

static void
free_server(RpcServer **server)
{
    for (int i = 0; i < 1000 && *server && rpc_server_running_calls(*server); i++)
        loop_run_once(1000, NULL);
    *server = rpc_server_free(*server);
    settle();
}

static int
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

static uint32_t
lookup(Raw *client, const char *name)
{
    remote_network_lookup_by_name_args args = { .name = name };

    return raw_call(client, REMOTE_PROGRAM, REMOTE_PROC_NETWORK_LOOKUP_BY_NAME, WIRE_remote_network_lookup_by_name_args, &args);
}

/* The answer is there, and is that of a look-up. */
static void
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

static uint32_t
create(Raw *client)
{
    remote_network_create_args args = { .net.name = "default" };

    return raw_call(client, REMOTE_PROGRAM, REMOTE_PROC_NETWORK_CREATE, WIRE_remote_network_create_args, &args);
}

/* The message of the error in raw_last holds the text. */
static void
error_says(const char *text)
{
    assert_non_null(memmem(raw_last.payload, raw_last.size, text, strlen(text)));
}

/* --- calls ------------------------------------------------------------------------------------------------------------ */

static void
passes_calls(void **state)
{
    serve_net();
    lookup_ok(&raw);
    lookup_ok(&raw);
    assert_int_equal(net_opened, 1);
    assert_int_equal(seen.uid, geteuid());
    assert_int_equal(seen.gid, getegid());
    assert_int_equal(seen.pid, getpid());
    assert_true(seen.start_time > 0);
    assert_null(seen_token); /* it would elevate the client */
    assert_false(seen_readonly);
}

static void
passes_errors(void **state)
{
    virNetMessageError error;
    Arena arena;

    serve_net();
    lookup(&raw, "other");
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_ERROR);
    arena_init(&arena, NULL, 0);
    assert_int_equal(wire_decode(WIRE_virNetMessageError, raw_last.payload, raw_last.size, &arena, &error, NULL), 0);
    assert_int_equal(error.code, ERR_NO_NETWORK);
    assert_int_equal(error.domain, FROM_NETWORK);
    assert_string_equal(error.message, "no network 'other'");
    assert_string_equal(error.str1, "extra");
    assert_int_equal(error.int2, 12);
    arena_done(&arena);
}

/* Each client has its own connection, which goes with it. */
static void
one_connection_per_client(void **state)
{
    Raw second;

    serve_net();
    open_front(&second, false);
    lookup_ok(&raw);
    assert_int_equal(rpc_server_clients(net), 1);
    lookup_ok(&second);
    lookup_ok(&second);
    assert_int_equal(net_opened, 2);
    assert_int_equal(rpc_server_clients(net), 2);
    raw_done(&second);
    settle();
    assert_int_equal(rpc_server_clients(net), 1);
    lookup_ok(&raw);
}

static void
answers_find_their_calls(void **state)
{
    uint32_t slow, fast;

    serve_net();
    hold = true;
    slow = create(&raw);
    fast = lookup(&raw, "default");
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.serial, fast);
    assert_int_equal(raw_last.proc, REMOTE_PROC_NETWORK_LOOKUP_BY_NAME);
    hold = false;
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.serial, slow);
    assert_int_equal(raw_last.proc, REMOTE_PROC_NETWORK_CREATE);
    assert_int_equal(raw_last.size, 0);
}

/* A daemon that hangs holds up neither calls to others nor our own; how many it gets at a time is bounded. */
static void
keeps_to_the_quota(void **state)
{
    serve_net();
    serve_qemu();
    hold = true;
    for (int i = 0; i < 20; i++)
        create(&raw);
    settle();
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL);
    assert_int_equal(rpc_server_running_calls(front), 5);
    assert_int_equal(max_held, 5);
    hold = false;
    for (int i = 0; i < 20; i++)
        assert_true(raw_receive(&raw));
    assert_int_equal(max_held, 5);
    lookup_ok(&raw);
}

static void
drain_awaits_answers(void **state)
{
    uint32_t serial;

    serve_net();
    hold = true;
    serial = create(&raw);
    settle();
    rpc_server_drain(front);
    settle();
    assert_int_equal(rpc_server_running_calls(front), 1);
    hold = false;
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(rpc_server_running_calls(front), 0);
}

static void
client_goes_during_calls(void **state)
{
    Raw second;

    serve_net();
    open_front(&second, false);
    create(&second); /* goes while the connection is being made */
    raw_done(&second);
    settle();
    assert_int_equal(rpc_server_running_calls(front), 0);
    open_front(&second, false);
    hold = true;
    create(&second);
    settle();
    assert_int_equal(held, 1);
    raw_done(&second);
    settle();
    assert_int_equal(rpc_server_running_calls(front), 0);
    assert_int_equal(rpc_server_clients(net), 0);
    hold = false;
    lookup_ok(&raw);
}

static void
readonly_stays_readonly(void **state)
{
    Raw reader;

    serve_net();
    serve_qemu();
    open_front(&reader, true);
    lookup_ok(&reader);
    assert_true(seen_readonly);
    assert_int_equal(raw_fails(&reader, REMOTE_PROC_NETWORK_CREATE, WIRE_remote_network_create_args,
                               &(remote_network_create_args){ .net.name = "default" }, FROM_NETWORK), ERR_OPERATION_DENIED);
    raw_ok(&reader, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL); /* where there is no read-only socket */
    raw_done(&reader);
}

static void
identity_is_the_latest(void **state)
{
    remote_typed_param param = { .field = "unix-user-id", .value = { .type = VIR_TYPED_PARAM_ULLONG, .ul = 4711 } };
    remote_connect_set_identity_args args = { .params = &param, .n_params = 1 };

    serve_net();
    lookup_ok(&raw);
    assert_int_equal(seen.uid, geteuid());
    raw_ok(&raw, REMOTE_PROC_CONNECT_SET_IDENTITY, WIRE_remote_connect_set_identity_args, &args);
    lookup_ok(&raw);
    assert_int_equal(seen.uid, 4711);
    assert_int_equal(net_opened, 2);
}

/* --- another daemon that is not there, or goes ------------------------------------------------------------------------ */

static void
not_installed(void **state)
{
    for (int i = 0; i < 2; i++) {
        lookup(&raw, "default");
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_error(FROM_NETWORK), ERR_NO_SUPPORT);
        error_says("virtnetworkd is not installed");
        error_says(paths[0]);
        error_says("not supported by the connection driver: virNetworkLookupByName");
    }
    close(listen_at("net")); /* a socket file that nobody listens on */
    lookup(&raw, "default");
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_error(FROM_NETWORK), ERR_NO_CONNECT);
    error_says("virtnetworkd");
    error_says("Connection refused");
    for (int i = 0; i < 8; i++) /* more than at a time */
        create(&raw);
    for (int i = 0; i < 8; i++) {
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_error(FROM_NETWORK), ERR_NO_CONNECT);
    }
    serve_net();
    lookup_ok(&raw);
}

static void
restart_between_calls(void **state)
{
    serve_net();
    lookup_ok(&raw);
    free_server(&net);
    serve_net();
    lookup_ok(&raw);
    assert_int_equal(net_opened, 2);
}

/* --- descriptors ------------------------------------------------------------------------------------------------------ */

static void
passes_descriptors(void **state)
{
    remote_domain_open_graphics_args args = { .dom.name = "one" };
    remote_domain_open_graphics_fd_args fd_args = { .dom.name = "one" };
    WireBuffer payload = WIRE_BUFFER_INIT(4096);
    GByteArray *frame;
    char text[16] = "";
    int pair[2];

    serve_qemu();
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    memcpy(wire_buffer_append(&payload, 4, NULL), "\0\0\0\1", 4);
    assert_int_equal(wire_encode(WIRE_remote_domain_open_graphics_args, &args, &payload, NULL), 0);
    frame = raw_frame(REMOTE_PROGRAM, 1, REMOTE_PROC_DOMAIN_OPEN_GRAPHICS, VIR_NET_CALL_WITH_FDS, raw.serial++, 0, payload.data,
                      payload.len);
    raw_write(&raw, frame->data, frame->len);
    raw_send_fd(&raw, pair[1]);
    close(pair[1]);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(read(pair[0], text, sizeof(text)), 5);
    assert_string_equal(text, "taken");
    close(pair[0]);
    g_byte_array_free(frame, TRUE);
    wire_buffer_done(&payload);

    raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_OPEN_GRAPHICS_FD, WIRE_remote_domain_open_graphics_fd_args, &fd_args);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_REPLY_WITH_FDS);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    while (!raw.n_fds) {
        loop_run_once(1000, NULL);
        raw_read(&raw);
    }
    assert_int_equal(read(raw.fds[0], text, sizeof(text)), 10);
    assert_memory_equal(text, "from there", 10);
    g_byte_array_set_size(raw.in, 0);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL);
}

/* --- streams ---------------------------------------------------------------------------------------------------------- */

static uint32_t
start_upload(uint64_t offset, unsigned int flags)
{
    remote_storage_vol_upload_args args = { .vol = { .pool = "p", .name = "v", .key = "k" }, .offset = offset, .flags = flags };

    return raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, WIRE_remote_storage_vol_upload_args, &args);
}

static void
send_packet(uint32_t type, uint32_t serial, uint32_t status, const void *bytes, size_t size)
{
    raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, type, serial, status, bytes, size);
}

static void
upload_finishes(void **state)
{
    static const uint8_t hole[12] = { 0, 0, 0, 0, 0, 0, 16 };
    uint8_t bytes[1000] = { 1 };
    uint32_t serial;

    serve_qemu();
    raw.serial = 100; /* unlike any serial over there */
    serial = start_upload(0, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    for (int i = 0; i < 10; i++)
        send_packet(VIR_NET_STREAM, serial, VIR_NET_CONTINUE, bytes, sizeof(bytes));
    send_packet(VIR_NET_STREAM_HOLE, serial, VIR_NET_CONTINUE, hole, sizeof(hole));
    send_packet(VIR_NET_STREAM, serial, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.proc, REMOTE_PROC_STORAGE_VOL_UPLOAD);
    assert_int_equal(sink.taken, 10000);
    assert_int_equal(sink.holes, 4096);
    assert_true(sink.finished && sink.closed && !sink.aborted);
    send_packet(VIR_NET_STREAM, serial, VIR_NET_CONTINUE, bytes, sizeof(bytes)); /* too late: dropped */
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL);
}

static void
upload_fails(void **state)
{
    uint8_t bytes[1000] = { 1 };
    uint32_t serial;

    serve_qemu();
    serial = start_upload(666, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_error(FROM_STORAGE), ERR_NO_STORAGE_VOL);
    serial = start_upload(0, 0);
    assert_true(raw_receive(&raw));
    sink.fail = true;
    send_packet(VIR_NET_STREAM, serial, VIR_NET_CONTINUE, bytes, sizeof(bytes));
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_error(FROM_STORAGE), ERR_OPERATION_FAILED);
    assert_true(sink.aborted);
    sink.fail = false;
    serial = start_upload(0, 0);
    assert_true(raw_receive(&raw));
    send_packet(VIR_NET_STREAM, serial, VIR_NET_ERROR, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_true(sink.aborted);
}

/* Data that is not taken there is not taken here: the client's socket fills. */
static void
upload_is_held_back(void **state)
{
    static uint8_t bytes[RPC_STREAM_CHUNK];
    g_autoptr(GByteArray) frame = NULL;
    size_t sent = 0, at = 0;
    uint32_t serial;

    serve_qemu();
    sink.stuck = true;
    serial = start_upload(0, 0);
    assert_true(raw_receive(&raw));
    frame = raw_frame(REMOTE_PROGRAM, 1, REMOTE_PROC_STORAGE_VOL_UPLOAD, VIR_NET_STREAM, serial, VIR_NET_CONTINUE, bytes, sizeof(bytes));
    for (int idle = 0; idle < 50;) {
        ssize_t n = send(raw.fd, frame->data + at, frame->len - at, MSG_NOSIGNAL | MSG_DONTWAIT);

        idle = n < 0 ? idle + 1 : 0;
        at = n < 0 ? at : (at + n) % frame->len;
        sent += n < 0 ? 0 : n;
        settle();
        assert_true(sent < 20u << 20);
    }
    assert_true(sent > 4u << 20);
    sink.stuck = false;
    rpc_stream_wake(sink.stream);
    while (at) {
        ssize_t n = send(raw.fd, frame->data + at, frame->len - at, MSG_NOSIGNAL | MSG_DONTWAIT);

        at = n < 0 ? at : (at + n) % frame->len;
        settle();
    }
    send_packet(VIR_NET_STREAM, serial, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_true(sink.taken > 4u << 20);
}

static void
download_is_held_back(void **state)
{
    remote_storage_vol_download_args args = { .vol = { .pool = "p", .name = "v", .key = "k" }, .length = 64u << 20 };
    size_t got = 0, before;

    serve_qemu();
    raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_DOWNLOAD, WIRE_remote_storage_vol_download_args, &args);
    for (int i = 0; i < 50; i++)
        settle();
    before = sink.produced;
    assert_true(before > 2u << 20 && before < 8u << 20); /* two queues of RPC_OUTPUT_HIGH, and sockets */
    for (int i = 0; i < 50; i++)
        settle();
    assert_int_equal(sink.produced, before);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    while (true) {
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.type, VIR_NET_STREAM);
        assert_int_equal(raw_last.status, VIR_NET_CONTINUE);
        assert_int_equal(raw_last.serial, raw.serial - 1);
        if (!raw_last.size)
            break;
        got += raw_last.size;
    }
    assert_int_equal(got, 64u << 20);
    raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_DOWNLOAD, VIR_NET_STREAM, raw.serial - 1, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_true(sink.closed && !sink.aborted);
}

static void
stream_is_lost(void **state)
{
    uint8_t bytes[1000] = { 1 };
    uint32_t serial;

    serve_qemu();
    serial = start_upload(0, 0);
    assert_true(raw_receive(&raw));
    free_server(&qemu);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_error(FROM_RPC), ERR_NO_CONNECT);
    error_says("virtqemud");
    send_packet(VIR_NET_STREAM, serial, VIR_NET_CONTINUE, bytes, sizeof(bytes)); /* it could not know */
    serve_qemu();
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL);
}

static void
streams_are_bounded(void **state)
{
    serve_qemu();
    for (int i = 0; i < RPC_STREAM_MAX; i++) {
        start_upload(0, 0);
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.status, VIR_NET_OK);
    }
    start_upload(0, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_error(FROM_STREAMS), ERR_OPERATION_FAILED);
    send_packet(VIR_NET_STREAM, 1, VIR_NET_ERROR, NULL, 0);
    assert_true(raw_receive(&raw));
    start_upload(0, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

static int
register_network(Raw *client)
{
    remote_connect_network_event_register_any_args args = { .eventID = VIR_NETWORK_EVENT_ID_LIFECYCLE };

    raw_ok(client, REMOTE_PROC_CONNECT_NETWORK_EVENT_REGISTER_ANY, WIRE_remote_connect_network_event_register_any_args, &args);
    assert_int_equal(raw_last.size, 4);
    return wire_get_u32(raw_last.payload);
}

static int
register_domain(Raw *client)
{
    remote_connect_domain_event_callback_register_any_args args = { .eventID = VIR_DOMAIN_EVENT_ID_LIFECYCLE };

    raw_ok(client, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY,
           WIRE_remote_connect_domain_event_callback_register_any_args, &args);
    return wire_get_u32(raw_last.payload);
}

static int
register_secret(Raw *client)
{
    remote_connect_secret_event_register_any_args args = { .eventID = VIR_SECRET_EVENT_ID_LIFECYCLE };

    raw_ok(client, REMOTE_PROC_CONNECT_SECRET_EVENT_REGISTER_ANY, WIRE_remote_connect_secret_event_register_any_args, &args);
    return wire_get_u32(raw_last.payload);
}

static void
send_network_event(void)
{
    remote_network_event_lifecycle_msg message = { .net.name = "default", .event = VIR_NETWORK_EVENT_STARTED };

    rpc_event_send(net, RPC_PROGRAM_REMOTE, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, &message, message.net.uuid, VIR_UUID_BUFLEN, NULL);
}

static void
send_domain_event(void)
{
    remote_domain_event_callback_lifecycle_msg message = { .msg.dom.name = "one", .msg.event = VIR_DOMAIN_EVENT_STARTED };

    rpc_event_send(qemu, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &message, message.msg.dom.uuid,
                   VIR_UUID_BUFLEN, NULL);
}

/* The next message is that event, with that id. */
static void
hears(Raw *client, int proc, int id)
{
    assert_true(raw_receive(client));
    assert_int_equal(raw_last.type, VIR_NET_MESSAGE);
    assert_int_equal(raw_last.proc, proc);
    assert_int_equal(raw_last.serial, 1);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal((int)wire_get_u32(raw_last.payload), id);
}

static void
deregister_network(Raw *client, int id)
{
    remote_connect_network_event_deregister_any_args args = { .callbackID = id };

    raw_ok(client, REMOTE_PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY, WIRE_remote_connect_network_event_deregister_any_args, &args);
}

static void
callback_ids_differ(void **state)
{
    remote_secret_event_lifecycle_msg secret_message = { .secret.usageID = "" };
    int secret, network, domain, second;

    serve_net();
    serve_qemu();
    secret = register_secret(&raw); /* each of the three daemons calls its first one 0 */
    network = register_network(&raw);
    domain = register_domain(&raw);
    second = register_network(&raw);
    assert_true(secret != network && network != domain && secret != domain && second != network && second != domain);
    send_domain_event();
    hears(&raw, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, domain);
    rpc_event_send(front, RPC_PROGRAM_REMOTE, REMOTE_PROC_SECRET_EVENT_LIFECYCLE, &secret_message, "", 0, NULL);
    hears(&raw, REMOTE_PROC_SECRET_EVENT_LIFECYCLE, secret);
    send_network_event();
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second); /* newest first */
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, network);
    deregister_network(&raw, network);
    send_network_event();
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second);
    /* neither an id of another class nor one given up is known */
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY,
                               WIRE_remote_connect_network_event_deregister_any_args,
                               &(remote_connect_network_event_deregister_any_args){ .callbackID = domain }, FROM_RPC), ERR_INTERNAL_ERROR);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY,
                               WIRE_remote_connect_network_event_deregister_any_args,
                               &(remote_connect_network_event_deregister_any_args){ .callbackID = network }, FROM_RPC), ERR_INTERNAL_ERROR);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_NETWORK_EVENT_REGISTER_ANY,
                               WIRE_remote_connect_network_event_register_any_args,
                               &(remote_connect_network_event_register_any_args){ .eventID = 99 }, FROM_RPC), ERR_INTERNAL_ERROR);
}

static void
older_registrations(void **state)
{
    remote_connect_domain_event_register_any_args any = { .eventID = VIR_DOMAIN_EVENT_ID_REBOOT };
    remote_domain_event_callback_reboot_msg reboot = { .msg.dom.name = "one" };

    serve_qemu();
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER, 0, NULL);
    assert_int_equal(wire_get_u32(raw_last.payload), 1);
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER_ANY, WIRE_remote_connect_domain_event_register_any_args, &any);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER_ANY,
                               WIRE_remote_connect_domain_event_register_any_args, &any, FROM_RPC), ERR_INTERNAL_ERROR);
    for (int i = 0; i < 2; i++) {
        send_domain_event();
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.proc, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE);
        assert_int_equal(wire_get_u32(raw_last.payload), 3); /* no id: the name comes first */
        rpc_event_send(qemu, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_REBOOT, &reboot, reboot.msg.dom.uuid,
                       VIR_UUID_BUFLEN, NULL);
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.proc, REMOTE_PROC_DOMAIN_EVENT_REBOOT);
        if (i == 1)
            break;
        free_server(&qemu); /* and after a loss */
        serve_qemu();
        raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL);
        settle();
    }
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER, 0, NULL);
    assert_int_equal(wire_get_u32(raw_last.payload), 0);
    send_domain_event();
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_VERSION, 0, NULL); /* and no event */
    free_server(&qemu);
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER_ANY, WIRE_remote_connect_domain_event_deregister_any_args,
           &(remote_connect_domain_event_deregister_any_args){ .eventID = VIR_DOMAIN_EVENT_ID_REBOOT });
}

/* Wait until the other daemon has so many clients. */
static void
await_clients(RpcServer *server, size_t count)
{
    for (int i = 0; i < 2000 && rpc_server_clients(server) != count; i++)
        loop_run_once(10000, NULL);
    assert_int_equal(rpc_server_clients(server), count);
    settle();
}

static void
registrations_are_renewed(void **state)
{
    int first, second;

    serve_net();
    first = register_network(&raw);
    second = register_network(&raw);
    deregister_network(&raw, first);
    for (int i = 0; i < 3; i++) {
        free_server(&net);
        serve_net();
        await_clients(net, 1); /* without any call of the client */
        send_network_event();
        hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second);
    }
    assert_false(raw_is_closed(&raw));
    deregister_network(&raw, second);
    send_network_event();
    lookup_ok(&raw); /* no event before it */
}

static void
deregistered_while_down(void **state)
{
    int first, second;

    serve_net();
    first = register_network(&raw);
    second = register_network(&raw);
    free_server(&net);
    lookup(&raw, "default");
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_error(FROM_NETWORK), ERR_NO_CONNECT); /* the socket is there, nobody listens */
    deregister_network(&raw, first);
    serve_net();
    await_clients(net, 1);
    send_network_event();
    hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, second);
    lookup_ok(&raw);
}

/* The connection is to be made anew just when the client goes. */
static void
client_goes_with_the_daemon(void **state)
{
    for (int i = 0; i < 10; i++) {
        Raw second;

        serve_net();
        open_front(&second, false);
        register_network(&second);
        if (i % 2)
            raw_done(&second);
        net = rpc_server_free(net);
        if (i % 2 == 0)
            raw_done(&second);
        settle();
        assert_int_equal(rpc_server_clients(front), 1);
    }
}

/* Who does not read gets what fits, and then keeps nobody but itself waiting. */
static void
events_are_held_back(void **state)
{
    static char name[60000];
    remote_network_event_lifecycle_msg message = { .net.name = name };
    Raw other;
    int id;

    memset(name, 'n', sizeof(name) - 1);
    serve_net();
    open_front(&other, false);
    id = register_network(&raw);
    for (int i = 0; i < 100; i++) {
        rpc_event_send(net, RPC_PROGRAM_REMOTE, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, &message, message.net.uuid, VIR_UUID_BUFLEN, NULL);
        settle();
    }
    lookup_ok(&other);
    for (int i = 0; i < 100; i++)
        hears(&raw, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, id);
    lookup_ok(&raw);
    raw_done(&other);
}

/* --- a daemon that lies ----------------------------------------------------------------------------------------------- */

typedef struct Liar {
    int listener;
    Raw raw;
    bool connected;
} Liar;

static Liar liar;

static void
liar_done(void)
{
    if (liar.connected)
        raw_done(&liar.raw);
    close(liar.listener);
    liar = (Liar){ 0 };
}

/* Until the client's call has come, now in raw_last: connections and handshakes are answered as they should be. */
static void
liar_hears_call(int proc)
{
    static const uint8_t auth[8] = { 0, 0, 0, 1 };

    for (int i = 0; i < 2000; i++) {
        int fd = liar.connected ? -1 : accept4(liar.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            liar.raw = (Raw){ .fd = fd, .in = g_byte_array_new() };
            liar.connected = true;
        }
        loop_run_once(1000, NULL);
        if (!liar.connected)
            continue;
        raw_read(&liar.raw);
        while (raw_take(&liar.raw)) {
            bool listing = raw_last.proc == REMOTE_PROC_AUTH_LIST;

            if (raw_last.proc == proc)
                return;
            raw_send(&liar.raw, REMOTE_PROGRAM, raw_last.proc, VIR_NET_REPLY, raw_last.serial, VIR_NET_OK, auth, listing ? 8 : 0);
        }
    }
    fail_msg("no call came");
}

/* The client's call in flight failed, its connection did not, and a new one serves it. */
static void
only_that_is_lost(uint32_t serial)
{
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_error(FROM_NETWORK), ERR_NO_CONNECT);
    error_says("virtnetworkd");
    liar_done();
    serve_net();
    lookup_ok(&raw);
    free_server(&net);
}

typedef struct Lie {
    uint32_t program, type, status;
    int32_t proc;
    int32_t serial; /* relative to the call's */
    size_t size;
} Lie;

static const Lie lies[] = {
    { REMOTE_PROGRAM, VIR_NET_REPLY, VIR_NET_OK, REMOTE_PROC_NETWORK_CREATE, 1, 0 },      /* to nothing */
    { REMOTE_PROGRAM, VIR_NET_REPLY, VIR_NET_OK, REMOTE_PROC_NETWORK_CREATE, -1, 0 },     /* a second time */
    { REMOTE_PROGRAM, VIR_NET_REPLY, VIR_NET_OK, REMOTE_PROC_NETWORK_DESTROY, 0, 0 },     /* to something else */
    { QEMU_PROGRAM, VIR_NET_REPLY, VIR_NET_OK, REMOTE_PROC_NETWORK_CREATE, 0, 0 },
    { REMOTE_PROGRAM, VIR_NET_REPLY, VIR_NET_CONTINUE, REMOTE_PROC_NETWORK_CREATE, 0, 0 },
    { REMOTE_PROGRAM, VIR_NET_REPLY, 77, REMOTE_PROC_NETWORK_CREATE, 0, 0 },
    { REMOTE_PROGRAM, VIR_NET_CALL, VIR_NET_OK, REMOTE_PROC_NETWORK_CREATE, 0, 0 },       /* we serve nobody there */
    { REMOTE_PROGRAM, VIR_NET_CALL_WITH_FDS, VIR_NET_OK, REMOTE_PROC_NETWORK_CREATE, 0, 8 },
    { REMOTE_PROGRAM, 99, VIR_NET_OK, REMOTE_PROC_NETWORK_CREATE, 0, 0 },
    { 0x12345678, VIR_NET_MESSAGE, VIR_NET_OK, 1, 0, 8 },                                /* events of a strange program */
    { REMOTE_PROGRAM, VIR_NET_MESSAGE, VIR_NET_ERROR, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, 0, 8 },
    { REMOTE_PROGRAM, VIR_NET_MESSAGE, VIR_NET_OK, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, 0, 2 }, /* without its id */
    { REMOTE_PROGRAM, VIR_NET_REPLY_WITH_FDS, VIR_NET_OK, REMOTE_PROC_NETWORK_CREATE, 0, 2 },
};

static void
lies_cost_the_liar(void **state)
{
    uint8_t zeros[16] = { 0 };

    for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
        const Lie *lie = &lies[i];
        uint32_t serial;

        liar.listener = listen_at("net");
        serial = create(&raw);
        liar_hears_call(REMOTE_PROC_NETWORK_CREATE);
        raw_send(&liar.raw, lie->program, lie->proc, lie->type, raw_last.serial + lie->serial, lie->status, zeros, lie->size);
        only_that_is_lost(serial);
    }
}

static void
broken_frames(void **state)
{
    static const uint8_t frames[][8] = { { 0, 0, 0, 3 }, { 0xff, 0xff, 0xff, 0xff }, { 0x02, 0x00, 0x00, 0x10 } };

    for (size_t i = 0; i <= G_N_ELEMENTS(frames); i++) {
        uint32_t serial;

        liar.listener = listen_at("net");
        serial = create(&raw);
        liar_hears_call(REMOTE_PROC_NETWORK_CREATE);
        if (i < G_N_ELEMENTS(frames))
            raw_write(&liar.raw, frames[i], sizeof(frames[i]));
        else
            shutdown(liar.raw.fd, SHUT_RDWR); /* as if it was killed */
        only_that_is_lost(serial);
    }
}

/* Calls that are answered from memory may be under way in numbers, but not in any number. */
static void
quota_of_quick_calls(void **state)
{
    unsigned int heard = 1;

    liar.listener = listen_at("net");
    for (int i = 0; i < 100; i++)
        lookup(&raw, "default");
    liar_hears_call(REMOTE_PROC_NETWORK_LOOKUP_BY_NAME);
    for (int i = 0; i < 20; i++) {
        settle();
        raw_read(&liar.raw);
        while (raw_take(&liar.raw))
            heard++;
    }
    assert_int_equal(heard, 64);
    assert_int_equal(rpc_server_running_calls(front), 64);
    liar_done(); /* those fail, the others go where it listens again */
    serve_net();
    for (unsigned int i = 0, ok = 0; i < 100; i++) {
        assert_true(raw_receive(&raw));
        ok += raw_last.status == VIR_NET_OK;
        assert_int_equal(ok, i < 64 ? 0 : i - 63);
    }
}

/* What means nothing is dropped; a ping is answered. */
static void
harmless_oddities(void **state)
{
    uint8_t zeros[16] = { 0 };
    uint32_t theirs;

    liar.listener = listen_at("net");
    create(&raw);
    liar_hears_call(REMOTE_PROC_NETWORK_CREATE);
    theirs = raw_last.serial;
    raw_send(&liar.raw, REMOTE_PROGRAM, 9999, VIR_NET_MESSAGE, 1, VIR_NET_OK, zeros, 8);
    raw_send(&liar.raw, REMOTE_PROGRAM, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, VIR_NET_MESSAGE, 1, VIR_NET_OK, zeros, 8);
    raw_send(&liar.raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE, VIR_NET_MESSAGE, 1, VIR_NET_OK, zeros, 8);
    raw_send(&liar.raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, VIR_NET_STREAM, 3, VIR_NET_OK, NULL, 0);
    raw_send(&liar.raw, KEEPALIVE_PROGRAM, KEEPALIVE_PROC_PING, VIR_NET_MESSAGE, 0, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&liar.raw));
    assert_int_equal(raw_last.program, KEEPALIVE_PROGRAM);
    assert_int_equal(raw_last.proc, KEEPALIVE_PROC_PONG);
    raw_send(&liar.raw, REMOTE_PROGRAM, REMOTE_PROC_NETWORK_CREATE, VIR_NET_REPLY, theirs, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    liar_done();
}

static void
lies_about_streams(void **state)
{
    static uint8_t bytes[RPC_STREAM_CHUNK + 1];
    static const struct {
        uint32_t type, status;
        size_t size;
        bool early;
    } packets[] = {
        { VIR_NET_STREAM, VIR_NET_CONTINUE, 8, true },
        { VIR_NET_STREAM, VIR_NET_OK, 0, false }, /* nobody finished */
        { VIR_NET_STREAM, VIR_NET_CONTINUE, sizeof(bytes), false },
        { VIR_NET_STREAM, 5, 0, false },
        { VIR_NET_STREAM_HOLE, VIR_NET_OK, 12, false },
    };

    net_target.socket = paths[0];
    qemu_target.socket = paths[3];
    for (size_t i = 0; i < G_N_ELEMENTS(packets); i++) {
        uint32_t serial, theirs;

        liar.listener = listen_at("liar");
        serial = start_upload(0, 0);
        liar_hears_call(REMOTE_PROC_STORAGE_VOL_UPLOAD);
        theirs = raw_last.serial;
        if (!packets[i].early) {
            raw_send(&liar.raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, VIR_NET_REPLY, theirs, VIR_NET_OK, NULL, 0);
            assert_true(raw_receive(&raw));
            assert_int_equal(raw_last.status, VIR_NET_OK);
        }
        raw_send(&liar.raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, packets[i].type, theirs, packets[i].status, bytes,
                 packets[i].size);
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.type, packets[i].early ? VIR_NET_REPLY : VIR_NET_STREAM);
        assert_int_equal(raw_last.serial, serial);
        assert_int_equal(raw_error(packets[i].early ? FROM_STORAGE : FROM_RPC), ERR_NO_CONNECT);
        liar_done();
    }
    assert_false(raw_is_closed(&raw));
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(passes_calls), TEST(passes_errors), TEST(one_connection_per_client), TEST(answers_find_their_calls),
        TEST(keeps_to_the_quota), TEST(drain_awaits_answers), TEST(client_goes_during_calls), TEST(readonly_stays_readonly),
        TEST(identity_is_the_latest), TEST(not_installed), TEST(restart_between_calls), TEST(passes_descriptors),
        TEST(upload_finishes), TEST(upload_fails), TEST(upload_is_held_back), TEST(download_is_held_back), TEST(stream_is_lost),
        TEST(streams_are_bounded), TEST(callback_ids_differ), TEST(older_registrations), TEST(registrations_are_renewed),
        TEST(deregistered_while_down), TEST(client_goes_with_the_daemon), TEST(events_are_held_back), TEST(lies_cost_the_liar), TEST(broken_frames),
        TEST(quota_of_quick_calls), TEST(harmless_oddities), TEST(lies_about_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
