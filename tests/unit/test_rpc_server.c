/*
 * The walk of a call, driven by hand-made frames: the gates in their order, what hostile or clumsy clients send, quotas,
 * and what happens to the calls of a client that goes away.
 */
#include "tests/unit/rpc_raw.h"

#include <malloc.h>
#include <sys/un.h>

#include "protocol/keepalive.h"

typedef struct Guest {
    JobQueue queue;
    int running, finished, cancelled;
} Guest;

static Guest guest;
static RpcServer *server;
static int closed_hooks, lookups, unrefs;

static int
guest_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_domain *dom = wire;

    if (strcmp(dom->name, "vm") != 0)
        return error_setf(err, FROM_QEMU, ERR_NO_DOMAIN, "no domain '%s'", dom->name);
    lookups++;
    *ret_object = &guest;
    return 0;
}

static void
guest_unref(void *object)
{
    unrefs++;
}

static JobQueue *
guest_queue(void *object, const char **ret_name)
{
    *ret_name = "domain 'vm'";
    return &((Guest *)object)->queue;
}

static const RpcObjectClass guest_class = { .lookup = guest_lookup, .unref = guest_unref, .queue = guest_queue };

static void
on_close(RpcClient *client, void *data)
{
    closed_hooks++;
}

static int
get_max_vcpus(RpcCall *call, const remote_connect_get_max_vcpus_args *args, remote_connect_get_max_vcpus_ret *ret, Error *err)
{
    rpc_client_on_close(rpc_call_client(call), on_close, NULL);
    ret->max_vcpus = 42;
    return 0;
}

static int
get_xml(RpcCall *call, const remote_domain_get_xml_desc_args *args, remote_domain_get_xml_desc_ret *ret, Error *err)
{
    ret->xml = "<domain/>";
    return 0;
}

/* A query that takes as many milliseconds as the size says. */
static int
block_peek(Job *job, RpcCall *call, const remote_domain_block_peek_args *args, remote_domain_block_peek_ret *ret, Error *err)
{
    guest.running++;
    int r = job_sleep(job, args->size * USEC_PER_MSEC, err);
    guest.running--;
    guest.finished++;
    return r;
}

static int
suspend(Job *job, RpcCall *call, const remote_domain_suspend_args *args, void *ret, Error *err)
{
    assert_int_equal(guest.running, 0); /* alone on its object */
    guest.running++;
    int r = job_sleep(job, 20 * USEC_PER_MSEC, err);
    guest.running--;
    guest.finished++;
    return r;
}

static int
destroy(Job *job, RpcCall *call, const remote_domain_destroy_args *args, void *ret, Error *err)
{
    return 0;
}

static const RpcBinding bindings[] = {
    REMOTE_BIND(CONNECT_GET_MAX_VCPUS, get_max_vcpus),
    REMOTE_BIND(DOMAIN_GET_XML_DESC, get_xml),
    REMOTE_BIND(DOMAIN_BLOCK_PEEK, block_peek),
    REMOTE_BIND(DOMAIN_SUSPEND, suspend),
    REMOTE_BIND(DOMAIN_DESTROY, destroy),
};

static const RpcServiceOptions open_door = { .auth = RPC_AUTH_NONE };
static const remote_domain_get_xml_desc_args xml_args = { .dom = { .name = "vm" } };

