/*
 * The smallest daemon: two imaginary guests behind the real RPC layer. Shows all a daemon has to bring, and lets the
 * stock virsh and hostile clients loose on the layer without any guest:
 *
 *     example_daemon DIR [polkit] [fast]
 *     virsh -c 'qemu:///system?socket=DIR/virtqemud-sock' list --all
 *
 * It listens on DIR/virtqemud-sock, DIR/virtqemud-sock-ro and DIR/virtqemud-admin-sock. polkit: clients authenticate;
 * fast: keepalive every second. Not installed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/base/worker.h"
#include "common/host/polkit.h"
#include "common/rpc/admin.h"
#include "common/rpc/rpc.h"
#include "protocol/constants.h"
#include "protocol/qemu.h"
#include "protocol/remote.h"

typedef struct Guest {
    const char *name;
    uint8_t uuid[VIR_UUID_BUFLEN];
    int id; /* -1: not running */
    JobQueue queue;
    bool autostart;
} Guest;

typedef struct Example {
    RpcServer *server;
    Guest guests[2];
} Example;

static Example example = {
    .guests = {
        { .name = "one", .uuid = { 1 }, .id = 1 },
        { .name = "two", .uuid = { 2 }, .id = -1 },
    },
};

/* --- objects ---------------------------------------------------------------------------------------------------------- */

static int
guest_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_domain *dom = wire;

    for (size_t i = 0; i < G_N_ELEMENTS(example.guests); i++) {
        if (memcmp(example.guests[i].uuid, dom->uuid, VIR_UUID_BUFLEN) == 0) {
            *ret_object = &example.guests[i];
            return 0;
        }
    }
    return error_setf(err, FROM_QEMU, ERR_NO_DOMAIN, "no domain with the UUID of '%s'", dom->name);
}

static void
guest_unref(void *object)
{
}

static JobQueue *
guest_queue(void *object, const char **ret_name)
{
    Guest *guest = object;

    *ret_name = guest->name;
    return &guest->queue;
}

static const RpcObjectClass guest_class = { .lookup = guest_lookup, .unref = guest_unref, .queue = guest_queue };

static remote_nonnull_domain
wire_domain(const Guest *guest)
{
    remote_nonnull_domain dom = { .name = guest->name, .id = guest->id };

    memcpy(dom.uuid, guest->uuid, VIR_UUID_BUFLEN);
    return dom;
}

/* --- handlers --------------------------------------------------------------------------------------------------------- */

static int
get_version(Job *job, RpcCall *call, const void *args, remote_connect_get_version_ret *ret, Error *err)
{
    ret->hv_ver = 1002003;
    return 0;
}

static int
list_all(RpcCall *call, const remote_connect_list_all_domains_args *args, remote_connect_list_all_domains_ret *ret, Error *err)
{
    ret->ret = G_N_ELEMENTS(example.guests);
    if (!args->need_results)
        return 0;
    ret->n_domains = ret->ret;
    ret->domains = arena_newv(rpc_call_arena(call), remote_nonnull_domain, ret->ret);
    for (unsigned int i = 0; i < ret->ret; i++)
        ret->domains[i] = wire_domain(&example.guests[i]);
    return 0;
}

static int
lookup_by_name(RpcCall *call, const remote_domain_lookup_by_name_args *args, remote_domain_lookup_by_name_ret *ret, Error *err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(example.guests); i++) {
        if (strcmp(example.guests[i].name, args->name) == 0) {
            ret->dom = wire_domain(&example.guests[i]);
            return 0;
        }
    }
    return error_setf(err, FROM_QEMU, ERR_NO_DOMAIN, "no domain named '%s'", args->name);
}

static int
get_state(RpcCall *call, const remote_domain_get_state_args *args, remote_domain_get_state_ret *ret, Error *err)
{
    Guest *guest = rpc_call_object(call);

    ret->state = guest->id < 0 ? VIR_DOMAIN_SHUTOFF : VIR_DOMAIN_RUNNING;
    return 0;
}

static int
get_autostart(RpcCall *call, const remote_domain_get_autostart_args *args, remote_domain_get_autostart_ret *ret, Error *err)
{
    ret->autostart = ((Guest *)rpc_call_object(call))->autostart;
    return 0;
}

/* Takes a while, and must have the guest to itself. */
static int
set_autostart(Job *job, RpcCall *call, const remote_domain_set_autostart_args *args, void *ret, Error *err)
{
    Guest *guest = rpc_call_object(call);
    remote_domain_event_callback_lifecycle_msg event = {
        .msg = { .dom = wire_domain(guest), .event = VIR_DOMAIN_EVENT_DEFINED, .detail = VIR_DOMAIN_EVENT_DEFINED_UPDATED },
    };

    if (job_sleep(job, 20 * USEC_PER_MSEC, err) < 0)
        return -1;
    guest->autostart = args->autostart;
    rpc_event_send(example.server, RPC_PROGRAM_REMOTE, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &event, guest->uuid,
                   VIR_UUID_BUFLEN, guest);
    return 0;
}

