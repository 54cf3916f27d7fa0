/* <interface>: a network card, and the backend that carries its packets. */
#include "common/conf/domain/device/interface.h"

#include <string.h>

#include "common/conf/domain/domain.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

static bool needs_tap(const QemuBuild *build, const NetDef *net)
{
    /* Shown command lines are to be read and run by hand, where every card is a tap. */
    return build->options->for_show || net->type == NET_BRIDGE || net->type == NET_NETWORK || net->type == NET_ETHERNET || net->type == NET_DIRECT;
}

static int interface_check(const QemuBuild *build, const Device *device, Error *err)
{
    const NetDef *net = NET(device);

    if (build->options->for_show && net->type == NET_VDPA)
        return 0; /* shown as the tap it could be */
    if (!build->options->for_show && net->filter)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "interface '%s' asks for the network filter '%s'; filters are not supported yet, so it would be unprotected",
                          device->info.alias, net->filter->filter);
    if (net->type == NET_HOSTDEV || net->type == NET_VDPA || net->type == NET_VDS || net->type == NET_INTERNAL)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "interfaces of type '%s' are not supported",
                          net_type_names[net->type]);
    if (net->type == NET_USER && net->backend.type && g_str_equal(net->backend.type, "passt"))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "the passt backend of interfaces is not supported");
    return 0;
}

/* "27", or "27:28" under the plural name when the card has several queues. */
static void put_fds(json_t *props, const char *one, const char *many, const GArray *fds)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < fds->len; i++)
        g_string_append_printf(text, "%s%d", i ? ":" : "", g_array_index(fds, int, i));
    prop_str(props, fds->len > 1 ? many : one, text->str);
}

static int tap_netdev(QemuBuild *build, const NetDef *net, json_t *props, Error *err)
{
    const char *alias = net->base.info.alias;
    const GArray *fds = build_fds(build, alias);
    g_autofree char *vhost_name = g_strconcat("vhost-", alias, NULL);
    const GArray *vhost = build_fds(build, vhost_name);

    prop_str(props, "type", "tap");
    if (fds)
        put_fds(props, "fd", "fds", fds);
    else if (build->options->for_show)
        prop_str(props, "fd", "3");
    else
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "no tap device was opened for interface '%s'", alias);
    if (vhost) {
        prop_bool(props, "vhost", true);
        put_fds(props, "vhostfd", "vhostfds", vhost);
    }
    if (net->sndbuf.set && !build->options->for_show)
        prop_u64(props, "sndbuf", net->sndbuf);
    return 0;
}

static void socket_netdev(const NetDef *net, json_t *props)
{
    const NetSource *source = &net->source;

    prop_str(props, "type", "socket");
    if (net->type == NET_UDP) {
        prop_strf(props, "udp", "%s:%u", source->address, source->port.v);
        prop_strf(props, "localaddr", "%s:%u", source->local_address, source->local_port.v);
    } else {
        prop_strf(props, net->type == NET_SERVER ? "listen" : net->type == NET_CLIENT ? "connect" : "mcast", "%s:%u",
                  source->address ? source->address : "", source->port.v);
    }
}

static void user_netdev(const NetDef *net, json_t *props)
{
    prop_str(props, "type", "user");
    for (size_t i = 0; i < net->ips.n; i++) {
        const NetIp *ip = net->ips.items[i];
        bool six = g_strcmp0(ip->family, "ipv6") == 0;

        if (six) {
            prop_str(props, "ipv6-prefix", ip->address);
            prop_uint(props, "ipv6-prefixlen", ip->prefix);
        } else if (ip->prefix.set) {
            prop_strf(props, "net", "%s/%u", ip->address, ip->prefix.v);
        } else {
            prop_str(props, "net", ip->address);
        }
    }
}

