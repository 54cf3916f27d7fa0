/*
 * The packet filter's part of virtual networks. One Firewall per daemon and network namespace. Nothing here suspends: netlink
 * answers at once.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/ip.h"

typedef enum FirewallMode {
    FIREWALL_ISOLATED, /* guests and the host only */
    FIREWALL_NAT,      /* guests reach out in the host's name; IPv6 is routed unless nat_ipv6 */
    FIREWALL_ROUTE,    /* guests reach out and are reached */
    FIREWALL_OPEN,     /* no rules at all */
    FIREWALL_N_MODES
} FirewallMode;

typedef struct FirewallSubnet {
    IpAddress address; /* any of it */
    unsigned prefix;
} FirewallSubnet;

/* All borrowed. */
typedef struct FirewallNetwork {
    const char *name;
    const char *bridge;  /* unique among networks */
    FirewallMode mode;
    const char *out_dev; /* the only interface to forward through; NULL any */
    const FirewallSubnet *subnets;
    size_t n_subnets;    /* of both families; a family without one is forwarded nowhere */
    bool nat_ipv6;
    IpAddress nat_first, nat_last;            /* source addresses to use, of one family; absent: the outgoing interface's */
    uint16_t nat_port_first, nat_port_last;   /* source ports to use for TCP and UDP; 0: 1024..65535 */
    bool dhcp4, dhcp6, dns, tftp;             /* what dnsmasq serves on the bridge */
} FirewallNetwork;

typedef struct Firewall Firewall;

int firewall_open(Firewall **ret, Error *err);
void firewall_close(Firewall *fw); /* the rules stay */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Firewall, firewall_close)

enum { FIREWALL_KEPT = 0, FIREWALL_CHANGED = 1 };

/*
 * Make the kernel's rules be those of exactly these networks: missing ones are added, changed ones mended, those of others
 * removed, without a network the tables too. One batch; when all is right nothing is sent and the generation stays. Also the
 * repair after firewall_watch() called. Texts about what this kernel cannot do are appended to warnings (of char *, owned by it);
 * they concern one feature, the rest works. FIREWALL_KEPT, FIREWALL_CHANGED, or with nothing changed ERR_SYSTEM_ERROR or (a kernel
 * without nftables) ERR_CONFIG_UNSUPPORTED.
 */
int firewall_sync(Firewall *fw, const FirewallNetwork *const *networks, size_t n, GPtrArray *warnings, Error *err);

/* The same with one network more (or another version of it), or one less; after a first firewall_sync(). */
int firewall_add(Firewall *fw, const FirewallNetwork *network, GPtrArray *warnings, Error *err);
int firewall_remove(Firewall *fw, const char *bridge, GPtrArray *warnings, Error *err);

/*
 * Append to warnings which base chains of others (Docker's, firewalld's, an administrator's) stop what these networks are for:
 * "network 'default': packets of its guests to the outside are stopped by the policy 'drop' of chain 'FORWARD' in table 'ip filter'".
 * Only what is certain is reported; foreign.c says what is looked at. Reads all their rules: when
 * FIREWALL_CHANGED_FOREIGN is told, not for every call. Negative with err when the rules cannot be read.
 */
int firewall_foreign(Firewall *fw, const FirewallNetwork *const *networks, size_t n, GPtrArray *warnings, Error *err);

/*
 * Remove the rules of libvirt's own daemon, whose networks are ours now: after ours are in place, so that no packet meets neither.
 * Rules made by iptables-legacy are out of reach: that there are such is said in warnings. FIREWALL_KEPT or FIREWALL_CHANGED.
 */
int firewall_drop_libvirt(Firewall *fw, GPtrArray *warnings, Error *err);

typedef enum FirewallChange {
    FIREWALL_CHANGED_OURS = 1 << 0,    /* our tables: firewall_sync() */
    FIREWALL_CHANGED_FOREIGN = 1 << 1, /* those of others: firewall_foreign() */
} FirewallChange;

/*
 * Call fn with what somebody else changed (of FirewallChange), 0.1 s after the first change of our tables and 0.5 s after one of
 * others', once for all that came meanwhile. Our own changes are not told, so a repair does not cause another. What was lost in
 * a flood counts as both. fn may call everything here but firewall_close(). NULL fn ends it. Needs the loop.
 */
typedef void (*FirewallWatchFn)(unsigned changed, void *data);
int firewall_watch(Firewall *fw, FirewallWatchFn fn, void *data, Error *err);
/* As if others had changed theirs now; without a watch nothing. */
void firewall_foreign_soon(Firewall *fw);
