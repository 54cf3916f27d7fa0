/* See admin.h. Everything is answered from memory, but for the names of users, which a worker looks up. */
#include "common/rpc/admin.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/worker.h"
#include "common/rpc/internal.h"
#include "protocol/admin.h"
#include "protocol/constants.h"

#define PARAMS_MAX 16
#define LOOKUP_TIMEOUT (2 * USEC_PER_SEC)

struct RpcAdmin {
    RpcAdminOptions options;
    RpcServer *server;
    GPtrArray *servers; /* borrowed; the admin's own is the last one */
};

/* --- objects ---------------------------------------------------------------------------------------------------------- */

static RpcServer *
find_server(RpcAdmin *admin, const char *name, Error *err)
{
    for (unsigned int i = 0; i < admin->servers->len; i++)
        if (strcmp(rpc_server_name(admin->servers->pdata[i]), name) == 0)
            return admin->servers->pdata[i];
    error_setf(err, FROM_ADMIN, ERR_NO_SERVER, "no server with matching name '%s' found", name);
    return NULL;
}

static RpcClient *
find_client(RpcServer *server, uint64_t id, Error *err)
{
    for (RpcClient *c = server->clients; c; c = c->next)
        if (c->id == id)
            return c;
    error_setf(err, FROM_ADMIN, ERR_NO_CLIENT, "no client with matching id '%" G_GUINT64_FORMAT "' found in server '%s'", id,
               server->options.name);
    return NULL;
}

static int
server_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const admin_nonnull_server *server = wire;

    *ret_object = find_server(daemon, server->name, err);
    return *ret_object ? 0 : -1;
}

static void
server_unref(void *object)
{
}

static int
client_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const admin_nonnull_client *client = wire;
    RpcServer *server = find_server(daemon, client->srv.name, err);
    RpcClient *found = server ? find_client(server, client->id, err) : NULL;

    if (!found)
        return -1;
    *ret_object = rpc_client_ref(found);
    return 0;
}

static void
client_unref(void *object)
{
    rpc_client_unref(object);
}

static const RpcObjectClass server_class = { .lookup = server_lookup, .unref = server_unref };
static const RpcObjectClass client_class = { .lookup = client_lookup, .unref = client_unref };

/* --- typed parameters ------------------------------------------------------------------------------------------------- */

static void
add_uint(admin_typed_param *params, unsigned int *count, const char *name, unsigned int value)
{
    params[(*count)++] = (admin_typed_param){ .field = name, .value = { .type = VIR_TYPED_PARAM_UINT, .ui = value } };
}

static void
add_int(admin_typed_param *params, unsigned int *count, const char *name, int value)
{
    params[(*count)++] = (admin_typed_param){ .field = name, .value = { .type = VIR_TYPED_PARAM_INT, .i = value } };
}

static void
add_string(admin_typed_param *params, unsigned int *count, const char *name, const char *value)
{
    if (value)
        params[(*count)++] = (admin_typed_param){ .field = name, .value = { .type = VIR_TYPED_PARAM_STRING, .s = value } };
}

typedef struct Setting {
    const char *name;
    unsigned int *value;
} Setting;

/* Put the parameters, all of them known unsigned ints, where the settings say. */
static int
read_settings(const admin_typed_param *params, unsigned int n_params, const Setting *settings, size_t n_settings, Error *err)
{
    for (unsigned int i = 0; i < n_params; i++) {
        size_t found = 0;

        while (found < n_settings && strcmp(settings[found].name, params[i].field) != 0)
            found++;
        if (found == n_settings)
            return error_setf(err, FROM_ADMIN, ERR_INVALID_ARG, "parameter '%s' not supported", params[i].field);
        if (params[i].value.type != VIR_TYPED_PARAM_UINT)
            return error_setf(err, FROM_ADMIN, ERR_INVALID_ARG, "parameter '%s' must be an unsigned int", params[i].field);
        *settings[found].value = params[i].value.ui;
    }
    return 0;
}

/* --- the connection --------------------------------------------------------------------------------------------------- */

static int
admin_open(RpcCall *call, const admin_connect_open_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    call->client->opened = true;
    return 0;
}

