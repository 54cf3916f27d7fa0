/*
 * Packets of streams that go through pipes: in pieces of any size, full pipes, ends and failures in the middle of a packet,
 * several streams and calls beside them. Where something is odd the bytes must still be all there, in order.
 */
#include "tests/unit/rpc_raw.h"

#include <fcntl.h>

typedef struct End {
    RpcStream *stream;
    int pipe[2];
    size_t in_pipe, lent; /* bytes; of a download: that ever were */
    size_t length;
    GByteArray *bytes; /* what was taken from the pipe, or by write() */
    unsigned int fulls, writes;
    bool stuck, no_pipe, fail, closed, aborted, finished;
} End;

static End ends[3];
static RpcServer *server;
static Raw raw;

/* Bytes whose place can be told from their value. */
static void
fill(uint8_t *bytes, size_t size, uint64_t from)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((from + i) * 31 + ((from + i) >> 8) * 7 + ((from + i) >> 16));
}

static void
assert_filled(const uint8_t *bytes, size_t size, uint64_t from)
{
    g_autofree uint8_t *expected = g_malloc(size + 1);

    fill(expected, size, from);
    assert_memory_equal(bytes, expected, size);
}

static void
empty(End *end)
{
    g_autofree uint8_t *bytes = g_malloc(end->in_pipe + 1);

    if (end->in_pipe)
        assert_int_equal(read(end->pipe[0], bytes, end->in_pipe), end->in_pipe);
    g_byte_array_append(end->bytes, bytes, end->in_pipe);
    end->in_pipe = 0;
}

/* --- the daemon's ends ------------------------------------------------------------------------------------------------ */

static int
end_room(RpcStream *stream, void *data, size_t size, int *ret_pipe, Error *err)
{
    End *end = data;

    if (end->fail)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "no space left");
    if (end->stuck)
        return 0;
    *ret_pipe = end->no_pipe ? -1 : end->pipe[1];
    return 1;
}

static void
end_filled(RpcStream *stream, void *data, size_t size)
{
    End *end = data;

    end->in_pipe += size;
    if (size == 0) {
        end->fulls++;
        empty(end);
    }
}

static ssize_t
end_write(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    End *end = data;

    empty(end);
    end->writes++;
    g_byte_array_append(end->bytes, bytes, size);
    return (ssize_t)size;
}

static ssize_t
end_lend(RpcStream *stream, void *data, RpcLoan *ret, size_t max, uint64_t *ret_hole, Error *err)
{
    End *end = data;
    size_t size;

    if (end->in_pipe == end->lent && end->in_pipe < end->length) { /* the connection is done with all of it */
        g_autofree uint8_t *bytes = g_malloc(end->length - end->in_pipe);
        ssize_t n;

        fill(bytes, end->length - end->in_pipe, end->in_pipe);
        n = write(end->pipe[1], bytes, end->length - end->in_pipe);
        assert_true(n > 0);
        end->in_pipe += (size_t)n;
    }
    size = MIN(max, end->in_pipe - end->lent);
    if (!size)
        return RPC_STREAM_END;
    *ret = (RpcLoan){ .pipe = end->pipe[0] };
    end->lent += size;
    return (ssize_t)size;
}

static int
end_finish(RpcStream *stream, void *data, Error *err)
{
    empty(data);
    ((End *)data)->finished = true;
    return 0;
}

