/* Rules of addresses: subnets, DHCP ranges and hosts, routes. */
#include <string.h>

#include "common/conf/network/elements.h"

/* dnsmasq keeps a lease per address in memory, and clients know a range of this size as the largest. */
#define RANGE_MAX_ADDRESSES 65536

/* Clients know errors of ranges by this code. */
#define REFUSE_RANGE(format, ...) \
    error_setf(err, FROM_NONE, ERR_INTERNAL_ERROR, "internal error: range %s - %s " format, start, end, ##__VA_ARGS__)

/* -- subnets -- */

/* IPv6 has no broadcast, and a router may have the first address of its network. */
static bool
is_reserved(const IpAddress *address, const NetworkIp *ip)
{
    unsigned prefix = network_ip_prefix(ip);
    IpAddress first = ip_network(&ip->address, prefix), last = ip_broadcast(&ip->address, prefix);

    return address->family == AF_INET && prefix < 31 && (ip_equal(address, &first) || ip_equal(address, &last));
}

static int
validate_subnet(const NetworkDef *def, size_t index, Error *err)
{
    const NetworkIp *ip = def->ips.items[index];
    unsigned prefix = network_ip_prefix(ip), unit = ip->address.family == AF_INET6 ? 4 : 8;
    char text[IP_TEXT_SIZE], other[IP_TEXT_SIZE];

    ip_to_text(&ip->address, text);
    if (ip_is_wildcard(&ip->address) || ip_is_multicast(&ip->address) || ip_is_loopback(&ip->address))
        return REFUSE_XML("<ip address='%s'> in network '%s' is no address of a host", text, def->name);
    if (prefix == 0)
        return REFUSE_XML("<ip address='%s'> in network '%s' has a network part of 0 bits: that is every address there is", text,
                          def->name);
    if (is_reserved(&ip->address, ip))
        return REFUSE_XML("<ip address='%s'> in network '%s' is the first or last of its network of %u bits, which stand for all hosts",
                          text, def->name, prefix);
    for (size_t i = 0; i < index; i++) {
        const NetworkIp *before = def->ips.items[i];

        if (ip_networks_overlap(&ip->address, prefix, &before->address, network_ip_prefix(before)))
            return REFUSE_XML("<ip address='%s'> in network '%s' is on the same subnet as '%s'", text, def->name,
                              ip_to_text(&before->address, other));
    }
    if (ip->local_ptr == TRI_YES && (prefix % unit || prefix == ip_bits(&ip->address)))
        return REFUSE_UNSUPPORTED("localPtr of <ip address='%s'> in network '%s' with a prefix of %u bits: reverse names end at multiples of %u",
                                  text, def->name, prefix, unit);
    return 0;
}

/* -- ranges -- */

static int
validate_range(const NetworkIp *ip, const DhcpRange *range, Error *err)
{
    unsigned prefix = network_ip_prefix(ip);
    IpAddress first = ip_network(&ip->address, prefix), last = ip_broadcast(&ip->address, prefix);
    char start[IP_TEXT_SIZE], end[IP_TEXT_SIZE], address[IP_TEXT_SIZE];
    uint64_t size = ip_range_size(&range->start, &range->end);

    ip_to_text(&range->start, start);
    ip_to_text(&range->end, end);
    ip_to_text(&ip->address, address);
    if (range->start.family != ip->address.family || range->end.family != ip->address.family)
        return REFUSE_RANGE("is not of the address family of %s, where it is to be served", address);
    if (!size)
        return REFUSE_RANGE("is reversed");
    if (!ip_in_network(&range->start, &ip->address, prefix) || !ip_in_network(&range->end, &ip->address, prefix))
        return REFUSE_RANGE("is not entirely within network %s/%u", address, prefix);
    if (ip_equal(&range->start, &first) || (ip->address.family == AF_INET && ip_equal(&range->end, &last)))
        return REFUSE_RANGE("has the first or last address of network %s/%u, which stand for all hosts", address, prefix);
    if (size > RANGE_MAX_ADDRESSES)
        return REFUSE_RANGE("is too large: at most %d addresses", RANGE_MAX_ADDRESSES);
    return 0;
}

static int
validate_ranges(const NetworkDef *def, const NetworkIp *ip, Error *err)
{
    char start[IP_TEXT_SIZE], end[IP_TEXT_SIZE];

    for (size_t i = 0; i < ip->ranges.n; i++) {
        const DhcpRange *range = ip->ranges.items[i];

        if (validate_range(ip, range, err) < 0)
            return -1;
        for (size_t j = 0; j < i; j++) {
            const DhcpRange *other = ip->ranges.items[j];

            if (ip_compare(&range->start, &other->end) <= 0 && ip_compare(&other->start, &range->end) <= 0)
                return REFUSE_XML("<range start='%s' end='%s'> in network '%s' overlaps another one",
                                  ip_to_text(&range->start, start), ip_to_text(&range->end, end), def->name);
        }
    }
    return 0;
}

/* -- hosts -- */

static const char *
host_label(const DhcpHost *host)
{
    return host->name ? host->name : host->mac ? host->mac : host->id;
}

static int
validate_host(const NetworkDef *def, const NetworkIp *ip, const DhcpHost *host, Error *err)
{
    char text[IP_TEXT_SIZE], address[IP_TEXT_SIZE];

    ip_to_text(&host->ip, text);
    ip_to_text(&ip->address, address);
    if (host->ip.family != ip->address.family || !ip_in_network(&host->ip, &ip->address, network_ip_prefix(ip)))
        return REFUSE_XML("<host> '%s' in network '%s' has the address %s, which is not in %s/%u", host_label(host), def->name, text,
                          address, network_ip_prefix(ip));
    if (ip_equal(&host->ip, &ip->address) || is_reserved(&host->ip, ip))
        return REFUSE_XML("<host> '%s' in network '%s' has the address %s, which is not free for a guest", host_label(host), def->name, text);
    if (host->mac && ip->address.family == AF_INET6)
        return REFUSE_XML("<host mac='%s'> in network '%s': DHCP of IPv6 does not know hosts by MAC address; use 'id' or 'name'",
                          host->mac, def->name);
    return 0;
}

/* Notes key in seen; positive when it was there already. */
static bool
seen_before(GHashTable *seen, char kind, const char *text)
{
    return text && !g_hash_table_add(seen, g_strdup_printf("%c%s", kind, text));
}

static int
validate_hosts(const NetworkDef *def, const NetworkIp *ip, Error *err)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    LIST_FOREACH(DhcpHost, host, &ip->hosts) {
        g_autofree char *mac = host->mac ? g_ascii_strdown(host->mac, -1) : NULL;
        g_autofree char *id = host->id ? g_ascii_strdown(host->id, -1) : NULL;
        g_autofree char *name = host->name ? g_ascii_strdown(host->name, -1) : NULL;
        char text[IP_TEXT_SIZE];
        const char *what;

        if (validate_host(def, ip, host, err) < 0)
            return -1;
        what = seen_before(seen, 'm', mac) ? host->mac : seen_before(seen, 'i', id) ? host->id :
               seen_before(seen, 'n', name) ? host->name : seen_before(seen, 'a', ip_to_text(&host->ip, text)) ? text : NULL;
        if (what)
            return REFUSE_XML("'%s' is in two <host> of <dhcp> in network '%s'", what, def->name);
    }
    return 0;
}

