/* The table of <network>, and definitions as values. */
#include "common/conf/network/network.h"

#include <string.h>

#include "common/conf/network/elements.h"
#include "common/xml/document.h"

static const char *const mac_table_names[] = { NULL, "kernel", "libvirt", NULL };

/* -- <bridge> and small parts -- */

#define B BridgeDef
static const XmlRow bridge_rows[] = {
    PRESENT(B, present),
    A_LSTR("name", B, name, "interface of the host"),
    A_LSTR("zone", B, zone, "zone of the host's firewall"),
    A_ONOFF("stp", B, stp, "spanning tree protocol"),
    A_UINT("delay", B, delay, "forward delay in seconds"),
    A_ENUM("macTableManager", B, mac_table, mac_table_names, "who knows which address is behind which port"),
    ROWS_END,
};
static SCHEMA(bridge_schema, "networkBridge", B, bridge_rows, "switch of the network");
#undef B

#define P PortGroup
static int
portgroup_check(XmlParse *parse, xmlNode *element, void *object)
{
    P *group = object;

    if (group->is_default == TRI_NO)
        group->is_default = TRI_ABSENT;
    return 0;
}
static const XmlRow portgroup_rows[] = {
    A_STR("name", P, name, "name, which cards of guests refer to", .flags = XR_REQUIRED),
    A_YESNO("default", P, is_default, "taken by cards that name none"),
    A_YESNO("trustGuestRxFilters", P, trust_guest_rx_filters, "follow the guest's filters"),
    PTR("vlan", P, vlan, net_vlan_schema, "virtual LANs"),
    PTR("virtualport", P, vport, virtual_port_schema, "port of a virtual switch"),
    GROUP_AT("bandwidth", P, bandwidth, net_bandwidth_schema, "limits of each card"), ROWS_END,
};
SCHEMA(portgroup_schema, "portgroup", P, portgroup_rows, "class of cards", .check = portgroup_check);
#undef P

#define N NetworkDef
#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, N, var##_rows, "part of a network")
ONE(network_mtu, A_UINT("size", N, mtu, "bytes", .flags = XR_REQUIRED, .min = 68, .max = 65535));
ONE(network_mac, A_MAC("address", N, mac, "address of the bridge", .flags = XR_REQUIRED));
ONE(network_port_options, A_YESNO("isolated", N, isolated, "guests see the host, not each other"));

#define DNSMASQ_NS .ns = "http://libvirt.org/schemas/network/dnsmasq/1.0", .prefix = "dnsmasq"
static const XmlRow option_rows[] = {
    A_STR("value", DnsmasqOption, value, "line of dnsmasq's configuration", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(option_schema, "dnsmasqOption", DnsmasqOption, option_rows, "addition to dnsmasq's configuration");
ONE(dnsmasq_options, ITEMS("option", N, dnsmasq_options, option_schema, "a line", DNSMASQ_NS));

/* -- <network> -- */

static int
namespace_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    return 0;
}
static void
namespace_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const N *def = object;

    xml_writer_attr(writer, "xmlns:dnsmasq", def->dnsmasq_options.n ? "http://libvirt.org/schemas/network/dnsmasq/1.0" : NULL);
}
static const XmlCustom namespace_row = { .parse = namespace_parse, .format = namespace_format, .attribute_phase = true, .rng = "" };

static const XmlRow network_rows[] = {
    A_UINT("connections", N, connections, "cards of guests connected", .flags = XR_LIVE),
    A_YESNO("ipv6", N, ipv6, "guests may use IPv6 among each other without an IPv6 address of the host"),
    A_YESNO("trustGuestRxFilters", N, trust_guest_rx_filters, "follow the guests' filters"),
    CUSTOM(NULL, namespace_row, "the namespace, where it is used"),
    E_LSTR("name", N, name, "name, unique on the host"),
    E_UUID("uuid", N, uuid, "identity"),
    E_LSTR("title", N, title, "one line for people"),
    E_LSTR("description", N, description, "text for people"),
    RAW("metadata", N, metadata, "anything, in namespaces of its owners", .flags = XR_OWNED),
    GROUP_AT("forward", N, forward, forward_schema, "connection to the outside"),
    GROUP_AT("bridge", N, bridge, bridge_schema, "switch of the network"),
    GROUP("mtu", network_mtu_schema, "largest packet"),
    GROUP("mac", network_mac_schema, "MAC address of the bridge"),
    GROUP_AT("domain", N, domain, network_domain_schema, "DNS domain"),
    GROUP_AT("dns", N, dns, dns_schema, "name server"),
    PTR("vlan", N, vlan, net_vlan_schema, "virtual LANs"),
    GROUP_AT("bandwidth", N, bandwidth, net_bandwidth_schema, "limits of the whole network"),
    GROUP("port", network_port_options_schema, "options of all ports"),
    ITEMS("ip", N, ips, network_ip_schema, "address of the host on the network"),
    ITEMS("route", N, routes, network_route_schema, "static route"),
    PTR("virtualport", N, vport, virtual_port_schema, "port of a virtual switch"),
    ITEMS("portgroup", N, portgroups, portgroup_schema, "class of cards"),
    GROUP("options", dnsmasq_options_schema, "additions to dnsmasq's configuration", DNSMASQ_NS),
    ROWS_END,
};
SCHEMA(network_schema, "network", N, network_rows, "a virtual network");

/* -- values -- */

DEFINITION_VALUE(NetworkDef, network_def, network_schema);

int
network_def_read(xmlNode *root, unsigned flags, NetworkDef **ret_def, Error *err)
{
    g_autoptr(NetworkDef) def = xml_new(&network_schema);

    def->refs = 1;
    if (definition_read(root, "network", &network_schema, flags, FROM_NETWORK, FROM_NETWORK, def, err) < 0 ||
        network_def_complete(def, err) < 0)
        return -1;
    if (!(flags & XML_STATUS) && network_def_validate(def, err) < 0)
        return -1;
    *ret_def = g_steal_pointer(&def);
    return 0;
}

int
network_def_parse(const char *text, unsigned flags, NetworkDef **ret_def, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;

    if (xml_document_load(text, "network definition", FROM_NETWORK, &doc, err) < 0)
        return -1;
    return network_def_read(xmlDocGetRootElement(doc), flags, ret_def, err);
}

char *
network_def_format(const NetworkDef *def, unsigned flags)
{
    return xml_to_text("network", &network_schema, def, flags);
}

/* -- looking -- */

bool
network_def_owns_bridge(const NetworkDef *def)
{
    return def->forward.mode <= FORWARD_OPEN;
}

bool
network_def_is_macvtap(const NetworkDef *def)
{
    switch (def->forward.mode) {
    case FORWARD_PRIVATE: case FORWARD_VEPA: case FORWARD_PASSTHROUGH: return true;
    case FORWARD_BRIDGE: return !def->bridge.name && (def->forward.interfaces.n || def->forward.pf);
    default: return false;
    }
}

const PortGroup *
network_def_portgroup(const NetworkDef *def, const char *name)
{
    LIST_FOREACH(PortGroup, group, &def->portgroups)
        if (name ? strcmp(group->name, name) == 0 : group->is_default == TRI_YES)
            return group;
    return NULL;
}
