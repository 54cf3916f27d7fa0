/* See bridge.h: bridges and their ports' flags. */
#include "common/host/netlink/bridge.h"

#include <errno.h>

#include "common/host/netlink/internal.h"

#define KIND "bridge"
#define TICKS 100        /* the kernel's unit of times here, per second, in every build of it */
#define STP_DELAY_MIN 2  /* seconds */
#define STP_DELAY_MAX 30

typedef struct State {
    bool stp, filtering;
    uint32_t delay;
    uint16_t group_forward;
} State;

static State
wanted_state(const BridgeSpec *spec)
{
    unsigned delay = spec->stp ? CLAMP(spec->delay, STP_DELAY_MIN, STP_DELAY_MAX) : spec->delay;

    return (State){ .stp = spec->stp, .filtering = spec->vlan_filtering, .delay = delay * TICKS,
                    .group_forward = (uint16_t)spec->group_forward };
}

/* The IFLA_INFO_DATA of a link message (or IFLA_INFO_SLAVE_DATA); NULL when it has none. */
static const struct nlattr *
info_data(const struct nlmsghdr *message, uint16_t which)
{
    const struct nlattr *attr, *inner;

    mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg)) {
        if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
            continue;
        mnl_attr_for_each_nested(inner, attr) {
            if (mnl_attr_get_type(inner) == which)
                return inner;
        }
    }
    return NULL;
}

static int
on_state(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *info = info_data(message, IFLA_INFO_DATA), *attr;
    State *state = data;

    if (!info)
        return 0;
    mnl_attr_for_each_nested(attr, info) {
        switch (mnl_attr_get_type(attr)) {
        case IFLA_BR_FORWARD_DELAY: state->delay = mnl_attr_get_u32(attr); break;
        case IFLA_BR_STP_STATE: state->stp = mnl_attr_get_u32(attr) != 0; break;
        case IFLA_BR_VLAN_FILTERING: state->filtering = mnl_attr_get_u8(attr) != 0; break;
        case IFLA_BR_GROUP_FWD_MASK: state->group_forward = mnl_attr_get_u16(attr); break;
        default: break;
        }
    }
    return 0;
}

/* What differs goes into the request. A fresh bridge has its state compared with too: kernels refuse what they cannot do. */
static void
put_state(struct nlmsghdr *request, const State *is, const State *wanted)
{
    struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO), *data;

    mnl_attr_put_strz(request, IFLA_INFO_KIND, KIND);
    data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
    /* The delay before STP goes on, and after it went off, or the kernel applies STP's bounds; it reads in its own order. */
    if (is->delay != wanted->delay)
        mnl_attr_put_u32(request, IFLA_BR_FORWARD_DELAY, wanted->delay);
    if (is->stp != wanted->stp)
        mnl_attr_put_u32(request, IFLA_BR_STP_STATE, wanted->stp);
    if (is->filtering != wanted->filtering)
        mnl_attr_put_u8(request, IFLA_BR_VLAN_FILTERING, wanted->filtering);
    if (is->group_forward != wanted->group_forward)
        mnl_attr_put_u16(request, IFLA_BR_GROUP_FWD_MASK, wanted->group_forward);
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, info);
}

static int
change_state(Netlink *nl, unsigned index, const State *is, const State *wanted)
{
    struct ifinfomsg header = { .ifi_index = (int)index };
    struct nlmsghdr *request = netlink_begin(nl, RTM_NEWLINK, 0, &header, sizeof(header));

    put_state(request, is, wanted);
    return netlink_exchange(nl, request, NULL, NULL);
}

/* Everything but the MTU, which a new bridge forgets again unless it is set afterwards. */
static int
adjust(Netlink *nl, const BridgeSpec *spec, Error *err)
{
    State wanted = wanted_state(spec), is = { 0 };
    HostLink link;
    int r;

    if (link_get(nl, spec->name, &link, err) < 0)
        return -1;
    if (strcmp(link.kind, KIND) != 0)
        return error_setf(err, FROM_NET, ERR_OPERATION_FAILED, "interface '%s' exists and is %s%s%s, not a bridge", spec->name,
                          *link.kind ? "of kind '" : "a device", link.kind, *link.kind ? "'" : "");
    r = link_query(nl, link.index, on_state, &is);
    if (r == 0 && is.stp && !wanted.stp && is.delay != wanted.delay) {
        State off = is;

        off.stp = false;
        r = change_state(nl, link.index, &is, &off);
        is.stp = false;
    }
    if (r == 0 && memcmp(&is, &wanted, sizeof(is)) != 0)
        r = change_state(nl, link.index, &is, &wanted);
    if (r == -EOPNOTSUPP && wanted.filtering && !is.filtering)
        return error_setf(err, FROM_NET, ERR_CONFIG_UNSUPPORTED,
                          "bridge '%s' cannot filter VLANs: this kernel is built without CONFIG_BRIDGE_VLAN_FILTERING", spec->name);
    return r < 0 ? netlink_fail(nl, r, err, "cannot set up bridge '%s'", spec->name) : 0;
}

