/* Which addresses a running guest has: by the leases of its networks, or by what this host's neighbour tables noticed. */
#include <string.h>

#include "common/conf/domain/device/interface.h"
#include "common/daemon/peers.h"
#include "common/host/netlink/neighbour.h"
#include "protocol/calls.h"
#include "virtqemud/api/api.h"

typedef struct Query {
    RpcCall *call;
    const DomainDef *live; /* a reference: the guest may end meanwhile */
    remote_domain_interface_addresses_ret *ret;
} Query;

/* A row for the card, with room for n addresses. */
static remote_domain_interface *
add_row(Query *query, const NetDef *net, unsigned n)
{
    Arena *arena = rpc_call_arena(query->call);
    remote_domain_interface *row = &query->ret->ifaces[query->ret->n_ifaces++];
    g_autofree char *mac = mac_format(&net->mac);

    row->name = arena_strdup(arena, net->target ? net->target : "");
    row->hwaddr = arena_strdup(arena, mac);
    row->addrs = arena_newv(arena, remote_domain_ip_addr, n);
    return row;
}

static int
no_room(Error *err)
{
    return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "a guest's card has more than %d addresses", REMOTE_DOMAIN_IP_ADDR_MAX);
}

/* --- leases --- */

static int
ask_leases(Job *job, Query *query, RpcPeer *peer, const NetDef *net, Error *err)
{
    Arena *arena = rpc_call_arena(query->call);
    g_autofree char *mac = mac_format(&net->mac);
    const remote_network_lookup_by_name_args lookup = { .name = net->source.network };
    remote_network_get_dhcp_leases_args args = { .mac = mac, .need_results = 1 };
    remote_network_get_dhcp_leases_ret leases = { 0 };
    remote_network_lookup_by_name_ret network = { 0 };
    remote_domain_interface *row;

    if (remote_call_network_lookup_by_name(job, peer, arena, &lookup, &network, err) < 0)
        return -1;
    args.net = network.net;
    if (remote_call_network_get_dhcp_leases(job, peer, arena, &args, &leases, err) < 0)
        return -1;
    if (leases.n_leases > REMOTE_DOMAIN_IP_ADDR_MAX)
        return no_room(err);
    if (leases.n_leases == 0)
        return 0;
    row = add_row(query, net, leases.n_leases);
    for (unsigned i = 0; i < leases.n_leases; i++)
        row->addrs[row->n_addrs++] = (remote_domain_ip_addr){ leases.leases[i].type, leases.leases[i].ipaddr, leases.leases[i].prefix };
    return 0;
}

static int
from_leases(Job *job, Query *query, Error *err)
{
    Daemon *daemon = rpc_call_daemon(query->call);
    _cleanup_peer_ RpcPeer *peer = NULL;

    DOMAIN_FOREACH_KIND(query->live, DEVICE_INTERFACE, device) {
        const NetDef *net = NET(device);

        if (!net->source.network)
            continue;
        if ((!peer && daemon_peer(job, daemon, RPC_OWNER_NETWORK, &peer, err) < 0) || ask_leases(job, query, peer, net, err) < 0)
            return -1;
    }
    return 0;
}

/* --- neighbours --- */

static bool
same_mac(const Mac *a, const Mac *b)
{
    return a->set && b->set && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static int
from_neighbours(Query *query, Error *err)
{
    g_autoptr(Netlink) nl = NULL;
    g_autoptr(GArray) all = NULL;

    if (netlink_open(NETLINK_ROUTE, &nl, err) < 0 || neighbour_list(nl, &all, err) < 0)
        return -1;
    DOMAIN_FOREACH_KIND(query->live, DEVICE_INTERFACE, device) {
        const NetDef *net = NET(device);
        remote_domain_interface *row = NULL;

        for (guint i = 0; i < all->len; i++) {
            const HostNeighbour *neighbour = &g_array_index(all, HostNeighbour, i);
            bool v6 = neighbour->ip.family == AF_INET6;
            char text[IP_TEXT_SIZE];

            if (!same_mac(&neighbour->mac, &net->mac))
                continue;
            row = row ? row : add_row(query, net, all->len);
            if (row->n_addrs == REMOTE_DOMAIN_IP_ADDR_MAX)
                return no_room(err);
            row->addrs[row->n_addrs++] = (remote_domain_ip_addr){
                v6 ? VIR_IP_ADDR_TYPE_IPV6 : VIR_IP_ADDR_TYPE_IPV4, arena_strdup(rpc_call_arena(query->call), ip_to_text(&neighbour->ip, text)), 0 };
        }
    }
    return 0;
}

static int
interface_addresses(Job *job, RpcCall *call, const remote_domain_interface_addresses_args *args,
                    remote_domain_interface_addresses_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autoptr(DomainDef) live = NULL;
    Query query;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || domain_check_active(d, err) < 0)
        return -1;
    live = domain_def_ref(d->live);
    query = (Query){ call, live, ret };
    ret->ifaces = arena_newv(rpc_call_arena(call), remote_domain_interface, domain_def_count(live, DEVICE_INTERFACE));
    switch (args->source) {
    case VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE:
        return from_leases(job, &query, err);
    case VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP:
        return from_neighbours(&query, err);
    case VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT:
        return error_setf(err, FROM_QEMU, ERR_ARGUMENT_UNSUPPORTED, "the guest agent is not asked for addresses yet; sources are 'lease' and 'arp'");
    default:
        return error_setf(err, FROM_QEMU, ERR_ARGUMENT_UNSUPPORTED, "there is no source %u of addresses", args->source);
    }
}

API_TABLE(api_addresses, REMOTE_BIND(DOMAIN_INTERFACE_ADDRESSES, interface_addresses));
