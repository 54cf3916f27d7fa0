#include "virtnetworkd/network/subnet.h"

#include <string.h>

#include "common/host/netlink/address.h"
#include "common/host/netlink/link.h"
#include "common/host/netlink/route.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"

/* What the host knows of subnets now. */
typedef struct Subnets {
    GArray *addresses, *routes; /* HostAddress, HostRoute */
    unsigned own_bridge;        /* index to leave out; 0 none */
} Subnets;

static void
subnets_done(Subnets *subnets)
{
    g_clear_pointer(&subnets->addresses, g_array_unref);
    g_clear_pointer(&subnets->routes, g_array_unref);
}
#define _cleanup_subnets_ __attribute__((cleanup(subnets_done)))

static int
subnets_read(Driver *driver, const char *bridge, Subnets *ret, Error *err)
{
    HostLink link;
    int r = bridge ? link_find(driver->netlink, bridge, &link, err) : 0;

    if (r < 0 || address_list(driver->netlink, NULL, &ret->addresses, err) < 0 || route_list(driver->netlink, &ret->routes, err) < 0)
        return -1;
    ret->own_bridge = r > 0 ? link.index : 0;
    return 0;
}

static const HostAddress *
overlapping_address(const Subnets *subnets, const IpAddress *network, unsigned prefix)
{
    for (guint i = 0; i < subnets->addresses->len; i++) {
        const HostAddress *address = &g_array_index(subnets->addresses, HostAddress, i);

        if (address->index != subnets->own_bridge && ip_networks_overlap(&address->ip, address->prefix, network, prefix))
            return address;
    }
    return NULL;
}

static const HostRoute *
overlapping_route(const Subnets *subnets, const IpAddress *network, unsigned prefix, bool strict)
{
    for (guint i = 0; i < subnets->routes->len; i++) {
        const HostRoute *route = &g_array_index(subnets->routes, HostRoute, i);
        bool larger_elsewhere = ip_is_set(&route->gateway) && route->prefix < prefix;

        if (route->prefix > 0 && route->index != subnets->own_bridge && (strict || !larger_elsewhere) &&
            ip_networks_overlap(&route->destination, route->prefix, network, prefix))
            return route;
    }
    return NULL;
}

static int
in_use(Driver *driver, const NetworkDef *def, unsigned index, const IpAddress *network, unsigned prefix, const char *how, Error *err)
{
    char text[IP_TEXT_SIZE];
    HostLink link = { .name = "?" };

    if (index && link_find_index(driver->netlink, index, &link, err) < 0)
        return -1;
    return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR,
                      "cannot start network '%s': its subnet %s/%u is already in use by %s interface %s; choose another subnet", def->name,
                      ip_to_text(network, text), prefix, how, link.name);
}

/* The other network that is about to get an address there: the kernel knows nothing of it yet. */
static const NetworkDef *
overlapping_start(Driver *driver, const NetworkDef *def, const IpAddress *network, unsigned prefix)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver->networks.by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        const Network *other = object;

        if (!other->run || other->run->phase != PHASE_STARTING || strcmp(other->live->name, def->name) == 0)
            continue;
        LIST_FOREACH(NetworkIp, ip, &other->live->ips)
            if (ip_networks_overlap(&ip->address, network_ip_prefix(ip), network, prefix))
                return other->live;
    }
    return NULL;
}

int
subnet_check(Driver *driver, const NetworkDef *def, Error *err)
{
    _cleanup_subnets_ Subnets subnets = { 0 };

    if (def->ips.n == 0)
        return 0;
    if (subnets_read(driver, def->bridge.name, &subnets, err) < 0)
        return -1;
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        unsigned prefix = network_ip_prefix(ip);
        IpAddress network = ip_network(&ip->address, prefix);
        const HostAddress *address = overlapping_address(&subnets, &network, prefix);
        const HostRoute *route = address ? NULL : overlapping_route(&subnets, &network, prefix, false);
        const NetworkDef *other = overlapping_start(driver, def, &network, prefix);
        char text[IP_TEXT_SIZE];

        if (address)
            return in_use(driver, def, address->index, &network, prefix, "the address of", err);
        if (route)
            return in_use(driver, def, route->index, &network, prefix, "a route over", err);
        if (other)
            return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR,
                              "cannot start network '%s': network '%s', which is being started, has its subnet %s/%u; choose another subnet",
                              def->name, other->name, ip_to_text(&network, text), prefix);
    }
    return 0;
}

/* --- another subnet for the network that came with the package --- */

static bool
other_network_overlaps(Driver *driver, const NetworkDef *def, const IpAddress *network, unsigned prefix)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver->networks.by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        const NetworkDef *other = network_definition(object, NULL);

        if (!other || strcmp(other->name, def->name) == 0)
            continue;
        LIST_FOREACH(NetworkIp, ip, &other->ips)
            if (ip_networks_overlap(&ip->address, network_ip_prefix(ip), network, prefix))
                return true;
    }
    return false;
}

static bool
is_free(Driver *driver, const Subnets *subnets, const NetworkDef *def, uint8_t third)
{
    IpAddress network = { .family = AF_INET, .b = { 192, 168, third, 0 } };

    return !overlapping_address(subnets, &network, 24) && !overlapping_route(subnets, &network, 24, true) &&
           !other_network_overlaps(driver, def, &network, 24);
}

/* Every address of 192.168.122.0/24 that the definition names. */
static void
move_to(NetworkDef *def, uint8_t third)
{
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        ip->address.b[2] = third;
        LIST_FOREACH(DhcpRange, range, &ip->ranges)
            range->start.b[2] = range->end.b[2] = third;
        LIST_FOREACH(DhcpHost, host, &ip->hosts)
            host->ip.b[2] = third;
    }
}

int
subnet_settle(Driver *driver, NetworkDef *def, Error *err)
{
    static const uint8_t usual[] = { 192, 168, 122 };
    const NetworkIp *ip = def->ips.n == 1 ? def->ips.items[0] : NULL;
    _cleanup_subnets_ Subnets subnets = { 0 };

    if (!ip || ip->address.family != AF_INET || network_ip_prefix(ip) != 24 || memcmp(ip->address.b, usual, sizeof(usual)) != 0)
        return 0;
    if (subnets_read(driver, def->bridge.name, &subnets, err) < 0)
        return -1;
    for (unsigned i = 0; i < 254; i++) {
        uint8_t third = (uint8_t)(1 + (usual[2] - 1 + i) % 254);

        if (!is_free(driver, &subnets, def, third))
            continue;
        move_to(def, third);
        return third != usual[2];
    }
    return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED, "no subnet of 192.168.0.0/16 is free for network '%s'", def->name);
}
