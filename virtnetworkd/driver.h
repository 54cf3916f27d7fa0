/* The one state of virtnetworkd: what it has, where it lives, whom it tells. */
#pragma once

#include "common/daemon/daemon.h"
#include "common/host/netlink/netlink.h"
#include "common/rpc/call.h"
#include "common/store/definitions.h"
#include "common/store/store.h"

typedef struct Firewall Firewall;
typedef struct Firewalld Firewalld;
typedef struct Watch Watch;

typedef struct Driver {
    Daemon *daemon;
    RpcServer *server;
    Store networks;   /* use driver_networks(): the definitions are indexed when first needed */
    bool indexed;
    RpcKept list;     /* the last list of networks, encoded */
    int next_id;      /* of activations */
    Definitions definitions;           /* etc/libvirt/qemu/networks */
    char *state_dir;                   /* run/libvirt/network: status, ports and dnsmasq's pid files */
    char *dnsmasq_dir;                 /* lib/libvirt/dnsmasq: configurations and leases */
    char *lease_helper;                /* the program dnsmasq tells of its leases */
    bool firewall_enabled;             /* network.conf: firewall_backend is not "none" */
    Netlink *netlink;                  /* rtnetlink of the namespace we run in */
    Firewall *firewall;                /* opened with the first rules */
    GHashTable *warned;                /* texts about what this host lacks that were logged */
    GHashTable *foreign;               /* texts about rules of others that are so now, and since when: network/foreign.c */
    sd_event_source *foreign_timer;    /* looks again at those that were not logged yet; or NULL */
    Firewalld *firewalld;              /* the host's, by D-Bus; NULL until the first network */
    Watch *watch;                      /* of what others do to our interfaces and rules */
    bool autostarting;                 /* networks are being started with the host */
    size_t starting;                   /* jobs of our own that keep us from idle exit */
} Driver;

/* Files of one network; g_free. */
char *driver_status_path(const Driver *driver, const char *name);
char *driver_ports_dir(const Driver *driver, const char *name);

/* The networks; the first call reads the definitions' names and takes hold of what is active. Doesn't suspend. */
Store *driver_networks(Driver *driver);

int driver_init(Driver *driver, Daemon *daemon, Error *err); /* reads network.conf, makes directories */
void driver_done(Driver *driver);
