/* Addresses of the host's interfaces. Like link.h: nothing is written that is already so. */
#pragma once

#include "common/base/ip.h"
#include "common/host/netlink/netlink.h"

typedef struct HostAddress {
    unsigned index;      /* of the interface; ignored by address_add() and address_delete() */
    IpAddress ip;
    unsigned prefix;
    IpAddress peer;      /* of a point-to-point link, absent otherwise */
    IpAddress broadcast; /* IPv4; absent: none */
    uint32_t flags;      /* IFA_F_* of linux/if_addr.h; IFA_F_NODAD is what address_add() heeds */
    uint8_t scope;       /* RT_SCOPE_*; read only */
} HostAddress;

/* interface: NULL for those of all. A GArray of HostAddress, g_array_unref(). */
int address_list(Netlink *nl, const char *interface, GArray **ret, Error *err);

/*
 * Give the interface an address; one that it has with this prefix and peer is left alone. IPv6 addresses with IFA_F_NODAD
 * are usable at once; they need an interface on which IPv6 is not disabled.
 */
int address_add(Netlink *nl, const char *interface, const HostAddress *address, Error *err);
/* An address that is not there is success. */
int address_delete(Netlink *nl, const char *interface, const HostAddress *address, Error *err);
