/* The rules across the elements of a network: its mode, bridge, pool, port groups. Addresses and names have files of their own. */
#include <net/if.h>
#include <string.h>

#include "common/conf/network/elements.h"

/* A network's name is part of file names, with at most this much around it. */
#define NAME_MAX_BYTES 200

#define NAT_MAX_ADDRESSES 65536
#define STP_MAX_DELAY 30 /* seconds, the kernel's bound */
#define IPV6_MIN_MTU 1280

static const char *
mode_text(const NetworkDef *def)
{
    return def->forward.mode ? forward_mode_names[def->forward.mode] : "none";
}

/* -- identity -- */

static int
validate_identity(const NetworkDef *def, Error *err)
{
    if (strchr(def->name, '/'))
        return REFUSE_XML("name '%s' of the network must not have a '/'", def->name);
    if (!text_is_one_line(def->name) || strspn(def->name, " ") == strlen(def->name))
        return REFUSE_DETAIL("the name of the network must be one line that is not blank");
    if (strlen(def->name) > NAME_MAX_BYTES || strcmp(def->name, ".") == 0 || strcmp(def->name, "..") == 0)
        return REFUSE_XML("name '%s' of the network can't be part of a file's name; at most %d bytes", def->name, NAME_MAX_BYTES);
    if (def->title && !text_is_one_line(def->title))
        return REFUSE_DETAIL("<title> of network '%s' must be one line", def->name);
    if (def->mac.set && def->mac.b[0] & 1)
        return REFUSE_XML("MAC address of network '%s' has the multicast bit set; a bridge needs a unicast address", def->name);
    return 0;
}

/* -- interfaces -- */

