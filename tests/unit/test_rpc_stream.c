/*
 * What goes along with calls: streams in both directions, their ends, failures and back-pressure; events the new and the
 * old way; descriptors in and out.
 */
#include "tests/unit/rpc_raw.h"

#include <fcntl.h>

typedef struct Sink {
    GByteArray *bytes;
    uint64_t holes;
    bool stuck, closed, aborted, finished, fail_finish;
    RpcStream *stream;
    size_t produced, to_produce;
} Sink;

static Sink sink;
static RpcServer *server;
static unsigned int expect_fds;

static ssize_t
sink_write(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    if (sink.stuck)
        return 0;
    if (size >= 5 && memcmp(bytes, "error", 5) == 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "no space left");
    size = MIN(size, 100000); /* a part at a time */
    g_byte_array_append(sink.bytes, bytes, size);
    return size;
}

static ssize_t
sink_read(RpcStream *stream, void *data, void *buffer, size_t size, uint64_t *ret_hole, Error *err)
{
    if (sink.stuck)
        return RPC_STREAM_AGAIN;
    if (sink.produced == sink.to_produce)
        return RPC_STREAM_END;
    if (rpc_stream_sparse(stream) && !sink.holes) {
        sink.holes = *ret_hole = 1 << 20;
        return RPC_STREAM_HOLE;
    }
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
    if (sink.fail_finish)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "cannot sync");
    return 0;
}

static void
sink_closed(RpcStream *stream, void *data, bool aborted)
{
    assert_false(sink.closed);
    sink.closed = true;
    sink.aborted = aborted;
}

static const RpcStreamOps upload_ops = { .write = sink_write, .hole = sink_hole, .finish = sink_finish, .closed = sink_closed };
static const RpcStreamOps download_ops = { .read = sink_read, .closed = sink_closed };

static int
upload(Job *job, RpcCall *call, const remote_storage_vol_upload_args *args, void *ret, Error *err)
{
    if (args->offset == 666) { /* opens, then fails */
        assert_int_equal(rpc_stream_open(call, &upload_ops, NULL, NULL, err), 0);
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "no");
    }
    return rpc_stream_open(call, &upload_ops, NULL, &sink.stream, err);
}

static int
download(Job *job, RpcCall *call, const remote_storage_vol_download_args *args, void *ret, Error *err)
{
    sink.to_produce = args->length;
    return rpc_stream_open(call, &download_ops, NULL, &sink.stream, err);
}

static int
screenshot(Job *job, RpcCall *call, const remote_domain_screenshot_args *args, remote_domain_screenshot_ret *ret, Error *err)
{
    char path[] = "/tmp/test-rpc-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, "picture", 7), 7);
    lseek(fd, 0, SEEK_SET);
    ret->mime = "image/png";
    return rpc_stream_open_fd(call, fd, RPC_STREAM_FD_READ, NULL, err);
}

static int
open_graphics(Job *job, RpcCall *call, const remote_domain_open_graphics_args *args, void *ret, Error *err)
{
    int fd = rpc_call_take_fd(call, 0);

    assert_int_equal(rpc_call_n_fds(call), expect_fds);
    if (fd < 0)
        return error_setf(err, FROM_RPC, ERR_INVALID_ARG, "no descriptor");
    assert_int_equal(write(fd, "taken", 5), 5);
    close(fd);
    assert_int_equal(rpc_call_take_fd(call, 0), -1);
    return 0;
}

static int
open_graphics_fd(Job *job, RpcCall *call, const remote_domain_open_graphics_fd_args *args, void *ret, Error *err)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], "from server", 11), 11);
    close(fds[1]);
    return rpc_call_reply_fd(call, fds[0], err);
}

static const RpcBinding bindings[] = {
    REMOTE_BIND(STORAGE_VOL_UPLOAD, upload),
    REMOTE_BIND(STORAGE_VOL_DOWNLOAD, download),
    REMOTE_BIND(DOMAIN_SCREENSHOT, screenshot),
    REMOTE_BIND(DOMAIN_OPEN_GRAPHICS, open_graphics),
    REMOTE_BIND(DOMAIN_OPEN_GRAPHICS_FD, open_graphics_fd),
};

static Raw raw;

static int
set_up(void **state)
{
    memset(&sink, 0, sizeof(sink));
    sink.bytes = g_byte_array_new();
    server = raw_begin(bindings, G_N_ELEMENTS(bindings), &raw);
    return 0;
}

static int
tear_down(void **state)
{
    raw_end(&raw, server);
    g_byte_array_free(sink.bytes, TRUE);
    return 0;
}

