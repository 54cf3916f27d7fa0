/* Tap devices: see tap.h. */
#include "virtqemud/run/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* After net/if.h, with which it overlaps. */
#include <linux/sockios.h>

#include "common/base/file.h"
#include "common/conf/domain/device/interface.h"

#define TUN_DEVICE "/dev/net/tun"
#define VHOST_DEVICE "/dev/vhost-net"
#define GENERATED_PREFIX "vnet" /* names we choose; a definition that carries one is from an earlier run */
#define TAP_MAC_FIRST 0xfe      /* high, so that the bridge does not take its own address from a guest's tap */

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

/* One queue of the tap called name (which is filled in when it is a pattern). */
static int
open_queue(struct ifreq *name, bool virtio, bool several, int *ret_fd, Error *err)
{
    _cleanup_fd_ int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot open %s to make '%s'", TUN_DEVICE, name->ifr_name);
    name->ifr_flags = IFF_TAP | IFF_NO_PI | (virtio ? IFF_VNET_HDR : 0) | (several ? IFF_MULTI_QUEUE : 0);
    if (ioctl(fd, TUNSETIFF, name) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot make the tap device '%s'", name->ifr_name);
    *ret_fd = fd_take(&fd);
    return 0;
}

static int
set_address(int control, const char *tap, const Mac *mac, Error *err)
{
    struct ifreq request = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

    g_strlcpy(request.ifr_name, tap, sizeof(request.ifr_name));
    memcpy(request.ifr_hwaddr.sa_data, mac->b, sizeof(mac->b));
    request.ifr_hwaddr.sa_data[0] = (char)TAP_MAC_FIRST;
    if (ioctl(control, SIOCSIFHWADDR, &request) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot set the address of '%s'", tap);
    return 0;
}

static int
set_mtu(int control, const char *tap, int mtu, Error *err)
{
    struct ifreq request = { .ifr_mtu = mtu };

    g_strlcpy(request.ifr_name, tap, sizeof(request.ifr_name));
    if (ioctl(control, SIOCSIFMTU, &request) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot set the MTU of '%s' to %d", tap, mtu);
    return 0;
}

/* The tap takes the bridge's MTU unless it has one of its own: a smaller one would lower the bridge's. */
static int
join_bridge(int control, const char *tap, const char *bridge, bool keep_mtu, Error *err)
{
    struct ifreq request = { .ifr_ifindex = (int)if_nametoindex(tap) }, mtu = { 0 };

    g_strlcpy(mtu.ifr_name, bridge, sizeof(mtu.ifr_name));
    if (ioctl(control, SIOCGIFMTU, &mtu) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "there is no bridge '%s'", bridge);
    if (!keep_mtu && set_mtu(control, tap, mtu.ifr_mtu, err) < 0)
        return -1;
    g_strlcpy(request.ifr_name, bridge, sizeof(request.ifr_name));
    if (ioctl(control, SIOCBRADDIF, &request) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot attach '%s' to '%s', which should be a bridge", tap, bridge);
    return 0;
}

static int
bring_up(int control, const char *tap, Error *err)
{
    struct ifreq request = { .ifr_flags = IFF_UP };

    g_strlcpy(request.ifr_name, tap, sizeof(request.ifr_name));
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot bring up '%s'", tap);
    return 0;
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
set_up(const NetDef *net, const char *tap, Error *err)
{
    _cleanup_fd_ int control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (control < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot set up '%s'", tap);
    if (set_address(control, tap, &net->mac, err) < 0 || (net->mtu.set && set_mtu(control, tap, (int)net->mtu.v, err) < 0) ||
        (net->type == NET_BRIDGE && join_bridge(control, tap, net->source.bridge, net->mtu.set, err) < 0))
        return -1;
    return net->link == NET_LINK_DOWN ? 0 : bring_up(control, tap, err);
}

static int
open_one(NetDef *net, VirtType virt, GuestFds *fds, Error *err)
{
    unsigned queues = net_is_virtio(net) && net->queues.set ? MAX(net->queues.v, 1) : 1;
    bool chosen = !net->target || g_str_has_prefix(net->target, GENERATED_PREFIX);
    struct ifreq name = { 0 };

    if (net->script || net->downscript)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "<script> of interface '%s' is not supported",
                          net->base.info.alias);
    if (g_strlcpy(name.ifr_name, chosen ? GENERATED_PREFIX "%d" : net->target, sizeof(name.ifr_name)) >= sizeof(name.ifr_name))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "the name '%s' of interface '%s' is too long", net->target,
                          net->base.info.alias);
    for (unsigned i = 0; i < queues; i++) {
        int fd;

        if (open_queue(&name, net_is_virtio(net), queues > 1, &fd, err) < 0)
            return -1;
        guest_fds_add(fds, net->base.info.alias, fd);
    }
    g_free(net->target);
    net->target = g_strdup(name.ifr_name);
    if (set_up(net, net->target, err) < 0)
        return -1;
    return open_vhost(net, virt, queues, fds, err);
}

int
tap_open_all(DomainDef *live, GuestFds *fds, Error *err)
{
    DOMAIN_FOREACH_KIND(live, DEVICE_INTERFACE, device) {
        NetDef *net = NET(device);

        if (net->type == NET_NETWORK || net->type == NET_DIRECT)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                              "interface '%s' is of type '%s', which is not supported yet; use 'bridge', 'ethernet' or 'user'",
                              device->info.alias, net_type_names[net->type]);
        if ((net->type == NET_BRIDGE || net->type == NET_ETHERNET) && open_one(net, live->virt, fds, err) < 0)
            return -1;
    }
    return 0;
}