static int interface_backend(QemuBuild *build, const Device *device, Error *err)
{
    const NetDef *net = NET(device);
    g_autofree char *chardev = g_strconcat("char", device->info.alias, NULL);
    json_t *props;

    if (net->type == NET_VHOSTUSER && !build->options->for_show &&
        qemu_chardev_build(build, chardev, device->info.alias, &net->source.vhost_user, err) < 0)
        return -1;
    props = json_object();
    if (needs_tap(build, net)) {
        if (tap_netdev(build, net, props, err) < 0) {
            json_decref(props);
            return -1;
        }
    } else if (net->type == NET_USER || net->type == NET_NULL) {
        user_netdev(net, props);
    } else if (net->type == NET_VHOSTUSER) {
        prop_str(props, "type", "vhost-user");
        prop_str(props, "chardev", chardev);
        prop_uint(props, "queues", net->queues);
    } else {
        socket_netdev(net, props);
    }
    prop_strf(props, "id", "host%s", device->info.alias);
    build_netdev(build, props);
    return 0;
}

static void put_virtio(json_t *props, const NetDef *net)
{
    static const char *const txmodes[] = { NULL, "bh", "timer" };

    if (net->txmode)
        prop_str(props, "tx", txmodes[net->txmode]);
    prop_tri(props, "ioeventfd", net->ioeventfd);
    prop_tri(props, "event_idx", net->event_idx);
    prop_tri(props, "csum", net->host.csum);
    prop_tri(props, "gso", net->host.gso);
    prop_tri(props, "host_tso4", net->host.tso4);
    prop_tri(props, "host_tso6", net->host.tso6);
    prop_tri(props, "host_ecn", net->host.ecn);
    prop_tri(props, "host_ufo", net->host.ufo);
    prop_tri(props, "mrg_rxbuf", net->host.mrg_rxbuf);
    prop_tri(props, "guest_csum", net->guest.csum);
    prop_tri(props, "guest_tso4", net->guest.tso4);
    prop_tri(props, "guest_tso6", net->guest.tso6);
    prop_tri(props, "guest_ecn", net->guest.ecn);
    prop_tri(props, "guest_ufo", net->guest.ufo);
    if (net->queues.set && net->queues.v > 1) {
        prop_bool(props, "mq", true);
        prop_int(props, "vectors", 2 * net->queues.v + 2); /* a pair for each queue, control and configuration */
    }
    prop_uint(props, "rx_queue_size", net->rx_queue_size);
    prop_uint(props, "tx_queue_size", net->tx_queue_size);
    prop_tri(props, "rss", net->rss);
    prop_tri(props, "hash", net->rss_hash_report);
    prop_uint(props, "host_mtu", net->mtu);
    if (g_strcmp0(net->teaming_type, "persistent") == 0)
        prop_bool(props, "failover", true);
    prop_virtio(props, &net->virtio);
}

static char *interface_driver(const NetDef *net)
{
    if (!net_is_virtio(net))
        return g_strdup(net->model);
    return virtio_driver("virtio-net", g_str_has_suffix(net->model, "-non-transitional") ? 3 : g_str_has_suffix(net->model, "-transitional") ? 2 : 1,
                         &net->base.info);
}

static int interface_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const NetDef *net = NET(device);
    g_autofree char *driver = interface_driver(net), *mac = mac_format(&net->mac);

    if (!driver)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "interface '%s' has no model", device->info.alias);
    *ret = props_device(driver);
    if (net_is_virtio(net) && !build->options->for_show)
        put_virtio(*ret, net);
    prop_strf(*ret, "netdev", "host%s", device->info.alias);
    prop_str(*ret, "id", device->info.alias);
    prop_str(*ret, "mac", mac);
    /* Shown, it is the bare card: what it is tuned with depends on how it is connected. */
    if (build->options->for_show ? build_place(build, &device->info.address, *ret, err) < 0 : build_address(build, device, *ret, err) < 0)
        return -1;
    if (!device->info.boot_order.set && build->boot_network) {
        prop_int(*ret, "bootindex", build->boot_network);
        build->boot_network = 0;
    }
    return 0;
}

const QemuDeviceKind qemu_interface = {
    .kind = DEVICE_INTERFACE, .check = interface_check, .backend = interface_backend, .properties = interface_properties,
};
