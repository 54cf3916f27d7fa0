/* See link.h. */
#include "common/host/netlink/link.h"

#include <errno.h>

#include "common/host/netlink/internal.h"

static void
parse_stats(const struct nlattr *attr, HostLink *link)
{
    struct rtnl_link_stats64 stats = { 0 };

    memcpy(&stats, mnl_attr_get_payload(attr), MIN(sizeof(stats), mnl_attr_get_payload_len(attr)));
    link->rx_bytes = stats.rx_bytes;
    link->rx_packets = stats.rx_packets;
    link->rx_errors = stats.rx_errors;
    link->rx_dropped = stats.rx_dropped;
    link->tx_bytes = stats.tx_bytes;
    link->tx_packets = stats.tx_packets;
    link->tx_errors = stats.tx_errors;
    link->tx_dropped = stats.tx_dropped;
}

static void
parse_kind(const struct nlattr *info, HostLink *link)
{
    const struct nlattr *attr;

    mnl_attr_for_each_nested(attr, info) {
        if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
            attr_get_text(attr, link->kind, sizeof(link->kind));
        else if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
            attr_get_text(attr, link->port_kind, sizeof(link->port_kind));
    }
}

static void
parse_attribute(const struct nlattr *attr, HostLink *link)
{
    switch (mnl_attr_get_type(attr)) {
    case IFLA_IFNAME: attr_get_text(attr, link->name, sizeof(link->name)); break;
    case IFLA_IFALIAS: attr_get_text(attr, link->alias, sizeof(link->alias)); break;
    case IFLA_MTU: link->mtu = mnl_attr_get_u32(attr); break;
    case IFLA_MASTER: link->master = mnl_attr_get_u32(attr); break;
    case IFLA_LINK: link->lower = mnl_attr_get_u32(attr); break;
    case IFLA_OPERSTATE: link->operstate = mnl_attr_get_u8(attr); break;
    case IFLA_STATS64: parse_stats(attr, link); break;
    case IFLA_LINKINFO: parse_kind(attr, link); break;
    case IFLA_ADDRESS:
        link->mac.set = mnl_attr_get_payload_len(attr) == sizeof(link->mac.b);
        if (link->mac.set)
            memcpy(link->mac.b, mnl_attr_get_payload(attr), sizeof(link->mac.b));
        break;
    default: break;
    }
}

bool
link_parse(const struct nlmsghdr *message, HostLink *ret)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attr;

    /* Bridges tell of their ports in messages of the same type. */
    if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) || header->ifi_family != AF_UNSPEC)
        return false;
    *ret = (HostLink){ .index = (unsigned)header->ifi_index, .flags = header->ifi_flags };
    mnl_attr_for_each(attr, message, sizeof(*header))
        parse_attribute(attr, ret);
    return true;
}

static int
on_link(const struct nlmsghdr *message, void *data)
{
    link_parse(message, data);
    return 0;
}

static int
on_listed(const struct nlmsghdr *message, void *data)
{
    HostLink link;

    if (link_parse(message, &link))
        g_array_append_val((GArray *)data, link);
    return 0;
}

/* 1 found, 0 none, negative errno. */
static int
look_up(Netlink *nl, const char *name, unsigned index, HostLink *ret)
{
    struct ifinfomsg header = { .ifi_index = (int)index };
    struct nlmsghdr *request = netlink_begin(nl, RTM_GETLINK, 0, &header, sizeof(header));
    int r;

    if (name)
        mnl_attr_put_strz(request, IFLA_IFNAME, name);
    r = netlink_exchange(nl, request, on_link, ret);
    return r == 0 ? 1 : r == -ENODEV ? 0 : r;
}

int
link_find(Netlink *nl, const char *name, HostLink *ret, Error *err)
{
    int r;

    /* The kernel refuses what can be no name with ERANGE; asking about it is no error. */
    if (!*name || strlen(name) >= IFNAMSIZ)
        return 0;
    r = look_up(nl, name, 0, ret);
    return r < 0 ? netlink_fail(nl, r, err, "cannot look up interface '%s'", name) : r;
}

int
link_find_index(Netlink *nl, unsigned index, HostLink *ret, Error *err)
{
    int r = index ? look_up(nl, NULL, index, ret) : 0;

    return r < 0 ? netlink_fail(nl, r, err, "cannot look up the interface of index %u", index) : r;
}

int
link_get(Netlink *nl, const char *name, HostLink *ret, Error *err)
{
    int r = link_find(nl, name, ret, err);

    if (r == 0)
        return error_set_errno(err, FROM_NET, ENODEV, "there is no interface '%s' on this host", name);
    return r < 0 ? r : 0;
}

int
link_index(Netlink *nl, const char *name, Error *err)
{
    HostLink link;

    return link_get(nl, name, &link, err) < 0 ? -1 : (int)link.index;
}

int
link_query(Netlink *nl, unsigned index, NetlinkFn fn, void *data)
{
    struct ifinfomsg header = { .ifi_index = (int)index };

    return netlink_exchange(nl, netlink_begin(nl, RTM_GETLINK, 0, &header, sizeof(header)), fn, data);
}

int
link_list(Netlink *nl, GArray **ret, Error *err)
{
    struct ifinfomsg header = { 0 };
    struct nlmsghdr *request = netlink_begin(nl, RTM_GETLINK, NLM_F_DUMP, &header, sizeof(header));
    g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(HostLink));
    int r;

    mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    r = netlink_dump(nl, request, on_listed, links);
    if (r < 0)
        return netlink_fail(nl, r, err, "cannot list the interfaces of this host");
    *ret = g_steal_pointer(&links);
    return 0;
}

