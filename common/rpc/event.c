/* Registrations and the fan-out of events; see event.h. */
#include "common/rpc/event.h"

#include <string.h>

#include "common/rpc/internal.h"
#include "protocol/constants.h"
#include "protocol/net.h"
#include "protocol/qemu.h"
#include "protocol/remote.h"

enum { EVENT_SERIAL = 1 };

struct RpcCallback {
    RpcCallback *prev, *next; /* server->callbacks */
    RpcClient *client;
    int id; /* legacy ones have none: 0 */
    bool legacy;
    RpcEventClass class;
    int event; /* -1: the class has no numbers */
    void *key; /* NULL: every object */
    size_t key_size;
    char *name; /* monitor events: NULL any */
    GRegex *regex;
};

/* --- the list --------------------------------------------------------------------------------------------------------- */

static void
callback_free(RpcServer *server, RpcCallback *callback)
{
    if (callback->prev) {
        callback->prev->next = callback->next;
    } else {
        server->callbacks = callback->next;
    }
    if (callback->next)
        callback->next->prev = callback->prev;
    server->n_callbacks--;
    callback->client->n_callbacks--;
    g_free(callback->key);
    g_free(callback->name);
    if (callback->regex)
        g_regex_unref(callback->regex);
    g_free(callback);
}

/* The event's number in the program, as registered by id or the older way; 0 if there is no such event. */
static unsigned int
find_event(RpcProgramId program, RpcEventClass class, int event, bool legacy)
{
    for (unsigned int i = 1; i <= rpc_programs[program].last; i++) {
        const RpcProc *proc = rpc_proc(program, i);

        if (proc && proc->event && proc->event_class == class && proc->event_id == event && (!legacy || proc->legacy))
            return i;
    }
    return 0;
}

static RpcCallback *
add(RpcCall *call, RpcEventClass class, int event, bool legacy, Error *err)
{
    RpcClient *client = call->client;
    RpcServer *server = client->server;
    RpcCallback *callback;

    if (!find_event(call->program, class, event, legacy)) {
        error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "unsupported event ID %d", event);
        return NULL;
    }
    if (client->n_callbacks + client->n_relayed_callbacks >= RPC_CALLBACKS_MAX) {
        error_setf(err, FROM_RPC, ERR_OPERATION_FAILED, "a client may register at most %d event callbacks", RPC_CALLBACKS_MAX);
        return NULL;
    }
    callback = g_new0(RpcCallback, 1);
    callback->client = client;
    callback->class = class;
    callback->event = event;
    callback->legacy = legacy;
    callback->id = legacy ? 0 : client->last_callback++;
    callback->next = server->callbacks;
    if (server->callbacks)
        server->callbacks->prev = callback;
    server->callbacks = callback;
    server->n_callbacks++;
    client->n_callbacks++;
    return callback;
}

static int
add_keyed(RpcCall *call, RpcEventClass class, int event, const void *key, size_t key_size, int *ret_id, Error *err)
{
    RpcCallback *callback = add(call, class, event, false, err);

    if (!callback)
        return -1;
    if (key) {
        callback->key = g_memdup2(key, key_size);
        callback->key_size = key_size;
    }
    *ret_id = callback->id;
    return 0;
}

static int
remove_id(RpcCall *call, RpcEventClass class, int id, Error *err)
{
    RpcServer *server = call->client->server;

    for (RpcCallback *c = server->callbacks; c; c = c->next) {
        if (c->client == call->client && c->class == class && !c->legacy && c->id == id) {
            callback_free(server, c);
            return 0;
        }
    }
    return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "no event callback with id %d is registered", id);
}

static RpcCallback *
find_legacy(RpcClient *client, int event)
{
    for (RpcCallback *c = client->server->callbacks; c; c = c->next)
        if (c->client == client && c->legacy && c->event == event)
            return c;
    return NULL;
}

void
rpc_event_client_gone(RpcClient *client)
{
    RpcServer *server = client->server;

    for (RpcCallback *c = server->callbacks, *next; c && client->n_callbacks; c = next) {
        next = c->next;
        if (c->client == client)
            callback_free(server, c);
    }
}

/* --- procedures ------------------------------------------------------------------------------------------------------- */

