#include "common/conf/domain/device/interface.h"

#include <string.h>

const char *const net_type_names[] = {
    NULL, "user", "ethernet", "vhostuser", "server", "client", "mcast", "network", "bridge", "internal", "direct",
    "hostdev", "udp", "vdpa", "null", "vds", NULL,
};
static const char *const driver_names[] = { NULL, "qemu", "vhost", NULL };
static const char *const txmode_names[] = { NULL, "iothread", "timer", NULL };
static const char *const link_names[] = { NULL, "up", "down", NULL };
static const char *const mac_type_names[] = { NULL, "generated", "static", NULL };
static const char *const server_names[] = { NULL, "client", "server", NULL };

#define N NetDef

/* -- addresses, forwards -- */

static const XmlRow ip_rows[] = {
    A_STR("address", NetIp, address, "address", .flags = XR_REQUIRED),
    A_STR("family", NetIp, family, "ipv4 or ipv6"),
    A_UINT("prefix", NetIp, prefix, "length of the network part", .max = 128),
    A_STR("peer", NetIp, peer, "other end"),
    ROWS_END,
};

/* The family is always shown: it follows from the address. */
static int
ip_check(XmlParse *parse, xmlNode *element, void *object)
{
    NetIp *ip = object;

    if (!ip->family)
        ip->family = g_strdup(strchr(ip->address, ':') ? "ipv6" : "ipv4");
    if (strcmp(ip->family, "ipv4") != 0 && strcmp(ip->family, "ipv6") != 0)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "family '%s' is not ipv4 or ipv6", ip->family);
    if (ip->prefix.set && strcmp(ip->family, "ipv4") == 0 && ip->prefix.v > 32)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "prefix %u is longer than 32", ip->prefix.v);
    if (ip->prefix.v == 0)
        ip->prefix.set = false;
    return 0;
}
static SCHEMA(ip_schema, "netIp", NetIp, ip_rows, "IP address", .check = ip_check);

static const XmlRow range_rows[] = {
    A_UINT("start", NetPortRange, start, "first port", .max = 65535),
    A_UINT("end", NetPortRange, end, "last port", .max = 65535),
    A_UINT("to", NetPortRange, to, "first port in the guest", .max = 65535),
    A_YESNO("exclude", NetPortRange, exclude, "leave these ports out"),
    ROWS_END,
};
static SCHEMA(range_schema, "netPortRange", NetPortRange, range_rows, "range of forwarded ports");
static const XmlRow forward_rows[] = {
    A_WORD("proto", NetPortForward, proto, WORDS("tcp", "udp"), "tcp or udp", .flags = XR_REQUIRED),
    A_STR("address", NetPortForward, address, "address on the host"),
    A_STR("dev", NetPortForward, dev, "interface of the host"),
    ITEMS("range", NetPortForward, ranges, range_schema, "ports"),
    ROWS_END,
};
static SCHEMA(forward_schema, "netPortForward", NetPortForward, forward_rows,
              "ports of the host that lead to the guest");

/* -- <source> -- */

/* The words of vhost-user for listening and connecting. */
#define C CharSource
static const XmlRow vhost_user_rows[] = {
    INLINE(char_type_schema),
    A_STR("path", C, path, "socket"),
    A_ENUM("mode", C, mode, server_names, "who listens"),
    GROUP_AT("reconnect", C, reconnect, char_reconnect_schema, "what if the other side goes away"),
    ROWS_END,
};
static SCHEMA(vhost_user_schema, "vhostUserSource", C, vhost_user_rows, "socket of a vhost-user switch");
#undef C

static const XmlRow local_rows[] = {
    A_STR("address", N, source.local_address, "our address"),
    A_UINT("port", N, source.local_port, "our port", .max = 65535),
    ROWS_END,
};
static SCHEMA(local_schema, "netLocal", N, local_rows, "our end of a UDP tunnel");

