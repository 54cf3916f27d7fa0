/* What the files of this folder share: requests built with libmnl. */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "common/base/ip.h"
#include "common/host/netlink/address.h"
#include "common/host/netlink/link.h"
#include "common/host/netlink/route.h"

/*
 * Begin a request in the socket's own buffer, which is valid until the next one begins: a message of the type with the
 * family's fixed header. Attributes follow with mnl_attr_put*(); the buffer has room for all that is put here (names, a few
 * numbers, an alias).
 */
struct nlmsghdr *netlink_begin(Netlink *nl, uint16_t type, uint16_t flags, const void *header, size_t size);

static inline void
attr_put_ip(struct nlmsghdr *request, uint16_t type, const IpAddress *ip)
{
    mnl_attr_put(request, type, ip_size(ip), ip->b);
}

/* Absent when the attribute has no address of this family. */
static inline IpAddress
attr_get_ip(const struct nlattr *attr, sa_family_t family)
{
    IpAddress ip = { .family = family };

    if (mnl_attr_get_payload_len(attr) != ip_size(&ip))
        return (IpAddress){ 0 };
    memcpy(ip.b, mnl_attr_get_payload(attr), ip_size(&ip));
    return ip;
}

/* Copies a text attribute, cut to size. */
static inline void
attr_get_text(const struct nlattr *attr, char *ret, size_t size)
{
    size_t length = MIN(mnl_attr_get_payload_len(attr), size - 1);

    memcpy(ret, mnl_attr_get_payload(attr), length);
    ret[length] = '\0';
}

/* The index of an interface that must exist. Negative with err naming it. */
int link_index(Netlink *nl, const char *name, Error *err);
/* Hand the kernel's message about one interface to fn, for what HostLink does not tell. 0 or negative errno. */
int link_query(Netlink *nl, unsigned index, NetlinkFn fn, void *data);

/* What a message about a new, changed or vanished thing tells; false when it is about something else. */
bool link_parse(const struct nlmsghdr *message, HostLink *ret);
bool address_parse(const struct nlmsghdr *message, HostAddress *ret);
bool route_parse(const struct nlmsghdr *message, HostRoute *ret); /* of several hops: without them */