/* -- the services of one <ip> -- */

static int
validate_services(const NetworkDef *def, const NetworkIp *ip, unsigned counts[3], Error *err)
{
    bool six = ip->address.family == AF_INET6;

    if (six && (ip->tftp_root || ip->bootp_file))
        return REFUSE_UNSUPPORTED("<tftp> and <bootp> in network '%s' are for IPv4, not for an <ip> of IPv6", def->name);
    if (ip->dhcp && ++counts[six] > 1)
        return REFUSE_UNSUPPORTED("network '%s' has <dhcp> for two addresses of %s; it is supported for one of each family", def->name,
                                  six ? "IPv6" : "IPv4");
    if (ip->tftp_root && ++counts[2] > 1)
        return REFUSE_UNSUPPORTED("network '%s' has <tftp> for two addresses; it is supported for one", def->name);
    if (six && ip->dhcp && network_ip_prefix(ip) < 64)
        return REFUSE_XML("<dhcp> in network '%s' is in an IPv6 network of %u bits; DHCP needs at least 64", def->name,
                          network_ip_prefix(ip));
    if (ip->dhcp && network_ip_prefix(ip) >= ip_bits(&ip->address) - 1)
        return REFUSE_XML("<dhcp> in network '%s' has no address to give in a network of %u bits", def->name, network_ip_prefix(ip));
    if (validate_ranges(def, ip, err) < 0)
        return -1;
    return validate_hosts(def, ip, err);
}

/* -- routes -- */

static int
validate_route(const NetworkDef *def, size_t index, Error *err)
{
    const NetworkRoute *route = def->routes.items[index];
    char gateway[IP_TEXT_SIZE];
    bool reachable = false;

    ip_to_text(&route->gateway, gateway);
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        reachable |= ip_in_network(&route->gateway, &ip->address, network_ip_prefix(ip));
        if (ip_equal(&route->gateway, &ip->address))
            return REFUSE_XML("gateway '%s' of a <route> in network '%s' is the host itself", gateway, def->name);
    }
    if (!reachable)
        return REFUSE_UNSUPPORTED("gateway '%s' of a <route> in network '%s' is in none of the network's subnets", gateway, def->name);
    for (size_t i = 0; i < index; i++) {
        const NetworkRoute *other = def->routes.items[i];

        if (ip_equal(&route->address, &other->address) && network_route_prefix(route) == network_route_prefix(other) &&
            route->metric.v == other->metric.v)
            return REFUSE_XML("network '%s' has two <route> to one network with the same metric", def->name);
    }
    return 0;
}

int
network_validate_addresses(const NetworkDef *def, Error *err)
{
    unsigned counts[3] = { 0 }; /* DHCP of IPv4, of IPv6, TFTP */

    for (size_t i = 0; i < def->ips.n; i++)
        if (validate_subnet(def, i, err) < 0 || validate_services(def, def->ips.items[i], counts, err) < 0)
            return -1;
    for (size_t i = 0; i < def->routes.n; i++)
        if (validate_route(def, i, err) < 0)
            return -1;
    return 0;
}
