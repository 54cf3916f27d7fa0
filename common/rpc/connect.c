/*
 * What every daemon answers the same way about a connection: opening and closing it, its URI and features, whose
 * identity it carries.
 */
#include <string.h>
#include <unistd.h>

#include "common/rpc/internal.h"
#include "common/rpc/token.h"
#include "protocol/constants.h"
#include "protocol/remote.h"

/* Sent by ordinary users' clients: start the session's daemon. It runs already. */
#define CLIENT_AUTOSTART 4

/* Feature numbers this floor answers; the rest are the daemon's (RpcHooks.feature). */
enum {
    FEATURE_REMOTE = 2,
    FEATURE_FD_PASSING = 8,
    FEATURE_TYPED_STRINGS = 9,
    FEATURE_KEEPALIVE = 10,
    FEATURE_EVENT_CALLBACK_IDS = 14,
    FEATURE_CLOSE_CALLBACK = 15,
    FEATURE_NETWORK_UPDATE_ORDER = 16,
};

/* --- opening ---------------------------------------------------------------------------------------------------------- */

/* The canonical URI for what the client named, in arena memory. */
static int
resolve_uri(const RpcServerOptions *options, Arena *arena, const char *name, const char **ret, Error *err)
{
    const char *own = options->session ? "session" : "system";
    const char *path;
    size_t scheme = strlen(options->scheme);

    if (!name || !*name) {
        *ret = arena_printf(arena, "%s:///%s", options->scheme, own);
        return 0;
    }
    if (strncmp(name, options->scheme, scheme) != 0 || strncmp(name + scheme, "://", 3) != 0) {
        return error_setf(err, FROM_RPC, ERR_NO_CONNECT, "'%s' cannot be opened here, only %s:///%s can", name,
                          options->scheme, own);
    }
    path = name + scheme + 3;
    if (*path && *path != '/')
        return error_setf(err, FROM_RPC, ERR_NO_CONNECT, "'%s' names a server; a local connection is %s:///%s", name,
                          options->scheme, own);
    path += *path == '/';
    size_t length = strcspn(path, "?#");
    if (length == strlen(own) && strncmp(path, own, length) == 0) {
        *ret = arena_strdup(arena, name);
        return 0;
    }
    if (!options->session && length == strlen("session") && strncmp(path, "session", length) == 0) {
        *ret = arena_strdup(arena, name); /* uid 0 has one instance for both */
        return 0;
    }
    return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "unexpected URI path '/%.*s' in '%s', try %s:///%s", (int)length,
                      path, name, options->scheme, own);
}

static int
connect_open(RpcCall *call, const remote_connect_open_args *args, void *ret, Error *err)
{
    RpcClient *client = call->client;
    RpcServer *server = client->server;
    const RpcHooks *hooks = server->options.hooks;
    const char *uri = NULL;

    if (client->opened)
        return error_setf(err, FROM_RPC, ERR_OPERATION_INVALID, "the connection is already open");
    if (rpc_call_check_flags(call, args->flags, VIR_CONNECT_RO | VIR_CONNECT_NO_ALIASES | CLIENT_AUTOSTART, err) < 0 ||
        resolve_uri(&server->options, &call->arena, args->name, &uri, err) < 0)
        return -1;
    if (args->flags & VIR_CONNECT_RO)
        client->readonly = true;
    if (hooks && hooks->opened && hooks->opened(server->options.daemon, client, err) < 0)
        return -1;
    client->uri = g_strdup(uri);
    client->opened = true;
    return 0;
}

static int
connect_close(RpcCall *call, const void *args, void *ret, Error *err)
{
    /* The reply is queued behind this, and sent before the end. */
    rpc_client_close(call->client, false);
    return 0;
}

/* --- questions -------------------------------------------------------------------------------------------------------- */

static int
connect_get_type(RpcCall *call, const void *args, remote_connect_get_type_ret *ret, Error *err)
{
    ret->type = call->client->server->options.type;
    return 0;
}

static int
connect_get_lib_version(RpcCall *call, const void *args, remote_connect_get_lib_version_ret *ret, Error *err)
{
    ret->lib_ver = LIBVIR_VERSION_NUMBER; /* of the interface we keep to */
    return 0;
}

static int
connect_get_uri(RpcCall *call, const void *args, remote_connect_get_uri_ret *ret, Error *err)
{
    ret->uri = call->client->uri;
    return 0;
}

static int
connect_get_hostname(RpcCall *call, const void *args, remote_connect_get_hostname_ret *ret, Error *err)
{
    char *name = arena_alloc(&call->arena, 256);

    if (gethostname(name, 255) < 0)
        return error_setf(err, FROM_RPC, ERR_NO_HOSTNAME, "cannot read the host's name");
    ret->hostname = name;
    return 0;
}

