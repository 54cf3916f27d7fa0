/*
 * Our client side against our server side, in one process: typed calls from fibers, errors as they were raised, forwarded
 * messages, and a connection that breaks while calls wait.
 */
#include "common/rpc/peer.h"
#include "protocol/calls.h"
#include "tests/unit/rpc_raw.h"

static RpcServer *server;
static RpcPeer *peer;
static int done, forwarded;

static int
lookup_by_name(RpcCall *call, const remote_domain_lookup_by_name_args *args, remote_domain_lookup_by_name_ret *ret, Error *err)
{
    if (strcmp(args->name, "vm") != 0) {
        error_setf(err, FROM_QEMU, ERR_NO_DOMAIN, "no domain named '%s'", args->name);
        err->str1 = g_strdup("extra");
        err->int1 = 7;
        return -1;
    }
    ret->dom.name = "vm";
    ret->dom.id = 5;
    return 0;
}

static int
get_version(Job *job, RpcCall *call, const void *args, remote_connect_get_version_ret *ret, Error *err)
{
    ret->hv_ver = 7;
    return job_sleep(job, 400 * USEC_PER_MSEC, err); /* longer than anybody waits */
}

static const RpcBinding bindings[] = {
    REMOTE_BIND(DOMAIN_LOOKUP_BY_NAME, lookup_by_name),
    REMOTE_BIND(CONNECT_GET_VERSION, get_version),
};

static int
set_up(void **state)
{
    const RpcServerOptions options = { .name = "virtqemud", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu" };
    int fds[2];

    assert_int_equal(loop_init(NULL), 0);
    server = rpc_server_new(&options);
    rpc_server_bind(server, bindings, G_N_ELEMENTS(bindings));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(rpc_server_adopt(server, fds[0], &(RpcServiceOptions){ 0 }, NULL, NULL), 0);
    assert_int_equal(rpc_peer_new(fds[1], "the test", &peer, NULL), 0);
    done = forwarded = 0;
    return 0;
}

static int
tear_down(void **state)
{
    peer = rpc_peer_free(peer);
    settle();
    server = rpc_server_free(server);
    settle();
    loop_done();
    return 0;
}

static void
run_job(JobFn fn)
{
    job_spawn("test", NULL, fn, NULL);
    for (int i = 0; i < 1000 && !done; i++)
        loop_run_once(1000, NULL);
    assert_true(done);
}

static void
calls_job(Job *job, void *data)
{
    remote_domain_lookup_by_name_args args = { .name = "vm" };
    remote_domain_lookup_by_name_ret ret;
    remote_connect_get_uri_ret uri;
    Error err = ERROR_INIT;
    Arena arena;

    arena_init(&arena, NULL, 0);
    assert_int_equal(remote_call_domain_lookup_by_name(job, peer, &arena, &args, &ret, &err), -1);
    assert_int_equal(err.code, ERR_INTERNAL_ERROR); /* not open yet */
    error_done(&err);
    assert_int_equal(rpc_peer_open(job, peer, "qemu:///system", 0, &err), 0);
    assert_int_equal(remote_call_domain_lookup_by_name(job, peer, &arena, &args, &ret, &err), 0);
    assert_string_equal(ret.dom.name, "vm");
    assert_int_equal(ret.dom.id, 5);
    args.name = "other";
    assert_int_equal(remote_call_domain_lookup_by_name(job, peer, &arena, &args, &ret, &err), -1);
    assert_int_equal(err.code, ERR_NO_DOMAIN);
    assert_int_equal(err.domain, FROM_QEMU);
    assert_string_equal(err.message, "no domain named 'other'");
    assert_string_equal(err.str1, "extra");
    assert_int_equal(err.int1, 7);
    error_done(&err);
    assert_int_equal(remote_call_connect_get_uri(job, peer, &arena, &uri, &err), 0);
    assert_string_equal(uri.uri, "qemu:///system");
    arena_done(&arena);
    done = 1;
}

static void
calls(void **state)
{
    run_job(calls_job);
}

static void
broken_job(Job *job, void *data)
{
    remote_connect_get_version_ret ret;
    Error err = ERROR_INIT;
    Arena arena;

    arena_init(&arena, NULL, 0);
    assert_int_equal(rpc_peer_open(job, peer, NULL, 0, &err), 0);
    job_set_deadline(job, 20 * USEC_PER_MSEC);
    assert_int_equal(remote_call_connect_get_version(job, peer, &arena, &ret, &err), -1);
    assert_int_equal(err.code, ERR_OPERATION_TIMEOUT);
    error_done(&err);
    job_set_deadline(job, LOOP_NEVER);
    done = 2;
    assert_int_equal(remote_call_connect_get_version(job, peer, &arena, &ret, &err), -1);
    assert_int_equal(err.code, ERR_NO_CONNECT);
    error_done(&err);
    assert_true(rpc_peer_broken(peer));
    assert_int_equal(remote_call_connect_get_version(job, peer, &arena, &ret, &err), -1);
    assert_int_equal(err.code, ERR_NO_CONNECT);
    error_done(&err);
    arena_done(&arena);
    done = 1;
}

static int
disconnect_all(sd_event_source *source, uint64_t usec, void *data)
{
    rpc_server_drain(server);
    shutdown(*(int *)data, SHUT_RDWR);
    return 0;
}

static void
broken(void **state)
{
    sd_event_source *timer = NULL;
    int fds[2];

    /* a server that never answers the second call and then goes: our end of a plain pair */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    peer = rpc_peer_free(peer);
    assert_int_equal(rpc_server_adopt(server, fds[0], &(RpcServiceOptions){ 0 }, NULL, NULL), 0);
    assert_int_equal(rpc_peer_new(fds[1], "the test", &peer, NULL), 0);
    assert_int_equal(loop_timer(&timer, 100 * USEC_PER_MSEC, disconnect_all, &fds[0], NULL), 0);
    job_spawn("test", NULL, broken_job, NULL);
    for (int i = 0; i < 1000 && done != 1; i++)
        loop_run_once(1000, NULL);
    assert_int_equal(done, 1);
    sd_event_source_disable_unref(timer);
    /* the server's calls are still asleep: let them end */
    while (rpc_server_running_calls(server))
        loop_run_once(100000, NULL);
}

static void
on_forwarded(void *data, RpcFrame *reply, const char *reason)
{
    forwarded++;
    assert_non_null(reply);
    assert_int_equal(reply->header.status, VIR_NET_OK);
    assert_memory_equal(reply->payload, "\0\0\0\1\0\0\0\0", 8);
}

static void
forward(void **state)
{
    RpcHeader header = { .program = REMOTE_PROGRAM, .version = 1, .proc = REMOTE_PROC_AUTH_LIST, .serial = 77 };

    assert_int_equal(rpc_peer_forward(peer, &header, NULL, 0, NULL, 0, on_forwarded, NULL, NULL, NULL), 0);
    settle();
    assert_int_equal(forwarded, 1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = { TEST(calls), TEST(broken), TEST(forward) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