/* --- uploads ---------------------------------------------------------------------------------------------------------- */

static uint32_t
start_upload(unsigned int flags, uint64_t offset)
{
    remote_storage_vol_upload_args args = { .vol = { .pool = "p", .name = "v", .key = "k" }, .offset = offset, .flags = flags };
    uint32_t serial = raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, WIRE_remote_storage_vol_upload_args, &args);

    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    return serial;
}

static void
packet(uint32_t serial, uint32_t type, uint32_t status, const void *bytes, size_t size)
{
    raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, type, serial, status, bytes, size);
}

static void
upload_and_finish(void **state)
{
    uint32_t serial = start_upload(0, 0);
    g_autofree uint8_t *data = g_malloc0(700000);

    assert_int_equal(raw_last.status, VIR_NET_OK);
    for (int i = 0; i < 3; i++)
        packet(serial, VIR_NET_STREAM, VIR_NET_CONTINUE, data, 262120);
    packet(serial, VIR_NET_STREAM, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.size, 0);
    assert_int_equal(sink.bytes->len, 3 * 262120);
    assert_true(sink.finished && sink.closed && !sink.aborted);
    /* packets of an ended stream are dropped, and the connection lives */
    packet(serial, VIR_NET_STREAM, VIR_NET_CONTINUE, data, 10);
    packet(serial, VIR_NET_STREAM, VIR_NET_OK, NULL, 0);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

static void
upload_abort(void **state)
{
    uint32_t serial = start_upload(0, 0);

    packet(serial, VIR_NET_STREAM, VIR_NET_ERROR, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_true(sink.closed && sink.aborted && !sink.finished);
}

static void
upload_fails(void **state)
{
    uint32_t serial = start_upload(0, 0);

    packet(serial, VIR_NET_STREAM, VIR_NET_CONTINUE, "error", 5);
    packet(serial, VIR_NET_STREAM, VIR_NET_CONTINUE, "more", 4);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_error(FROM_STORAGE), ERR_OPERATION_FAILED);
    assert_true(sink.closed && sink.aborted);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

static void
finish_fails(void **state)
{
    uint32_t serial = start_upload(0, 0);

    sink.fail_finish = true;
    packet(serial, VIR_NET_STREAM, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_error(FROM_STORAGE), ERR_OPERATION_FAILED);
}

static void
call_fails_after_opening(void **state)
{
    start_upload(0, 666);
    assert_int_equal(raw_error(FROM_STORAGE), ERR_OPERATION_FAILED);
    assert_true(sink.closed && sink.aborted);
}

/* A stuck target: a bounded backlog, then the socket fills; everything arrives once it moves again. */
static void
back_pressure(void **state)
{
    uint32_t serial = start_upload(0, 0);
    g_autofree uint8_t *data = g_malloc0(262120);
    g_autoptr(GByteArray) frame = raw_frame(REMOTE_PROGRAM, 1, REMOTE_PROC_STORAGE_VOL_UPLOAD, VIR_NET_STREAM, serial,
                                            VIR_NET_CONTINUE, data, 262120);
    size_t sent = 0;

    sink.stuck = true;
    for (int i = 0; i < 200; i++) {
        ssize_t n = send(raw.fd, frame->data + sent % frame->len, frame->len - sent % frame->len, MSG_DONTWAIT);

        if (n > 0)
            sent += n;
        settle();
    }
    assert_true(sent < 8u << 20);
    sink.stuck = false;
    rpc_stream_wake(sink.stream);
    while (sent % frame->len) {
        ssize_t n = send(raw.fd, frame->data + sent % frame->len, frame->len - sent % frame->len, MSG_DONTWAIT);

        if (n > 0)
            sent += n;
        settle();
    }
    packet(serial, VIR_NET_STREAM, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(sink.bytes->len, sent / frame->len * 262120);
}

static void
holes(void **state)
{
    uint8_t hole[12] = { 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0 };
    uint32_t serial = start_upload(VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM, 0);

    packet(serial, VIR_NET_STREAM, VIR_NET_CONTINUE, "data", 4);
    packet(serial, VIR_NET_STREAM_HOLE, VIR_NET_CONTINUE, hole, sizeof(hole));
    packet(serial, VIR_NET_STREAM, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(sink.holes, 1 << 20);

    /* not asked for, cut short, negative: the stream fails, not the connection */
    sink.closed = false;
    serial = start_upload(0, 0);
    packet(serial, VIR_NET_STREAM_HOLE, VIR_NET_CONTINUE, hole, sizeof(hole));
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_error(FROM_STREAMS), ERR_INVALID_STREAM);
    sink.closed = false;
    serial = start_upload(VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM, 0);
    packet(serial, VIR_NET_STREAM_HOLE, VIR_NET_CONTINUE, hole, 7);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_error(FROM_RPC), ERR_RPC);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

static void
gone_in_the_middle(void **state)
{
    start_upload(0, 0);
    shutdown(raw.fd, SHUT_RDWR);
    settle();
    assert_true(sink.closed && sink.aborted);
    assert_int_equal(rpc_server_clients(server), 0);
}

/* --- downloads -------------------------------------------------------------------------------------------------------- */

static uint32_t
start_download(uint64_t length, unsigned int flags)
{
    remote_storage_vol_download_args args = { .vol = { .pool = "p", .name = "v", .key = "k" }, .length = length, .flags = flags };

    return raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_DOWNLOAD, WIRE_remote_storage_vol_download_args, &args);
}

static void
download_all(void **state)
{
    uint32_t serial = start_download(10 << 20, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM);
    size_t got = 0;
    int hole_packets = 0;

    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    /* nobody reads: production stops soon */
    settle();
    assert_true(sink.produced < 4 << 20);
    while (raw_receive(&raw) && (raw_last.size || raw_last.type == VIR_NET_STREAM_HOLE)) {
        assert_int_equal(raw_last.serial, serial);
        assert_int_equal(raw_last.status, VIR_NET_CONTINUE);
        assert_true(raw_last.size <= 262120);
        if (raw_last.type == VIR_NET_STREAM_HOLE) {
            hole_packets++;
        } else {
            got += raw_last.size;
        }
    }
    assert_int_equal(raw_last.type, VIR_NET_STREAM); /* the empty packet that ends the data */
    assert_int_equal(got, 10 << 20);
    assert_int_equal(hole_packets, 1);
    raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_DOWNLOAD, VIR_NET_STREAM, serial, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_true(sink.closed && !sink.aborted);
}

static void
from_a_file(void **state)
{
    remote_domain_screenshot_args args = { .dom = { .name = "vm" } };

    raw_ok(&raw, REMOTE_PROC_DOMAIN_SCREENSHOT, WIRE_remote_domain_screenshot_args, &args);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.size, 7);
    assert_memory_equal(raw_last.payload, "picture", 7);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.size, 0);
    assert_int_equal(raw_last.status, VIR_NET_CONTINUE);
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

static void
send_lifecycle(uint8_t uuid)
{
    remote_domain_event_callback_lifecycle_msg message = { .msg = { .dom = { .name = "vm", .uuid = { uuid }, .id = 3 }, .event = 2,
                                                                    .detail = 1 } };

    rpc_event_send(server, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &message, message.msg.dom.uuid,
                   VIR_UUID_BUFLEN, NULL);
    settle();
}

static void
events(void **state)
{
    remote_nonnull_domain dom = { .name = "vm", .uuid = { 9 } };
    remote_connect_domain_event_callback_register_any_args any = { .eventID = VIR_DOMAIN_EVENT_ID_LIFECYCLE };
    remote_connect_domain_event_callback_register_any_args one = { .eventID = VIR_DOMAIN_EVENT_ID_LIFECYCLE, .dom = &dom };
    remote_connect_domain_event_callback_register_any_args wrong = { .eventID = 1000 };
    remote_connect_domain_event_callback_deregister_any_args off = { .callbackID = 0 };

    assert_false(rpc_event_wanted(server, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE));
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY,
           WIRE_remote_connect_domain_event_callback_register_any_args, &any);
    assert_memory_equal(raw_last.payload, "\0\0\0\0", 4);
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY,
           WIRE_remote_connect_domain_event_callback_register_any_args, &one);
    assert_memory_equal(raw_last.payload, "\0\0\0\1", 4);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY,
                               WIRE_remote_connect_domain_event_callback_register_any_args, &wrong, FROM_RPC),
                     ERR_INTERNAL_ERROR);
    send_lifecycle(1);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_MESSAGE);
    assert_int_equal(raw_last.proc, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE);
    assert_int_equal(raw_last.size, 4 + 8 + 16 + 4 + 8);
    assert_memory_equal(raw_last.payload, "\0\0\0\0\0\0\0\2vm\0\0\1", 13);
    assert_int_equal(raw.in->len, 0);
    send_lifecycle(9); /* both */
    assert_true(raw_receive(&raw));
    assert_true(raw_receive(&raw));
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY,
           WIRE_remote_connect_domain_event_callback_deregister_any_args, &off);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY,
                               WIRE_remote_connect_domain_event_callback_deregister_any_args, &off, FROM_RPC),
                     ERR_INTERNAL_ERROR);
    send_lifecycle(1);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL); /* the next message: no event came */
}