static int
add_legacy(RpcCall *call, int event, Error *err)
{
    if (find_legacy(call->client, event))
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "domain event %d is already registered", event);
    return add(call, RPC_EVENT_DOMAIN, event, true, err) ? 0 : -1;
}

static int
remove_legacy(RpcCall *call, int event, Error *err)
{
    RpcCallback *callback = find_legacy(call->client, event);

    if (!callback)
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "domain event %d is not registered", event);
    callback_free(call->client->server, callback);
    return 0;
}

static int
domain_event_register(RpcCall *call, const void *args, remote_connect_domain_event_register_ret *ret, Error *err)
{
    ret->cb_registered = 1;
    return add_legacy(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE, err);
}

static int
domain_event_deregister(RpcCall *call, const void *args, remote_connect_domain_event_deregister_ret *ret, Error *err)
{
    ret->cb_registered = 0;
    return remove_legacy(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE, err);
}

static int
domain_event_register_any(RpcCall *call, const remote_connect_domain_event_register_any_args *args, void *ret, Error *err)
{
    return add_legacy(call, args->eventID, err);
}

static int
domain_event_deregister_any(RpcCall *call, const remote_connect_domain_event_deregister_any_args *args, void *ret, Error *err)
{
    return remove_legacy(call, args->eventID, err);
}

static int
domain_callback_register(RpcCall *call, const remote_connect_domain_event_callback_register_any_args *args,
                         remote_connect_domain_event_callback_register_any_ret *ret, Error *err)
{
    return add_keyed(call, RPC_EVENT_DOMAIN, args->eventID, args->dom ? args->dom->uuid : NULL, VIR_UUID_BUFLEN,
                     &ret->callbackID, err);
}

static int
domain_callback_deregister(RpcCall *call, const remote_connect_domain_event_callback_deregister_any_args *args, void *ret,
                           Error *err)
{
    return remove_id(call, RPC_EVENT_DOMAIN, args->callbackID, err);
}

static int
network_register(RpcCall *call, const remote_connect_network_event_register_any_args *args,
                 remote_connect_network_event_register_any_ret *ret, Error *err)
{
    return add_keyed(call, RPC_EVENT_NETWORK, args->eventID, args->net ? args->net->uuid : NULL, VIR_UUID_BUFLEN,
                     &ret->callbackID, err);
}

static int
network_deregister(RpcCall *call, const remote_connect_network_event_deregister_any_args *args, void *ret, Error *err)
{
    return remove_id(call, RPC_EVENT_NETWORK, args->callbackID, err);
}

static int
storage_register(RpcCall *call, const remote_connect_storage_pool_event_register_any_args *args,
                 remote_connect_storage_pool_event_register_any_ret *ret, Error *err)
{
    return add_keyed(call, RPC_EVENT_STORAGE, args->eventID, args->pool ? args->pool->uuid : NULL, VIR_UUID_BUFLEN,
                     &ret->callbackID, err);
}

static int
storage_deregister(RpcCall *call, const remote_connect_storage_pool_event_deregister_any_args *args, void *ret, Error *err)
{
    return remove_id(call, RPC_EVENT_STORAGE, args->callbackID, err);
}

static int
node_device_register(RpcCall *call, const remote_connect_node_device_event_register_any_args *args,
                     remote_connect_node_device_event_register_any_ret *ret, Error *err)
{
    const char *name = args->dev ? args->dev->name : NULL;

    return add_keyed(call, RPC_EVENT_NODEDEV, args->eventID, name, name ? strlen(name) : 0, &ret->callbackID, err);
}

static int
node_device_deregister(RpcCall *call, const remote_connect_node_device_event_deregister_any_args *args, void *ret, Error *err)
{
    return remove_id(call, RPC_EVENT_NODEDEV, args->callbackID, err);
}

static int
secret_register(RpcCall *call, const remote_connect_secret_event_register_any_args *args,
                remote_connect_secret_event_register_any_ret *ret, Error *err)
{
    return add_keyed(call, RPC_EVENT_SECRET, args->eventID, args->secret ? args->secret->uuid : NULL, VIR_UUID_BUFLEN,
                     &ret->callbackID, err);
}

