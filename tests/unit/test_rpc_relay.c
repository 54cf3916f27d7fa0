/* The relay: calls, errors, descriptors, streams and losses as a client sees them through it. */
#include "tests/unit/rpc_relay.h"

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

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(passes_calls), TEST(passes_errors), TEST(one_connection_per_client), TEST(answers_find_their_calls),
        TEST(keeps_to_the_quota), TEST(drain_awaits_answers), TEST(client_goes_during_calls), TEST(readonly_stays_readonly),
        TEST(identity_is_the_latest), TEST(not_installed), TEST(restart_between_calls), TEST(passes_descriptors),
        TEST(upload_finishes), TEST(upload_fails), TEST(upload_is_held_back), TEST(download_is_held_back),
        TEST(stream_is_lost), TEST(streams_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