/* What the kernel takes as the name of an interface. */
static int
validate_interface_name(const NetworkDef *def, const char *what, const char *name, Error *err)
{
    if (!*name || strlen(name) >= IFNAMSIZ)
        return REFUSE_XML("%s '%s' of network '%s' must have from 1 to %d bytes", what, name, def->name, IFNAMSIZ - 1);
    if (strpbrk(name, "/: \t") || !text_is_one_line(name) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return REFUSE_XML("%s '%s' of network '%s' must not have blanks, '/' or ':'", what, name, def->name);
    return 0;
}

/* The names of bridges of ours also stand in the configuration of dnsmasq. "%d" is for the daemon to replace. */
static int
validate_own_bridge(const NetworkDef *def, const char *name, Error *err)
{
    const char *template = strstr(name, "%d");
    size_t plain = strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.+-");

    if (template && plain == (size_t)(template - name))
        plain += 2 + strspn(template + 2, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.+-");
    return name[plain] ? REFUSE_XML("bridge name '%s' of network '%s' is made of letters, digits, '_', '.', '+' and '-'", name, def->name)
                       : 0;
}

static int
validate_bridge(const NetworkDef *def, Error *err)
{
    const BridgeDef *bridge = &def->bridge;
    bool own = network_def_owns_bridge(def);

    if (bridge->name && validate_interface_name(def, "bridge name", bridge->name, err) < 0)
        return -1;
    if (own && bridge->name && validate_own_bridge(def, bridge->name, err) < 0)
        return -1;
    if (bridge->zone && strspn(bridge->zone, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-/") != strlen(bridge->zone))
        return REFUSE_XML("zone '%s' of network '%s' is made of letters, digits, '_' and '-'", bridge->zone, def->name);
    if (!own && (bridge->stp || bridge->delay.set))
        return REFUSE_XML("<bridge> of network '%s' has stp or delay, which forward mode '%s' leaves to others; remove them",
                          def->name, mode_text(def));
    if (!own && bridge->zone)
        return REFUSE_XML("<bridge> of network '%s' has a zone, which forward mode '%s' does not use", def->name, mode_text(def));
    if (!own && def->forward.mode != FORWARD_BRIDGE && bridge->name)
        return REFUSE_XML("network '%s' with forward mode '%s' uses no bridge; remove the name '%s'", def->name, mode_text(def),
                          bridge->name);
    if (!own && def->forward.mode != FORWARD_BRIDGE && bridge->mac_table)
        return REFUSE_XML("network '%s' with forward mode '%s' uses no bridge; remove macTableManager", def->name, mode_text(def));
    if (bridge->stp == TRI_ON && bridge->delay.v > STP_MAX_DELAY)
        return REFUSE_XML("delay %u of network '%s' is longer than the %d seconds that bridges can do", bridge->delay.v, def->name,
                          STP_MAX_DELAY);
    return 0;
}

/* -- <forward> -- */

static int
validate_nat(const NetworkDef *def, Error *err)
{
    const ForwardNat *nat = &def->forward.nat;
    char start[IP_TEXT_SIZE], end[IP_TEXT_SIZE];
    uint64_t size;

    if (def->forward.mode != FORWARD_NAT) {
        if (nat->ipv6 || ip_is_set(&nat->address_start) || nat->port_start.set)
            return REFUSE_XML("<nat> of network '%s' is for forward mode 'nat', not '%s'", def->name, mode_text(def));
        return 0;
    }
    if (ip_is_set(&nat->address_start)) {
        ip_to_text(&nat->address_start, start);
        ip_to_text(&nat->address_end, end);
        if (nat->address_start.family != AF_INET || nat->address_end.family != AF_INET)
            return REFUSE_DETAIL("<address start='%s' end='%s'> in <nat> of network '%s' must be IPv4", start, end, def->name);
        size = ip_range_size(&nat->address_start, &nat->address_end);
        if (!size || size > NAT_MAX_ADDRESSES)
            return REFUSE_XML("<address start='%s' end='%s'> in <nat> of network '%s' is %s", start, end, def->name,
                              size ? "too large: at most 65536 addresses" : "reversed");
        if (ip_is_wildcard(&nat->address_start) || ip_is_multicast(&nat->address_end) || ip_is_loopback(&nat->address_start))
            return REFUSE_XML("<address start='%s' end='%s'> in <nat> of network '%s' are no addresses of a host", start, end, def->name);
    }
    if (nat->port_start.set && nat->port_start.v > nat->port_end.v)
        return REFUSE_XML("<port start='%u' end='%u'> in <nat> of network '%s' is reversed", nat->port_start.v, nat->port_end.v,
                          def->name);
    return 0;
}

static bool
same_member(const ForwardInterface *a, const ForwardInterface *b)
{
    if (a->pci != b->pci)
        return false;
    if (!a->pci)
        return strcmp(a->dev, b->dev) == 0;
    return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot && a->function == b->function;
}

static char *
member_text(const ForwardInterface *member)
{
    return member->pci ? g_strdup_printf("%04x:%02x:%02x.%x", member->domain, member->bus, member->slot, member->function)
                       : g_strdup(member->dev);
}

static int
validate_pool(const NetworkDef *def, Error *err)
{
    const ForwardDef *forward = &def->forward;

    for (size_t i = 0; i < forward->interfaces.n; i++) {
        const ForwardInterface *one = forward->interfaces.items[i];
        g_autofree char *text = member_text(one);

        if (!one->pci && validate_interface_name(def, "interface", one->dev, err) < 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (same_member(one, forward->interfaces.items[j]))
                return REFUSE_XML("interface '%s' can only be listed once in network '%s'", text, def->name);
        if (one->pci != (forward->mode == FORWARD_HOSTDEV))
            return REFUSE_XML("the pool of network '%s' with forward mode '%s' is made of %s, not of '%s'", def->name,
                              mode_text(def), one->pci ? "<interface>" : "<address> or one <pf>", text);
        if (!one->pci && g_strcmp0(one->dev, def->bridge.name) == 0)
            return REFUSE_XML("network '%s' goes out by '%s', which is its own bridge", def->name, one->dev);
    }
    return 0;
}

static int
validate_forward(const NetworkDef *def, Error *err)
{
    const ForwardDef *forward = &def->forward;
    bool routed = forward->mode == FORWARD_NAT || forward->mode == FORWARD_ROUTE;

    if (!forward->mode && forward->interfaces.n)
        return REFUSE_XML("network '%s' has no <forward>, so it can't go out by an interface", def->name);
    if (forward->mode == FORWARD_OPEN && forward->interfaces.n)
        return REFUSE_XML("forward dev is not allowed for network '%s' with forward mode='open': it limits nothing", def->name);
    if (routed && forward->interfaces.n > 1)
        return REFUSE_XML("multiple forwarding interfaces are specified for network '%s', only one is supported", def->name);
    if (forward->pf && forward->interfaces.n)
        return REFUSE_XML("<pf>, <interface>, <address> and 'dev' of <forward> in network '%s' are mutually exclusive", def->name);
    if (forward->pf && network_def_owns_bridge(def))
        return REFUSE_XML("<pf> of network '%s' is for pools, not for forward mode '%s'", def->name, mode_text(def));
    if (forward->pf && validate_interface_name(def, "<pf>", forward->pf, err) < 0)
        return -1;
    if (forward->mode == FORWARD_BRIDGE && def->bridge.name && (forward->interfaces.n || forward->pf))
        return REFUSE_XML("network '%s' with forward mode 'bridge' has both a bridge and interfaces; give one of them", def->name);
    if (forward->mode != FORWARD_HOSTDEV && (forward->driver_name || forward->driver_model || forward->managed))
        return REFUSE_XML("<driver> and 'managed' of network '%s' are for forward mode 'hostdev', not '%s'", def->name, mode_text(def));
    if (forward->driver_model && !text_is_one_line(forward->driver_model))
        return REFUSE_XML("model of <driver> in network '%s' must be one line", def->name);
    if (validate_pool(def, err) < 0)
        return -1;
    return validate_nat(def, err);
}

/* -- what a mode can't do -- */

static int
validate_mode(const NetworkDef *def, Error *err)
{
    const DnsDef *dns = &def->dns;
    bool own = network_def_owns_bridge(def);
    const char *what = NULL;

    if (own)
        return 0;
    if (def->ips.n)
        what = "<ip>";
    else if (def->routes.n)
        what = "<route>";
    else if (def->domain.present)
        what = "<domain>";
    else if (dns->enable || dns->forward_plain_names || dns->forwarders.n || dns->txts.n || dns->srvs.n || dns->hosts.n)
        what = "<dns>";
    else if (def->dnsmasq_options.n)
        what = "<dnsmasq:options>";
    else if (def->bandwidth.present && def->forward.mode != FORWARD_BRIDGE)
        what = "network-wide <bandwidth>";
    else if (def->isolated == TRI_YES && (def->forward.mode != FORWARD_BRIDGE || network_def_is_macvtap(def)))
        what = "<port isolated='yes'>";
    if (what)
        return REFUSE_UNSUPPORTED("%s in network '%s', which forward mode '%s' does not support", what, def->name, mode_text(def));
    if (def->mtu.set)
        return REFUSE_XML("<mtu> in network '%s' is for bridges of our own, not for forward mode '%s'", def->name, mode_text(def));
    return 0;
}

static int
validate_mtu(const NetworkDef *def, Error *err)
{
    if (def->mtu.set && def->mtu.v < IPV6_MIN_MTU)
        LIST_FOREACH(NetworkIp, ip, &def->ips)
            if (ip->address.family == AF_INET6)
                return REFUSE_XML("mtu %u of network '%s' is too small: IPv6 needs %d", def->mtu.v, def->name, IPV6_MIN_MTU);
    return 0;
}

/* -- VLANs, bandwidth, port groups -- */

static bool
has_tags(const NetVlan *vlan)
{
    return vlan && vlan->tags.n;
}

/* A group's own virtual port takes the place of the network's. */
static int
validate_vlan(const NetworkDef *def, Error *err)
{
    ForwardMode mode = def->forward.mode;
    bool used = has_tags(def->vlan);
    bool can = mode == FORWARD_HOSTDEV || mode == FORWARD_PASSTHROUGH || (mode == FORWARD_BRIDGE && def->bridge.name && !def->vport) ||
               (def->vport && def->vport->type == VPORT_OPENVSWITCH);

    LIST_FOREACH(PortGroup, group, &def->portgroups) {
        if (!used && !has_tags(group->vlan))
            continue;
        used = true;
        if (group->vport && (mode != FORWARD_BRIDGE || group->vport->type != VPORT_OPENVSWITCH))
            can = false;
    }
    if (used && !can)
        return REFUSE_UNSUPPORTED("<vlan> in network '%s' with forward mode '%s', whose guests can't be put into a VLAN: "
                                  "that takes a host bridge, Open vSwitch, or virtual functions", def->name, mode_text(def));
    return 0;
}

static int
validate_tags(const NetworkDef *def, const NetVlan *vlan, Error *err)
{
    if (!vlan)
        return 0;
    if (!vlan->tags.n)
        return REFUSE_XML("<vlan> in network '%s' needs a <tag>", def->name);
    if (vlan->trunk == TRI_NO && vlan->tags.n > 1)
        return REFUSE_XML("<vlan trunk='no'> in network '%s' has %zu tags; several need a trunk", def->name, vlan->tags.n);
    for (size_t i = 0; i < vlan->tags.n; i++)
        for (size_t j = 0; j < i; j++) {
            if (vlan->tags.items[i]->id.v == vlan->tags.items[j]->id.v)
                return REFUSE_XML("VLAN %u is listed twice in network '%s'", vlan->tags.items[i]->id.v, def->name);
            if (vlan->tags.items[i]->native_mode && vlan->tags.items[j]->native_mode)
                return REFUSE_XML("<vlan> in network '%s' has two tags with nativeMode, only one can be native", def->name);
        }
    return 0;
}

static int
validate_bandwidth(const NetworkDef *def, const NetBandwidth *bandwidth, const char *of, Error *err)
{
    if (bandwidth->inbound.floor.set || bandwidth->outbound.floor.set)
        return error_setf(err, FROM_NONE, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: <bandwidth> of %s in network '%s' has a floor, which only the card of a guest can have",
                          of, def->name);
    return 0;
}

static int
validate_portgroups(const NetworkDef *def, Error *err)
{
    const PortGroup *by_default = NULL;

    for (size_t i = 0; i < def->portgroups.n; i++) {
        const PortGroup *group = def->portgroups.items[i];

        if (!*group->name || !text_is_one_line(group->name))
            return REFUSE_XML("name '%s' of a <portgroup> in network '%s' must be one line that is not empty", group->name, def->name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(group->name, def->portgroups.items[j]->name) == 0)
                return REFUSE_UNSUPPORTED("network '%s' has two <portgroup> with the name '%s'", def->name, group->name);
        if (group->is_default == TRI_YES && by_default)
            return REFUSE_UNSUPPORTED("network '%s' has two default <portgroup>, '%s' and '%s'; only one is allowed", def->name,
                                      by_default->name, group->name);
        if (group->is_default == TRI_YES)
            by_default = group;
        if (group->bandwidth.present && def->forward.mode == FORWARD_HOSTDEV)
            return REFUSE_UNSUPPORTED("<bandwidth> in <portgroup> '%s' of network '%s': nobody can shape what a passed-through card sends",
                                      group->name, def->name);
        if (validate_bandwidth(def, &group->bandwidth, "a <portgroup>", err) < 0 || validate_tags(def, group->vlan, err) < 0)
            return -1;
    }
    return 0;
}

int
network_def_validate(const NetworkDef *def, Error *err)
{
    static int (*const rules[])(const NetworkDef *def, Error *err) = {
        validate_identity, validate_bridge, validate_forward, validate_mode, validate_mtu, validate_vlan, validate_portgroups,
        network_validate_addresses, network_def_validate_texts,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (rules[i](def, err) < 0)
            return -1;
    if (validate_tags(def, def->vlan, err) < 0)
        return -1;
    return validate_bandwidth(def, &def->bandwidth, "the whole", err);
}
