/*
 * Interfaces of the host. Names are those of the kernel, at most 15 bytes. Every setter takes the interface by name, does
 * nothing when it is already so, and fails with ERR_SYSTEM_ERROR (errno in int1) naming the interface.
 */
#pragma once

#include <net/if.h>

#include "common/host/netlink/netlink.h"
#include "common/xml/value.h"

#define LINK_KIND_SIZE 16
#define LINK_ALIAS_SIZE 256

typedef struct HostLink {
    unsigned index;
    char name[IFNAMSIZ];
    char kind[LINK_KIND_SIZE];        /* "bridge", "tun", "macvtap", "veth" ...; "" of hardware and lo */
    char port_kind[LINK_KIND_SIZE];   /* what its master is: "bridge", "bond" ...; "" without one */
    char alias[LINK_ALIAS_SIZE];
    unsigned flags;                   /* IFF_* */
    unsigned mtu;
    Mac mac;                          /* not set when the interface has none of 6 bytes */
    unsigned master;                  /* index of the bridge or bond it is in; 0 none */
    unsigned lower;                   /* index of the interface it stands on (macvtap, VLAN); 0 none */
    uint8_t operstate;                /* IF_OPER_* of linux/if.h */
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped; /* since it exists; 0 in lists */
    uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
} HostLink;

/* 1 found, 0 there is none. */
int link_find(Netlink *nl, const char *name, HostLink *ret, Error *err);
int link_find_index(Netlink *nl, unsigned index, HostLink *ret, Error *err);
/* It must exist. */
int link_get(Netlink *nl, const char *name, HostLink *ret, Error *err);
/* All of the namespace, in order of index: a GArray of HostLink, g_array_unref(). */
int link_list(Netlink *nl, GArray **ret, Error *err);

int link_set_up(Netlink *nl, const char *name, bool up, Error *err);
int link_set_mtu(Netlink *nl, const char *name, unsigned mtu, Error *err);
int link_set_mac(Netlink *nl, const char *name, const Mac *mac, Error *err);
int link_set_alias(Netlink *nl, const char *name, const char *alias, Error *err); /* NULL or "" removes it */
int link_rename(Netlink *nl, const char *name, const char *new_name, Error *err); /* the interface may be up */
/* Attach to a bridge (or bond); NULL detaches. One that is in another bridge is moved. */
int link_set_master(Netlink *nl, const char *name, const char *master, Error *err);
/* None of that name is success. */
int link_delete(Netlink *nl, const char *name, Error *err);