static void
legacy_events(void **state)
{
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER, 0, NULL);
    assert_memory_equal(raw_last.payload, "\0\0\0\1", 4);
    send_lifecycle(1);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.proc, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE);
    assert_int_equal(raw_last.size, 8 + 16 + 4 + 8);
    assert_memory_equal(raw_last.payload, "\0\0\0\2vm\0\0\1", 9);
    raw_ok(&raw, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER, 0, NULL);
    assert_false(rpc_event_wanted(server, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE));
}

static void
monitor_events(void **state)
{
    qemu_connect_domain_monitor_event_register_args args = {
        .event = "sto.*", .flags = VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX |
                                   VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE,
    };
    qemu_domain_monitor_event_msg message = { .dom = { .name = "vm" }, .event = "STOP" };

    raw_call(&raw, QEMU_PROGRAM, QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_REGISTER,
             WIRE_qemu_connect_domain_monitor_event_register_args, &args);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    rpc_event_send_named(server, RPC_PROGRAM_QEMU, QEMU_PROC_DOMAIN_MONITOR_EVENT, &message, message.dom.uuid, VIR_UUID_BUFLEN,
                         NULL, "RESUME");
    rpc_event_send_named(server, RPC_PROGRAM_QEMU, QEMU_PROC_DOMAIN_MONITOR_EVENT, &message, message.dom.uuid, VIR_UUID_BUFLEN,
                         NULL, "STOP");
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.program, QEMU_PROGRAM);
    settle();
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