static int
set_up(void **state)
{
    const RpcServerOptions options = { .name = "virtqemud", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu" };

    memset(&guest, 0, sizeof(guest));
    closed_hooks = lookups = unrefs = 0;
    assert_int_equal(loop_init(NULL), 0);
    server = rpc_server_new(&options);
    rpc_server_bind(server, bindings, G_N_ELEMENTS(bindings));
    rpc_server_set_class(server, RPC_OBJECT_DOMAIN, &guest_class);
    return 0;
}

static int
tear_down(void **state)
{
    while (rpc_server_running_calls(server))
        loop_run_once(10000, NULL);
    server = rpc_server_free(server);
    settle();
    assert_int_equal(lookups, unrefs); /* every reference was given back */
    loop_done();
    return 0;
}

/* --- gates ------------------------------------------------------------------------------------------------------------ */

static void
handshake(void **state)
{
    Raw raw = raw_connect(server, &open_door);
    remote_connect_supports_feature_args feature = { .feature = 10 };
    remote_connect_open_args bad = { .name = "xen:///system" };

    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_GET_HOSTNAME, 0, NULL, FROM_RPC), ERR_INTERNAL_ERROR);
    raw_ok(&raw, REMOTE_PROC_AUTH_LIST, 0, NULL);
    assert_int_equal(raw_last.size, 8); /* one entry: none */
    assert_memory_equal(raw_last.payload, "\0\0\0\1\0\0\0\0", 8);
    raw_ok(&raw, REMOTE_PROC_CONNECT_SUPPORTS_FEATURE, WIRE_remote_connect_supports_feature_args, &feature);
    feature.feature = 14;
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_SUPPORTS_FEATURE, WIRE_remote_connect_supports_feature_args, &feature,
                               FROM_RPC), ERR_INTERNAL_ERROR);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_OPEN, WIRE_remote_connect_open_args, &bad, FROM_RPC), ERR_NO_CONNECT);
    raw_open(&raw);
    raw_ok(&raw, REMOTE_PROC_CONNECT_SUPPORTS_FEATURE, WIRE_remote_connect_supports_feature_args, &feature);
    assert_memory_equal(raw_last.payload, "\0\0\0\1", 4);
    raw_ok(&raw, REMOTE_PROC_CONNECT_CLOSE, 0, NULL);
    assert_true(raw_is_closed(&raw));
    raw_done(&raw);
}

static void
authentication(void **state)
{
    const RpcServiceOptions polkit = { .auth = RPC_AUTH_POLKIT };
    remote_connect_open_args open = { .name = "qemu:///system" };
    Raw raw = raw_connect(server, &polkit);
    RpcLimits limits;

    /* nothing but the five procedures, and no way round them */
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_OPEN, WIRE_remote_connect_open_args, &open, FROM_RPC), ERR_RPC);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_DOMAIN_GET_XML_DESC, WIRE_remote_domain_get_xml_desc_args, &xml_args, FROM_RPC),
                     ERR_RPC);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_AUTH_SASL_INIT, 0, NULL, FROM_RPC), ERR_AUTH_FAILED);
    rpc_server_get_limits(server, &limits);
    assert_int_equal(limits.anonymous_clients, 1);
    if (geteuid() == 0) { /* uid 0 needs no polkit, but has to ask */
        raw_open(&raw);
        rpc_server_get_limits(server, &limits);
        assert_int_equal(limits.anonymous_clients, 0);
        assert_int_equal(raw_fails(&raw, REMOTE_PROC_AUTH_POLKIT, 0, NULL, FROM_RPC), ERR_AUTH_FAILED);
    }
    raw_done(&raw);
}

static void
unknown(void **state)
{
    Raw raw = raw_connect(server, &open_door);

    raw_open(&raw);
    raw_call(&raw, 0x12345678, 1, 0, NULL);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.program, 0x12345678);
    assert_int_equal(raw_error(FROM_RPC), ERR_RPC);
    assert_int_equal(raw_fails(&raw, 454, 0, NULL, FROM_RPC), ERR_RPC);
    assert_memory_equal(raw_last.payload + 16, "unknown procedure", 17);
    assert_int_equal(raw_fails(&raw, 0, 0, NULL, FROM_RPC), ERR_RPC);
    assert_int_equal(raw_fails(&raw, -1, 0, NULL, FROM_RPC), ERR_RPC);
    assert_int_equal(raw_fails(&raw, INT32_MIN, 0, NULL, FROM_RPC), ERR_RPC);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE, 0, NULL, FROM_RPC), ERR_RPC);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_DOMAIN_REBOOT, 0, NULL, FROM_DOMAIN), ERR_NO_SUPPORT);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_LIST_ALL_NETWORKS, 0, NULL, FROM_NETWORK), ERR_NO_SUPPORT);
    raw_done(&raw);
}

