/* Secrets as clients see them. A value leaves by one function, and a private one only to another daemon of this host. */
#include "virtsecretd/api.h"

#include <string.h>

#include "common/daemon/secret.h"
#include "common/rpc/event.h"
#include "protocol/constants.h"
#include "protocol/remote.h"
#include "virtsecretd/driver.h"
#include "virtsecretd/secret.h"
#include "virtsecretd/value.h"

static Driver *
call_driver(const RpcCall *call)
{
    return ((Daemon *)rpc_call_daemon(call))->user;
}

static Secret *
call_secret(const RpcCall *call)
{
    return rpc_call_object(call);
}

static remote_nonnull_secret
wire_secret(const Secret *secret)
{
    remote_nonnull_secret wire = { .usageType = (int)secret->def->usage, .usageID = secret->def->usage_id ? secret->def->usage_id : "" };

    memcpy(wire.uuid, secret->base.uuid, UUID_SIZE);
    return wire;
}

/* --- for the dispatcher --- */

static int
class_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_secret *named = wire;
    StoreObject *object = store_by_uuid(driver_secrets(((Daemon *)daemon)->user), named->uuid);
    char uuid[UUID_TEXT_SIZE];

    if (!object) {
        uuid_to_text(named->uuid, uuid);
        return error_setf(err, FROM_SECRET, ERR_NO_SECRET, "Secret not found: no secret with matching uuid '%s'", uuid);
    }
    *ret_object = store_ref(object);
    return 0;
}

static void
class_unref(void *object)
{
    secret_unref(object);
}

static JobQueue *
class_queue(void *object, const char **ret_name)
{
    Secret *secret = object;

    *ret_name = secret->label;
    return &secret->queue;
}

static int
class_check(void *daemon, void *object, Error *err)
{
    Secret *secret = object;

    return secret->base.stored ? 0
                               : error_setf(err, FROM_SECRET, ERR_NO_SECRET, "Secret not found: %s was removed meanwhile", secret->label);
}

const RpcObjectClass api_secret_class = {
    .lookup = class_lookup,
    .unref = class_unref,
    .queue = class_queue,
    .check = class_check,
};

/* --- events --- */

static void
tell_lifecycle(Secret *secret, int event)
{
    remote_secret_event_lifecycle_msg message = { .secret = wire_secret(secret), .event = event };

    rpc_event_send(secret->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_SECRET_EVENT_LIFECYCLE, &message, secret->base.uuid, UUID_SIZE, secret);
}

static void
tell_value_changed(Secret *secret)
{
    remote_secret_event_value_changed_msg message = { .secret = wire_secret(secret) };

    rpc_event_send(secret->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_SECRET_EVENT_VALUE_CHANGED, &message, secret->base.uuid, UUID_SIZE,
                   secret);
}

/* --- looking --- */

static int
lookup_by_uuid(RpcCall *call, const remote_secret_lookup_by_uuid_args *args, remote_secret_lookup_by_uuid_ret *ret, Error *err)
{
    remote_nonnull_secret named = { 0 };
    void *object;

    memcpy(named.uuid, args->uuid, UUID_SIZE);
    if (class_lookup(rpc_call_daemon(call), &named, &object, err) < 0)
        return -1;
    ret->secret = wire_secret(object);
    secret_unref(object); /* the table has it: nothing else runs before the reply is encoded */
    return rpc_call_check_access(NULL, call, RPC_OBJECT_SECRET, "getattr", object, err);
}

static int
lookup_by_usage(RpcCall *call, const remote_secret_lookup_by_usage_args *args, remote_secret_lookup_by_usage_ret *ret, Error *err)
{
    Secret *secret = args->usageType > 0 ? secret_by_usage(call_driver(call), (SecretUsage)args->usageType, args->usageID) : NULL;

    if (!secret)
        return error_setf(err, FROM_SECRET, ERR_NO_SECRET, "Secret not found: no secret with matching usage '%s'", args->usageID);
    ret->secret = wire_secret(secret);
    return rpc_call_check_access(NULL, call, RPC_OBJECT_SECRET, "getattr", secret, err);
}

#define KNOWN_FLAGS \
    (VIR_CONNECT_LIST_SECRETS_EPHEMERAL | VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL | VIR_CONNECT_LIST_SECRETS_PRIVATE | \
     VIR_CONNECT_LIST_SECRETS_NO_PRIVATE)

