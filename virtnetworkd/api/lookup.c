/* Finding networks: by name, by UUID, lists of them with every filter, and what they are. */
#include <string.h>

#include "protocol/constants.h"
#include "virtnetworkd/api/api.h"

remote_nonnull_network
api_wire_network(const Network *network)
{
    remote_nonnull_network wire = { .name = network->base.name };

    memcpy(wire.uuid, network->base.uuid, UUID_SIZE);
    return wire;
}

remote_nonnull_network
api_wire_network_copy(RpcCall *call, const Network *network)
{
    remote_nonnull_network wire = api_wire_network(network);

    wire.name = arena_strdup(rpc_call_arena(call), wire.name);
    return wire;
}

int
api_no_network(const char *what, const char *value, Error *err)
{
    return error_setf(err, FROM_NETWORK, ERR_NO_NETWORK, "Network not found: no network with matching %s '%s'", what, value);
}

/* --- for the dispatcher --- */

static int
class_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_network *named = wire;
    StoreObject *object = store_by_uuid(driver_networks(((Daemon *)daemon)->user), named->uuid);
    char uuid[UUID_TEXT_SIZE];

    if (!object) {
        uuid_to_text(named->uuid, uuid);
        return error_setf(err, FROM_NETWORK, ERR_NO_NETWORK, "Network not found: no network with matching uuid '%s' (%s)", uuid,
                          named->name);
    }
    *ret_object = store_ref(object);
    return 0;
}

static void
class_unref(void *object)
{
    network_unref(object);
}

static JobQueue *
class_queue(void *object, const char **ret_name)
{
    Network *network = object;

    *ret_name = network->label;
    return &network->queue;
}

static int
class_check(void *daemon, void *object, Error *err)
{
    Network *network = object;

    return network->base.stored ? 0 : api_no_network("name", network_name(network), err);
}

const RpcObjectClass api_network_class = {
    .lookup = class_lookup,
    .unref = class_unref,
    .queue = class_queue,
    .check = class_check,
};

/* --- single look-ups --- */

static int
found(RpcCall *call, StoreObject *object, remote_nonnull_network *ret, Error *err)
{
    *ret = api_wire_network((Network *)object);
    return rpc_call_check_access(NULL, call, RPC_OBJECT_NETWORK, "getattr", object, err);
}

static int
lookup_by_name(RpcCall *call, const remote_network_lookup_by_name_args *args, remote_network_lookup_by_name_ret *ret, Error *err)
{
    StoreObject *object = store_by_name(driver_networks(api_driver(call)), args->name);

    return object ? found(call, object, &ret->net, err) : api_no_network("name", args->name, err);
}

static int
lookup_by_uuid(RpcCall *call, const remote_network_lookup_by_uuid_args *args, remote_network_lookup_by_uuid_ret *ret, Error *err)
{
    StoreObject *object = store_by_uuid(driver_networks(api_driver(call)), args->uuid);
    char uuid[UUID_TEXT_SIZE];

    uuid_to_text(args->uuid, uuid);
    return object ? found(call, object, &ret->net, err) : api_no_network("uuid", uuid, err);
}

/* --- lists --- */

#define KNOWN_FLAGS \
    (VIR_CONNECT_LIST_NETWORKS_INACTIVE | VIR_CONNECT_LIST_NETWORKS_ACTIVE | VIR_CONNECT_LIST_NETWORKS_PERSISTENT | \
     VIR_CONNECT_LIST_NETWORKS_TRANSIENT | VIR_CONNECT_LIST_NETWORKS_AUTOSTART | VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART)

static bool
listed(const Network *n, unsigned flags)
{
    return api_passes(flags, VIR_CONNECT_LIST_NETWORKS_ACTIVE, network_active(n), VIR_CONNECT_LIST_NETWORKS_INACTIVE) &&
           api_passes(flags, VIR_CONNECT_LIST_NETWORKS_PERSISTENT, n->persistent, VIR_CONNECT_LIST_NETWORKS_TRANSIENT) &&
           api_passes(flags, VIR_CONNECT_LIST_NETWORKS_AUTOSTART, n->autostart, VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART);
}

/* One that is being made for the first time is in the table, so that nobody makes it twice, but nobody's yet. */
static bool
exists(const Network *n)
{
    return n->persistent || network_active(n);
}

/* Those of the filter that the caller may see, in the arena. Nothing here can suspend, so nothing changes meanwhile. */
static Network **
select_networks(RpcCall *call, unsigned flags, unsigned max, unsigned *ret_n)
{
    Store *store = driver_networks(api_driver(call));
    Network **list = arena_newv(rpc_call_arena(call), Network *, store_count(store));
    GHashTableIter iter;
    unsigned n = 0;
    void *object;

    g_hash_table_iter_init(&iter, store->by_uuid);
    while (n < max && g_hash_table_iter_next(&iter, NULL, &object))
        if (exists(object) && listed(object, flags) && rpc_call_visible(NULL, call, object))
            list[n++] = object;
    *ret_n = n;
    return list;
}