static void
read_only(void **state)
{
    const RpcServiceOptions readonly = { .readonly = true };
    remote_domain_get_xml_desc_args secure = xml_args;
    remote_domain_destroy_args dom = { .dom = { .name = "vm" } };
    Raw raw = raw_connect(server, &readonly);

    raw_open(&raw); /* without the read-only flag: the socket decides */
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_DOMAIN_DESTROY, WIRE_remote_domain_destroy_args, &dom, FROM_DOMAIN),
                     ERR_OPERATION_DENIED);
    raw_ok(&raw, REMOTE_PROC_DOMAIN_GET_XML_DESC, WIRE_remote_domain_get_xml_desc_args, &xml_args);
    secure.flags = VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE;
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_DOMAIN_GET_XML_DESC, WIRE_remote_domain_get_xml_desc_args, &secure, FROM_DOMAIN),
                     ERR_OPERATION_DENIED);
    raw_done(&raw);
}

static void
bad_arguments(void **state)
{
    Raw raw = raw_connect(server, &open_door);
    remote_domain_get_xml_desc_args other = { .dom = { .name = "other" } };
    WireBuffer buffer = WIRE_BUFFER_INIT(4096);

    raw_open(&raw);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_DOMAIN_GET_XML_DESC, WIRE_remote_domain_get_xml_desc_args, &other, FROM_QEMU),
                     ERR_NO_DOMAIN);
    wire_encode(WIRE_remote_domain_get_xml_desc_args, &xml_args, &buffer, NULL);
    for (size_t size = 0; size < buffer.len; size++) {
        raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_GET_XML_DESC, VIR_NET_CALL, 1000 + size, 0, buffer.data, size);
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.serial, 1000 + size);
        assert_int_equal(raw_error(FROM_RPC), ERR_RPC);
    }
    wire_buffer_done(&buffer);
    raw_ok(&raw, REMOTE_PROC_DOMAIN_GET_XML_DESC, WIRE_remote_domain_get_xml_desc_args, &xml_args);
    raw_done(&raw);
}

/* --- frames ----------------------------------------------------------------------------------------------------------- */

static void
byte_by_byte(void **state)
{
    Raw raw = raw_connect(server, &open_door);
    g_autoptr(GByteArray) frame = raw_frame(REMOTE_PROGRAM, 1, REMOTE_PROC_AUTH_LIST, VIR_NET_CALL, 7, 0, NULL, 0);

    for (int round = 0; round < 3; round++) {
        for (unsigned int i = 0; i < frame->len; i++) {
            raw_write(&raw, frame->data + i, 1);
            loop_run_once(0, NULL);
        }
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.serial, 7);
    }
    raw_done(&raw);
}

static void
wrong_lengths(void **state)
{
    static const uint32_t lengths[] = { 0, 3, 4, 27, 33554437, 0x7fffffff, 0xffffffff };

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        Raw raw = raw_connect(server, &open_door);
        uint8_t bytes[64] = { 0 };

        wire_put_u32(bytes, lengths[i]);
        raw_write(&raw, bytes, sizeof(bytes));
        assert_true(raw_is_closed(&raw));
        raw_done(&raw);
    }
    assert_int_equal(rpc_server_clients(server), 0);
}

/* The largest message allowed is announced; what is kept grows only with what comes. */
static void
announced_not_sent(void **state)
{
    Raw raw = raw_connect(server, &open_door);
    uint8_t head[28] = { 0 };
    size_t before;

    settle();
    before = mallinfo2().uordblks + mallinfo2().hblkhd;
    wire_put_u32(head, 33554436);
    raw_write(&raw, head, sizeof(head));
    settle();
    raw_write(&raw, head, sizeof(head));
    settle();
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < before + (1 << 20));
    assert_false(raw_is_closed(&raw));
    raw_done(&raw);
}