static int
secret_deregister(RpcCall *call, const remote_connect_secret_event_deregister_any_args *args, void *ret, Error *err)
{
    return remove_id(call, RPC_EVENT_SECRET, args->callbackID, err);
}

/* The name selects by equality, without case, or as a regular expression. */
static int
select_name(RpcCallback *callback, const char *name, unsigned int flags, Error *err)
{
    GRegexCompileFlags how = G_REGEX_OPTIMIZE;
    g_autoptr(GError) problem = NULL;
    g_autofree char *pattern = NULL;

    if (!name)
        return 0;
    if (!(flags & (VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX |
                   VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE))) {
        callback->name = g_strdup(name);
        return 0;
    }
    if (flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE)
        how |= G_REGEX_CASELESS;
    if (!(flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX)) {
        g_autofree char *literal = g_regex_escape_string(name, -1);

        pattern = g_strdup_printf("^%s$", literal);
    }
    callback->regex = g_regex_new(pattern ? pattern : name, how, 0, &problem);
    if (!callback->regex)
        return error_setf(err, FROM_RPC, ERR_INVALID_ARG, "'%s' is not a regular expression: %s", name, problem->message);
    return 0;
}

static int
monitor_register(RpcCall *call, const qemu_connect_domain_monitor_event_register_args *args,
                 qemu_connect_domain_monitor_event_register_ret *ret, Error *err)
{
    RpcCallback *callback;

    if (rpc_call_check_flags(call, args->flags, VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX |
                             VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE, err) < 0)
        return -1;
    callback = add(call, RPC_EVENT_MONITOR, -1, false, err);
    if (!callback)
        return -1;
    if (select_name(callback, args->event, args->flags, err) < 0) {
        callback_free(call->client->server, callback);
        return -1;
    }
    if (args->dom) {
        callback->key = g_memdup2(args->dom->uuid, VIR_UUID_BUFLEN);
        callback->key_size = VIR_UUID_BUFLEN;
    }
    ret->callbackID = callback->id;
    return 0;
}

static int
monitor_deregister(RpcCall *call, const qemu_connect_domain_monitor_event_deregister_args *args, void *ret, Error *err)
{
    return remove_id(call, RPC_EVENT_MONITOR, args->callbackID, err);
}

const RpcBinding rpc_event_bindings[] = {
    REMOTE_BIND(CONNECT_DOMAIN_EVENT_REGISTER, domain_event_register),
    REMOTE_BIND(CONNECT_DOMAIN_EVENT_DEREGISTER, domain_event_deregister),
    REMOTE_BIND(CONNECT_DOMAIN_EVENT_REGISTER_ANY, domain_event_register_any),
    REMOTE_BIND(CONNECT_DOMAIN_EVENT_DEREGISTER_ANY, domain_event_deregister_any),
    REMOTE_BIND(CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, domain_callback_register),
    REMOTE_BIND(CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, domain_callback_deregister),
    REMOTE_BIND(CONNECT_NETWORK_EVENT_REGISTER_ANY, network_register),
    REMOTE_BIND(CONNECT_NETWORK_EVENT_DEREGISTER_ANY, network_deregister),
    REMOTE_BIND(CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, storage_register),
    REMOTE_BIND(CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY, storage_deregister),
    REMOTE_BIND(CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY, node_device_register),
    REMOTE_BIND(CONNECT_NODE_DEVICE_EVENT_DEREGISTER_ANY, node_device_deregister),
    REMOTE_BIND(CONNECT_SECRET_EVENT_REGISTER_ANY, secret_register),
    REMOTE_BIND(CONNECT_SECRET_EVENT_DEREGISTER_ANY, secret_deregister),
    QEMU_BIND(CONNECT_DOMAIN_MONITOR_EVENT_REGISTER, monitor_register),
    QEMU_BIND(CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER, monitor_deregister),
};
const size_t rpc_n_event_bindings = G_N_ELEMENTS(rpc_event_bindings);

/* --- sending ---------------------------------------------------------------------------------------------------------- */

typedef struct Outgoing {
    RpcServer *server;
    RpcProgramId program;
    uint32_t number;
    const RpcProc *proc;
    const void *key;
    size_t key_size;
    void *object;
    const char *name;
    WireBuffer bytes; /* the message; its first word is the callback id */
} Outgoing;