static int
connect_is_secure(RpcCall *call, const void *args, remote_connect_is_secure_ret *ret, Error *err)
{
    ret->secure = rpc_conn_has_fds(call->client->conn); /* a unix socket: nothing to listen to */
    return 0;
}

static int
connect_supports_feature(RpcCall *call, const remote_connect_supports_feature_args *args,
                         remote_connect_supports_feature_ret *ret, Error *err)
{
    RpcClient *client = call->client;
    const RpcServerOptions *options = &client->server->options;

    if (!client->opened && args->feature != FEATURE_KEEPALIVE)
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "connection not open");
    switch (args->feature) {
    case FEATURE_KEEPALIVE:
        rpc_keepalive_enable(client);
        ret->supported = 1;
        break;
    case FEATURE_FD_PASSING:
        ret->supported = rpc_conn_has_fds(client->conn);
        break;
    case FEATURE_EVENT_CALLBACK_IDS:
    case FEATURE_CLOSE_CALLBACK:
    case FEATURE_TYPED_STRINGS:
    case FEATURE_NETWORK_UPDATE_ORDER:
        ret->supported = 1;
        break;
    case FEATURE_REMOTE:
        break;
    default:
        if (options->hooks && options->hooks->feature)
            ret->supported = options->hooks->feature(options->daemon, client, args->feature);
    }
    return 0;
}

/*
 * A driver that loses its hypervisor would tell these clients. Ours has none to lose, so registering is all there is;
 * doing it twice is refused, as is undoing it without.
 */
static int
connect_register_close_callback(RpcCall *call, const void *args, void *ret, Error *err)
{
    if (call->client->close_callback)
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "a close callback is already registered");
    call->client->close_callback = true;
    return 0;
}

static int
connect_unregister_close_callback(RpcCall *call, const void *args, void *ret, Error *err)
{
    if (!call->client->close_callback)
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "no close callback is registered");
    call->client->close_callback = false;
    return 0;
}

/* --- identity --------------------------------------------------------------------------------------------------------- */

typedef struct IdentityField {
    const char *name;
    int type; /* as sent; numbers are read from any type of number */
    size_t offset, size; /* of a number */
} IdentityField;

#define TEXT(n, member) { n, VIR_TYPED_PARAM_STRING, offsetof(RpcIdentity, member), 0 }
#define NUMBER_OF(n, type, member) { n, type, offsetof(RpcIdentity, member), sizeof(((RpcIdentity *)0)->member) }
#define NUMBER(n, member) NUMBER_OF(n, VIR_TYPED_PARAM_ULLONG, member)

static const IdentityField identity_fields[] = {
    TEXT(VIR_CONNECT_IDENTITY_USER_NAME, user),
    NUMBER(VIR_CONNECT_IDENTITY_UNIX_USER_ID, uid),
    TEXT(VIR_CONNECT_IDENTITY_GROUP_NAME, group),
    NUMBER(VIR_CONNECT_IDENTITY_UNIX_GROUP_ID, gid),
    NUMBER_OF(VIR_CONNECT_IDENTITY_PROCESS_ID, VIR_TYPED_PARAM_LLONG, pid),
    NUMBER(VIR_CONNECT_IDENTITY_PROCESS_TIME, start_time),
    TEXT(VIR_CONNECT_IDENTITY_SASL_USER_NAME, sasl_user),
    TEXT(VIR_CONNECT_IDENTITY_X509_DISTINGUISHED_NAME, x509_name),
    TEXT(VIR_CONNECT_IDENTITY_SELINUX_CONTEXT, selinux_context),
    TEXT("system.token", token),
};

static bool
is_text(const IdentityField *field)
{
    return field->type == VIR_TYPED_PARAM_STRING;
}

static bool
param_number(const remote_typed_param_value *value, uint64_t *ret)
{
    switch (value->type) {
    case VIR_TYPED_PARAM_INT:
        *ret = (uint64_t)(int64_t)value->i;
        return true;
    case VIR_TYPED_PARAM_UINT:
        *ret = value->ui;
        return true;
    case VIR_TYPED_PARAM_LLONG:
    case VIR_TYPED_PARAM_ULLONG:
        *ret = value->ul;
        return true;
    default:
        return false;
    }
}

