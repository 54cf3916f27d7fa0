/* Routes of the host: the table "main", unicast. Like link.h: nothing is written that is already so. */
#pragma once

#include "common/base/ip.h"
#include "common/host/netlink/netlink.h"

typedef struct HostRoute {
    IpAddress destination; /* the wildcard with prefix 0 is the default route */
    unsigned prefix;
    IpAddress gateway;     /* absent: on the link */
    unsigned index;        /* of the interface, 0 none (blackholes are not listed); ignored by route_add() and route_delete() */
    uint32_t metric;       /* 0: the kernel's default, which for IPv6 is 1024 and read as that */
    uint8_t protocol;      /* RTPROT_*; read only: what we add is RTPROT_STATIC */
} HostRoute;

/* Those of both families. A route of several next hops is one row for each. A GArray of HostRoute, g_array_unref(). */
int route_list(Netlink *nl, GArray **ret, Error *err);

int route_add(Netlink *nl, const char *interface, const HostRoute *route, Error *err);
/* A route that is not there is success. */
int route_delete(Netlink *nl, const char *interface, const HostRoute *route, Error *err);