static void
end_closed(RpcStream *stream, void *data, bool aborted)
{
    End *end = data;

    assert_false(end->closed);
    end->closed = true;
    end->aborted = aborted;
    close(end->pipe[0]); /* nobody may use it any more */
    end->pipe[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static const RpcStreamOps upload_ops = {
    .write = end_write, .room = end_room, .filled = end_filled, .finish = end_finish, .closed = end_closed,
};
static const RpcStreamOps download_ops = { .lend = end_lend, .closed = end_closed };

static int
upload(Job *job, RpcCall *call, const remote_storage_vol_upload_args *args, void *ret, Error *err)
{
    End *end = &ends[args->offset];

    return rpc_stream_open(call, &upload_ops, end, &end->stream, err);
}

static int
download(Job *job, RpcCall *call, const remote_storage_vol_download_args *args, void *ret, Error *err)
{
    End *end = &ends[args->offset];

    end->length = args->length;
    return rpc_stream_open(call, &download_ops, end, &end->stream, err);
}

static const RpcBinding bindings[] = {
    REMOTE_BIND(STORAGE_VOL_UPLOAD, upload),
    REMOTE_BIND(STORAGE_VOL_DOWNLOAD, download),
};

static int
set_up(void **state)
{
    memset(ends, 0, sizeof(ends));
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        ends[i].bytes = g_byte_array_new();
        assert_int_equal(pipe2(ends[i].pipe, O_CLOEXEC | O_NONBLOCK), 0);
        fcntl(ends[i].pipe[0], F_SETPIPE_SZ, 1 << 20);
    }
    server = raw_begin(bindings, G_N_ELEMENTS(bindings), &raw);
    return 0;
}

static int
tear_down(void **state)
{
    raw_end(&raw, server);
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_byte_array_free(ends[i].bytes, TRUE);
        close(ends[i].pipe[0]);
        close(ends[i].pipe[1]);
    }
    return 0;
}

/* --- uploads ---------------------------------------------------------------------------------------------------------- */

static uint32_t
start_upload(size_t end)
{
    remote_storage_vol_upload_args args = { .vol = { .pool = "p", .name = "v", .key = "k" }, .offset = end };
    uint32_t serial = raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, WIRE_remote_storage_vol_upload_args, &args);

    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_REPLY);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    return serial;
}

static GByteArray *
data_frame(uint32_t serial, size_t size, uint64_t from)
{
    g_autofree uint8_t *bytes = g_malloc(size + 1);

    fill(bytes, size, from);
    return raw_frame(REMOTE_PROGRAM, 1, REMOTE_PROC_STORAGE_VOL_UPLOAD, VIR_NET_STREAM, serial, VIR_NET_CONTINUE, bytes, size);
}

static void
send_data(uint32_t serial, size_t size, uint64_t from)
{
    g_autoptr(GByteArray) frame = data_frame(serial, size, from);

    raw_write(&raw, frame->data, frame->len);
}

static void
finish_upload(uint32_t serial, const End *end, size_t size)
{
    raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, VIR_NET_STREAM, serial, VIR_NET_OK, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_last.status, VIR_NET_OK);
    assert_true(end->finished && end->closed && !end->aborted);
    assert_int_equal(end->bytes->len, size);
    assert_filled(end->bytes->data, size, 0);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

static void
upload_whole_packets(void **state)
{
    uint32_t serial = start_upload(0);

    for (int i = 0; i < 3; i++)
        send_data(serial, 262120, (uint64_t)i * 262120);
    settle();
    assert_int_equal(ends[0].writes, 0);
    assert_int_equal(ends[0].in_pipe + ends[0].bytes->len, 3 * 262120);
    finish_upload(serial, &ends[0], 3 * 262120);
}

/* Large ones by pipe, small ones as bytes, cut anywhere on the way. */
static void
upload_in_pieces(void **state)
{
    static const size_t sizes[] = { 20000, 1, 0, 16384, 16383, 100000, 28, 50000 };
    uint32_t serial = start_upload(0);
    g_autoptr(GByteArray) all = g_byte_array_new();
    uint64_t from = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GByteArray) frame = data_frame(serial, sizes[i], from);

        g_byte_array_append(all, frame->data, frame->len);
        from += sizes[i];
    }
    for (size_t at = 0, step = 1; at < all->len; at += step, step = step * 5 % 8191) {
        step = MIN(step, all->len - at);
        raw_write(&raw, all->data + at, step);
        settle();
    }
    assert_true(ends[0].writes > 0);
    finish_upload(serial, &ends[0], from);
}