static Secret **
select_secrets(RpcCall *call, unsigned flags, unsigned max, unsigned *ret_n)
{
    Store *store = driver_secrets(call_driver(call));
    Secret **list = arena_newv(rpc_call_arena(call), Secret *, store_count(store));
    GHashTableIter iter;
    unsigned n = 0;
    void *object;

    g_hash_table_iter_init(&iter, store->by_uuid);
    while (n < max && g_hash_table_iter_next(&iter, NULL, &object)) {
        const SecretDef *def = ((Secret *)object)->def;

        if (api_passes(flags, VIR_CONNECT_LIST_SECRETS_EPHEMERAL, def->ephemeral == TRI_YES, VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL) &&
            api_passes(flags, VIR_CONNECT_LIST_SECRETS_PRIVATE, def->is_private == TRI_YES, VIR_CONNECT_LIST_SECRETS_NO_PRIVATE) &&
            rpc_call_visible(NULL, call, object))
            list[n++] = object;
    }
    *ret_n = n;
    return list;
}

static int
list_all(RpcCall *call, const remote_connect_list_all_secrets_args *args, remote_connect_list_all_secrets_ret *ret, Error *err)
{
    Secret **list;
    unsigned n;

    if (rpc_call_check_flags(call, args->flags, KNOWN_FLAGS, err) < 0)
        return -1;
    list = select_secrets(call, args->flags, G_MAXUINT, &n);
    ret->ret = n;
    if (!args->need_results)
        return 0;
    ret->secrets = arena_newv(rpc_call_arena(call), remote_nonnull_secret, n);
    ret->n_secrets = n;
    for (unsigned i = 0; i < n; i++)
        ret->secrets[i] = wire_secret(list[i]);
    return 0;
}

static int
list_uuids(RpcCall *call, const remote_connect_list_secrets_args *args, remote_connect_list_secrets_ret *ret, Error *err)
{
    Secret **list = select_secrets(call, 0, (unsigned)MAX(args->maxuuids, 0), &ret->n_uuids);

    ret->uuids = arena_newv(rpc_call_arena(call), const char *, ret->n_uuids);
    for (unsigned i = 0; i < ret->n_uuids; i++)
        ret->uuids[i] = list[i]->base.name;
    return 0;
}

static int
num_secrets(RpcCall *call, const void *args, remote_connect_num_of_secrets_ret *ret, Error *err)
{
    unsigned n;

    select_secrets(call, 0, G_MAXUINT, &n);
    ret->num = (int)n;
    return 0;
}