static int
create(Netlink *nl, const BridgeSpec *spec, Error *err)
{
    struct ifinfomsg header = { 0 };
    struct nlmsghdr *request = netlink_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    struct nlattr *info;
    int r;

    mnl_attr_put_strz(request, IFLA_IFNAME, spec->name);
    if (spec->mac.set)
        mnl_attr_put(request, IFLA_ADDRESS, sizeof(spec->mac.b), spec->mac.b);
    info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, KIND);
    mnl_attr_nest_end(request, info);
    r = netlink_exchange(nl, request, NULL, NULL);
    return r < 0 ? netlink_fail(nl, r, err, "cannot create bridge '%s'", spec->name) : 0;
}

int
bridge_ensure(Netlink *nl, const BridgeSpec *spec, bool *ret_created, Error *err)
{
    HostLink link;
    int found;

    if (!*spec->name || strlen(spec->name) >= IFNAMSIZ)
        return error_setf(err, FROM_NET, ERR_INVALID_ARG, "'%s' is no name for a bridge: 1 to %d bytes", spec->name, IFNAMSIZ - 1);
    found = link_find(nl, spec->name, &link, err);
    if (found < 0 || (found == 0 && create(nl, spec, err) < 0))
        return -1;
    if (adjust(nl, spec, err) < 0 || (spec->mac.set && link_set_mac(nl, spec->name, &spec->mac, err) < 0) ||
        (spec->mtu && link_set_mtu(nl, spec->name, spec->mtu, err) < 0)) {
        if (!found)
            link_delete(nl, spec->name, NULL);
        return -1;
    }
    if (ret_created)
        *ret_created = !found;
    return 0;
}

/* The flags of a port: what the kernel calls each. */
static const struct PortRow { BridgePortFlags flag; uint16_t attribute; const char *name; } port_rows[] = {
    { BRIDGE_PORT_LEARNING, IFLA_BRPORT_LEARNING, "learning" },
    { BRIDGE_PORT_UNICAST_FLOOD, IFLA_BRPORT_UNICAST_FLOOD, "unicast flooding" },
    { BRIDGE_PORT_MULTICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, "multicast flooding" },
    { BRIDGE_PORT_BROADCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD, "broadcast flooding" },
    { BRIDGE_PORT_ISOLATED, IFLA_BRPORT_ISOLATED, "isolation" },
    { BRIDGE_PORT_HAIRPIN, IFLA_BRPORT_MODE, "hairpin" },
    { BRIDGE_PORT_GUARD, IFLA_BRPORT_GUARD, "guarding" },
};

typedef struct Port { BridgePortFlags known, flags; bool found; } Port;

static int
on_port(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *info = info_data(message, IFLA_INFO_SLAVE_DATA), *attr;
    Port *port = data;

    if (!info)
        return 0;
    port->found = true;
    mnl_attr_for_each_nested(attr, info) {
        for (size_t i = 0; i < G_N_ELEMENTS(port_rows); i++) {
            if (mnl_attr_get_type(attr) != port_rows[i].attribute)
                continue;
            port->known |= port_rows[i].flag;
            port->flags |= mnl_attr_get_u8(attr) ? port_rows[i].flag : 0;
        }
    }
    return 0;
}

static int
get_port(Netlink *nl, const char *name, unsigned *ret_index, Port *ret, Error *err)
{
    Port port = { 0 };
    HostLink link;
    int r;

    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (!link.master || strcmp(link.port_kind, KIND) != 0)
        return error_setf(err, FROM_NET, ERR_OPERATION_FAILED, "interface '%s' is in no bridge", name);
    r = link_query(nl, link.index, on_port, &port);
    if (r < 0)
        return netlink_fail(nl, r, err, "cannot ask about bridge port '%s'", name);
    *ret_index = link.index;
    *ret = port;
    return 0;
}

int
bridge_port_get(Netlink *nl, const char *name, BridgePortFlags *ret, Error *err)
{
    unsigned index;
    Port port;

    if (get_port(nl, name, &index, &port, err) < 0)
        return -1;
    *ret = port.flags;
    return 0;
}

int
bridge_port_set(Netlink *nl, const char *name, BridgePortFlags mask, BridgePortFlags flags, Error *err)
{
    struct ifinfomsg header = { 0 };
    struct nlmsghdr *request;
    struct nlattr *info, *data;
    unsigned index;
    Port port;
    int r;

    if (get_port(nl, name, &index, &port, err) < 0)
        return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(port_rows); i++) {
        if (mask & flags & port_rows[i].flag & ~port.known)
            return error_setf(err, FROM_NET, ERR_CONFIG_UNSUPPORTED, "this kernel knows no %s of bridge port '%s'",
                              port_rows[i].name, name);
    }
    mask &= port.known;
    if (((port.flags ^ flags) & mask) == 0)
        return 0;
    header.ifi_index = (int)index;
    request = netlink_begin(nl, RTM_NEWLINK, 0, &header, sizeof(header));
    info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_SLAVE_KIND, KIND);
    data = mnl_attr_nest_start(request, IFLA_INFO_SLAVE_DATA);
    for (size_t i = 0; i < G_N_ELEMENTS(port_rows); i++) {
        if ((port.flags ^ flags) & mask & port_rows[i].flag)
            mnl_attr_put_u8(request, port_rows[i].attribute, !!(flags & port_rows[i].flag));
    }
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, info);
    r = netlink_exchange(nl, request, NULL, NULL);
    return r < 0 ? netlink_fail(nl, r, err, "cannot set the flags of bridge port '%s'", name) : 0;
}