static int
admin_close(RpcCall *call, const void *args, void *ret, Error *err)
{
    rpc_client_close(call->client, false);
    return 0;
}

static int
admin_get_lib_version(RpcCall *call, const void *args, admin_connect_get_lib_version_ret *ret, Error *err)
{
    ret->libVer = LIBVIR_VERSION_NUMBER;
    return 0;
}

static int
admin_set_daemon_timeout(RpcCall *call, const admin_connect_set_daemon_timeout_args *args, void *ret, Error *err)
{
    RpcAdmin *admin = rpc_call_daemon(call);

    if (!admin->options.set_timeout)
        return rpc_call_unsupported(call, err);
    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    return admin->options.set_timeout(admin->options.data, args->timeout, err);
}

static int
admin_daemon_shutdown(RpcCall *call, const admin_connect_daemon_shutdown_args *args, void *ret, Error *err)
{
    RpcAdmin *admin = rpc_call_daemon(call);

    if (!admin->options.shutdown)
        return rpc_call_unsupported(call, err);
    return admin->options.shutdown(admin->options.data, args->flags, err);
}

/* --- servers ---------------------------------------------------------------------------------------------------------- */

static int
admin_list_servers(RpcCall *call, const admin_connect_list_servers_args *args, admin_connect_list_servers_ret *ret, Error *err)
{
    RpcAdmin *admin = rpc_call_daemon(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    ret->ret = admin->servers->len;
    if (!args->need_results)
        return 0;
    ret->n_servers = ret->ret;
    ret->servers = arena_newv(rpc_call_arena(call), admin_nonnull_server, ret->ret);
    for (unsigned int i = 0; i < ret->ret; i++)
        ret->servers[i].name = rpc_server_name(admin->servers->pdata[i]);
    return 0;
}

static int
admin_lookup_server(RpcCall *call, const admin_connect_lookup_server_args *args, admin_connect_lookup_server_ret *ret,
                    Error *err)
{
    RpcServer *server;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    server = find_server(rpc_call_daemon(call), args->name, err);
    if (!server)
        return -1;
    ret->srv.name = rpc_server_name(server);
    return 0;
}

static unsigned int
waiting_calls(const RpcServer *server)
{
    unsigned int waiting = 0;

    for (const RpcClient *c = server->clients; c; c = c->next)
        waiting += c->pending.length;
    return waiting;
}

/* There is no pool per server: what must wait does so in fibers, what blocks goes to threads made on demand. */
static int
admin_get_threadpool(RpcCall *call, const admin_server_get_threadpool_parameters_args *args,
                     admin_server_get_threadpool_parameters_ret *ret, Error *err)
{
    admin_typed_param *params = arena_newv(rpc_call_arena(call), admin_typed_param, PARAMS_MAX);
    RpcServer *server = rpc_call_object(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    ret->params = params;
    add_uint(params, &ret->n_params, VIR_THREADPOOL_WORKERS_MIN, 0);
    add_uint(params, &ret->n_params, VIR_THREADPOOL_WORKERS_MAX, WORKER_MAX);
    add_uint(params, &ret->n_params, VIR_THREADPOOL_WORKERS_CURRENT, worker_busy());
    add_uint(params, &ret->n_params, VIR_THREADPOOL_WORKERS_FREE, 0);
    add_uint(params, &ret->n_params, VIR_THREADPOOL_WORKERS_PRIORITY, 0);
    add_uint(params, &ret->n_params, VIR_THREADPOOL_JOB_QUEUE_DEPTH, waiting_calls(server));
    return 0;
}

static int
admin_set_threadpool(RpcCall *call, const admin_server_set_threadpool_parameters_args *args, void *ret, Error *err)
{
    unsigned int ignored;
    const Setting settings[] = {
        { VIR_THREADPOOL_WORKERS_MIN, &ignored },
        { VIR_THREADPOOL_WORKERS_MAX, &ignored },
        { VIR_THREADPOOL_WORKERS_PRIORITY, &ignored },
    };

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 ||
        read_settings(args->params, args->n_params, settings, G_N_ELEMENTS(settings), err) < 0)
        return -1;
    return error_setf(err, FROM_ADMIN, ERR_OPERATION_UNSUPPORTED,
                      "this daemon has no thread pool to size: up to %d threads are made on demand", WORKER_MAX);
}

static int
admin_get_client_limits(RpcCall *call, const admin_server_get_client_limits_args *args,
                        admin_server_get_client_limits_ret *ret, Error *err)
{
    admin_typed_param *params = arena_newv(rpc_call_arena(call), admin_typed_param, PARAMS_MAX);
    RpcLimits limits;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    rpc_server_get_limits(rpc_call_object(call), &limits);
    ret->params = params;
    add_uint(params, &ret->n_params, VIR_SERVER_CLIENTS_MAX, limits.max_clients);
    add_uint(params, &ret->n_params, VIR_SERVER_CLIENTS_CURRENT, limits.clients);
    add_uint(params, &ret->n_params, VIR_SERVER_CLIENTS_UNAUTH_MAX, limits.max_anonymous_clients);
    add_uint(params, &ret->n_params, VIR_SERVER_CLIENTS_UNAUTH_CURRENT, limits.anonymous_clients);
    return 0;
}

static int
admin_set_client_limits(RpcCall *call, const admin_server_set_client_limits_args *args, void *ret, Error *err)
{
    RpcServer *server = rpc_call_object(call);
    RpcLimits limits;

    rpc_server_get_limits(server, &limits);
    const Setting settings[] = {
        { VIR_SERVER_CLIENTS_MAX, &limits.max_clients },
        { VIR_SERVER_CLIENTS_UNAUTH_MAX, &limits.max_anonymous_clients },
    };
    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 ||
        read_settings(args->params, args->n_params, settings, G_N_ELEMENTS(settings), err) < 0)
        return -1;
    return rpc_server_set_limits(server, limits.max_clients, limits.max_anonymous_clients, err);
}