/* --- descriptors ------------------------------------------------------------------------------------------------------ */

static void
send_with_fds(uint32_t announced, const int *fds, unsigned int n_fds)
{
    remote_domain_open_graphics_args args = { .dom = { .name = "vm" } };
    WireBuffer buffer = WIRE_BUFFER_INIT(4096);

    wire_put_u32(wire_buffer_append(&buffer, 4, NULL), announced);
    wire_encode(WIRE_remote_domain_open_graphics_args, &args, &buffer, NULL);
    raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_OPEN_GRAPHICS, VIR_NET_CALL_WITH_FDS, raw.serial++, 0, buffer.data,
             buffer.len);
    wire_buffer_done(&buffer);
    for (unsigned int i = 0; i < n_fds; i++)
        raw_send_fd(&raw, fds[i]);
}

static void
descriptors_in(void **state)
{
    char text[8] = "";
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    expect_fds = 2;
    send_with_fds(2, (int[]){ fds[1], fds[1] }, 2);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_int_equal(read(fds[0], text, 5), 5);
    close(fds[1]);
    assert_int_equal(read(fds[0], text, 5), 0); /* the one not taken was closed too */
    close(fds[0]);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL); /* the bytes that carried them are gone */
}

static void
descriptors_missing(void **state)
{
    send_with_fds(1, NULL, 0);
    settle();
    assert_false(raw_is_closed(&raw)); /* they may still come */
    raw_write(&raw, "", 1);
    assert_true(raw_is_closed(&raw));
}

static void
descriptors_too_many(void **state)
{
    send_with_fds(33, NULL, 0);
    assert_true(raw_is_closed(&raw));
}

static void
descriptors_out(void **state)
{
    remote_domain_open_graphics_fd_args args = { .dom = { .name = "vm" } };
    char text[16] = "";

    raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_OPEN_GRAPHICS_FD, WIRE_remote_domain_open_graphics_fd_args, &args);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_REPLY_WITH_FDS);
    assert_memory_equal(raw_last.payload, "\0\0\0\1", 4);
    settle();
    if (!raw.n_fds)
        raw_read(&raw);
    assert_int_equal(raw.n_fds, 1);
    assert_int_equal(raw.in->len, 1); /* one byte carries it */
    assert_int_equal(read(raw.fds[0], text, sizeof(text)), 11);
    assert_string_equal(text, "from server");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(upload_and_finish), TEST(upload_abort), TEST(upload_fails), TEST(finish_fails), TEST(call_fails_after_opening),
        TEST(back_pressure), TEST(holes), TEST(gone_in_the_middle), TEST(download_all), TEST(from_a_file), TEST(events),
        TEST(legacy_events), TEST(monitor_events), TEST(descriptors_in), TEST(descriptors_missing), TEST(descriptors_too_many),
        TEST(descriptors_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