static void
other_types(void **state)
{
    Raw raw = raw_connect(server, &open_door);

    raw_open(&raw);
    /* replies, events, streams and unknown types out of the blue: nothing happens */
    for (uint32_t type = 1; type < 10; type++)
        if (type != VIR_NET_CALL_WITH_FDS && type != VIR_NET_REPLY_WITH_FDS)
            raw_send(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_GET_XML_DESC, type, 99, type % 3, NULL, 0);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_MAX_VCPUS, WIRE_remote_connect_get_max_vcpus_args,
           &(remote_connect_get_max_vcpus_args){ 0 });
    assert_int_equal(raw.in->len, 0);
    raw_done(&raw);
}

static void
pipelined(void **state)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    Raw raw = raw_connect(server, &open_door);

    raw_open(&raw);
    for (int i = 0; i < 1000; i++) {
        g_autoptr(GByteArray) one = raw_frame(REMOTE_PROGRAM, 1, REMOTE_PROC_CONNECT_GET_TYPE, VIR_NET_CALL, 500 + i, 0, NULL, 0);

        g_byte_array_append(all, one->data, one->len);
    }
    raw_write(&raw, all->data, all->len);
    for (int i = 0; i < 1000; i++) {
        assert_true(raw_receive(&raw));
        assert_int_equal(raw_last.serial, 500 + i);
        assert_memory_equal(raw_last.payload, "\0\0\0\4QEMU", 8);
    }
    raw_done(&raw);
}

/* --- many slow calls -------------------------------------------------------------------------------------------------- */

static void
quota(void **state)
{
    remote_domain_block_peek_args peek = { .dom = { .name = "vm" }, .path = "", .size = 5 };
    Raw raw = raw_connect(server, &open_door);
    int replies = 0, pongs = 0;

    raw_open(&raw);
    for (int i = 0; i < 60; i++) {
        raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_BLOCK_PEEK, WIRE_remote_domain_block_peek_args, &peek);
        raw_send(&raw, KEEPALIVE_PROGRAM, KEEPALIVE_PROC_PING, VIR_NET_MESSAGE, 0, 0, NULL, 0);
    }
    settle();
    assert_true(rpc_server_running_calls(server) <= 5);
    while (replies < 60) {
        assert_true(rpc_server_running_calls(server) <= 5);
        assert_true(raw_receive(&raw));
        if (raw_last.program == KEEPALIVE_PROGRAM) {
            assert_int_equal(raw_last.proc, KEEPALIVE_PROC_PONG);
            if (replies == 0)
                pongs++;
        } else {
            assert_int_equal(raw_last.status, VIR_NET_OK);
            replies++;
        }
    }
    assert_true(pongs >= 59); /* before any slow call was done */
    assert_int_equal(guest.finished, 60);
    raw_done(&raw);
}

/* Answers from memory, and calls that end others, don't queue behind slow ones. */
static void
fast_lane(void **state)
{
    remote_domain_block_peek_args peek = { .dom = { .name = "vm" }, .path = "", .size = 100 };
    remote_domain_destroy_args dom = { .dom = { .name = "vm" } };
    Raw raw = raw_connect(server, &open_door);

    raw_open(&raw);
    for (int i = 0; i < 10; i++)
        raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_BLOCK_PEEK, WIRE_remote_domain_block_peek_args, &peek);
    raw_ok(&raw, REMOTE_PROC_DOMAIN_GET_XML_DESC, WIRE_remote_domain_get_xml_desc_args, &xml_args);
    raw_ok(&raw, REMOTE_PROC_DOMAIN_DESTROY, WIRE_remote_domain_destroy_args, &dom);
    assert_int_equal(guest.finished, 0);
    raw_done(&raw);
}