static int
admin_update_tls_files(RpcCall *call, const admin_server_update_tls_files_args *args, void *ret, Error *err)
{
    return rpc_call_unsupported(call, err); /* none of the servers speaks TLS */
}

/* --- clients ---------------------------------------------------------------------------------------------------------- */

static void
fill_client(admin_nonnull_client *to, const RpcClient *client)
{
    to->id = client->id;
    to->timestamp = client->connected_at;
    to->transport = client->conn && rpc_conn_has_fds(client->conn) ? VIR_CLIENT_TRANS_UNIX : VIR_CLIENT_TRANS_TCP;
    to->srv.name = client->server->options.name;
}

static int
admin_list_clients(RpcCall *call, const admin_server_list_clients_args *args, admin_server_list_clients_ret *ret, Error *err)
{
    RpcServer *server = rpc_call_object(call);
    unsigned int at = 0;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    ret->ret = server->n_clients;
    if (!args->need_results)
        return 0;
    ret->n_clients = ret->ret;
    ret->clients = arena_newv(rpc_call_arena(call), admin_nonnull_client, ret->ret);
    for (const RpcClient *c = server->clients; c; c = c->next)
        fill_client(&ret->clients[ret->ret - ++at], c); /* oldest first */
    return 0;
}

static int
admin_lookup_client(RpcCall *call, const admin_server_lookup_client_args *args, admin_server_lookup_client_ret *ret, Error *err)
{
    RpcClient *client;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    client = find_client(rpc_call_object(call), args->id, err);
    if (!client)
        return -1;
    fill_client(&ret->clnt, client);
    return 0;
}

/* Names for numbers may come over the network: not on the loop. */
typedef struct NameLookup {
    uid_t uid;
    gid_t gid;
    char user[256], group[256];
} NameLookup;

static int
look_up_names(void *data, Error *err)
{
    NameLookup *self = data;
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;
    char buffer[4096];

    if (self->uid != (uid_t)-1 && getpwuid_r(self->uid, &user, buffer, sizeof(buffer), &found_user) == 0 && found_user)
        g_strlcpy(self->user, user.pw_name, sizeof(self->user));
    if (self->gid != (gid_t)-1 && getgrgid_r(self->gid, &group, buffer, sizeof(buffer), &found_group) == 0 && found_group)
        g_strlcpy(self->group, group.gr_name, sizeof(self->group));
    return 0;
}

