/* Tap devices: see tap.h. */
#include "virtqemud/run/tap.h"

#include <errno.h>
#include <fcntl.h>

#include "common/base/file.h"
#include "common/conf/domain/device/interface.h"
#include "common/host/netlink/link.h"
#include "common/host/tap.h"

#define VHOST_DEVICE "/dev/vhost-net"
#define TAP_MAC_FIRST 0xfe /* high, so that the bridge does not take its own address from a guest's tap */

static void
passed_clear(void *data)
{
    fd_close(&((ProcessFd *)data)->source);
}

void
guest_fds_init(GuestFds *fds, int first)
{
    *fds = (GuestFds){
        .by_alias = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref),
        .passed = g_array_new(FALSE, FALSE, sizeof(ProcessFd)),
        .next = first,
    };
    g_array_set_clear_func(fds->passed, passed_clear);
}

void
guest_fds_done(GuestFds *fds)
{
    g_clear_pointer(&fds->by_alias, g_hash_table_unref);
    g_clear_pointer(&fds->passed, g_array_unref);
}

void
guest_fds_add(GuestFds *fds, const char *alias, int fd)
{
    ProcessFd passed = { .source = fd, .target = fds->next++ };
    GArray *numbers = g_hash_table_lookup(fds->by_alias, alias);

    if (!numbers) {
        numbers = g_array_new(FALSE, FALSE, sizeof(int));
        g_hash_table_insert(fds->by_alias, g_strdup(alias), numbers);
    }
    g_array_append_val(numbers, passed.target);
    g_array_append_val(fds->passed, passed);
}

/* The tap takes the bridge's MTU unless it has one of its own: a smaller one would lower the bridge's. */
static int
join_bridge(Netlink *nl, const char *tap, const char *bridge, bool keep_mtu, Error *err)
{
    HostLink link;

    if (link_get(nl, bridge, &link, err) < 0)
        return error_prefixf(err, "cannot attach '%s' to its bridge", tap);
    if (!keep_mtu && link_set_mtu(nl, tap, link.mtu, err) < 0)
        return -1;
    return link_set_master(nl, tap, bridge, err);
}

/* The kernel's share of a virtio card's work: used where it is to be had, wanted where the definition says so. */
static int
open_vhost(const NetDef *net, VirtType virt, unsigned queues, GuestFds *fds, Error *err)
{
    g_autofree char *alias = g_strconcat("vhost-", net->base.info.alias, NULL);

    if (!net_is_virtio(net) || net->driver == NET_DRIVER_QEMU || (virt != VIRT_KVM && net->driver != NET_DRIVER_VHOST))
        return 0;
    for (unsigned i = 0; i < queues; i++) {
        int fd = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);

        if (fd < 0 && (net->driver == NET_DRIVER_VHOST || i > 0))
            return error_set_errno(err, FROM_QEMU, errno, "cannot open %s for '%s'", VHOST_DEVICE, net->base.info.alias);
        if (fd < 0)
            return 0;
        guest_fds_add(fds, alias, fd);
    }
    return 0;
}

static int
set_up(Netlink *nl, const NetDef *net, const char *tap, Error *err)
{
    Mac mac = net->mac;

    mac.b[0] = TAP_MAC_FIRST;
    if (link_set_mac(nl, tap, &mac, err) < 0 || (net->mtu.set && link_set_mtu(nl, tap, (unsigned)net->mtu.v, err) < 0) ||
        (net->type == NET_BRIDGE && join_bridge(nl, tap, net->source.bridge, net->mtu.set, err) < 0))
        return -1;
    return net->link == NET_LINK_DOWN ? 0 : link_set_up(nl, tap, true, err);
}

static int
open_one(Netlink *nl, NetDef *net, VirtType virt, GuestFds *fds, Error *err)
{
    unsigned queues = net_is_virtio(net) && net->queues.set ? MAX(net->queues.v, 1) : 1;
    bool chosen = !net->target || g_str_has_prefix(net->target, TAP_GENERATED_PREFIX);
    g_autofree int *opened = g_new(int, queues);
    char name[IFNAMSIZ];

    if (net->script || net->downscript)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "<script> of interface '%s' is not supported",
                          net->base.info.alias);
    if (tap_open(chosen ? TAP_GENERATED_PREFIX "%d" : net->target, queues, net_is_virtio(net), name, opened, err) < 0)
        return error_prefixf(err, "interface '%s'", net->base.info.alias);
    for (unsigned i = 0; i < queues; i++)
        guest_fds_add(fds, net->base.info.alias, opened[i]);
    g_free(net->target);
    net->target = g_strdup(name);
    if (set_up(nl, net, net->target, err) < 0)
        return -1;
    return open_vhost(net, virt, queues, fds, err);
}

int
tap_open_all(DomainDef *live, GuestFds *fds, Error *err)
{
    g_autoptr(Netlink) nl = NULL;

    if (netlink_open(NETLINK_ROUTE, &nl, err) < 0)
        return -1;
    DOMAIN_FOREACH_KIND(live, DEVICE_INTERFACE, device) {
        NetDef *net = NET(device);

        if (net->type == NET_NETWORK || net->type == NET_DIRECT)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                              "interface '%s' is of type '%s', which is not supported yet; use 'bridge', 'ethernet' or 'user'",
                              device->info.alias, net_type_names[net->type]);
        if ((net->type == NET_BRIDGE || net->type == NET_ETHERNET) && open_one(nl, net, live->virt, fds, err) < 0)
            return -1;
    }
    return 0;
}
