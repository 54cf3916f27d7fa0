/* Finding domains: by name, UUID, id, and lists of them with every filter. */
#include <string.h>

#include "protocol/constants.h"
#include "virtqemud/api/api.h"

int
api_where(Domain *d, unsigned *flags, Error *err)
{
    if (!(*flags & API_WHERE_FLAGS))
        *flags |= domain_active(d) ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
    if ((*flags & VIR_DOMAIN_AFFECT_LIVE) && domain_check_active(d, err) < 0)
        return -1;
    if ((*flags & VIR_DOMAIN_AFFECT_CONFIG) && !domain_config(d, err))
        return -1;
    return 0;
}

remote_nonnull_domain
api_wire_domain(const Domain *domain)
{
    remote_nonnull_domain wire = { .name = domain->base.name, .id = domain->base.id };

    memcpy(wire.uuid, domain->base.uuid, UUID_SIZE);
    return wire;
}

static int
no_domain(const char *what, const char *value, Error *err)
{
    return error_setf(err, FROM_QEMU, ERR_NO_DOMAIN, "Domain not found: no domain with matching %s '%s'", what, value);
}

/* --- for the dispatcher --- */

static int
class_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_domain *named = wire;
    Driver *driver = ((Daemon *)daemon)->user;
    StoreObject *object = store_by_uuid(driver_domains(driver), named->uuid);
    char uuid[UUID_TEXT_SIZE];

    if (!object) {
        uuid_to_text(named->uuid, uuid);
        return error_setf(err, FROM_QEMU, ERR_NO_DOMAIN, "Domain not found: no domain with matching uuid '%s' (%s)", uuid, named->name);
    }
    *ret_object = store_ref(object);
    return 0;
}

static void
class_unref(void *object)
{
    domain_unref(object);
}

static JobQueue *
class_queue(void *object, const char **ret_name)
{
    Domain *domain = object;

    *ret_name = domain->label;
    return &domain->queue;
}

static int
class_check(void *daemon, void *object, Error *err)
{
    Domain *domain = object;

    return domain->base.stored ? 0 : no_domain("name", domain_name(domain), err);
}

const RpcObjectClass api_domain_class = {
    .lookup = class_lookup,
    .unref = class_unref,
    .queue = class_queue,
    .check = class_check,
};

/* --- single look-ups --- */

static int
found(RpcCall *call, StoreObject *object, remote_nonnull_domain *ret, Error *err)
{
    *ret = api_wire_domain((Domain *)object);
    return rpc_call_check_access(NULL, call, RPC_OBJECT_DOMAIN, "getattr", object, err);
}

static int
lookup_by_name(RpcCall *call, const remote_domain_lookup_by_name_args *args, remote_domain_lookup_by_name_ret *ret, Error *err)
{
    StoreObject *object = store_by_name(driver_domains(api_driver(call)), args->name);

    return object ? found(call, object, &ret->dom, err) : no_domain("name", args->name, err);
}

static int
lookup_by_uuid(RpcCall *call, const remote_domain_lookup_by_uuid_args *args, remote_domain_lookup_by_uuid_ret *ret, Error *err)
{
    StoreObject *object = store_by_uuid(driver_domains(api_driver(call)), args->uuid);
    char uuid[UUID_TEXT_SIZE];

    uuid_to_text(args->uuid, uuid);
    return object ? found(call, object, &ret->dom, err) : no_domain("uuid", uuid, err);
}

static int
lookup_by_id(RpcCall *call, const remote_domain_lookup_by_id_args *args, remote_domain_lookup_by_id_ret *ret, Error *err)
{
    StoreObject *object = store_by_id(driver_domains(api_driver(call)), args->id);
    char id[16];

    g_snprintf(id, sizeof(id), "%d", args->id);
    return object ? found(call, object, &ret->dom, err) : no_domain("id", id, err);
}

/* --- lists --- */

static unsigned
state_flag(const Domain *domain)
{
    switch (domain->state) {
    case VIR_DOMAIN_RUNNING:
        return VIR_CONNECT_LIST_DOMAINS_RUNNING;
    case VIR_DOMAIN_PAUSED:
        return VIR_CONNECT_LIST_DOMAINS_PAUSED;
    case VIR_DOMAIN_SHUTOFF:
        return VIR_CONNECT_LIST_DOMAINS_SHUTOFF;
    default:
        return VIR_CONNECT_LIST_DOMAINS_OTHER;
    }
}

#define STATE_FLAGS \
    (VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED | VIR_CONNECT_LIST_DOMAINS_SHUTOFF | \
     VIR_CONNECT_LIST_DOMAINS_OTHER)
#define KNOWN_FLAGS \
    (VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE | VIR_CONNECT_LIST_DOMAINS_PERSISTENT | \
     VIR_CONNECT_LIST_DOMAINS_TRANSIENT | STATE_FLAGS | VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE | \
     VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE | VIR_CONNECT_LIST_DOMAINS_AUTOSTART | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART | \
     VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT | VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT | VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT | \
     VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT)

bool
api_listed(const Domain *d, unsigned flags)
{
    return api_passes(flags, VIR_CONNECT_LIST_DOMAINS_ACTIVE, domain_active(d), VIR_CONNECT_LIST_DOMAINS_INACTIVE) &&
           api_passes(flags, VIR_CONNECT_LIST_DOMAINS_PERSISTENT, d->persistent, VIR_CONNECT_LIST_DOMAINS_TRANSIENT) &&
           (!(flags & STATE_FLAGS) || (flags & state_flag(d))) &&
           api_passes(flags, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, d->managed_save, VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE) &&
           api_passes(flags, VIR_CONNECT_LIST_DOMAINS_AUTOSTART, d->autostart, VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART) &&
           api_passes(flags, VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT, false, VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT) &&
           api_passes(flags, VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT, false, VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT);
}

