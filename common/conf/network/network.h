/*
 * A network's definition: the <network> document, as a value.
 *
 * Built (parsed, completed, checked), then shared: from network_def_parse() on nobody changes it. To change one, take a
 * network_def_copy(), or network_def_update(), and swap. References are counted. What depends on the host (a free bridge
 * name, whether a subnet is in use) is not decided here. Format: https://libvirt.org/formatnetwork.html
 */
#pragma once

#include "common/base/error.h"
#include "common/base/ip.h"
#include "common/conf/network/parts.h"
#include "common/xml/schema.h"

typedef enum ForwardMode {
    FORWARD_NONE = 0, /* no <forward>: isolated, but the host reaches it */
    FORWARD_NAT, FORWARD_ROUTE, FORWARD_OPEN,
    FORWARD_BRIDGE,   /* a host bridge (<bridge>), or macvtap over interfaces (<interface>) */
    FORWARD_PRIVATE, FORWARD_VEPA, FORWARD_PASSTHROUGH, /* macvtap */
    FORWARD_HOSTDEV,  /* whole PCI functions */
    FORWARD_SAID_NONE, /* "none" while it is read; a definition has FORWARD_NONE then */
} ForwardMode;
extern const char *const forward_mode_names[]; /* NULL, "nat", "route", ... */

typedef enum MacTableManager { MAC_TABLE_ABSENT = 0, MAC_TABLE_KERNEL, MAC_TABLE_LIBVIRT } MacTableManager;

/* One interface of a pool: by name, or (hostdev) by PCI address. */
typedef struct ForwardInterface {
    char *dev;
    bool pci;                  /* then address, not dev */
    unsigned domain, bus, slot, function;
    OptUint connections;       /* live only */
} ForwardInterface;

typedef struct ForwardNat {
    Tri ipv6;
    IpAddress address_start, address_end; /* absent: that of the outgoing interface */
    OptUint port_start, port_end;
} ForwardNat;

typedef struct ForwardDef {
    bool present;
    ForwardMode mode;
    char *dev;   /* as written: the outgoing interface; equals interfaces[0]->dev */
    Tri managed; /* hostdev */
    char *driver_name, *driver_model;
    char *pf;    /* <pf dev=>: the pool is its virtual functions */
    ForwardNat nat;
    LIST(ForwardInterface) interfaces;
    OptUint connections; /* live only */
} ForwardDef;

typedef struct BridgeDef {
    bool present;
    char *name, *zone;
    Tri stp;                /* absent: on */
    OptUint delay;          /* forward delay, seconds */
    MacTableManager mac_table;
} BridgeDef;

typedef struct DomainNameDef { bool present; char *name; Tri local_only, register_name; } DomainNameDef;

typedef struct DnsForwarder { char *domain; IpAddress addr; } DnsForwarder;
typedef struct DnsTxt { char *name, *value; } DnsTxt;
typedef struct DnsSrv {
    char *service, *protocol, *domain, *target;
    OptUint port, priority, weight;
} DnsSrv;
typedef struct DnsHost { IpAddress ip; StringList names; } DnsHost;
typedef struct DnsDef {
    Tri enable, forward_plain_names;
    LIST(DnsForwarder) forwarders;
    LIST(DnsTxt) txts;
    LIST(DnsHost) hosts;
    LIST(DnsSrv) srvs;
} DnsDef;

typedef enum LeaseUnit { LEASE_UNIT_ABSENT = 0, LEASE_SECONDS, LEASE_MINUTES, LEASE_HOURS } LeaseUnit;
typedef struct LeaseTime { bool present; OptU64 expiry; LeaseUnit unit; } LeaseTime; /* expiry 0: for ever, without unit */
uint64_t lease_time_seconds(const LeaseTime *lease); /* 0: for ever */

typedef struct DhcpRange { IpAddress start, end; LeaseTime lease; } DhcpRange;
typedef struct DhcpHost { char *mac, *id, *name; IpAddress ip; LeaseTime lease; } DhcpHost;
typedef struct NetworkIp {
    IpFamily family; /* as written: absent may be IPv4 */
    IpAddress address;
    IpAddress netmask; /* as written; or prefix */
    OptUint prefix;
    Tri local_ptr;
    char *tftp_root;
    LIST(DhcpRange) ranges;
    LIST(DhcpHost) hosts;
    char *bootp_file, *bootp_server;
    bool dhcp; /* ranges, hosts or bootp are there */
} NetworkIp;

typedef struct PortGroup {
    char *name;
    Tri is_default, trust_guest_rx_filters;
    VirtualPort *vport;
    NetBandwidth bandwidth;
    NetVlan *vlan;
} PortGroup;

typedef struct DnsmasqOption { char *value; } DnsmasqOption;

typedef struct NetworkDef {
    unsigned refs;
    OptUint connections; /* live only: ports in use */
    Tri ipv6;            /* traffic between guests without addresses of the host */
    Tri trust_guest_rx_filters;
    char *name;
    Uuid uuid;           /* always set once parsed: generated when not written */
    char *title, *description;
    char *metadata;      /* the whole element as text */
    ForwardDef forward;
    BridgeDef bridge;
    OptUint mtu;
    Mac mac;             /* of the bridge; set by parsing for modes with a bridge of our own */
    DomainNameDef domain;
    DnsDef dns;
    NetVlan *vlan;
    NetBandwidth bandwidth;
    Tri isolated;        /* <port isolated=> */
    LIST(NetworkIp) ips;
    LIST(NetworkRoute) routes;
    VirtualPort *vport;
    LIST(PortGroup) portgroups;
    LIST(DnsmasqOption) dnsmasq_options;
} NetworkDef;

extern const XmlSchema network_schema;

/*
 * Parse, complete and check. flags: XML_VALIDATE, XML_INACTIVE (live values are ignored), XML_STATUS (reading what we wrote:
 * no checks that a newer version may have tightened). Errors as clients know them: FROM_NETWORK; the first problem is the message.
 */
int network_def_parse(const char *text, unsigned flags, NetworkDef **ret_def, Error *err);
int network_def_read(xmlNode *root, unsigned flags, NetworkDef **ret_def, Error *err);
/*
 * Every text of the definition that a server's configuration is made of is one short line, and what it should be. So is all
 * that was parsed without XML_STATUS; who writes a configuration makes sure.
 */
int network_def_validate_texts(const NetworkDef *def, Error *err);
/* Canonical text, owned by the caller. flags: XML_INACTIVE. */
char *network_def_format(const NetworkDef *def, unsigned flags);

NetworkDef *network_def_copy(const NetworkDef *def);
NetworkDef *network_def_ref(const NetworkDef *def);
void network_def_unref(NetworkDef *def); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkDef, network_def_unref)

/* -- looking -- */

/* A bridge that is ours to make: isolated, nat, route, open. */
bool network_def_owns_bridge(const NetworkDef *def);
bool network_def_is_macvtap(const NetworkDef *def); /* private, vepa, passthrough, or bridge over interfaces */
unsigned network_ip_prefix(const NetworkIp *ip);    /* from prefix, netmask or the address's class */
/* The group of that name; NULL name: the default one. NULL when there is none. */
const PortGroup *network_def_portgroup(const NetworkDef *def, const char *name);
