/* Parts of a network changed: what virsh net-update says. */
#include "common/conf/network/update.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/api/where.h"
#include "virtnetworkd/network/define.h"

static int
change(const NetworkDef *from, void *data, NetworkDef **ret, Error *err)
{
    const remote_network_update_args *args = data;

    return network_def_update(from, args->command, args->section, args->parentIndex, args->xml, ret, err);
}

static int
update(Job *job, RpcCall *call, const remote_network_update_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, WHERE_FLAGS, err) < 0)
        return -1;
    return where_change(job, api_network(call), args->flags, change, (void *)args, err);
}

API_TABLE(api_update, REMOTE_BIND(NETWORK_UPDATE, update));