/* A byte of its own takes a page of the pipe's: it is full long before the packet ends. */
static void
upload_byte_by_byte(void **state)
{
    uint32_t serial = start_upload(0);
    g_autoptr(GByteArray) frame = data_frame(serial, 20000, 0);

    for (guint at = 0; at < frame->len; at++)
        raw_write(&raw, frame->data + at, 1);
    settle();
    assert_true(ends[0].fulls > 10);
    assert_int_equal(ends[0].writes, 0);
    finish_upload(serial, &ends[0], 20000);
}

static void
upload_waits(void **state)
{
    uint32_t serial = start_upload(0);
    g_autoptr(GByteArray) frame = data_frame(serial, 262120, 0);

    ends[0].stuck = true; /* before a packet */
    raw_write(&raw, frame->data, 1000);
    settle();
    assert_int_equal(ends[0].in_pipe, 0);
    ends[0].stuck = false;
    rpc_stream_wake(ends[0].stream);
    settle();
    assert_int_equal(ends[0].in_pipe, 1000 - 28);
    ends[0].stuck = true; /* in one */
    raw_write(&raw, frame->data + 1000, 1000);
    settle();
    assert_int_equal(ends[0].in_pipe, 1000 - 28);
    ends[0].stuck = false;
    rpc_stream_wake(ends[0].stream);
    settle();
    assert_int_equal(ends[0].in_pipe, 2000 - 28);
    raw_write(&raw, frame->data + 2000, frame->len - 2000);
    finish_upload(serial, &ends[0], 262120);
}

static void
upload_without_pipes(void **state)
{
    uint32_t serial = start_upload(0);

    ends[0].no_pipe = true;
    for (int i = 0; i < 3; i++)
        send_data(serial, 262120, (uint64_t)i * 262120);
    settle();
    assert_true(ends[0].writes >= 3);
    finish_upload(serial, &ends[0], 3 * 262120);
}

static void
fails_in_a_packet(bool no_pipe, bool fail, int code, int from)
{
    uint32_t serial = start_upload(0);
    g_autoptr(GByteArray) frame = data_frame(serial, 262120, 0);

    raw_write(&raw, frame->data, 5000);
    settle();
    assert_int_equal(ends[0].in_pipe, 5000 - 28);
    ends[0].no_pipe = no_pipe;
    ends[0].fail = fail;
    raw_write(&raw, frame->data + 5000, 5000);
    settle();
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.type, VIR_NET_STREAM);
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_error(from), code);
    assert_true(ends[0].closed && ends[0].aborted);
    /* the rest of the packet is nobody's, and the connection goes on behind it */
    raw_write(&raw, frame->data + 10000, frame->len - 10000);
    send_data(serial, 40000, 0);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

static void
upload_fails_in_a_packet(void **state)
{
    fails_in_a_packet(false, true, ERR_OPERATION_FAILED, FROM_STORAGE);
}

/* Nothing of a packet may get lost without a word. */
static void
upload_loses_its_pipe(void **state)
{
    fails_in_a_packet(true, false, ERR_SYSTEM_ERROR, FROM_STREAMS);
}

static void
upload_client_goes(void **state)
{
    uint32_t serial = start_upload(0);
    g_autoptr(GByteArray) frame = data_frame(serial, 262120, 0);

    raw_write(&raw, frame->data, 30000);
    settle();
    assert_int_equal(ends[0].in_pipe, 30000 - 28);
    shutdown(raw.fd, SHUT_RDWR);
    settle();
    assert_true(ends[0].closed && ends[0].aborted && !ends[0].finished);
}

/* What comes in after the last such stream is read as if there had been none. */
static void
upload_then_a_long_message(void **state)
{
    uint32_t serial = start_upload(0);
    g_autoptr(GByteArray) frame = data_frame(serial, 262120, 0);

    raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_UPLOAD, VIR_NET_STREAM, serial, VIR_NET_ERROR, NULL, 0);
    assert_true(raw_receive(&raw));
    assert_true(ends[0].closed && ends[0].aborted);
    raw_write(&raw, frame->data, 150000);
    settle();
    raw_write(&raw, frame->data + 150000, frame->len - 150000);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

