/* What networks, their ports and the cards of guests have in common: virtual ports, VLANs, bandwidth, routes. */
#pragma once

#include "common/base/ip.h"
#include "common/conf/pci.h"
#include "common/xml/schema.h"

/* How a guest shares an interface of the host (macvtap). */
typedef enum DirectMode { DIRECT_ABSENT = 0, DIRECT_VEPA, DIRECT_PRIVATE, DIRECT_BRIDGE, DIRECT_PASSTHROUGH } DirectMode;
extern const char *const direct_mode_names[]; /* NULL, "vepa", "private", ... */

typedef enum VportType { VPORT_ABSENT = 0, VPORT_NONE, VPORT_802_1QBG, VPORT_802_1QBH, VPORT_OPENVSWITCH, VPORT_MIDONET } VportType;
extern const char *const vport_type_names[];
typedef struct VirtualPort {
    VportType type;
    OptUint manager_id, type_id, type_id_version;
    Uuid instance_id, interface_id;
    char *profile_id;
} VirtualPort;
extern const XmlSchema virtual_port_schema; /* <virtualport> */

typedef struct VlanTag { OptUint id; char *native_mode; } VlanTag;
typedef struct NetVlan { Tri trunk; LIST(VlanTag) tags; } NetVlan;
extern const XmlSchema net_vlan_schema; /* <vlan> */

typedef struct Bandwidth { OptU64 average, peak, floor, burst; bool present; } Bandwidth; /* KiB/s, KiB */
typedef struct NetBandwidth { bool present; Bandwidth inbound, outbound; } NetBandwidth;
extern const XmlSchema net_bandwidth_schema; /* <bandwidth>, with the <inbound floor=> of a guest's card */

typedef enum IpFamily { IP_FAMILY_ABSENT = 0, IP_FAMILY_IPV4, IP_FAMILY_IPV6 } IpFamily;
extern const char *const ip_family_names[]; /* NULL, "ipv4", "ipv6" */

/* A family as written must be that of the address; IPv6 must be written. what names the element: "address". */
int ip_family_check(XmlParse *parse, xmlNode *element, IpFamily family, const IpAddress *address);
/* A netmask has no holes and the address's family, a prefix fits into the address; not both. */
int ip_prefix_check(XmlParse *parse, xmlNode *element, const IpAddress *address, const IpAddress *netmask,
                    const OptUint *prefix);

/* A static route. Once parsed: address is the network's first, gateway of the same family. */
typedef struct NetworkRoute {
    IpFamily family;   /* as written */
    IpAddress address; /* of the network behind the gateway */
    IpAddress netmask; /* as written; or prefix */
    OptUint prefix;
    IpAddress gateway;
    OptUint metric;
} NetworkRoute;
extern const XmlSchema network_route_schema; /* <route> */
unsigned network_route_prefix(const NetworkRoute *route); /* from prefix, netmask or the address's class */