static int
get_xml(RpcCall *call, const remote_secret_get_xml_desc_args *args, remote_secret_get_xml_desc_ret *ret, Error *err)
{
    g_autofree char *xml = NULL;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    xml = secret_def_format(call_secret(call)->def);
    ret->xml = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

/* --- definitions --- */

/* What a new definition may not do to the one that is there, or to another's use. *ret: the known one, borrowed. */
static int
match(Driver *driver, const SecretDef *def, Secret **ret, Error *err)
{
    Secret *same = (Secret *)store_by_uuid(driver_secrets(driver), def->uuid.b);
    Secret *user = secret_by_usage(driver, def->usage, def->usage_id);

    if (same && (same->def->usage != def->usage || g_strcmp0(same->def->usage_id, def->usage_id) != 0))
        return error_setf(err, FROM_SECRET, ERR_INTERNAL_ERROR, "a secret with UUID %s is already defined for use with %s", same->base.name,
                          same->def->usage_id ? same->def->usage_id : "nothing");
    if (user && user != same)
        return error_setf(err, FROM_SECRET, ERR_INTERNAL_ERROR, "a secret with UUID %s already defined for use with %s", user->base.name,
                          def->usage_id);
    if (same && same->def->is_private == TRI_YES && def->is_private != TRI_YES)
        return error_setf(err, FROM_SECRET, ERR_OPERATION_DENIED, "cannot change private flag on existing secret");
    *ret = same;
    return 0;
}

static int
write_definition(Job *job, Secret *secret, const SecretDef *def, Error *err)
{
    g_autofree char *xml = secret_def_format(def);
    bool ephemeral = def->ephemeral == TRI_YES;

    /* A value is written after what it belongs to, and removed before. */
    if (ephemeral)
        return value_keep(job, secret, true, err) < 0
                   ? -1
                   : definitions_remove(job, &secret->driver->definitions, secret->base.name, false, err);
    if (definitions_write(job, &secret->driver->definitions, secret->base.name, xml, err) < 0)
        return -1;
    return secret->def->ephemeral == TRI_YES ? value_keep(job, secret, false, err) : 0;
}

static int
define(Job *job, RpcCall *call, const remote_secret_define_xml_args *args, remote_secret_define_xml_ret *ret, Error *err)
{
    Driver *driver = call_driver(call);
    g_autoptr(SecretDef) def = NULL;
    g_autoptr(Secret) secret = NULL;
    Secret *known, *now;
    int r;

    if (rpc_call_check_flags(call, args->flags, VIR_SECRET_DEFINE_VALIDATE, err) < 0 ||
        secret_def_parse(args->xml, args->flags & VIR_SECRET_DEFINE_VALIDATE ? XML_VALIDATE : 0, &def, err) < 0 ||
        match(driver, def, &known, err) < 0)
        return -1;
    secret = known ? secret_ref(known) : secret_new(driver, secret_def_ref(def));
    if (!known)
        secret_add(secret); /* so that nobody makes the same one meanwhile */
    if (job_acquire(job, &secret->queue, secret->label, JOB_QUEUE_TIMEOUT, err) < 0) {
        if (!known && secret->base.stored)
            secret_remove(secret);
        return -1;
    }
    /* What it is may have changed before our turn came. */
    r = class_check(NULL, secret, err) < 0 || match(driver, def, &now, err) < 0 || write_definition(job, secret, def, err) < 0 ? -1 : 0;
    if (r < 0 && !known && secret->base.stored)
        secret_remove(secret);
    if (r == 0) {
        secret_set_def(secret, g_steal_pointer(&def));
        tell_lifecycle(secret, VIR_SECRET_EVENT_DEFINED);
        ret->secret = wire_secret(secret);
        ret->secret.usageID = arena_strdup(rpc_call_arena(call), ret->secret.usageID);
    }
    job_release(job, &secret->queue);
    daemon_touch(driver->daemon);
    return r;
}

static int
undefine(Job *job, RpcCall *call, const remote_secret_undefine_args *args, void *ret, Error *err)
{
    Secret *secret = call_secret(call);

    if (value_remove(job, secret->driver, secret->base.name, err) < 0 ||
        definitions_remove(job, &secret->driver->definitions, secret->base.name, false, err) < 0)
        return -1;
    tell_lifecycle(secret, VIR_SECRET_EVENT_UNDEFINED);
    secret_remove(secret);
    daemon_touch(secret->driver->daemon);
    return 0;
}

/* --- values --- */

static int
set_value(Job *job, RpcCall *call, const remote_secret_set_value_args *args, void *ret, Error *err)
{
    Secret *secret = call_secret(call);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 ||
        value_set(job, secret, secret_bytes(args->value, args->n_value), err) < 0)
        return -1;
    tell_value_changed(secret);
    return 0;
}

/* A daemon of this host showed the token that only root can read. */
static bool
is_a_daemon(const RpcCall *call)
{
    return rpc_client_identity(rpc_call_client(call))->token != NULL;
}

static int
get_value(Job *job, RpcCall *call, const remote_secret_get_value_args *args, remote_secret_get_value_ret *ret, Error *err)
{
    Secret *secret = call_secret(call);
    GBytes *value;
    gsize size;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (secret->def->is_private == TRI_YES && !is_a_daemon(call))
        return error_setf(err, FROM_SECRET, ERR_INVALID_SECRET, "Invalid secret: secret is private");
    if (value_get(job, secret, &value, err) < 0)
        return -1;
    g_bytes_get_data(value, &size);
    if (size == 0) /* clients take that for a failure without a reason */
        return error_setf(err, FROM_SECRET, ERR_NO_SECRET, "Secret not found: %s does not have a value: it is empty", secret->label);
    ret->value = arena_memdup(rpc_call_arena(call), g_bytes_get_data(value, NULL), size);
    ret->n_value = (unsigned)size;
    return 0;
}

API_TABLE(api_secrets,
    REMOTE_BIND(CONNECT_NUM_OF_SECRETS, num_secrets),
    REMOTE_BIND(CONNECT_LIST_SECRETS, list_uuids),
    REMOTE_BIND(CONNECT_LIST_ALL_SECRETS, list_all),
    REMOTE_BIND(SECRET_LOOKUP_BY_UUID, lookup_by_uuid),
    REMOTE_BIND(SECRET_LOOKUP_BY_USAGE, lookup_by_usage),
    REMOTE_BIND(SECRET_DEFINE_XML, define),
    REMOTE_BIND(SECRET_GET_XML_DESC, get_xml),
    REMOTE_BIND(SECRET_SET_VALUE, set_value),
    REMOTE_BIND(SECRET_GET_VALUE, get_value),
    REMOTE_BIND(SECRET_UNDEFINE, undefine));