static void
add_unix_identity(Job *job, RpcCall *call, const RpcIdentity *identity, admin_client_get_info_ret *ret)
{
    NameLookup *names = g_atomic_rc_box_new0(NameLookup);
    _cleanup_error_ Error ignored = ERROR_INIT;
    Arena *arena = rpc_call_arena(call);
    /* Copied: the client may say who else it is while names are looked up. */
    const char *user = identity->user ? arena_strdup(arena, identity->user) : NULL;
    const char *group = identity->group ? arena_strdup(arena, identity->group) : NULL;

    names->uid = identity->uid;
    names->gid = identity->gid;
    if (worker_run(job, "looking up a user's name", look_up_names, names, NULL, LOOKUP_TIMEOUT, &ignored) >= 0) {
        user = user ? user : *names->user ? arena_strdup(arena, names->user) : NULL;
        group = group ? group : *names->group ? arena_strdup(arena, names->group) : NULL;
    }
    g_atomic_rc_box_release(names);
    add_int(ret->params, &ret->n_params, VIR_CLIENT_INFO_UNIX_USER_ID, (int)identity->uid);
    add_string(ret->params, &ret->n_params, VIR_CLIENT_INFO_UNIX_USER_NAME, user);
    add_int(ret->params, &ret->n_params, VIR_CLIENT_INFO_UNIX_GROUP_ID, (int)identity->gid);
    add_string(ret->params, &ret->n_params, VIR_CLIENT_INFO_UNIX_GROUP_NAME, group);
    add_int(ret->params, &ret->n_params, VIR_CLIENT_INFO_UNIX_PROCESS_ID, (int)identity->pid);
}

static int
admin_client_info(Job *job, RpcCall *call, const admin_client_get_info_args *args, admin_client_get_info_ret *ret, Error *err)
{
    RpcClient *client = rpc_call_object(call);
    const RpcIdentity *identity = rpc_client_identity(client);
    admin_typed_param *readonly;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    ret->params = arena_newv(rpc_call_arena(call), admin_typed_param, PARAMS_MAX);
    readonly = &ret->params[ret->n_params++];
    *readonly = (admin_typed_param){ .field = VIR_CLIENT_INFO_READONLY,
                                     .value = { .type = VIR_TYPED_PARAM_BOOLEAN, .b = client->readonly } };
    if (client->conn && rpc_conn_has_fds(client->conn))
        add_unix_identity(job, call, identity, ret);
    add_string(ret->params, &ret->n_params, VIR_CLIENT_INFO_SASL_USER_NAME, identity->sasl_user);
    add_string(ret->params, &ret->n_params, VIR_CLIENT_INFO_X509_DISTINGUISHED_NAME, identity->x509_name);
    add_string(ret->params, &ret->n_params, VIR_CLIENT_INFO_SELINUX_CONTEXT, identity->selinux_context);
    return 0;
}

