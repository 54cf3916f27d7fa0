/* Who has which address, as far as this host has noticed: the neighbour tables (ARP and NDP). */
#pragma once

#include "common/base/ip.h"
#include "common/host/netlink/netlink.h"
#include "common/xml/value.h"

typedef struct HostNeighbour {
    unsigned index; /* of the interface */
    IpAddress ip;
    Mac mac;        /* not set while it is being asked for */
    uint16_t state; /* NUD_* of linux/neighbour.h */
} HostNeighbour;

/* Those of both families on all interfaces. A GArray of HostNeighbour, g_array_unref(). */
int neighbour_list(Netlink *nl, GArray **ret, Error *err);
