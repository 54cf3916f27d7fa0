/*
 * A daemon's own connection to another one: opened on demand, introduced with identity and token, healed after a loss,
 * given up when idle daemons or impostors are at the other end. And the token itself.
 */
#include "common/rpc/link.h"

#include <sys/epoll.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/rpc/token.h"
#include "protocol/calls.h"
#include "tests/unit/rpc_listen.h"
#include "tests/unit/rpc_raw.h"

static RpcServer *server;
static RpcLink *link_;
static RpcTarget target;
static char *socket_path, *token_path;
static int opened, jobs;
static RpcClient *client;

static int
get_version(Job *job, RpcCall *call, const void *args, remote_connect_get_version_ret *ret, Error *err)
{
    client = rpc_call_client(call);
    ret->hv_ver = 1;
    return 0;
}

static const RpcBinding bindings[] = { REMOTE_BIND(CONNECT_GET_VERSION, get_version) };

static int
on_opened(void *daemon, RpcClient *who, Error *err)
{
    opened++;
    return 0;
}

static void
serve(void)
{
    static const RpcHooks hooks = { .opened = on_opened };
    const RpcServerOptions options = { .name = "virtqemud", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu",
                                       .token_path = token_path, .hooks = &hooks };

    server = rpc_server_new(&options);
    rpc_server_bind(server, bindings, G_N_ELEMENTS(bindings));
    assert_int_equal(rpc_server_listen(server, listen_at("sock"), &(RpcServiceOptions){ 0 }, NULL), 0);
}

static int
set_up(void **state)
{
    assert_int_equal(loop_init(NULL), 0);
    listen_set_up();
    socket_path = listen_path("sock");
    token_path = listen_path("common/system.token");
    target = (RpcTarget){ .daemon = "virtotherd", .socket = socket_path, .uri = "qemu:///system", .token_path = token_path };
    link_ = rpc_link_new(&target, RPC_LINK_IDLE);
    opened = jobs = 0;
    return 0;
}

static int
tear_down(void **state)
{
    link_ = rpc_link_free(link_);
    settle();
    server = rpc_server_free(server);
    settle();
    listen_tear_down();
    g_free(socket_path);
    g_free(token_path);
    loop_done();
    return 0;
}

static void
run_job(JobFn fn)
{
    int want = jobs + 1;

    job_spawn("test", NULL, fn, NULL);
    for (int i = 0; i < 1000 && jobs < want; i++)
        loop_run_once(10000, NULL);
    assert_int_equal(jobs, want);
}

static int
ask(Job *job, Error *err)
{
    _cleanup_peer_ RpcPeer *peer = NULL;
    remote_connect_get_version_ret ret;
    Arena arena;
    int r;

    if (rpc_link_get(job, link_, &peer, err) < 0)
        return -1;
    arena_init(&arena, NULL, 0);
    r = remote_call_connect_get_version(job, peer, &arena, &ret, err);
    arena_done(&arena);
    return r;
}

static void
ask_job(Job *job, void *data)
{
    Error err = ERROR_INIT;

    assert_int_equal(ask(job, &err), 0);
    jobs++;
}

static void
introduces_itself(void **state)
{
    char token[TOKEN_SIZE];

    serve();
    run_job(ask_job);
    assert_int_equal(opened, 1);
    assert_int_equal(rpc_client_identity(client)->uid, geteuid());
    assert_int_equal(rpc_client_identity(client)->pid, getpid());
    assert_true(rpc_client_identity(client)->start_time > 0);
    assert_int_equal(token_get(token_path, token, NULL), 0);
    assert_string_equal(rpc_client_identity(client)->token, token);
    run_job(ask_job);
    assert_int_equal(opened, 1); /* the same connection */
}

static void
heals(void **state)
{
    serve();
    run_job(ask_job);
    server = rpc_server_free(server);
    serve();
    settle();
    run_job(ask_job);
    assert_int_equal(opened, 2);
}

static void
shares_one_attempt(void **state)
{
    serve();
    for (int i = 0; i < 5; i++)
        job_spawn("test", NULL, ask_job, NULL);
    for (int i = 0; i < 1000 && jobs < 5; i++)
        loop_run_once(10000, NULL);
    assert_int_equal(jobs, 5);
    assert_int_equal(opened, 1);
}

/* When unused it ends, but never under a caller. */
static void
idle_job(Job *job, void *data)
{
    _cleanup_peer_ RpcPeer *peer = NULL;
    Error err = ERROR_INIT;

    assert_int_equal(rpc_link_get(job, link_, &peer, &err), 0);
    assert_int_equal(job_sleep(job, 100 * USEC_PER_MSEC, &err), 0);
    assert_false(rpc_peer_broken(peer));
    jobs++;
}

