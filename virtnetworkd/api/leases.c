/* Who has which address: the leases of a network's DHCP server. */
#include <string.h>

#include "protocol/constants.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/dnsmasq/lease.h"

static void
to_wire(RpcCall *call, const NetworkDef *def, const Lease *lease, remote_network_dhcp_lease *wire)
{
    Arena *arena = rpc_call_arena(call);
    char text[IP_TEXT_SIZE];

    *wire = (remote_network_dhcp_lease){
        .iface = arena_strdup(arena, def->bridge.name),
        .expirytime = (int64_t)lease->expiry,
        .type = lease->ip.family == AF_INET6 ? VIR_IP_ADDR_TYPE_IPV6 : VIR_IP_ADDR_TYPE_IPV4,
        .mac = arena_strdup(arena, lease->mac ?: ""), /* IPv6 can do without; virsh sorts by it without a look */
        .iaid = lease->iaid ? arena_strdup(arena, lease->iaid) : NULL,
        .ipaddr = arena_strdup(arena, ip_to_text(&lease->ip, text)),
        .prefix = lease_prefix(def, lease),
        .hostname = lease->hostname ? arena_strdup(arena, lease->hostname) : NULL,
        .clientid = lease->client_id ? arena_strdup(arena, lease->client_id) : NULL,
    };
}

static int
get_leases(Job *job, RpcCall *call, const remote_network_get_dhcp_leases_args *args, remote_network_get_dhcp_leases_ret *ret, Error *err)
{
    Network *network = api_network(call);
    g_autoptr(GPtrArray) leases = NULL;
    Mac mac;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (args->mac && !mac_parse(args->mac, &mac))
        return error_setf(err, FROM_NETWORK, ERR_INVALID_MAC, "'%s' is no MAC address", args->mac);
    if (network_check_active(network, err) < 0 || lease_list(network, args->mac ? &mac : NULL, &leases, err) < 0)
        return -1;
    if (leases->len > REMOTE_NETWORK_DHCP_LEASES_MAX)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "%s has %u leases; an answer holds %u", network->label, leases->len,
                          REMOTE_NETWORK_DHCP_LEASES_MAX);
    ret->ret = leases->len;
    if (!args->need_results)
        return 0;
    ret->leases = arena_newv(rpc_call_arena(call), remote_network_dhcp_lease, leases->len);
    ret->n_leases = leases->len;
    for (guint i = 0; i < leases->len; i++)
        to_wire(call, network->live, leases->pdata[i], &ret->leases[i]);
    return 0;
}

API_TABLE(api_leases, REMOTE_BIND(NETWORK_GET_DHCP_LEASES, get_leases));