#define SOCKETS WHEN(N, type, NET_SERVER, NET_CLIENT, NET_MCAST, NET_UDP)
#define PLUGGED WHEN(N, type, NET_BRIDGE, NET_DIRECT, NET_HOSTDEV)
static const XmlRow net_source_rows[] = {
    A_STR("network", N, source.network, "network", WHEN(N, type, NET_NETWORK), .flags = XR_REQUIRED),
    A_STR("portgroup", N, source.portgroup, "its port group", WHEN(N, type, NET_NETWORK)),
    /* A running guest's card is shown as what its network plugged it into. */
    A_STR("network", N, source.network, "network", PLUGGED, .flags = XR_LIVE | XR_HIDDEN),
    A_STR("portgroup", N, source.portgroup, "its port group", PLUGGED, .flags = XR_LIVE | XR_HIDDEN),
    A_UUID("portid", N, source.port_id, "port in use", WHEN(N, type, NET_NETWORK, NET_BRIDGE, NET_DIRECT, NET_HOSTDEV), .flags = XR_LIVE),
    A_STR("bridge", N, source.bridge, "bridge", WHEN(N, type, NET_BRIDGE), .flags = XR_REQUIRED),
    A_STR("bridge", N, source.bridge, "bridge of the network", WHEN(N, type, NET_NETWORK), .flags = XR_LIVE | XR_HIDDEN),
    A_WORD("macTableManager", N, source.mac_table_manager, WORDS("kernel", "libvirt"), "who knows which address is behind which port",
           WHEN(N, type, NET_NETWORK, NET_BRIDGE), .flags = XR_LIVE),
    A_STR("dev", N, source.dev, "device of the host",
          WHEN(N, type, NET_DIRECT, NET_VDPA, NET_ETHERNET, NET_USER, NET_VHOSTUSER)),
    A_ENUM("mode", N, source.mode, direct_mode_names, "way of sharing the device", WHEN(N, type, NET_DIRECT)),
    A_STR("name", N, source.name, "switch", WHEN(N, type, NET_INTERNAL), .flags = XR_REQUIRED),
    A_LSTR("address", N, source.address, "address", SOCKETS),
    A_UINT("port", N, source.port, "port", SOCKETS, .max = 65535),
    GROUP("local", local_schema, "our end", WHEN(N, type, NET_UDP)),
    A_STR("switchid", N, source.switch_id, "switch", WHEN(N, type, NET_VDS)),
    A_UINT("portid", N, source.vds_port, "port", WHEN(N, type, NET_VDS)),
    A_STR("portgroupid", N, source.portgroup_id, "port group", WHEN(N, type, NET_VDS)),
    A_STR("connectionid", N, source.connection_id, "connection", WHEN(N, type, NET_VDS)),
    INLINE_AT(N, source.vhost_user, vhost_user_schema, WHEN(N, type, NET_VHOSTUSER)),
    GROUP_AT("address", N, hostdev.address, address_schema, "device of the host", WHEN(N, type, NET_HOSTDEV),
             .flags = XR_REQUIRED),
    ITEMS("ip", N, source.ips, ip_schema, "address of the host side"),
    ITEMS("route", N, source.routes, network_route_schema, "route of the host side"),
    ROWS_END,
};
static SCHEMA(net_source_schema, "interfaceSource", N, net_source_rows, "what the card is connected to");

/* -- <driver> and small elements -- */

#define OFFLOAD(n) A_ONOFF(#n, NetOffloads, n, "offload of this name")
static const XmlRow host_offload_rows[] = {
    OFFLOAD(csum), OFFLOAD(gso), OFFLOAD(tso4), OFFLOAD(tso6), OFFLOAD(ecn), OFFLOAD(ufo), OFFLOAD(mrg_rxbuf), ROWS_END,
};
static SCHEMA(host_offload_schema, "hostOffloads", NetOffloads, host_offload_rows, "what the host offloads");
static const XmlRow guest_offload_rows[] = {
    OFFLOAD(csum), OFFLOAD(tso4), OFFLOAD(tso6), OFFLOAD(ecn), OFFLOAD(ufo), ROWS_END,
};
static SCHEMA(guest_offload_schema, "guestOffloads", NetOffloads, guest_offload_rows, "what the guest may be handed");