static int
list_all(RpcCall *call, const remote_connect_list_all_networks_args *args, remote_connect_list_all_networks_ret *ret, Error *err)
{
    Driver *driver = api_driver(call);
    uint64_t variant = (uint64_t)(args->need_results != 0) << 32 | args->flags;
    Network **list;
    unsigned n;

    if (rpc_call_check_flags(call, args->flags, KNOWN_FLAGS, err) < 0)
        return -1;
    if (rpc_call_reply_kept(call, &driver->list, driver_networks(driver)->changes, variant))
        return 0;
    rpc_call_keep_reply(call, &driver->list, driver->networks.changes, variant);
    list = select_networks(call, args->flags, G_MAXUINT, &n);
    ret->ret = n;
    if (!args->need_results)
        return 0;
    ret->nets = arena_newv(rpc_call_arena(call), remote_nonnull_network, n);
    ret->n_nets = n;
    for (unsigned i = 0; i < n; i++)
        ret->nets[i] = api_wire_network(list[i]);
    return 0;
}

static const char **
names_of(RpcCall *call, unsigned flags, int max, unsigned *ret_n)
{
    Network **list = select_networks(call, flags, (unsigned)MAX(max, 0), ret_n);
    const char **names = arena_newv(rpc_call_arena(call), const char *, *ret_n);

    for (unsigned i = 0; i < *ret_n; i++)
        names[i] = network_name(list[i]);
    return names;
}

static int
list_active(RpcCall *call, const remote_connect_list_networks_args *args, remote_connect_list_networks_ret *ret, Error *err)
{
    ret->names = names_of(call, VIR_CONNECT_LIST_NETWORKS_ACTIVE, args->maxnames, &ret->n_names);
    return 0;
}

static int
list_defined(RpcCall *call, const remote_connect_list_defined_networks_args *args, remote_connect_list_defined_networks_ret *ret,
             Error *err)
{
    ret->names = names_of(call, VIR_CONNECT_LIST_NETWORKS_INACTIVE, args->maxnames, &ret->n_names);
    return 0;
}

static int
num_active(RpcCall *call, const void *args, remote_connect_num_of_networks_ret *ret, Error *err)
{
    unsigned n;

    select_networks(call, VIR_CONNECT_LIST_NETWORKS_ACTIVE, G_MAXUINT, &n);
    ret->num = (int)n;
    return 0;
}

static int
num_defined(RpcCall *call, const void *args, remote_connect_num_of_defined_networks_ret *ret, Error *err)
{
    unsigned n;

    select_networks(call, VIR_CONNECT_LIST_NETWORKS_INACTIVE, G_MAXUINT, &n);
    ret->num = (int)n;
    return 0;
}

/* --- what one is --- */

static int
is_active(RpcCall *call, const remote_network_is_active_args *args, remote_network_is_active_ret *ret, Error *err)
{
    ret->active = network_active(api_network(call));
    return 0;
}

static int
is_persistent(RpcCall *call, const remote_network_is_persistent_args *args, remote_network_is_persistent_ret *ret, Error *err)
{
    ret->persistent = api_network(call)->persistent;
    return 0;
}

static int
get_autostart(RpcCall *call, const remote_network_get_autostart_args *args, remote_network_get_autostart_ret *ret, Error *err)
{
    ret->autostart = api_network(call)->autostart;
    return 0;
}

static int
get_xml(RpcCall *call, const remote_network_get_xml_desc_args *args, remote_network_get_xml_desc_ret *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, VIR_NETWORK_XML_INACTIVE, err) < 0)
        return -1;
    ret->xml = network_xml(api_network(call), args->flags, err);
    return ret->xml ? 0 : -1;
}

static int
get_bridge_name(RpcCall *call, const remote_network_get_bridge_name_args *args, remote_network_get_bridge_name_ret *ret, Error *err)
{
    Network *network = api_network(call);
    const NetworkDef *def = network_definition(network, err);

    if (!def)
        return -1;
    if (!def->bridge.name)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "%s does not have a bridge name.", network->label);
    ret->name = def->bridge.name;
    return 0;
}

API_TABLE(api_lookup,
    REMOTE_BIND(NETWORK_LOOKUP_BY_NAME, lookup_by_name),
    REMOTE_BIND(NETWORK_LOOKUP_BY_UUID, lookup_by_uuid),
    REMOTE_BIND(CONNECT_LIST_ALL_NETWORKS, list_all),
    REMOTE_BIND(CONNECT_LIST_NETWORKS, list_active),
    REMOTE_BIND(CONNECT_LIST_DEFINED_NETWORKS, list_defined),
    REMOTE_BIND(CONNECT_NUM_OF_NETWORKS, num_active),
    REMOTE_BIND(CONNECT_NUM_OF_DEFINED_NETWORKS, num_defined),
    REMOTE_BIND(NETWORK_IS_ACTIVE, is_active),
    REMOTE_BIND(NETWORK_IS_PERSISTENT, is_persistent),
    REMOTE_BIND(NETWORK_GET_AUTOSTART, get_autostart),
    REMOTE_BIND(NETWORK_GET_XML_DESC, get_xml),
    REMOTE_BIND(NETWORK_GET_BRIDGE_NAME, get_bridge_name));
