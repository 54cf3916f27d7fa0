/* <ip>: an address of the host on the network, and what DHCP, BOOTP and TFTP hand out there. */
#include <string.h>

#include "common/conf/network/elements.h"

#define PROBLEM(...) xml_problem(parse, element, parse->domain, ERR_XML_ERROR, __VA_ARGS__)

/* A client that has to renew every few seconds does nothing else. DHCP counts seconds in 32 bits. */
#define LEASE_MIN_SECONDS 120
#define LEASE_MAX_SECONDS INT32_MAX

static const char *const lease_unit_names[] = { NULL, "seconds", "minutes", "hours", NULL };

uint64_t
lease_time_seconds(const LeaseTime *lease)
{
    static const unsigned seconds[] = { [LEASE_UNIT_ABSENT] = 60, [LEASE_SECONDS] = 1, [LEASE_MINUTES] = 60, [LEASE_HOURS] = 3600 };

    return lease->expiry.v * seconds[lease->unit];
}

static int
lease_check(XmlParse *parse, xmlNode *element, void *object)
{
    LeaseTime *lease = object;

    if (lease->expiry.v == 0) {
        lease->unit = LEASE_UNIT_ABSENT;
        return 0;
    }
    if (!lease->unit)
        lease->unit = LEASE_MINUTES;
    if (lease_time_seconds(lease) < LEASE_MIN_SECONDS || lease_time_seconds(lease) > LEASE_MAX_SECONDS)
        return PROBLEM("a lease of %llu %s is too %s; it may last from %d to %d seconds, and 0 is for ever", lease->expiry.v,
                       lease_unit_names[lease->unit], lease_time_seconds(lease) < LEASE_MIN_SECONDS ? "short" : "long",
                       LEASE_MIN_SECONDS, LEASE_MAX_SECONDS);
    return 0;
}
static const XmlRow lease_rows[] = {
    PRESENT(LeaseTime, present),
    A_U64("expiry", LeaseTime, expiry, "time until it ends; 0 is never", .flags = XR_REQUIRED, .max = UINT32_MAX),
    A_ENUM("unit", LeaseTime, unit, lease_unit_names, "minutes when missing"), ROWS_END,
};
static SCHEMA(lease_schema, "lease", LeaseTime, lease_rows, "how long a client keeps its address", .check = lease_check);

static const XmlRow range_rows[] = {
    A_IP("start", DhcpRange, start, "first address", .flags = XR_REQUIRED),
    A_IP("end", DhcpRange, end, "last address", .flags = XR_REQUIRED),
    GROUP_AT("lease", DhcpRange, lease, lease_schema, "how long"), ROWS_END,
};
SCHEMA(dhcp_range_schema, "dhcpRange", DhcpRange, range_rows, "addresses for anybody");

static int
host_check(XmlParse *parse, xmlNode *element, void *object)
{
    DhcpHost *host = object;
    Mac mac;

    if (host->mac && !mac_parse(host->mac, &mac))
        return PROBLEM("'%s' is no MAC address", host->mac);
    if (host->mac && mac.b[0] & 1)
        return PROBLEM("MAC address '%s' of a <host> is a multicast address", host->mac);
    if (!host->mac && !host->id && !host->name && !(network_parse_is_partial(parse) && ip_is_set(&host->ip)))
        return PROBLEM("<host> in <dhcp> needs a 'mac', 'id' or 'name' to know the host by");
    if (!ip_is_set(&host->ip) && !network_parse_is_partial(parse))
        return PROBLEM("<host> in <dhcp> needs an address in 'ip'");
    return 0;
}
static const XmlRow host_rows[] = {
    A_LSTR("mac", DhcpHost, mac, "its MAC address"),
    A_LSTR("id", DhcpHost, id, "its DHCP unique identifier"),
    A_LSTR("name", DhcpHost, name, "its name"),
    A_IP("ip", DhcpHost, ip, "its address"),
    GROUP_AT("lease", DhcpHost, lease, lease_schema, "how long"), ROWS_END,
};
SCHEMA(dhcp_host_schema, "dhcpHost", DhcpHost, host_rows, "address of one host", .check = host_check);

#define N NetworkIp
static const XmlRow bootp_rows[] = {
    A_STR("file", N, bootp_file, "boot image", .flags = XR_REQUIRED),
    A_LSTR("server", N, bootp_server, "host that has it; this one when missing"), ROWS_END,
};
static SCHEMA(bootp_schema, "bootp", N, bootp_rows, "what to boot");
static const XmlRow tftp_rows[] = { A_STR("root", N, tftp_root, "directory", .flags = XR_REQUIRED), ROWS_END };
static SCHEMA(tftp_schema, "tftp", N, tftp_rows, "files for booting");
static const XmlRow dhcp_rows[] = {
    PRESENT(N, dhcp),
    ITEMS("range", N, ranges, dhcp_range_schema, "addresses for anybody"),
    ITEMS("host", N, hosts, dhcp_host_schema, "address of one host"),
    GROUP("bootp", bootp_schema, "what to boot"), ROWS_END,
};
static SCHEMA(dhcp_schema, "dhcp", N, dhcp_rows, "address server");

static int
ip_check(XmlParse *parse, xmlNode *element, void *object)
{
    N *ip = object;

    ip->dhcp = ip->ranges.n || ip->hosts.n || ip->bootp_file;
    if (ip_family_check(parse, element, ip->family, &ip->address) < 0)
        return -1;
    return ip_prefix_check(parse, element, &ip->address, &ip->netmask, &ip->prefix);
}
static const XmlRow ip_rows[] = {
    A_ENUM("family", N, family, ip_family_names, "family of the address; ipv4 when missing"),
    A_IP("address", N, address, "address of the host", .flags = XR_REQUIRED),
    A_IP("netmask", N, netmask, "mask of the network"),
    A_UINT("prefix", N, prefix, "length of the network part", .min = 1, .max = 128),
    A_YESNO("localPtr", N, local_ptr, "reverse look-ups in this network are never asked elsewhere"),
    GROUP("tftp", tftp_schema, "files for booting"),
    GROUP("dhcp", dhcp_schema, "address server"), ROWS_END,
};
SCHEMA(network_ip_schema, "networkIp", N, ip_rows, "address of the host on the network", .check = ip_check);

unsigned
network_ip_prefix(const NetworkIp *ip)
{
    if (ip->prefix.set)
        return ip->prefix.v;
    return ip_is_set(&ip->netmask) ? (unsigned)MAX(ip_mask_prefix(&ip->netmask), 0) : ip_default_prefix(&ip->address);
}