static const XmlRow hostdev_driver_rows[] = {
    A_STR("name", N, hostdev_driver, "kernel driver family"),
    A_STR("model", N, hostdev_model, "kernel driver"),
    ROWS_END,
};
static SCHEMA(hostdev_driver_schema, "hostdevDriver", N, hostdev_driver_rows, "driver of a passed-through card");

static const XmlRow net_driver_rows[] = {
    A_ENUM("name", N, driver, driver_names, "who moves the packets"),
    A_ENUM("txmode", N, txmode, txmode_names, "how packets are sent"),
    A_ONOFF("ioeventfd", N, ioeventfd, "notify by eventfd"),
    A_ONOFF("event_idx", N, event_idx, "fewer notifications"),
    A_UINT("queues", N, queues, "pairs of queues"),
    A_UINT("rx_queue_size", N, rx_queue_size, "entries of a receive queue"),
    A_UINT("tx_queue_size", N, tx_queue_size, "entries of a send queue"),
    A_ONOFF("rss", N, rss, "receive side scaling"),
    A_ONOFF("rss_hash_report", N, rss_hash_report, "report the hash"),
    INLINE_AT(N, virtio, virtio_options_schema),
    GROUP_AT("host", N, host, host_offload_schema, "offloads of the host"),
    GROUP_AT("guest", N, guest, guest_offload_schema, "offloads of the guest"),
    ROWS_END,
};
static SCHEMA(net_driver_schema, "interfaceDriver", N, net_driver_rows, "back-end of a network card");

static bool
mac_type_shown(const void *object, unsigned flags)
{
    return ((const N *)object)->mac_type != MAC_TYPE_ABSENT;
}

static const XmlRow mac_rows[] = {
    A_MAC("address", N, mac, "address", .flags = XR_ABI),
    A_ENUM("type", N, mac_type, mac_type_names, "whether the address may be changed", .shown = mac_type_shown),
    A_YESNO("check", N, mac_check, "whether clashes are an error"),
    A_MAC("currentAddress", N, mac_current, "what the guest set", .flags = XR_LIVE),
    ROWS_END,
};
static SCHEMA(mac_schema, "interfaceMac", N, mac_rows, "MAC address");

static const XmlRow net_backend_rows[] = {
    A_STR("type", NetBackend, type, "default or passt"),
    A_STR("tap", NetBackend, tap, "path of the tap device"),
    A_STR("vhost", NetBackend, vhost, "path of the vhost device"),
    A_STR("logFile", NetBackend, log_file, "log of the back-end"),
    A_STR("hostname", NetBackend, hostname, "name handed to the guest"),
    A_STR("fqdn", NetBackend, fqdn, "full name handed to the guest"),
    ROWS_END,
};
static SCHEMA(net_backend_schema, "interfaceBackend", NetBackend, net_backend_rows, "program behind the card");