static void
ends_when_idle(void **state)
{
    rpc_link_free(link_);
    link_ = rpc_link_new(&target, 10 * USEC_PER_MSEC);
    serve();
    run_job(idle_job);
    for (int i = 0; i < 1000 && rpc_server_clients(server); i++)
        loop_run_once(10000, NULL);
    assert_int_equal(rpc_server_clients(server), 0);
    run_job(ask_job);
    assert_int_equal(opened, 2);
}

/* A daemon that is just leaving when we come. */
static int
accept_and_leave(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    (*(int *)data)++;
    close(connection);
    serve();
    return 0;
}

static void
survives_its_leaving(void **state)
{
    sd_event_source *source = NULL;
    int fd = listen_at("sock"), left = 0;

    assert_true(sd_event_add_io(loop_event(), &source, fd, EPOLLIN, accept_and_leave, &left) >= 0);
    run_job(ask_job);
    assert_int_equal(left, 1);
    assert_int_equal(opened, 1);
    sd_event_source_disable_unref(source);
    close(fd);
}

static void
missing_job(Job *job, void *data)
{
    Error err = ERROR_INIT;
    int fd;

    assert_int_equal(ask(job, &err), -1);
    assert_int_equal(err.code, ERR_NO_SUPPORT);
    assert_non_null(strstr(err.message, "virtotherd is not installed"));
    assert_non_null(strstr(err.message, socket_path));
    error_done(&err);
    fd = listen_at("sock");
    close(fd); /* the name stays */
    assert_int_equal(ask(job, &err), -1);
    assert_int_equal(err.code, ERR_NO_CONNECT);
    assert_non_null(strstr(err.message, "virtotherd"));
    error_done(&err);
    jobs++;
}

static void
missing(void **state)
{
    run_job(missing_job);
    serve();
    run_job(ask_job);
}

/* --- the token --- */

static void
token(void **state)
{
    char first[TOKEN_SIZE], second[TOKEN_SIZE];
    Error err = ERROR_INIT;
    struct stat st;

    assert_int_equal(token_check(token_path, "0123456789abcdef0123456789abcdef", &err), 0);
    assert_int_equal(token_get(token_path, first, &err), 0);
    assert_int_equal(token_get(token_path, second, &err), 0);
    assert_string_equal(first, second);
    assert_int_equal(strspn(first, "0123456789abcdef"), 32);
    assert_int_equal(stat(token_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(token_check(token_path, first, &err), 1);
    assert_int_equal(token_check(token_path, "0123456789abcdef0123456789abcdef", &err), 0);
    assert_int_equal(token_check(token_path, "", &err), 0);
    first[31] = 0;
    assert_int_equal(token_check(token_path, first, &err), 0);
    assert_int_equal(file_replace(token_path, "0123", 4, 0600, NULL), 0);
    assert_int_equal(token_get(token_path, first, &err), -1);
    assert_non_null(strstr(err.message, "remove it"));
    error_done(&err);
}

/* A wrong token is refused whoever shows it, and none is believed where there is none. */
static void
wrong_token(void **state)
{
    remote_typed_param param = { .field = "system.token", .value = { .type = VIR_TYPED_PARAM_STRING } };
    remote_connect_set_identity_args args = { .params = &param, .n_params = 1 };
    char right[TOKEN_SIZE];
    Raw raw;

    serve();
    raw = raw_connect(server, &(RpcServiceOptions){ 0 });
    raw_open(&raw);
    param.value.s = "0123456789abcdef0123456789abcdef";
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_SET_IDENTITY, WIRE_remote_connect_set_identity_args, &args, FROM_RPC),
                     ERR_OPERATION_DENIED);
    assert_int_equal(token_get(token_path, right, NULL), 0);
    assert_int_equal(raw_fails(&raw, REMOTE_PROC_CONNECT_SET_IDENTITY, WIRE_remote_connect_set_identity_args, &args, FROM_RPC),
                     ERR_OPERATION_DENIED);
    param.value.s = right;
    raw_ok(&raw, REMOTE_PROC_CONNECT_SET_IDENTITY, WIRE_remote_connect_set_identity_args, &args);
    raw_done(&raw);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(introduces_itself), TEST(heals), TEST(shares_one_attempt), TEST(ends_when_idle), TEST(survives_its_leaving), TEST(missing), TEST(token), TEST(wrong_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