/* Begin a change of an interface. */
static struct nlmsghdr *
change(Netlink *nl, const HostLink *link, unsigned flags, unsigned mask)
{
    struct ifinfomsg header = { .ifi_index = (int)link->index, .ifi_flags = flags, .ifi_change = mask };

    return netlink_begin(nl, RTM_NEWLINK, 0, &header, sizeof(header));
}

int
link_set_up(Netlink *nl, const char *name, bool up, Error *err)
{
    HostLink link;
    int r;

    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (!!(link.flags & IFF_UP) == up)
        return 0;
    r = netlink_exchange(nl, change(nl, &link, up ? IFF_UP : 0, IFF_UP), NULL, NULL);
    return r < 0 ? netlink_fail(nl, r, err, "cannot bring interface '%s' %s", name, up ? "up" : "down") : 0;
}

int
link_set_mtu(Netlink *nl, const char *name, unsigned mtu, Error *err)
{
    struct nlmsghdr *request;
    HostLink link;
    int r;

    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (link.mtu == mtu)
        return 0;
    request = change(nl, &link, 0, 0);
    mnl_attr_put_u32(request, IFLA_MTU, mtu);
    r = netlink_exchange(nl, request, NULL, NULL);
    return r < 0 ? netlink_fail(nl, r, err, "cannot set the MTU of interface '%s' to %u", name, mtu) : 0;
}

int
link_set_mac(Netlink *nl, const char *name, const Mac *mac, Error *err)
{
    g_autofree char *text = mac_format(mac);
    struct nlmsghdr *request;
    HostLink link;
    int r;

    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (link.mac.set && memcmp(link.mac.b, mac->b, sizeof(mac->b)) == 0)
        return 0;
    request = change(nl, &link, 0, 0);
    mnl_attr_put(request, IFLA_ADDRESS, sizeof(mac->b), mac->b);
    r = netlink_exchange(nl, request, NULL, NULL);
    return r < 0 ? netlink_fail(nl, r, err, "cannot set the MAC address of interface '%s' to %s", name, text) : 0;
}

int
link_set_alias(Netlink *nl, const char *name, const char *alias, Error *err)
{
    struct nlmsghdr *request;
    HostLink link;
    int r;

    alias = alias ?: "";
    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (strlen(alias) >= LINK_ALIAS_SIZE)
        return error_setf(err, FROM_NET, ERR_INVALID_ARG, "the alias of interface '%s' is longer than %d bytes", name,
                          LINK_ALIAS_SIZE - 1);
    if (strcmp(link.alias, alias) == 0)
        return 0;
    request = change(nl, &link, 0, 0);
    mnl_attr_put_str(request, IFLA_IFALIAS, alias);
    r = netlink_exchange(nl, request, NULL, NULL);
    return r < 0 ? netlink_fail(nl, r, err, "cannot set the alias of interface '%s'", name) : 0;
}

int
link_rename(Netlink *nl, const char *name, const char *new_name, Error *err)
{
    struct nlmsghdr *request;
    HostLink link;
    int r;

    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (strlen(new_name) >= IFNAMSIZ)
        return error_setf(err, FROM_NET, ERR_INVALID_ARG, "cannot rename interface '%s' to '%s': at most %d bytes", name, new_name,
                          IFNAMSIZ - 1);
    if (strcmp(link.name, new_name) == 0)
        return 0;
    request = change(nl, &link, 0, 0);
    mnl_attr_put_strz(request, IFLA_IFNAME, new_name);
    r = netlink_exchange(nl, request, NULL, NULL);
    if (r == -EBUSY && link.flags & IFF_UP) {
        /* Kernels before 6.2 rename only what is down. */
        if (link_set_up(nl, name, false, err) < 0 || link_rename(nl, name, new_name, err) < 0)
            return -1;
        return link_set_up(nl, new_name, true, err);
    }
    return r < 0 ? netlink_fail(nl, r, err, "cannot rename interface '%s' to '%s'", name, new_name) : 0;
}

int
link_set_master(Netlink *nl, const char *name, const char *master, Error *err)
{
    struct nlmsghdr *request;
    HostLink link, above = { 0 };
    int r;

    if (link_get(nl, name, &link, err) < 0)
        return -1;
    if (master && link_get(nl, master, &above, err) < 0)
        return error_prefixf(err, "cannot attach interface '%s'", name);
    if (link.master == above.index)
        return 0;
    request = change(nl, &link, 0, 0);
    mnl_attr_put_u32(request, IFLA_MASTER, above.index);
    r = netlink_exchange(nl, request, NULL, NULL);
    if (r < 0 && !master)
        return netlink_fail(nl, r, err, "cannot detach interface '%s' from its bridge", name);
    if (r == -EOPNOTSUPP && strcmp(above.kind, "bridge") != 0)
        return netlink_fail(nl, r, err, "cannot attach interface '%s' to '%s', which is no bridge", name, master);
    return r < 0 ? netlink_fail(nl, r, err, "cannot attach interface '%s' to '%s'", name, master) : 0;
}

int
link_delete(Netlink *nl, const char *name, Error *err)
{
    struct ifinfomsg header = { 0 };
    HostLink link;
    int r = link_find(nl, name, &link, err);

    if (r <= 0)
        return r;
    header.ifi_index = (int)link.index;
    r = netlink_exchange(nl, netlink_begin(nl, RTM_DELLINK, 0, &header, sizeof(header)), NULL, NULL);
    return r < 0 && r != -ENODEV ? netlink_fail(nl, r, err, "cannot delete interface '%s'", name) : 0;
}
