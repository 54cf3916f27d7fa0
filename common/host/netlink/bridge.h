/*
 * Linux bridges and their ports. Like link.h: by name, nothing is written that is already so, errors name the interface.
 */
#pragma once

#include "common/host/netlink/link.h"

typedef struct BridgeSpec {
    const char *name;
    Mac mac;                /* not set: left as it is (chosen by the kernel for a new one) */
    unsigned mtu;           /* 0: left as it is, the kernel follows the ports */
    bool stp;
    unsigned delay;         /* seconds a new port waits before it forwards; with STP the kernel wants 2..30, which is made so */
    unsigned group_forward; /* mask of the link-local groups 01:80:c2:00:00:0X that pass; 0 none */
    bool vlan_filtering;
} BridgeSpec;

/*
 * Make the bridge, or make an existing one like this; up or down stays as it is (down when new). *ret_created (may be NULL)
 * says whether it was not there. Fails when the name belongs to something that is no bridge; a new bridge that could not be
 * finished is deleted again.
 */
int bridge_ensure(Netlink *nl, const BridgeSpec *spec, bool *ret_created, Error *err);

typedef enum BridgePortFlags {
    BRIDGE_PORT_LEARNING = 1 << 0,        /* learns addresses from frames */
    BRIDGE_PORT_UNICAST_FLOOD = 1 << 1,   /* gets frames for unknown addresses */
    BRIDGE_PORT_MULTICAST_FLOOD = 1 << 2,
    BRIDGE_PORT_BROADCAST_FLOOD = 1 << 3,
    BRIDGE_PORT_ISOLATED = 1 << 4,        /* exchanges nothing with other isolated ports */
    BRIDGE_PORT_HAIRPIN = 1 << 5,         /* gets back what it sent */
    BRIDGE_PORT_GUARD = 1 << 6,           /* is shut when it sends spanning tree messages */
} BridgePortFlags;

/* The port must be in a bridge. A flag in mask that this kernel does not know is an error, unless it is to be off. */
int bridge_port_get(Netlink *nl, const char *port, BridgePortFlags *ret, Error *err);
int bridge_port_set(Netlink *nl, const char *port, BridgePortFlags mask, BridgePortFlags flags, Error *err);

/* A permanent entry of the bridge's forwarding table: frames for mac go to this port. Deleting what is not there is success. */
int bridge_fdb_add(Netlink *nl, const char *port, const Mac *mac, Error *err);
int bridge_fdb_delete(Netlink *nl, const char *port, const Mac *mac, Error *err);

typedef struct BridgeVlan {
    uint16_t id;   /* 1..4094 */
    bool pvid;     /* what comes in without a tag belongs to this one */
    bool untagged; /* its frames go out without a tag */
} BridgeVlan;

/*
 * The VLANs a port carries, exactly these: others are taken away. The bridge filters (BridgeSpec.vlan_filtering), or it makes
 * no difference. A kernel without VLAN filtering: ERR_CONFIG_UNSUPPORTED.
 */
int bridge_vlan_set(Netlink *nl, const char *port, const BridgeVlan *vlans, size_t n, Error *err);
