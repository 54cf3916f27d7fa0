/* See route.h. */
#include "common/host/netlink/route.h"

#include <errno.h>

#include "common/host/netlink/internal.h"

#define METRIC_IPV6 1024 /* what the kernel makes of none */

/* Each next hop of a route of several. */
static void
append_hops(const struct nlattr *hops, HostRoute route, GArray *into)
{
    const struct rtnexthop *hop = mnl_attr_get_payload(hops);
    int left = mnl_attr_get_payload_len(hops);

    for (; left >= (int)sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left;
         left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
        struct nlattr *attr;

        route.index = (unsigned)hop->rtnh_ifindex;
        route.gateway = (IpAddress){ 0 };
        mnl_attr_for_each_payload((void *)RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop)) {
            if (mnl_attr_get_type(attr) == RTA_GATEWAY)
                route.gateway = attr_get_ip(attr, route.destination.family);
        }
        g_array_append_val(into, route);
    }
}

/* False when it is none of ours; *ret_hops: its next hops when it has several. */
static bool
parse(const struct nlmsghdr *message, HostRoute *ret, const struct nlattr **ret_hops)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    HostRoute route = { .destination.family = header->rtm_family, .prefix = header->rtm_dst_len, .protocol = header->rtm_protocol };
    uint32_t table = header->rtm_table;
    const struct nlattr *attr;

    *ret_hops = NULL;
    if ((message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) || header->rtm_type != RTN_UNICAST ||
        header->rtm_flags & RTM_F_CLONED)
        return false;
    mnl_attr_for_each(attr, message, sizeof(*header)) {
        switch (mnl_attr_get_type(attr)) {
        case RTA_DST: route.destination = attr_get_ip(attr, header->rtm_family); break;
        case RTA_GATEWAY: route.gateway = attr_get_ip(attr, header->rtm_family); break;
        case RTA_OIF: route.index = mnl_attr_get_u32(attr); break;
        case RTA_PRIORITY: route.metric = mnl_attr_get_u32(attr); break;
        case RTA_TABLE: table = mnl_attr_get_u32(attr); break;
        case RTA_MULTIPATH: *ret_hops = attr; break;
        default: break;
        }
    }
    *ret = route;
    return table == RT_TABLE_MAIN;
}

bool
route_parse(const struct nlmsghdr *message, HostRoute *ret)
{
    const struct nlattr *hops;

    return parse(message, ret, &hops);
}

static int
on_route(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *hops;
    HostRoute route;

    if (!parse(message, &route, &hops))
        return 0;
    if (hops)
        append_hops(hops, route, data);
    else
        g_array_append_val((GArray *)data, route);
    return 0;
}

static int
list_family(Netlink *nl, sa_family_t family, GArray **ret, Error *err)
{
    struct rtmsg header = { .rtm_family = (unsigned char)family };
    g_autoptr(GArray) routes = g_array_new(FALSE, FALSE, sizeof(HostRoute));
    int r = netlink_dump(nl, netlink_begin(nl, RTM_GETROUTE, NLM_F_DUMP, &header, sizeof(header)), on_route, routes);

    /* A kernel without IPv6 has no such routes. */
    if (r < 0 && !(family == AF_INET6 && (r == -EOPNOTSUPP || r == -EAFNOSUPPORT)))
        return netlink_fail(nl, r, err, "cannot list the routes of this host");
    *ret = g_steal_pointer(&routes);
    return 0;
}

int
route_list(Netlink *nl, GArray **ret, Error *err)
{
    g_autoptr(GArray) routes = NULL, others = NULL;

    if (list_family(nl, AF_INET, &routes, err) < 0 || list_family(nl, AF_INET6, &others, err) < 0)
        return -1;
    g_array_append_vals(routes, others->data, others->len);
    *ret = g_steal_pointer(&routes);
    return 0;
}

static uint32_t
effective_metric(const HostRoute *route)
{
    return route->metric || route->destination.family == AF_INET ? route->metric : METRIC_IPV6;
}

/* 1 there is, 0 there is not. */
static int
has_route(Netlink *nl, int index, const HostRoute *wanted, Error *err)
{
    g_autoptr(GArray) routes = NULL;

    if (list_family(nl, wanted->destination.family, &routes, err) < 0)
        return -1;
    for (guint i = 0; i < routes->len; i++) {
        const HostRoute *route = &g_array_index(routes, HostRoute, i);

        if (route->index == (unsigned)index && route->prefix == wanted->prefix && route->metric == effective_metric(wanted) &&
            ip_equal(&route->destination, &wanted->destination) && ip_equal(&route->gateway, &wanted->gateway))
            return 1;
    }
    return 0;
}

static int
change(Netlink *nl, int index, const HostRoute *route, uint16_t type, uint16_t flags)
{
    struct rtmsg header = { .rtm_family = (unsigned char)route->destination.family, .rtm_dst_len = (unsigned char)route->prefix,
                            .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST,
                            .rtm_scope = ip_is_set(&route->gateway) ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK };
    struct nlmsghdr *request;

    if (type == RTM_DELROUTE) {
        header.rtm_protocol = RTPROT_UNSPEC; /* whoever made it */
        header.rtm_scope = RT_SCOPE_NOWHERE;
    }
    request = netlink_begin(nl, type, flags, &header, sizeof(header));
    if (route->prefix)
        attr_put_ip(request, RTA_DST, &route->destination);
    if (ip_is_set(&route->gateway))
        attr_put_ip(request, RTA_GATEWAY, &route->gateway);
    mnl_attr_put_u32(request, RTA_OIF, (uint32_t)index);
    if (route->metric)
        mnl_attr_put_u32(request, RTA_PRIORITY, route->metric);
    return netlink_exchange(nl, request, NULL, NULL);
}

static int
route_failed(Netlink *nl, int r, const char *verb, const char *interface, const HostRoute *route, Error *err)
{
    char destination[IP_TEXT_SIZE], gateway[IP_TEXT_SIZE];
    bool via = ip_is_set(&route->gateway);

    return netlink_fail(nl, r, err, "cannot %s the route to %s/%u%s%s by interface '%s'", verb,
                        ip_to_text(&route->destination, destination), route->prefix, via ? " through " : "",
                        via ? ip_to_text(&route->gateway, gateway) : "", interface);
}

int
route_add(Netlink *nl, const char *interface, const HostRoute *route, Error *err)
{
    int index = link_index(nl, interface, err), r;

    if (index < 0)
        return -1;
    r = has_route(nl, index, route, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = change(nl, index, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    return r < 0 ? route_failed(nl, r, "add", interface, route, err) : 0;
}

int
route_delete(Netlink *nl, const char *interface, const HostRoute *route, Error *err)
{
    int index = link_index(nl, interface, err), r;

    if (index < 0)
        return -1;
    r = change(nl, index, route, RTM_DELROUTE, 0);
    return r < 0 && r != -ESRCH ? route_failed(nl, r, "delete", interface, route, err) : 0;
}
