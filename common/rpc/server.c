/* Listening sockets and the list of clients; see server.h. */
#include "common/rpc/server.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/rpc/internal.h"

#define ACCEPT_BATCH 32 /* clients taken in one round, so that the others' turn comes */

static const unsigned int default_clients = 5000, default_anonymous = 20, default_requests = 5;

static void
serve_program(RpcServer *server, RpcProgramId program)
{
    server->handlers[program] = g_new0(RpcAnyHandler *, rpc_programs[program].last + 1);
}

/* Registering for events of others' objects is theirs. */
static void
bind_own_events(RpcServer *server)
{
    for (size_t i = 0; i < rpc_n_event_bindings; i++) {
        const RpcBinding *binding = &rpc_event_bindings[i];

        if (rpc_proc(binding->program, binding->proc)->owner == server->options.owner)
            rpc_server_bind(server, binding, 1);
    }
}

RpcServer *
rpc_server_new(const RpcServerOptions *options)
{
    RpcServer *server = g_new0(RpcServer, 1);

    server->options = *options;
    if (!server->options.max_clients)
        server->options.max_clients = default_clients;
    if (!server->options.max_anonymous_clients)
        server->options.max_anonymous_clients = default_anonymous;
    if (!server->options.max_client_requests)
        server->options.max_client_requests = default_requests;
    server->services = g_ptr_array_new();
    if (!options->scheme) {
        serve_program(server, RPC_PROGRAM_ADMIN);
        return server;
    }
    serve_program(server, RPC_PROGRAM_REMOTE);
    serve_program(server, RPC_PROGRAM_QEMU);
    serve_program(server, RPC_PROGRAM_LXC);
    rpc_server_bind(server, rpc_connect_bindings, rpc_n_connect_bindings);
    rpc_server_bind(server, rpc_auth_bindings, rpc_n_auth_bindings);
    bind_own_events(server);
    return server;
}

void
rpc_server_bind(RpcServer *server, const RpcBinding *bindings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        RpcAnyHandler **table = server->handlers[bindings[i].program];

        g_assert(table && !table[bindings[i].proc]);
        table[bindings[i].proc] = bindings[i].handler;
    }
}

void
rpc_server_set_class(RpcServer *server, RpcObjectKind kind, const RpcObjectClass *class)
{
    server->classes[kind] = class;
}

void
rpc_server_activity(RpcServer *server)
{
    if (server->options.hooks && server->options.hooks->activity)
        server->options.hooks->activity(server->options.daemon);
}

/* --- accepting -------------------------------------------------------------------------------------------------------- */

static bool
full(const RpcServer *server)
{
    return server->draining || server->n_clients >= server->options.max_clients ||
           server->n_anonymous >= server->options.max_anonymous_clients;
}

/* Listening sockets are watched only while there is room. */
static void
update_accepting(RpcServer *server)
{
    int enabled = full(server) ? SD_EVENT_OFF : SD_EVENT_ON;

    for (unsigned int i = 0; i < server->services->len; i++) {
        RpcService *service = server->services->pdata[i];
        int now;

        if (sd_event_source_get_enabled(service->io, &now) >= 0 && now != enabled)
            sd_event_source_set_enabled(service->io, enabled);
    }
}

static RpcClient *
add_client(RpcServer *server, int fd, const RpcServiceOptions *options, Error *err)
{
    RpcClient *client = rpc_client_new(server, fd, options, err);

    if (!client)
        return NULL;
    client->next = server->clients;
    if (server->clients)
        server->clients->prev = client;
    server->clients = client;
    server->n_clients++;
    if (!client->authenticated)
        server->n_anonymous++;
    rpc_server_activity(server);
    return client;
}

static int
on_accept(sd_event_source *source, int listener, uint32_t revents, void *data)
{
    RpcService *service = data;
    RpcServer *server = service->server;

    for (int i = 0; i < ACCEPT_BATCH && !full(server); i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
            break; /* none left, or it went away already; a lack of descriptors shows again when one is closed */
        add_client(server, fd, &service->options, NULL);
    }
    update_accepting(server);
    return 0;
}