/* Sleeps as many milliseconds as the command says: slow calls for tests. */
static int
monitor_command(Job *job, RpcCall *call, const qemu_domain_monitor_command_args *args, qemu_domain_monitor_command_ret *ret,
                Error *err)
{
    if (job_sleep(job, g_ascii_strtoull(args->cmd, NULL, 10) * USEC_PER_MSEC, err) < 0)
        return -1;
    ret->result = args->cmd;
    return 0;
}

/* A console that says one line and hangs up. */
static int
open_console(Job *job, RpcCall *call, const remote_domain_open_console_args *args, void *ret, Error *err)
{
    int pipe_fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipe_fds) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot make a console");
    if (write(pipe_fds[1], "hello from the example\r\n", 24) != 24 || shutdown(pipe_fds[1], SHUT_WR) < 0)
        error_set_errno(err, FROM_QEMU, errno, "cannot make a console");
    close(pipe_fds[1]);
    if (error_is_set(err)) {
        close(pipe_fds[0]);
        return -1;
    }
    return rpc_stream_open_fd(call, pipe_fds[0], RPC_STREAM_FD_READ, NULL, err);
}

static const RpcBinding bindings[] = {
    REMOTE_BIND(CONNECT_GET_VERSION, get_version),
    REMOTE_BIND(CONNECT_LIST_ALL_DOMAINS, list_all),
    REMOTE_BIND(DOMAIN_LOOKUP_BY_NAME, lookup_by_name),
    REMOTE_BIND(DOMAIN_GET_STATE, get_state),
    REMOTE_BIND(DOMAIN_GET_AUTOSTART, get_autostart),
    REMOTE_BIND(DOMAIN_SET_AUTOSTART, set_autostart),
    REMOTE_BIND(DOMAIN_OPEN_CONSOLE, open_console),
    QEMU_BIND(DOMAIN_MONITOR_COMMAND, monitor_command),
};

/* --- the daemon ------------------------------------------------------------------------------------------------------- */

static const RpcHooks hooks = { .polkit = polkit_authorize };

static int
listen_at(RpcServer *server, const char *dir, const char *name, const RpcServiceOptions *options, Error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
    unlink(address.sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
        return error_set_errno(err, FROM_RPC, errno, "cannot listen on '%s'", address.sun_path);
    return rpc_server_listen(server, fd, options, err);
}

static int
on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    loop_exit(0);
    return 0;
}

static int
serve(const char *dir, RpcAuth auth, int keepalive, Error *err)
{
    const RpcServerOptions options = {
        .name = "virtqemud", .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu", .keepalive_interval = keepalive,
        .keepalive_count = 5, .daemon = &example, .hooks = &hooks,
    };
    RpcAdmin *admin = NULL;

    if (loop_init(err) < 0)
        return -1;
    example.server = rpc_server_new(&options);
    rpc_server_bind(example.server, bindings, G_N_ELEMENTS(bindings));
    rpc_server_set_class(example.server, RPC_OBJECT_DOMAIN, &guest_class);
    admin = rpc_admin_new(&(RpcAdminOptions){ .keepalive_interval = 5, .keepalive_count = 5 });
    rpc_admin_add(admin, example.server);
    if (listen_at(example.server, dir, "virtqemud-sock", &(RpcServiceOptions){ .auth = auth }, err) < 0 ||
        listen_at(example.server, dir, "virtqemud-sock-ro", &(RpcServiceOptions){ .readonly = true, .auth = auth }, err) < 0 ||
        listen_at(rpc_admin_server(admin), dir, "virtqemud-admin-sock", &(RpcServiceOptions){ .same_uid = true }, err) < 0)
        return -1;
    sd_event_add_signal(loop_event(), NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_signal, NULL);
    printf("ready\n");
    fflush(stdout);
    return loop_run(err);
}

int
main(int argc, char **argv)
{
    _cleanup_error_ Error err = ERROR_INIT;
    RpcAuth auth = RPC_AUTH_NONE;
    int keepalive = 5;

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "polkit") == 0)
            auth = RPC_AUTH_POLKIT;
        else if (strcmp(argv[i], "fast") == 0)
            keepalive = 1;
        else
            argc = 0;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: example_daemon DIR [polkit] [fast]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    log_init("example_daemon");
    if (serve(argv[1], auth, keepalive, &err) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], err.message);
        return 1;
    }
    return 0;
}