static const XmlRow filter_param_rows[] = {
    A_STR("name", FilterParam, name, "variable", .flags = XR_REQUIRED),
    A_STR("value", FilterParam, value, "its value", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(filter_param_schema, "filterParameter", FilterParam, filter_param_rows, "variable of a filter");
static const XmlRow filter_rows[] = {
    A_STR("filter", FilterRef, filter, "network filter", .flags = XR_REQUIRED),
    ITEMS("parameter", FilterRef, params, filter_param_schema, "variable"),
    ROWS_END,
};
static SCHEMA(filter_schema, "filterref", FilterRef, filter_rows, "use of a network filter");

#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, N, var##_rows, "part of an interface")
ONE(script, A_STR("path", N, script, "program run at start"));
ONE(downscript, A_STR("path", N, downscript, "program run at stop"));
ONE(net_backenddomain, A_STR("name", N, backend_domain, "driver domain"));
/* Generated names of tap and macvtap devices belong to the run. */
static bool
generated_name(const char *name)
{
    static const char *const prefixes[] = { "vnet", "macvtap", "macvlan", "vif" };

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(name, prefixes[i]) && strspn(name + strlen(prefixes[i]), "0123456789.") ==
            strlen(name + strlen(prefixes[i])))
            return true;
    return false;
}

static bool
target_shown(const void *object, unsigned flags)
{
    const N *net = object;

    return !(flags & XML_INACTIVE) || net->target_managed == TRI_NO || !net->target || !generated_name(net->target);
}

ONE(net_target, A_STR("dev", N, target, "interface of the host", .shown = target_shown), A_YESNO("managed", N, target_managed, "made by us"));
ONE(net_guest, A_STR("dev", N, guest_dev, "name in the guest"), A_STR("actual", N, guest_actual, "present name"));
ONE(net_model, A_STR("type", N, model, "model of the card", .flags = XR_ABI));
ONE(port_options, A_YESNO("isolated", N, isolated, "sees no other guest"));
ONE(net_tune, E_U64("sndbuf", N, sndbuf, "bytes of the send buffer; 0 is without limit"));
ONE(net_link, A_ENUM("state", N, link, link_names, "whether the cable is plugged in"));
ONE(net_mtu, A_UINT("size", N, mtu, "bytes"));
ONE(coalesce_frames, A_UINT("max", N, coalesce_max_frames, "frames"));
ONE(coalesce_rx, GROUP("frames", coalesce_frames_schema, "frames"));
ONE(coalesce, GROUP("rx", coalesce_rx_schema, "receiving"));
ONE(teaming, A_WORD("type", N, teaming_type, WORDS("persistent", "transient"), "persistent or transient", .flags = XR_REQUIRED),
    A_STR("persistent", N, teaming_persistent, "alias of the other card"));

static int
check_mac(XmlParse *parse, xmlNode *element, N *net)
{
    if (net->mac.set && net->mac.b[0] & 1)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "MAC address has the multicast bit set; a network card needs a unicast address");
    return 0;
}

static int
net_check(XmlParse *parse, xmlNode *element, void *object)
{
    N *net = object;
    xmlNode *source = xml_child(element, "source");

    if (!net->type)
        net->type = NET_USER;
    if (!source && (net->type == NET_NETWORK || net->type == NET_BRIDGE || net->type == NET_DIRECT ||
                    net->type == NET_HOSTDEV || net->type == NET_VDPA ||
                    net->type == NET_INTERNAL))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<interface> of type '%s' needs a <source>",
                           net_type_names[net->type]);
    if ((net->type == NET_SERVER || net->type == NET_CLIENT || net->type == NET_MCAST || net->type == NET_UDP) &&
        !net->source.port.set)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<interface> of type '%s' needs a port",
                           net_type_names[net->type]);
    if ((net->type == NET_DIRECT || net->type == NET_VDPA) && !net->source.dev)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<source> of type '%s' needs a 'dev'",
                           net_type_names[net->type]);
    if (net->type == NET_VHOSTUSER && g_strcmp0(net->backend.type, "passt") != 0 &&
        (!net->source.vhost_user.path || !net->source.vhost_user.mode))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<source> of type 'vhostuser' needs a 'path' and a 'mode'");
    if (net->type == NET_DIRECT && !net->source.mode)
        net->source.mode = DIRECT_VEPA;
    if (net->type == NET_HOSTDEV)
        net->hostdev.type = net->hostdev.address.type == ADDRESS_PCI ? HOSTDEV_PCI : HOSTDEV_USB;
    if (net->type == NET_HOSTDEV && !net->managed)
        net->managed = TRI_NO;
    if (net->target && parse->flags & XML_INACTIVE && net->target_managed != TRI_NO && generated_name(net->target))
        g_clear_pointer(&net->target, g_free);
    return check_mac(parse, element, net);
}