static void
one_change_at_a_time(void **state)
{
    remote_domain_suspend_args dom = { .dom = { .name = "vm" } };
    Raw first = raw_connect(server, &open_door), second = raw_connect(server, &open_door);

    raw_open(&first);
    raw_open(&second);
    for (int i = 0; i < 3; i++) {
        raw_call(&first, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, WIRE_remote_domain_suspend_args, &dom);
        raw_call(&second, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, WIRE_remote_domain_suspend_args, &dom);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(raw_receive(&first));
        assert_true(raw_receive(&second));
        assert_int_equal(raw_last.status, VIR_NET_OK);
    }
    assert_int_equal(guest.finished, 6);
    raw_done(&first);
    raw_done(&second);
}

/* A client that goes takes its waiting changes with it; the one that runs ends as it would have. */
static void
disconnect(void **state)
{
    remote_domain_suspend_args dom = { .dom = { .name = "vm" } };
    Raw raw = raw_connect(server, &open_door);

    raw_open(&raw);
    raw_ok(&raw, REMOTE_PROC_CONNECT_GET_MAX_VCPUS, WIRE_remote_connect_get_max_vcpus_args,
           &(remote_connect_get_max_vcpus_args){ 0 });
    for (int i = 0; i < 20; i++)
        raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_SUSPEND, WIRE_remote_domain_suspend_args, &dom);
    settle();
    assert_int_equal(guest.running, 1);
    raw_done(&raw);
    settle();
    assert_int_equal(rpc_server_clients(server), 0);
    assert_int_equal(closed_hooks, 1);
    while (rpc_server_running_calls(server))
        loop_run_once(10000, NULL);
    assert_int_equal(guest.finished, 1);
}

/* At the limit clients wait in the socket's own queue, and are served when others have gone. */
static void
limits(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t length = sizeof(sa_family_t); /* the kernel chooses a name */
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), fds[4];

    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    length = sizeof(address);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(rpc_server_listen(server, listener, &open_door, NULL), 0);
    assert_int_equal(rpc_server_set_limits(server, 0, 0, NULL), -1);
    assert_int_equal(rpc_server_set_limits(server, 2, 3, NULL), -1);
    assert_int_equal(rpc_server_set_limits(server, 2, 2, NULL), 0);
    for (int i = 0; i < 4; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, length), 0);
    }
    settle();
    assert_int_equal(rpc_server_clients(server), 2);
    close(fds[0]);
    close(fds[1]);
    settle();
    assert_int_equal(rpc_server_clients(server), 2);
    close(fds[2]);
    close(fds[3]);
    settle();
    assert_int_equal(rpc_server_clients(server), 0);
}

/* After draining no call is read, and a running one is still answered. */
static void
drain(void **state)
{
    remote_domain_block_peek_args peek = { .dom = { .name = "vm" }, .path = "", .size = 20 };
    Raw raw = raw_connect(server, &open_door);
    uint32_t serial;

    raw_open(&raw);
    serial = raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_DOMAIN_BLOCK_PEEK, WIRE_remote_domain_block_peek_args, &peek);
    settle();
    rpc_server_drain(server);
    raw_call(&raw, REMOTE_PROGRAM, REMOTE_PROC_CONNECT_GET_TYPE, 0, NULL);
    assert_true(raw_receive(&raw));
    assert_int_equal(raw_last.serial, serial);
    settle();
    raw_read(&raw);
    assert_int_equal(raw.in->len, 0);
    raw_done(&raw);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(handshake), TEST(authentication), TEST(unknown), TEST(read_only), TEST(bad_arguments), TEST(byte_by_byte),
        TEST(wrong_lengths), TEST(announced_not_sent), TEST(other_types), TEST(pipelined), TEST(quota), TEST(fast_lane),
        TEST(one_change_at_a_time), TEST(disconnect),
        TEST(limits), TEST(drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