static int
set_identity_field(RpcIdentity *identity, const remote_typed_param *param, Error *err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(identity_fields); i++) {
        const IdentityField *field = &identity_fields[i];
        char *at = (char *)identity + field->offset;
        uint64_t number;

        if (strcmp(param->field, field->name) != 0)
            continue;
        if (is_text(field) && param->value.type == VIR_TYPED_PARAM_STRING) {
            g_free(*(char **)at);
            *(char **)at = g_strdup(param->value.s);
            return 0;
        }
        if (!is_text(field) && param_number(&param->value, &number)) {
            uint32_t word = (uint32_t)number;

            memcpy(at, field->size == 4 ? (void *)&word : (void *)&number, field->size);
            return 0;
        }
        return error_setf(err, FROM_RPC, ERR_INVALID_ARG, "identity parameter '%s' has the wrong type", param->field);
    }
    return error_setf(err, FROM_RPC, ERR_INVALID_ARG, "unknown identity parameter '%s'", param->field);
}

static void
add_param(remote_connect_set_identity_args *args, const IdentityField *field, const char *text, uint64_t number)
{
    remote_typed_param *param = &args->params[args->n_params++];

    param->field = field->name;
    param->value.type = field->type;
    if (text) {
        param->value.s = text;
    } else {
        param->value.ul = number;
    }
}

void
rpc_identity_encode(const RpcIdentity *identity, Arena *arena, remote_connect_set_identity_args *ret)
{
    const RpcIdentity unknown = { .uid = (uid_t)-1, .gid = (gid_t)-1 };

    *ret = (remote_connect_set_identity_args){
        .params = arena_newv(arena, remote_typed_param, G_N_ELEMENTS(identity_fields)),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(identity_fields); i++) {
        const IdentityField *field = &identity_fields[i];
        const char *at = (const char *)identity + field->offset;

        if (is_text(field)) {
            const char *text = *(char *const *)at;

            if (text)
                add_param(ret, field, text, 0);
        } else if (memcmp(at, (const char *)&unknown + field->offset, field->size) != 0) {
            uint32_t word = 0;
            uint64_t number = 0;

            memcpy(field->size == 4 ? (void *)&word : (void *)&number, at, field->size);
            add_param(ret, field, NULL, number + word);
        }
    }
}

static int
decode_identity(const remote_connect_set_identity_args *args, RpcIdentity *identity, Error *err)
{
    for (unsigned int i = 0; i < args->n_params; i++)
        if (set_identity_field(identity, &args->params[i], err) < 0)
            return -1;
    return 0;
}

/*
 * Another daemon of this host calls on behalf of one of its clients, or of itself. Root and our own user may say so, and
 * who shows the host's token. A token is never taken on trust: holding the identity's token is what elevates a caller.
 */
static int
may_speak_for_others(const RpcClient *client, const RpcIdentity *identity, Error *err)
{
    const char *path = client->server->options.token_path;
    int shown = identity->token && path ? token_check(path, identity->token, err) : 0;

    if (shown < 0)
        return -1;
    if (identity->token && !shown)
        return error_setf(err, FROM_RPC, ERR_OPERATION_DENIED, "%s shows a system token that is not this host's", client->label);
    if (!shown && client->identity.uid != 0 && client->identity.uid != geteuid())
        return error_setf(err, FROM_RPC, ERR_OPERATION_DENIED, "%s may not speak for others", client->label);
    return 0;
}

static int
connect_set_identity(RpcCall *call, const remote_connect_set_identity_args *args, void *ret, Error *err)
{
    RpcClient *client = call->client;
    RpcIdentity identity = { .uid = (uid_t)-1, .gid = (gid_t)-1 };

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (decode_identity(args, &identity, err) < 0 || may_speak_for_others(client, &identity, err) < 0) {
        rpc_identity_done(&identity);
        return -1;
    }
    rpc_identity_done(&client->identity);
    client->identity = identity;
    client->has_start_time = true;
    rpc_relay_identity_changed(client);
    return 0;
}

const RpcBinding rpc_connect_bindings[] = {
    REMOTE_BIND(CONNECT_OPEN, connect_open),
    REMOTE_BIND(CONNECT_CLOSE, connect_close),
    REMOTE_BIND(CONNECT_GET_TYPE, connect_get_type),
    REMOTE_BIND(CONNECT_GET_LIB_VERSION, connect_get_lib_version),
    REMOTE_BIND(CONNECT_GET_URI, connect_get_uri),
    REMOTE_BIND(CONNECT_GET_HOSTNAME, connect_get_hostname),
    REMOTE_BIND(CONNECT_IS_SECURE, connect_is_secure),
    REMOTE_BIND(CONNECT_SUPPORTS_FEATURE, connect_supports_feature),
    REMOTE_BIND(CONNECT_REGISTER_CLOSE_CALLBACK, connect_register_close_callback),
    REMOTE_BIND(CONNECT_UNREGISTER_CLOSE_CALLBACK, connect_unregister_close_callback),
    REMOTE_BIND(CONNECT_SET_IDENTITY, connect_set_identity),
};
const size_t rpc_n_connect_bindings = G_N_ELEMENTS(rpc_connect_bindings);
