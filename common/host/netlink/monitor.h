/*
 * What changes in the kernel's network state, as it happens: a source of the loop.
 *
 * The kernel keeps a bounded queue per listener; what did not fit is lost, and said to be: then everything has to be looked at
 * again. A round of the loop takes a bounded number of messages, so a flood does not stop the daemon.
 */
#pragma once

#include "common/host/netlink/address.h"
#include "common/host/netlink/link.h"
#include "common/host/netlink/route.h"

/* Any protocol and groups: each message as it comes, NULL where some were lost. */
typedef struct NetlinkListener NetlinkListener;
typedef void (*NetlinkListenerFn)(const struct nlmsghdr *message, void *data);

int netlink_listen(int protocol, const unsigned *groups, size_t n, NetlinkListenerFn fn, void *data, NetlinkListener **ret, Error *err);
/* Also from within fn. NULL is fine. */
void netlink_listener_free(NetlinkListener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetlinkListener, netlink_listener_free)

/* Interfaces, addresses and routes. */
typedef enum NetChangeKind {
    NET_CHANGE_LOST, /* look at everything again */
    NET_CHANGE_LINK,
    NET_CHANGE_ADDRESS,
    NET_CHANGE_ROUTE,
} NetChangeKind;

typedef struct NetChange {
    NetChangeKind kind;
    bool gone; /* else new, or changed */
    union {
        HostLink link;
        HostAddress address;
        HostRoute route; /* of the table "main", unicast */
    };
} NetChange;

typedef struct NetMonitor NetMonitor;
typedef void (*NetMonitorFn)(const NetChange *change, void *data);

/* Our own changes are told like those of others. */
int net_monitor_open(NetMonitorFn fn, void *data, NetMonitor **ret, Error *err);
void net_monitor_close(NetMonitor *monitor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetMonitor, net_monitor_close)