/* The filters of the bulk statistics are those of the lists under other bits. */
unsigned
api_list_flags_of_stats(unsigned flags)
{
    static const unsigned pairs[][2] = {
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE, VIR_CONNECT_LIST_DOMAINS_ACTIVE },
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE, VIR_CONNECT_LIST_DOMAINS_INACTIVE },
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT, VIR_CONNECT_LIST_DOMAINS_PERSISTENT },
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT, VIR_CONNECT_LIST_DOMAINS_TRANSIENT },
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING, VIR_CONNECT_LIST_DOMAINS_RUNNING },
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED, VIR_CONNECT_LIST_DOMAINS_PAUSED },
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF, VIR_CONNECT_LIST_DOMAINS_SHUTOFF },
        { VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER, VIR_CONNECT_LIST_DOMAINS_OTHER },
    };
    unsigned list = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (flags & pairs[i][0])
            list |= pairs[i][1];
    return list;
}

/*
 * Walk the table without copying it: nothing in here can suspend, so nothing changes meanwhile. With an access hook set
 * the walk may wait, and goes over a copy.
 */
typedef bool (*Visit)(Domain *domain, void *data);

static void
visit(RpcCall *call, unsigned flags, Visit fn, void *data)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver_domains(api_driver(call))->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &object))
        if (api_listed(object, flags) && rpc_call_visible(NULL, call, object) && !fn(object, data))
            return;
}

typedef struct {
    remote_nonnull_domain *domains;
    unsigned n, max;
} WireList;

static bool
add_domain(Domain *domain, void *data)
{
    WireList *list = data;

    if (list->n == list->max)
        return false;
    list->domains[list->n++] = api_wire_domain(domain);
    return true;
}

static int
list_all(RpcCall *call, const remote_connect_list_all_domains_args *args, remote_connect_list_all_domains_ret *ret, Error *err)
{
    Driver *driver = api_driver(call);
    size_t count = store_count(driver_domains(driver));
    WireList list = { .max = (unsigned)count };
    uint64_t variant = (uint64_t)(args->need_results != 0) << 32 | args->flags;

    if (rpc_call_check_flags(call, args->flags, KNOWN_FLAGS, err) < 0)
        return -1;
    if (rpc_call_reply_kept(call, &driver->list, driver->domains.changes, variant))
        return 0;
    rpc_call_keep_reply(call, &driver->list, driver->domains.changes, variant);
    list.domains = arena_newv(rpc_call_arena(call), remote_nonnull_domain, count);
    visit(call, args->flags, add_domain, &list);
    ret->ret = list.n;
    if (args->need_results) {
        ret->domains = list.domains;
        ret->n_domains = list.n;
    }
    return 0;
}

typedef struct {
    int *ids;
    const char **names;
    unsigned n, max;
} OldList;

static bool
add_old(Domain *domain, void *data)
{
    OldList *list = data;

    if (list->n == list->max)
        return false;
    if (list->ids)
        list->ids[list->n] = domain->base.id;
    if (list->names)
        list->names[list->n] = domain->base.name;
    list->n++;
    return true;
}

static int
list_ids(RpcCall *call, const remote_connect_list_domains_args *args, remote_connect_list_domains_ret *ret, Error *err)
{
    OldList list = { .max = (unsigned)MAX(args->maxids, 0) };

    list.max = MIN(list.max, (unsigned)store_count(driver_domains(api_driver(call))));
    list.ids = arena_newv(rpc_call_arena(call), int, list.max);
    visit(call, VIR_CONNECT_LIST_DOMAINS_ACTIVE, add_old, &list);
    ret->ids = list.ids;
    ret->n_ids = list.n;
    return 0;
}

static int
list_defined(RpcCall *call, const remote_connect_list_defined_domains_args *args, remote_connect_list_defined_domains_ret *ret,
             Error *err)
{
    OldList list = { .max = (unsigned)MAX(args->maxnames, 0) };

    list.max = MIN(list.max, (unsigned)store_count(driver_domains(api_driver(call))));
    list.names = arena_newv(rpc_call_arena(call), const char *, list.max);
    visit(call, VIR_CONNECT_LIST_DOMAINS_INACTIVE, add_old, &list);
    ret->names = list.names;
    ret->n_names = list.n;
    return 0;
}

static unsigned
count(RpcCall *call, unsigned flags)
{
    OldList list = { .max = G_MAXUINT };

    visit(call, flags, add_old, &list);
    return list.n;
}

static int
num_active(RpcCall *call, const void *args, remote_connect_num_of_domains_ret *ret, Error *err)
{
    ret->num = (int)count(call, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    return 0;
}

static int
num_defined(RpcCall *call, const void *args, remote_connect_num_of_defined_domains_ret *ret, Error *err)
{
    ret->num = (int)count(call, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
    return 0;
}

API_TABLE(api_lookup,
    REMOTE_BIND(DOMAIN_LOOKUP_BY_NAME, lookup_by_name),
    REMOTE_BIND(DOMAIN_LOOKUP_BY_UUID, lookup_by_uuid),
    REMOTE_BIND(DOMAIN_LOOKUP_BY_ID, lookup_by_id),
    REMOTE_BIND(CONNECT_LIST_ALL_DOMAINS, list_all),
    REMOTE_BIND(CONNECT_LIST_DOMAINS, list_ids),
    REMOTE_BIND(CONNECT_LIST_DEFINED_DOMAINS, list_defined),
    REMOTE_BIND(CONNECT_NUM_OF_DOMAINS, num_active),
    REMOTE_BIND(CONNECT_NUM_OF_DEFINED_DOMAINS, num_defined));