static bool
matches(const Outgoing *out, const RpcCallback *callback)
{
    if (callback->class != out->proc->event_class || callback->event != out->proc->event_id)
        return false;
    if (callback->legacy && !out->proc->legacy)
        return false;
    if (callback->key &&
        (callback->key_size != out->key_size || memcmp(callback->key, out->key, out->key_size) != 0))
        return false;
    if (callback->name)
        return out->name && strcmp(callback->name, out->name) == 0;
    return !callback->regex || (out->name && g_regex_match(callback->regex, out->name, 0, NULL));
}

static bool
may_see(const Outgoing *out, RpcClient *client)
{
    static const RpcObjectKind kinds[RPC_EVENT_COUNT] = {
        [RPC_EVENT_DOMAIN] = RPC_OBJECT_DOMAIN, [RPC_EVENT_MONITOR] = RPC_OBJECT_DOMAIN,
        [RPC_EVENT_NETWORK] = RPC_OBJECT_NETWORK, [RPC_EVENT_NODEDEV] = RPC_OBJECT_NODE_DEVICE,
        [RPC_EVENT_SECRET] = RPC_OBJECT_SECRET, [RPC_EVENT_STORAGE] = RPC_OBJECT_STORAGE_POOL,
    };
    const RpcServerOptions *options = &out->server->options;
    _cleanup_error_ Error err = ERROR_INIT;

    if (!options->hooks || !options->hooks->access)
        return true;
    return options->hooks->access(NULL, options->daemon, client, kinds[out->proc->event_class], "getattr", out->object,
                                  &err) > 0;
}

static void
send_to(const Outgoing *out, const RpcCallback *callback)
{
    RpcConn *conn = callback->client->conn;
    RpcHeader header = {
        .program = rpc_programs[out->program].number, .version = rpc_programs[out->program].version,
        .proc = callback->legacy ? out->proc->legacy : out->number, .type = VIR_NET_MESSAGE, .serial = EVENT_SERIAL,
    };
    size_t skip = callback->legacy ? 4 : 0, size = out->bytes.len - skip;
    uint8_t *to;

    if (rpc_conn_unsent(conn) > RPC_EVENTS_MAX) {
        rpc_conn_shutdown(conn, true, "it does not read its events");
        return;
    }
    to = wire_buffer_append(rpc_conn_begin(conn, &header, 0), size, NULL);
    memcpy(to, out->bytes.data + skip, size);
    if (!callback->legacy)
        wire_put_u32(to, callback->id);
    rpc_conn_end(conn, NULL, 0);
}

void
rpc_event_send_named(RpcServer *server, RpcProgramId program, uint32_t number, const void *message, const void *key,
                     size_t key_size, void *object, const char *name)
{
    Outgoing out = {
        .server = server, .program = program, .number = number, .proc = rpc_proc(program, number), .key = key,
        .key_size = key_size, .object = object, .name = name, .bytes = WIRE_BUFFER_INIT(RPC_PAYLOAD_MAX),
    };

    g_assert(out.proc && out.proc->event_class);
    /* Registrations are listed newest first; the order between clients does not matter. */
    for (RpcCallback *c = server->callbacks; c; c = c->next) {
        if (!c->client->conn || !matches(&out, c) || !may_see(&out, c->client))
            continue;
        if (!out.bytes.len && wire_encode(out.proc->args, message, &out.bytes, NULL) < 0)
            break; /* a text longer than the wire allows: nobody can be told */
        send_to(&out, c);
    }
    wire_buffer_done(&out.bytes);
}

void
rpc_event_send(RpcServer *server, RpcProgramId program, uint32_t number, const void *message, const void *key,
               size_t key_size, void *object)
{
    rpc_event_send_named(server, program, number, message, key, key_size, object, NULL);
}

bool
rpc_event_wanted(const RpcServer *server, RpcProgramId program, uint32_t number)
{
    const RpcProc *proc = rpc_proc(program, number);

    for (const RpcCallback *c = server->callbacks; c; c = c->next)
        if (c->class == proc->event_class && c->event == proc->event_id)
            return true;
    return false;
}
