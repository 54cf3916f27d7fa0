/* One client: its life from accept to its last reference; see client.h. */
#include "common/rpc/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc/internal.h"
#include "protocol/keepalive.h"
#include "protocol/net.h"

#define LOG_SOURCE "rpc.client"
#include "common/base/log.h"

#define PATIENCE (60 * USEC_PER_SEC)

typedef struct CloseHook {
    RpcClosedFn fn;
    void *data;
} CloseHook;

void
rpc_identity_done(RpcIdentity *identity)
{
    g_free(identity->user);
    g_free(identity->group);
    g_free(identity->sasl_user);
    g_free(identity->x509_name);
    g_free(identity->selinux_context);
    g_free(identity->token);
}

/* Field 22 of /proc/PID/stat; the second may contain blanks and parentheses, so count from its end. */
static uint64_t
process_start_time(pid_t pid)
{
    char path[64], text[1024];
    const char *at;
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = 0;
    at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

void
rpc_client_read_start_time(RpcClient *client)
{
    if (client->has_start_time)
        return;
    client->has_start_time = true;
    if (client->identity.pid > 0)
        client->identity.start_time = process_start_time(client->identity.pid);
}

static void
read_credentials(RpcClient *client, int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    client->identity.uid = (uid_t)-1;
    client->identity.gid = (gid_t)-1;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid <= 0)
        return;
    client->identity.uid = cred.uid;
    client->identity.gid = cred.gid;
    client->identity.pid = cred.pid;
}

/* --- the connection's callbacks --------------------------------------------------------------------------------------- */

static int
client_frame(RpcConn *conn, void *data, RpcFrame *frame)
{
    RpcClient *client = data;

    client->unanswered = 0;
    if (frame->header.program == KEEPALIVE_PROGRAM)
        return rpc_keepalive_frame(client, frame);
    switch (frame->header.type) {
    case VIR_NET_CALL:
    case VIR_NET_CALL_WITH_FDS:
        return rpc_dispatch(client, frame);
    case VIR_NET_STREAM:
    case VIR_NET_STREAM_HOLE:
        return rpc_stream_frame(client, frame);
    default:
        return RPC_FRAME_TAKEN; /* nothing else has a meaning from a client */
    }
}

static int
client_pipe(RpcConn *conn, void *data, const RpcHeader *header, size_t left, bool begun)
{
    RpcClient *client = data;

    client->unanswered = 0;
    return rpc_stream_pipe(client, header, left, begun);
}

static void
client_piped(RpcConn *conn, void *data, const RpcHeader *header, size_t size)
{
    rpc_stream_piped(data, header, size);
}

static void
client_sent(RpcConn *conn, void *data)
{
    RpcClient *client = data;

    if (client->streams)
        rpc_stream_sent(client);
    if (rpc_conn_unsent(conn) < RPC_OUTPUT_HIGH) {
        rpc_conn_resume(conn);
        rpc_relay_sent(client);
    }
}

static void
run_close_hooks(RpcClient *client)
{
    while (client->close_hooks && client->close_hooks->len) {
        CloseHook hook = g_array_index(client->close_hooks, CloseHook, 0);

        g_array_remove_index(client->close_hooks, 0);
        hook.fn(client, hook.data);
    }
}

static void
client_gone(RpcClient *client)
{
    RpcServer *server = client->server;

    rpc_client_ref(client);
    client->conn = rpc_conn_free(client->conn);
    client->patience = sd_event_source_disable_unref(client->patience);
    rpc_dispatch_drop(client);
    rpc_stream_client_gone(client);
    rpc_relay_client_gone(client);
    rpc_event_client_gone(client);
    run_close_hooks(client);
    if (client->opened && server->options.hooks && server->options.hooks->closed)
        server->options.hooks->closed(server->options.daemon, client);
    rpc_server_client_gone(server, client);
    rpc_client_unref(client);
}

static void
client_closed(RpcConn *conn, void *data, const char *reason)
{
    RpcClient *client = data;

    if (*reason)
        log_warning("%s: connection closed: %s", client->label, reason);
    client_gone(client);
}

static const RpcConnOps client_ops = {
    .frame = client_frame, .pipe = client_pipe, .piped = client_piped, .sent = client_sent, .closed = client_closed,
};

