#include "common/conf/network/parts.h"

const char *const direct_mode_names[] = { NULL, "vepa", "private", "bridge", "passthrough", NULL };
const char *const vport_type_names[] = { NULL, "none", "802.1Qbg", "802.1Qbh", "openvswitch", "midonet", NULL };
const char *const ip_family_names[] = { NULL, "ipv4", "ipv6", NULL };

/* -- virtual port -- */

#define V VirtualPort
static const XmlRow vport_param_rows[] = {
    A_UINT("managerid", V, manager_id, "manager", .base = XML_ANY_BASE, .max = 255),
    A_UINT("typeid", V, type_id, "type", .base = XML_ANY_BASE, .max = 0xffffff),
    A_UINT("typeidversion", V, type_id_version, "version of the type", .base = XML_ANY_BASE, .max = 255),
    A_UUID("instanceid", V, instance_id, "instance"),
    A_UUID("interfaceid", V, interface_id, "interface"),
    A_STR("profileid", V, profile_id, "profile"),
    ROWS_END,
};
static SCHEMA(vport_param_schema, "virtualportParameters", V, vport_param_rows, "parameters of a virtual port");
static const XmlRow vport_rows[] = {
    A_ENUM("type", V, type, vport_type_names, "kind of switch"),
    GROUP("parameters", vport_param_schema, "parameters"),
    ROWS_END,
};
SCHEMA(virtual_port_schema, "virtualport", V, vport_rows, "port of a virtual switch");
#undef V

/* -- VLAN -- */

static const XmlRow tag_rows[] = {
    A_UINT("id", VlanTag, id, "number", .flags = XR_REQUIRED, .max = 4095),
    A_WORD("nativeMode", VlanTag, native_mode, WORDS("tagged", "untagged"), "tagged or untagged"),
    ROWS_END,
};
static SCHEMA(tag_schema, "vlanTag", VlanTag, tag_rows, "VLAN number");
static const XmlRow vlan_rows[] = {
    A_YESNO("trunk", NetVlan, trunk, "several VLANs over one port"),
    ITEMS("tag", NetVlan, tags, tag_schema, "a VLAN"),
    ROWS_END,
};
SCHEMA(net_vlan_schema, "vlan", NetVlan, vlan_rows, "virtual LANs");

/* -- bandwidth -- */

static int
bandwidth_check(XmlParse *parse, xmlNode *element, void *object)
{
    const Bandwidth *b = object;

    if (!b->average.set && !b->floor.set)
        return xml_problem(parse, element, FROM_NONE, ERR_XML_ERROR, "element <%s> needs an attribute 'average'",
                           (const char *)element->name);
    return 0;
}
static const XmlRow rate_rows[] = {
    PRESENT(Bandwidth, present),
    A_U64("average", Bandwidth, average, "KiB/s"),
    A_U64("peak", Bandwidth, peak, "KiB/s"),
    A_U64("floor", Bandwidth, floor, "guaranteed KiB/s"),
    A_U64("burst", Bandwidth, burst, "KiB at peak speed"),
    ROWS_END,
};
static SCHEMA(rate_schema, "bandwidthRate", Bandwidth, rate_rows, "rate of one direction", .check = bandwidth_check);
static const XmlRow bandwidth_rows[] = {
    PRESENT(NetBandwidth, present),
    GROUP_AT("inbound", NetBandwidth, inbound, rate_schema, "towards the guest"),
    GROUP_AT("outbound", NetBandwidth, outbound, rate_schema, "from the guest"),
    ROWS_END,
};
SCHEMA(net_bandwidth_schema, "bandwidth", NetBandwidth, bandwidth_rows, "limits of the traffic");

/* -- addresses, routes -- */

int
ip_family_check(XmlParse *parse, xmlNode *element, IpFamily family, const IpAddress *address)
{
    char text[IP_TEXT_SIZE];

    if (address->family == AF_INET6 && family != IP_FAMILY_IPV6)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<%s> with the IPv6 address '%s' needs family='ipv6'%s", (const char *)element->name,
                           ip_to_text(address, text), family ? ", not 'ipv4'" : "");
    if (address->family == AF_INET && family == IP_FAMILY_IPV6)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<%s> with family='ipv6' has the IPv4 address '%s'",
                           (const char *)element->name, ip_to_text(address, text));
    return 0;
}

int
ip_prefix_check(XmlParse *parse, xmlNode *element, const IpAddress *address, const IpAddress *netmask, const OptUint *prefix)
{
    char text[IP_TEXT_SIZE];

    if (prefix->set && ip_is_set(netmask))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<%s> has both a netmask and a prefix; give one",
                           (const char *)element->name);
    if (prefix->set && prefix->v > ip_bits(address))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "prefix %u of <%s> is longer than the %u bits of its address", prefix->v,
                           (const char *)element->name, ip_bits(address));
    if (!ip_is_set(netmask))
        return 0;
    if (netmask->family != AF_INET || address->family != AF_INET)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "netmask '%s' of <%s>: only IPv4 has netmasks, IPv6 has a prefix", ip_to_text(netmask, text),
                           (const char *)element->name);
    if (ip_mask_prefix(netmask) < 0)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "netmask '%s' of <%s> has a hole: its ones must come first", ip_to_text(netmask, text),
                           (const char *)element->name);
    return 0;
}

unsigned
network_route_prefix(const NetworkRoute *route)
{
    if (route->prefix.set)
        return route->prefix.v;
    if (ip_is_set(&route->netmask))
        return (unsigned)MAX(ip_mask_prefix(&route->netmask), 0);
    /* 0.0.0.0 is every address. */
    return ip_is_wildcard(&route->address) ? 0 : ip_default_prefix(&route->address);
}

static int
route_check(XmlParse *parse, xmlNode *element, void *object)
{
    const NetworkRoute *route = object;
    char text[IP_TEXT_SIZE], network[IP_TEXT_SIZE];
    IpAddress first;

    if (ip_family_check(parse, element, route->family, &route->address) < 0 ||
        ip_prefix_check(parse, element, &route->address, &route->netmask, &route->prefix) < 0)
        return -1;
    if (route->gateway.family != route->address.family)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "gateway '%s' of <route> is not of the family of '%s'", ip_to_text(&route->gateway, text),
                           ip_to_text(&route->address, network));
    if (ip_is_wildcard(&route->gateway) || ip_is_multicast(&route->gateway))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "gateway '%s' of <route> is no host's address",
                           ip_to_text(&route->gateway, text));
    first = ip_network(&route->address, network_route_prefix(route));
    if (!(parse->flags & XML_STATUS) && !ip_equal(&first, &route->address))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "address '%s' of <route> is not the first of a network of %u bits; that would be '%s'",
                           ip_to_text(&route->address, text), network_route_prefix(route), ip_to_text(&first, network));
    return 0;
}

static const XmlRow route_rows[] = {
    A_ENUM("family", NetworkRoute, family, ip_family_names, "family of the addresses; ipv4 when missing"),
    A_IP("address", NetworkRoute, address, "network", .flags = XR_REQUIRED),
    A_IP("netmask", NetworkRoute, netmask, "its mask"),
    A_UINT("prefix", NetworkRoute, prefix, "length of the network part", .max = 128),
    A_IP("gateway", NetworkRoute, gateway, "router", .flags = XR_REQUIRED),
    A_UINT("metric", NetworkRoute, metric, "cost", .min = 1),
    ROWS_END,
};
SCHEMA(network_route_schema, "route", NetworkRoute, route_rows, "static route", .check = route_check);
