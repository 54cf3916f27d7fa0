/* The relay in front of a daemon that breaks the rules: it loses its connection, and nothing else happens. */
#include "protocol/keepalive.h"
#include "tests/unit/rpc_relay.h"

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
        TEST(lies_cost_the_liar), TEST(broken_frames), TEST(quota_of_quick_calls), TEST(harmless_oddities),
        TEST(lies_about_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