static bool
has_filter(const void *object, unsigned flags)
{
    const N *net = object;

    return net->type == NET_ETHERNET || net->type == NET_NETWORK || net->type == NET_BRIDGE;
}

static bool
managed_shown(const void *object, unsigned flags)
{
    return ((const N *)object)->managed == TRI_YES;
}

static const XmlRow net_rows[] = {
    A_ENUM("type", N, type, net_type_names, "what the card is connected to", .def = "user"),
    A_YESNO("managed", N, managed, "bound by us", WHEN(N, type, NET_HOSTDEV), .shown = managed_shown),
    A_YESNO("trustGuestRxFilters", N, trust_guest_rx_filters, "follow the guest's filters"),
    GROUP("mac", mac_schema, "MAC address"),
    GROUP("source", net_source_schema, "what it is connected to"),
    PTR("vlan", N, vlan, net_vlan_schema, "virtual LANs"),
    PTR("virtualport", N, vport, virtual_port_schema, "port of a virtual switch"),
    GROUP_AT("bandwidth", N, bandwidth, net_bandwidth_schema, "limits"),
    GROUP("port", port_options_schema, "port options"),
    ITEMS("ip", N, ips, ip_schema, "address of the guest"),
    ITEMS("route", N, routes, network_route_schema, "route of the guest"),
    ITEMS("portForward", N, forwards, forward_schema, "forwarded ports"),
    GROUP("script", script_schema, "start script"),
    GROUP("downscript", downscript_schema, "stop script"),
    GROUP("backenddomain", net_backenddomain_schema, "driver domain"),
    GROUP("target", net_target_schema, "host side"),
    GROUP("guest", net_guest_schema, "guest side"),
    GROUP("model", net_model_schema, "model"),
    GROUP("driver", hostdev_driver_schema, "driver of a passed-through card", WHEN(N, type, NET_HOSTDEV)),
    GROUP("driver", net_driver_schema, "back-end", WHEN_ALL_BUT(N, type, NET_HOSTDEV)),
    GROUP_AT("backend", N, backend, net_backend_schema, "program behind the card"),
    PTR("filterref", N, filter, filter_schema, "network filter", .shown = has_filter),
    GROUP("tune", net_tune_schema, "tuning"),
    GROUP("link", net_link_schema, "cable"),
    GROUP("mtu", net_mtu_schema, "largest packet"),
    GROUP("coalesce", coalesce_schema, "interrupt coalescing"),
    GROUP("teaming", teaming_schema, "pair of cards"),
    INLINE_AT(N, base.info, device_info_rom_schema),
    { .kind = ROW_INTERNAL, .type = &xt_enum, .offset = offsetof(N, hostdev.type), .names = hostdev_type_names },
    ROWS_END,
};
static SCHEMA(net_schema, "interface", N, net_rows, "a network card", .check = net_check);

const DeviceKindOps interface_ops = {
    .kind = DEVICE_INTERFACE, .element = "interface", .schema = &net_schema, .alias_prefix = "net", .has_info = true,
};

bool
net_is_virtio(const NetDef *net)
{
    return net->model && g_str_has_prefix(net->model, "virtio");
}

void
net_unplug(NetDef *net)
{
    if (!net_is_plugged(net))
        return;
    net->type = NET_NETWORK;
    net->source.port_id = (Uuid){ 0 };
    net->source.mode = DIRECT_ABSENT;
    net->hostdev.type = HOSTDEV_ABSENT;
    g_clear_pointer(&net->source.bridge, g_free);
    g_clear_pointer(&net->source.mac_table_manager, g_free);
    g_clear_pointer(&net->source.dev, g_free);
}
