/* See address.h. */
#include "common/host/netlink/address.h"

#include <errno.h>
#include <linux/if_addr.h>

#include "common/host/netlink/internal.h"

bool
address_parse(const struct nlmsghdr *message, HostAddress *ret)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    sa_family_t family = header->ifa_family;
    HostAddress address = { .index = header->ifa_index, .prefix = header->ifa_prefixlen, .flags = header->ifa_flags,
                        .scope = header->ifa_scope };
    IpAddress local = { 0 }, other = { 0 };
    const struct nlattr *attr;

    if ((message->nlmsg_type != RTM_NEWADDR && message->nlmsg_type != RTM_DELADDR) || (family != AF_INET && family != AF_INET6))
        return false;
    mnl_attr_for_each(attr, message, sizeof(*header)) {
        switch (mnl_attr_get_type(attr)) {
        case IFA_LOCAL: local = attr_get_ip(attr, family); break;
        case IFA_ADDRESS: other = attr_get_ip(attr, family); break;
        case IFA_BROADCAST: address.broadcast = attr_get_ip(attr, family); break;
        case IFA_FLAGS: address.flags = mnl_attr_get_u32(attr); break;
        default: break;
        }
    }
    /* IFA_ADDRESS is the peer when there is one, else the address itself, which IPv6 gives as nothing else. */
    address.ip = ip_is_set(&local) ? local : other;
    if (ip_is_set(&local) && !ip_equal(&local, &other))
        address.peer = other;
    *ret = address;
    return true;
}

static int
on_address(const struct nlmsghdr *message, void *data)
{
    HostAddress address;

    if (address_parse(message, &address))
        g_array_append_val((GArray *)data, address);
    return 0;
}

static int
list(Netlink *nl, int index, GArray **ret, Error *err)
{
    struct ifaddrmsg header = { .ifa_index = (unsigned)index };
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(HostAddress));
    int r = netlink_dump(nl, netlink_begin(nl, RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header)), on_address, all);

    if (r < 0)
        return netlink_fail(nl, r, err, "cannot list the addresses of this host");
    for (guint i = all->len; index && i-- > 0;) { /* kernels before 4.20 do not filter */
        if (g_array_index(all, HostAddress, i).index != (unsigned)index)
            g_array_remove_index(all, i);
    }
    *ret = g_steal_pointer(&all);
    return 0;
}

int
address_list(Netlink *nl, const char *interface, GArray **ret, Error *err)
{
    int index = interface ? link_index(nl, interface, err) : 0;

    return index < 0 ? -1 : list(nl, index, ret, err);
}

static bool
same(const HostAddress *a, const HostAddress *b)
{
    return ip_equal(&a->ip, &b->ip) && a->prefix == b->prefix && ip_equal(&a->peer, &b->peer);
}

/* 1 has it, 0 has not. */
static int
has_address(Netlink *nl, int index, const HostAddress *address, Error *err)
{
    g_autoptr(GArray) all = NULL;

    if (list(nl, index, &all, err) < 0)
        return -1;
    for (guint i = 0; i < all->len; i++) {
        if (same(&g_array_index(all, HostAddress, i), address))
            return 1;
    }
    return 0;
}

static int
change(Netlink *nl, int index, const HostAddress *address, uint16_t type, uint16_t flags)
{
    struct ifaddrmsg header = { .ifa_family = (uint8_t)address->ip.family, .ifa_index = (unsigned)index,
                                .ifa_prefixlen = (uint8_t)address->prefix };
    struct nlmsghdr *request = netlink_begin(nl, type, flags, &header, sizeof(header));

    attr_put_ip(request, IFA_LOCAL, &address->ip);
    attr_put_ip(request, IFA_ADDRESS, ip_is_set(&address->peer) ? &address->peer : &address->ip);
    if (type == RTM_NEWADDR && ip_is_set(&address->broadcast))
        attr_put_ip(request, IFA_BROADCAST, &address->broadcast);
    if (type == RTM_NEWADDR && address->flags)
        mnl_attr_put_u32(request, IFA_FLAGS, address->flags & IFA_F_NODAD);
    return netlink_exchange(nl, request, NULL, NULL);
}

int
address_add(Netlink *nl, const char *interface, const HostAddress *address, Error *err)
{
    int index = link_index(nl, interface, err), r;
    char text[IP_TEXT_SIZE];

    if (index < 0)
        return -1;
    r = has_address(nl, index, address, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = change(nl, index, address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    ip_to_text(&address->ip, text);
    if (r == -EACCES || r == -EPERM || r == -EADDRNOTAVAIL)
        return netlink_fail(nl, r, err, "cannot give address %s/%u to interface '%s'%s", text, address->prefix, interface,
                            address->ip.family == AF_INET6 ? ", on which IPv6 may be disabled" : "");
    return r < 0 ? netlink_fail(nl, r, err, "cannot give address %s/%u to interface '%s'", text, address->prefix, interface) : 0;
}

int
address_delete(Netlink *nl, const char *interface, const HostAddress *address, Error *err)
{
    int index = link_index(nl, interface, err), r;
    char text[IP_TEXT_SIZE];

    if (index < 0)
        return -1;
    r = change(nl, index, address, RTM_DELADDR, 0);
    return r < 0 && r != -EADDRNOTAVAIL
        ? netlink_fail(nl, r, err, "cannot take address %s/%u from interface '%s'", ip_to_text(&address->ip, text), address->prefix,
                       interface)
        : 0;
}
