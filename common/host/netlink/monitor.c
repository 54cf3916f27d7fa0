/* See monitor.h. */
#include "common/host/netlink/monitor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/loop.h"
#include "common/host/netlink/internal.h"

#define PART_SIZE 32768
#define PARTS_PER_ROUND 64
#define QUEUE_SIZE (4 << 20) /* of the kernel, for changes we have not heard yet */

struct NetlinkListener {
    struct mnl_socket *socket;
    sd_event_source *source;
    NetlinkListenerFn fn;
    void *data;
    bool *gone; /* where to say that fn freed us */
};

/* 1 go on, 0 that was all for now, -1 freed. */
static int
take_part(NetlinkListener *listener, bool *gone)
{
    uint8_t part[PART_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t size = mnl_socket_recvfrom(listener->socket, part, sizeof(part));
    const struct nlmsghdr *message = (const struct nlmsghdr *)part;

    if (size < 0 && errno == ENOBUFS) {
        listener->fn(NULL, listener->data);
        return *gone ? -1 : 1;
    }
    if (size < 0)
        return 0;
    for (int left = (int)size; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        listener->fn(message, listener->data);
        if (*gone)
            return -1;
    }
    return 1;
}

static int
on_readable(sd_event_source *source, int fd, uint32_t events, void *data)
{
    NetlinkListener *listener = data;
    bool gone = false;
    int r = 1;

    listener->gone = &gone;
    for (unsigned i = 0; r > 0 && i < PARTS_PER_ROUND; i++)
        r = take_part(listener, &gone);
    if (!gone)
        listener->gone = NULL;
    return 0;
}

int
netlink_listen(int protocol, const unsigned *groups, size_t n, NetlinkListenerFn fn, void *data, NetlinkListener **ret, Error *err)
{
    g_autoptr(NetlinkListener) listener = g_new0(NetlinkListener, 1);
    int size = QUEUE_SIZE, r;

    listener->fn = fn;
    listener->data = data;
    listener->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!listener->socket || mnl_socket_bind(listener->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot open a netlink socket of protocol %d", protocol);
    setsockopt(mnl_socket_get_fd(listener->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    for (size_t i = 0; i < n; i++) {
        int group = (int)groups[i];

        if (mnl_socket_setsockopt(listener->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
            return error_set_errno(err, FROM_NET, errno, "cannot listen to group %u of netlink protocol %d", groups[i], protocol);
    }
    r = sd_event_add_io(loop_event(), &listener->source, mnl_socket_get_fd(listener->socket), EPOLLIN, on_readable, listener);
    if (r < 0)
        return error_set_errno(err, FROM_NET, -r, "cannot watch a netlink socket");
    *ret = g_steal_pointer(&listener);
    return 0;
}

void
netlink_listener_free(NetlinkListener *listener)
{
    if (!listener)
        return;
    if (listener->gone)
        *listener->gone = true;
    sd_event_source_disable_unref(listener->source);
    if (listener->socket)
        mnl_socket_close(listener->socket);
    g_free(listener);
}

struct NetMonitor {
    NetlinkListener *listener;
    NetMonitorFn fn;
    void *data;
};

/* Which messages tell what. */
static const struct { uint16_t made, gone; NetChangeKind kind; } messages[] = {
    { RTM_NEWLINK, RTM_DELLINK, NET_CHANGE_LINK },
    { RTM_NEWADDR, RTM_DELADDR, NET_CHANGE_ADDRESS },
    { RTM_NEWROUTE, RTM_DELROUTE, NET_CHANGE_ROUTE },
};

/* Tell of each thing that a message is about; the callback may close the monitor. */
static void
on_message(const struct nlmsghdr *message, void *data)
{
    NetMonitor *monitor = data;
    NetChange change = { .kind = NET_CHANGE_LOST };

    for (size_t i = 0; message && i < G_N_ELEMENTS(messages); i++) {
        if (message->nlmsg_type == messages[i].made || message->nlmsg_type == messages[i].gone) {
            change.kind = messages[i].kind;
            change.gone = message->nlmsg_type == messages[i].gone;
        }
    }
    if (message && (change.kind == NET_CHANGE_LOST || (change.kind == NET_CHANGE_LINK && !link_parse(message, &change.link)) ||
                    (change.kind == NET_CHANGE_ADDRESS && !address_parse(message, &change.address)) ||
                    (change.kind == NET_CHANGE_ROUTE && !route_parse(message, &change.route))))
        return;
    monitor->fn(&change, monitor->data);
}

int
net_monitor_open(NetMonitorFn fn, void *data, NetMonitor **ret, Error *err)
{
    static const unsigned groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                                       RTNLGRP_IPV6_ROUTE };
    g_autoptr(NetMonitor) monitor = g_new0(NetMonitor, 1);

    monitor->fn = fn;
    monitor->data = data;
    if (netlink_listen(NETLINK_ROUTE, groups, G_N_ELEMENTS(groups), on_message, monitor, &monitor->listener, err) < 0)
        return error_prefixf(err, "cannot watch the network of this host");
    *ret = g_steal_pointer(&monitor);
    return 0;
}

void
net_monitor_close(NetMonitor *monitor)
{
    if (!monitor)
        return;
    netlink_listener_free(monitor->listener);
    g_free(monitor);
}
