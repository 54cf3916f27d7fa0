/* <interface>: a network card and what it is connected to. */
#pragma once

#include "common/conf/domain/device/chardev.h"
#include "common/conf/domain/device/device.h"
#include "common/conf/domain/device/hostdev_source.h"
#include "common/conf/network/parts.h"

typedef enum NetType {
    NET_ABSENT = 0, NET_USER, NET_ETHERNET, NET_VHOSTUSER, NET_SERVER, NET_CLIENT, NET_MCAST, NET_NETWORK, NET_BRIDGE,
    NET_INTERNAL, NET_DIRECT, NET_HOSTDEV, NET_UDP, NET_VDPA, NET_NULL, NET_VDS,
} NetType;
extern const char *const net_type_names[];

typedef enum NetDriver { NET_DRIVER_ABSENT = 0, NET_DRIVER_QEMU, NET_DRIVER_VHOST } NetDriver;
typedef enum NetTxmode { NET_TXMODE_ABSENT = 0, NET_TXMODE_IOTHREAD, NET_TXMODE_TIMER } NetTxmode;
typedef enum NetLink { NET_LINK_ABSENT = 0, NET_LINK_UP, NET_LINK_DOWN } NetLink;
typedef enum MacType { MAC_TYPE_ABSENT = 0, MAC_GENERATED, MAC_STATIC } MacType;

typedef struct NetIp { char *family, *address, *peer; OptUint prefix; } NetIp;
typedef struct NetPortRange { OptUint start, end, to; Tri exclude; } NetPortRange;
typedef struct NetPortForward { char *proto, *address, *dev; LIST(NetPortRange) ranges; } NetPortForward;
typedef struct FilterParam { char *name, *value; } FilterParam;
typedef struct FilterRef { char *filter; LIST(FilterParam) params; } FilterRef;
typedef struct NetOffloads { Tri csum, gso, tso4, tso6, ecn, ufo, mrg_rxbuf; } NetOffloads;

typedef struct NetSource {
    char *network, *portgroup; Uuid port_id; /* network; port_id while running */
    char *bridge;                    /* bridge; of a running guest also network */
    char *mac_table_manager;         /* live only: "kernel", "libvirt" */
    char *dev; DirectMode mode;      /* direct, vdpa, ethernet */
    char *address; OptUint port;     /* server, client, mcast, udp */
    char *local_address; OptUint local_port; /* udp */
    char *name;                      /* internal */
    CharSource vhost_user;           /* vhostuser; mode bind is the XML's "server" */
    char *vhost_dev;                 /* user with passt */
    char *switch_id, *portgroup_id, *connection_id; OptUint vds_port; /* vds */
    LIST(NetIp) ips; LIST(NetworkRoute) routes;
} NetSource;

typedef struct NetBackend { char *type, *tap, *vhost, *log_file, *hostname, *fqdn; } NetBackend;

typedef struct NetDef {
    Device base;
    NetType type;
    Tri managed; /* hostdev: bound to vfio by us */
    Tri trust_guest_rx_filters;
    Mac mac;
    MacType mac_type;
    Tri mac_check;
    Mac mac_current;
    NetSource source;
    HostdevSource hostdev; /* type hostdev */
    char *script, *downscript, *backend_domain;
    char *target; /* host interface */
    Tri target_managed;
    char *guest_dev, *guest_actual;
    VirtualPort *vport;
    NetVlan *vlan;
    NetBandwidth bandwidth;
    Tri isolated;
    char *model; /* "virtio", "e1000e", ... */
    NetDriver driver;
    char *hostdev_driver, *hostdev_model;
    NetTxmode txmode;
    Tri ioeventfd, event_idx;
    OptUint queues, rx_queue_size, tx_queue_size;
    Tri rss, rss_hash_report;
    VirtioOptions virtio;
    NetOffloads host, guest;
    NetBackend backend;
    FilterRef *filter;
    OptU64 sndbuf;
    NetLink link;
    OptUint mtu;
    OptUint coalesce_max_frames;
    char *teaming_type, *teaming_persistent;
    LIST(NetIp) ips; LIST(NetworkRoute) routes;
    LIST(NetPortForward) forwards;
} NetDef;

#define NET(device) DEVICE_CAST(NetDef, DEVICE_INTERFACE, device)

/*
 * A running guest's card on a network has the type of what the network plugged it into, and keeps the network's name and the
 * port. net_unplug() makes it the card on a network again that was asked for.
 */
static inline bool net_is_plugged(const NetDef *net) { return net->source.network && net->source.port_id.set; }
void net_unplug(NetDef *net);

bool net_is_virtio(const NetDef *net); /* any of the three virtio models */