static int
admin_close_client(RpcCall *call, const admin_client_close_args *args, void *ret, Error *err)
{
    RpcClient *client = rpc_call_object(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    rpc_client_close(client, client != rpc_call_client(call)); /* who closes itself still gets the answer */
    return 0;
}

/* --- logging ---------------------------------------------------------------------------------------------------------- */

static unsigned int
count_words(const char *text)
{
    unsigned int words = 0;

    for (const char *at = text; *at; at++)
        words += *at != ' ' && (at == text || at[-1] == ' ');
    return words;
}

static int
admin_get_outputs(RpcCall *call, const admin_connect_get_logging_outputs_args *args, admin_connect_get_logging_outputs_ret *ret,
                  Error *err)
{
    g_autofree char *text = log_get_outputs();

    ret->outputs = arena_strdup(rpc_call_arena(call), text ? text : "");
    ret->noutputs = count_words(ret->outputs);
    return rpc_call_check_flags(call, args->flags, 0, err);
}

static int
admin_get_filters(RpcCall *call, const admin_connect_get_logging_filters_args *args, admin_connect_get_logging_filters_ret *ret,
                  Error *err)
{
    g_autofree char *text = log_get_filters();

    if (text && *text) {
        ret->filters = arena_strdup(rpc_call_arena(call), text);
        ret->nfilters = count_words(ret->filters);
    }
    return rpc_call_check_flags(call, args->flags, 0, err);
}

static int
admin_set_outputs(RpcCall *call, const admin_connect_set_logging_outputs_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    return log_set_outputs(args->outputs, err);
}

static int
admin_set_filters(RpcCall *call, const admin_connect_set_logging_filters_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    return log_set_filters(args->filters, err);
}

static const RpcBinding bindings[] = {
    ADMIN_BIND(CONNECT_OPEN, admin_open),
    ADMIN_BIND(CONNECT_CLOSE, admin_close),
    ADMIN_BIND(CONNECT_GET_LIB_VERSION, admin_get_lib_version),
    ADMIN_BIND(CONNECT_LIST_SERVERS, admin_list_servers),
    ADMIN_BIND(CONNECT_LOOKUP_SERVER, admin_lookup_server),
    ADMIN_BIND(SERVER_GET_THREADPOOL_PARAMETERS, admin_get_threadpool),
    ADMIN_BIND(SERVER_SET_THREADPOOL_PARAMETERS, admin_set_threadpool),
    ADMIN_BIND(SERVER_LIST_CLIENTS, admin_list_clients),
    ADMIN_BIND(SERVER_LOOKUP_CLIENT, admin_lookup_client),
    ADMIN_BIND(CLIENT_GET_INFO, admin_client_info),
    ADMIN_BIND(CLIENT_CLOSE, admin_close_client),
    ADMIN_BIND(SERVER_GET_CLIENT_LIMITS, admin_get_client_limits),
    ADMIN_BIND(SERVER_SET_CLIENT_LIMITS, admin_set_client_limits),
    ADMIN_BIND(CONNECT_GET_LOGGING_OUTPUTS, admin_get_outputs),
    ADMIN_BIND(CONNECT_GET_LOGGING_FILTERS, admin_get_filters),
    ADMIN_BIND(CONNECT_SET_LOGGING_OUTPUTS, admin_set_outputs),
    ADMIN_BIND(CONNECT_SET_LOGGING_FILTERS, admin_set_filters),
    ADMIN_BIND(SERVER_UPDATE_TLS_FILES, admin_update_tls_files),
    ADMIN_BIND(CONNECT_SET_DAEMON_TIMEOUT, admin_set_daemon_timeout),
    ADMIN_BIND(CONNECT_DAEMON_SHUTDOWN, admin_daemon_shutdown),
};

RpcAdmin *
rpc_admin_new(const RpcAdminOptions *options)
{
    RpcAdmin *admin = g_new0(RpcAdmin, 1);
    const RpcServerOptions server = {
        .name = "admin", .owner = RPC_OWNER_ADMIN, .max_clients = options->max_clients,
        .max_client_requests = options->max_client_requests, .keepalive_interval = options->keepalive_interval,
        .keepalive_count = options->keepalive_count, .daemon = admin,
    };

    admin->options = *options;
    admin->server = rpc_server_new(&server);
    admin->servers = g_ptr_array_new();
    g_ptr_array_add(admin->servers, admin->server);
    rpc_server_bind(admin->server, bindings, G_N_ELEMENTS(bindings));
    rpc_server_set_class(admin->server, RPC_OBJECT_SERVER, &server_class);
    rpc_server_set_class(admin->server, RPC_OBJECT_CLIENT, &client_class);
    return admin;
}

RpcAdmin *
rpc_admin_free(RpcAdmin *admin)
{
    if (!admin)
        return NULL;
    rpc_server_free(admin->server);
    g_ptr_array_free(admin->servers, TRUE);
    g_free(admin);
    return NULL;
}

void
rpc_admin_add(RpcAdmin *admin, RpcServer *server)
{
    g_ptr_array_insert(admin->servers, admin->servers->len - 1, server);
}

RpcServer *
rpc_admin_server(RpcAdmin *admin)
{
    return admin->server;
}
