/* Titles, descriptions, and what applications keep in <metadata>. */
#include "common/conf/metadata.h"
#include "protocol/constants.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/api/where.h"
#include "virtnetworkd/network/event.h"

static int
change(const NetworkDef *from, void *data, NetworkDef **ret, Error *err)
{
    const remote_network_set_metadata_args *args = data;
    g_autoptr(NetworkDef) def = network_def_copy(from);
    Metadata in = { &def->title, &def->description, &def->metadata };

    if (metadata_set(&in, FROM_NETWORK, args->type, args->metadata, args->key, args->uri, err) < 0)
        return -1;
    *ret = g_steal_pointer(&def);
    return 0;
}

static int
set_metadata(Job *job, RpcCall *call, const remote_network_set_metadata_args *args, void *ret, Error *err)
{
    Network *network = api_network(call);

    if (rpc_call_check_flags(call, args->flags, WHERE_FLAGS, err) < 0 ||
        where_change(job, network, args->flags, change, (void *)args, err) < 0)
        return -1;
    event_metadata_change(network, args->type, args->uri);
    return 0;
}

static int
get_metadata(RpcCall *call, const remote_network_get_metadata_args *args, remote_network_get_metadata_ret *ret, Error *err)
{
    Network *network = api_network(call);
    unsigned flags = args->flags;
    g_autofree char *text = NULL;
    NetworkDef *def;

    if (rpc_call_check_flags(call, flags, WHERE_FLAGS, err) < 0 || where_resolve(network, &flags, err) < 0)
        return -1;
    def = flags & VIR_NETWORK_UPDATE_AFFECT_LIVE ? network->live : network->config;
    text = metadata_get(&(Metadata){ &def->title, &def->description, &def->metadata }, args->type, args->uri);
    if (!text)
        return error_setf(err, FROM_NETWORK, ERR_NO_NETWORK_METADATA, "Requested metadata element is not present in %s", network->label);
    ret->metadata = arena_strdup(rpc_call_arena(call), text);
    return 0;
}

API_TABLE(api_metadata,
    REMOTE_BIND(NETWORK_SET_METADATA, set_metadata),
    REMOTE_BIND(NETWORK_GET_METADATA, get_metadata));