int
rpc_server_listen(RpcServer *server, int fd, const RpcServiceOptions *options, Error *err)
{
    g_autofree RpcService *service = g_new0(RpcService, 1);
    int r;

    service->server = server;
    service->fd = fd;
    service->options = *options;
    r = sd_event_add_io(loop_event(), &service->io, fd, EPOLLIN, on_accept, service);
    if (r < 0) {
        close(fd);
        return error_set_errno(err, FROM_RPC, -r, "cannot watch the listening socket of '%s'", server->options.name);
    }
    g_ptr_array_add(server->services, g_steal_pointer(&service));
    update_accepting(server);
    return 0;
}

int
rpc_server_adopt(RpcServer *server, int fd, const RpcServiceOptions *options, RpcClient **ret_client, Error *err)
{
    RpcClient *client = add_client(server, fd, options, err);

    if (!client)
        return -1;
    update_accepting(server);
    if (ret_client)
        *ret_client = client;
    return 0;
}

void
rpc_server_authenticated(RpcServer *server)
{
    server->n_anonymous--;
    update_accepting(server);
}

void
rpc_server_client_gone(RpcServer *server, RpcClient *client)
{
    if (client->prev) {
        client->prev->next = client->next;
    } else {
        server->clients = client->next;
    }
    if (client->next)
        client->next->prev = client->prev;
    client->prev = client->next = NULL;
    server->n_clients--;
    if (!client->authenticated)
        server->n_anonymous--;
    update_accepting(server);
    rpc_server_activity(server);
    rpc_client_unref(client);
}

/* --- the end ---------------------------------------------------------------------------------------------------------- */

void
rpc_server_drain(RpcServer *server)
{
    server->draining = true;
    update_accepting(server);
}

static void
service_free(RpcService *service)
{
    service->io = sd_event_source_disable_unref(service->io);
    close(service->fd);
    g_free(service);
}

RpcServer *
rpc_server_free(RpcServer *server)
{
    if (!server)
        return NULL;
    server->draining = true;
    while (server->clients)
        rpc_client_close(server->clients, true);
    rpc_keepalive_stop(server);
    for (unsigned int i = 0; i < server->services->len; i++)
        service_free(server->services->pdata[i]);
    g_ptr_array_free(server->services, TRUE);
    for (int i = 0; i < RPC_PROGRAM_COUNT; i++)
        g_free(server->handlers[i]);
    g_assert(!server->running_calls);
    g_free(server);
    return NULL;
}

/* --- numbers ---------------------------------------------------------------------------------------------------------- */

size_t
rpc_server_clients(const RpcServer *server)
{
    return server->n_clients;
}

size_t
rpc_server_running_calls(const RpcServer *server)
{
    return server->running_calls;
}

const char *
rpc_server_name(const RpcServer *server)
{
    return server->options.name;
}

void
rpc_server_get_limits(const RpcServer *server, RpcLimits *ret)
{
    *ret = (RpcLimits){
        .max_clients = server->options.max_clients,
        .max_anonymous_clients = server->options.max_anonymous_clients,
        .clients = server->n_clients,
        .anonymous_clients = server->n_anonymous,
    };
}

int
rpc_server_set_limits(RpcServer *server, unsigned int max_clients, unsigned int max_anonymous, Error *err)
{
    if (!max_clients || !max_anonymous || max_anonymous > max_clients)
        return error_setf(err, FROM_RPC, ERR_INVALID_ARG,
                          "limits of %u clients and %u unauthenticated ones make no sense: neither may be 0, and the second "
                          "may not exceed the first", max_clients, max_anonymous);
    server->options.max_clients = max_clients;
    server->options.max_anonymous_clients = max_anonymous;
    update_accepting(server);
    return 0;
}