/* Packets of three streams in turn, and calls between them. */
static void
uploads_beside_each_other(void **state)
{
    uint32_t serials[3];

    for (size_t i = 0; i < 3; i++)
        serials[i] = start_upload(i);
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < 3; i++)
            send_data(serials[i], 100000, (uint64_t)turn * 100000);
        raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
    }
    for (size_t i = 0; i < 3; i++)
        finish_upload(serials[i], &ends[i], 300000);
}

/* --- downloads -------------------------------------------------------------------------------------------------------- */

static uint32_t
start_download(size_t end, uint64_t length)
{
    remote_storage_vol_download_args args = { .vol = { .pool = "p", .name = "v", .key = "k" }, .offset = end, .length = length };

    return raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_STORAGE_VOL_DOWNLOAD, WIRE_remote_storage_vol_download_args, &args);
}

static void
receive_data(uint32_t serial, uint64_t length)
{
    for (uint64_t got = 0; got < length; got += raw_last.size) {
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.type, VIR_NET_STREAM);
        assert_int_equal(raw_last.status, VIR_NET_CONTINUE);
        assert_int_equal(raw_last.serial, serial);
        assert_true(raw_last.size > 0 && raw_last.size <= RPC_STREAM_CHUNK);
        assert_filled(raw_last.payload, raw_last.size, got);
    }
}

static void
download_all(void **state)
{
    uint32_t serial = start_download(0, 3000000);

    assert_true(raw_receive(&raw)); /* the reply */
    receive_data(serial, 3000000);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.size, 0);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

/* The client reads nothing: a packet is half on its way when the stream ends, and its pipe is closed. */
static void
download_ends_in_a_packet(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    uint32_t serial = start_download(0, 10000000);

    settle();
    assert_true(ends[0].lent > 0 && ends[0].lent < 10000000);
    raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL); /* its reply stands behind the packet */
    settle();
    error_setf(&err, FROM_STORAGE, ERR_OPERATION_FAILED, "the disk is broken");
    rpc_stream_fail(ends[0].stream, &err);
    settle();
    assert_true(ends[0].closed);
    assert_true(raw_receive(&raw)); /* the reply */
    receive_data(serial, ends[0].lent);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.proc, REMOTE_PROC_CONNECT_GET_TYPE);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.serial, serial);
    assert_int_equal(raw_error(FROM_STORAGE), ERR_OPERATION_FAILED);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
}

static void
download_client_goes(void **state)
{
    start_download(0, 10000000);
    settle();
    shutdown(raw.fd, SHUT_RDWR);
    settle();
    assert_true(ends[0].closed && ends[0].aborted);
}

/* Only one can have its pipe with the connection; the others wait for it, and none starves. */
static void
downloads_beside_each_other(void **state)
{
    uint32_t serials[3];
    uint64_t got[3] = { 0 };
    unsigned int done = 0;

    for (size_t i = 0; i < 3; i++)
        serials[i] = start_download(i, 900000);
    while (done < 3) {
        size_t i = 0;

        assert_true(raw_receive(&raw));
        while (i < 3 && serials[i] != raw_last.serial)
            i++;
        assert_true(i < 3);
        if (raw_last.type == VIR_NET_REPLY)
            continue;
        assert_int_equal(raw_last.status, VIR_NET_CONTINUE);
        assert_filled(raw_last.payload, raw_last.size, got[i]);
        got[i] += raw_last.size;
        done += raw_last.size == 0;
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(got[i], 900000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(upload_whole_packets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_byte_by_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_without_pipes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_fails_in_a_packet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_loses_its_pipe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_client_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload_then_a_long_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(uploads_beside_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(download_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(download_ends_in_a_packet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(download_client_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(downloads_beside_each_other, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