/* --- life ------------------------------------------------------------------------------------------------------------- */

/* Places for the unauthenticated are few: nobody keeps one without using it. */
static int
on_impatience(sd_event_source *source, uint64_t usec, void *data)
{
    RpcClient *client = data;

    if (!client->authenticating)
        rpc_conn_shutdown(client->conn, true, "it did not authenticate in time");
    return 0;
}

RpcClient *
rpc_client_new(RpcServer *server, int fd, const RpcServiceOptions *options, Error *err)
{
    RpcClient *client = g_new0(RpcClient, 1);

    client->refs = 1;
    client->server = server;
    client->readonly = options->readonly;
    client->auth = options->auth;
    client->authenticated = options->auth == RPC_AUTH_NONE;
    client->connected_at = clock_realtime_usec() / USEC_PER_SEC;
    read_credentials(client, fd);
    if (options->same_uid && client->identity.uid != geteuid()) {
        error_setf(err, FROM_RPC, ERR_AUTH_FAILED, "user %u may not connect to '%s'", client->identity.uid,
                   server->options.name);
        close(fd);
        rpc_client_unref(client);
        return NULL;
    }
    client->id = ++server->last_id;
    client->label = g_strdup_printf("client %" G_GUINT64_FORMAT " (pid %d)", client->id, (int)client->identity.pid);
    if (client->auth == RPC_AUTH_POLKIT && client->identity.uid != 0)
        rpc_client_read_start_time(client); /* now: later the pid may be another's */
    client->conn = rpc_conn_new(fd, &client_ops, client, err);
    if (!client->conn)
        return rpc_client_unref(client);
    if (!client->authenticated)
        loop_timer(&client->patience, PATIENCE, on_impatience, client, NULL);
    return client;
}

RpcClient *
rpc_client_ref(RpcClient *client)
{
    client->refs++;
    return client;
}

RpcClient *
rpc_client_unref(RpcClient *client)
{
    if (!client || --client->refs)
        return NULL;
    g_assert(!client->conn && !client->calls && !client->streams);
    if (client->close_hooks)
        g_array_free(client->close_hooks, TRUE);
    rpc_identity_done(&client->identity);
    g_free(client->uri);
    g_free(client->label);
    g_free(client);
    return NULL;
}

void
rpc_client_close(RpcClient *client, bool now)
{
    if (!client->conn)
        return;
    if (!now) {
        rpc_conn_shutdown(client->conn, false, "");
        return;
    }
    client_gone(client);
}

void
rpc_client_set_authenticated(RpcClient *client)
{
    if (client->authenticated)
        return;
    client->authenticated = true;
    client->patience = sd_event_source_disable_unref(client->patience);
    if (client->conn)
        rpc_server_authenticated(client->server);
}

/* --- what others ask -------------------------------------------------------------------------------------------------- */

RpcServer *
rpc_client_server(const RpcClient *client)
{
    return client->server;
}

uint64_t
rpc_client_id(const RpcClient *client)
{
    return client->id;
}

const char *
rpc_client_label(const RpcClient *client)
{
    return client->label;
}

const RpcIdentity *
rpc_client_identity(const RpcClient *client)
{
    return &client->identity;
}

bool
rpc_client_readonly(const RpcClient *client)
{
    return client->readonly;
}

bool
rpc_client_gone(const RpcClient *client)
{
    return !client->conn;
}

const char *
rpc_client_uri(const RpcClient *client)
{
    return client->uri;
}

uint64_t
rpc_client_connected_at(const RpcClient *client)
{
    return client->connected_at;
}

void
rpc_client_on_close(RpcClient *client, RpcClosedFn fn, void *data)
{
    CloseHook hook = { .fn = fn, .data = data };

    if (!client->close_hooks)
        client->close_hooks = g_array_new(FALSE, FALSE, sizeof(CloseHook));
    g_array_append_val(client->close_hooks, hook);
}

void
rpc_client_forget_on_close(RpcClient *client, RpcClosedFn fn, void *data)
{
    for (unsigned int i = 0; client->close_hooks && i < client->close_hooks->len; i++) {
        CloseHook *hook = &g_array_index(client->close_hooks, CloseHook, i);

        if (hook->fn == fn && hook->data == data) {
            g_array_remove_index(client->close_hooks, i);
            return;
        }
    }
}
