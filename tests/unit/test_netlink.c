/*
 * The host's network state over the real kernel, in a namespace of our own: what we set is what iproute2 reports, what is
 * already so is not written again (a listener hears nothing), and what the kernel refuses is said with the interface's name.
 */
#include "common/host/netlink/address.h"
#include "common/host/netlink/bridge.h"
#include "common/host/netlink/macvtap.h"
#include "common/host/netlink/monitor.h"
#include "common/host/netlink/route.h"
#include "common/host/sysctl.h"
#include "common/host/tap.h"
#include "tests/unit/netns.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "common/base/file.h"
#include "common/base/loop.h"

static Netlink *nl;

static IpAddress
ip(const char *text)
{
    IpAddress result;

    assert_true(ip_parse(text, &result));
    return result;
}

static Mac
mac(const char *text)
{
    Mac result;

    assert_true(mac_parse(text, &result));
    return result;
}

/* A socket that hears every change. */
static int
listener(void)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                                                         RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_NEIGH };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static bool
heard(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) > 0;
}

static void
links(void **state)
{
    g_autofree char *shown = NULL;
    g_autoptr(GArray) all = NULL;
    Mac address = mac("52:54:00:12:34:56");
    char alias[300];
    HostLink link;

    run("ip link add v0 type veth peer name v1");
    assert_int_equal(link_find(nl, "v0", &link, NULL), 1);
    assert_string_equal(link.kind, "veth");
    assert_false(link.flags & IFF_UP);
    assert_done(link_set_mtu(nl, "v0", 1400, err));
    assert_done(link_set_mac(nl, "v0", &address, err));
    assert_done(link_set_alias(nl, "v0", "guest one", err));
    assert_done(link_set_up(nl, "v0", true, err));
    assert_done(link_rename(nl, "v0", "w0", err));
    shown = said("ip -j link show w0");
    assert_contains(shown, "\"mtu\":1400");
    assert_contains(shown, "\"address\":\"52:54:00:12:34:56\"");
    assert_contains(shown, "\"ifalias\":\"guest one\"");
    assert_contains(shown, "\"UP\"");
    assert_done(link_get(nl, "w0", &link, err));
    assert_string_equal(link.alias, "guest one");
    assert_int_equal(link.mtu, 1400);
    assert_done(link_set_alias(nl, "w0", NULL, err));
    assert_done(link_get(nl, "w0", &link, err));
    assert_string_equal(link.alias, "");
    assert_int_equal(link_find_index(nl, link.index, &link, NULL), 1);
    assert_string_equal(link.name, "w0");
    assert_done(link_list(nl, &all, err));
    assert_true(all->len >= 3);

    assert_int_equal(link_find(nl, "absent", &link, NULL), 0);
    assert_int_equal(link_find(nl, "a-name-that-is-too-long", &link, NULL), 0);
    assert_int_equal(link_find_index(nl, 99999, &link, NULL), 0);
    assert_refused(link_get(nl, "absent", &link, err), "there is no interface 'absent'");
    assert_refused(link_set_mtu(nl, "w0", 10, err), "cannot set the MTU of interface 'w0' to 10");
    assert_refused(link_rename(nl, "w0", "v1", err), "cannot rename interface 'w0' to 'v1'");
    memset(alias, 'x', sizeof(alias) - 1);
    alias[sizeof(alias) - 1] = '\0';
    assert_refused(link_set_alias(nl, "w0", alias, err), "longer than 255 bytes");
    assert_done(link_delete(nl, "w0", err));
    assert_int_equal(link_find(nl, "v1", &link, NULL), 0);
    assert_done(link_delete(nl, "w0", err));
}

static void
bridges(void **state)
{
    BridgeSpec spec = { .name = "virbr0", .mac = mac("52:54:00:aa:bb:cc"), .stp = true, .delay = 0, .mtu = 1400 };
    _cleanup_fd_ int changes = listener();
    g_autofree char *shown = NULL, *again = NULL;
    HostLink link;
    bool created;

    assert_done(bridge_ensure(nl, &spec, &created, err));
    assert_true(created);
    shown = said("ip -j -d link show virbr0");
    assert_contains(shown, "\"address\":\"52:54:00:aa:bb:cc\"");
    assert_contains(shown, "\"mtu\":1400");
    assert_contains(shown, "\"stp_state\":1");
    assert_contains(shown, "\"forward_delay\":200");
    while (heard(changes))
        continue;
    assert_done(bridge_ensure(nl, &spec, &created, err));
    assert_false(created);
    assert_false(heard(changes));

    /* STP off and no delay, in one call: the kernel would refuse the delay while STP is on. */
    spec.stp = false;
    spec.group_forward = 0x4000;
    assert_done(bridge_ensure(nl, &spec, NULL, err));
    again = said("ip -j -d link show virbr0");
    assert_contains(again, "\"stp_state\":0");
    assert_contains(again, "\"forward_delay\":0");
    assert_contains(again, "\"group_fwd_mask\":\"0x4000\"");

    run("ip link add v0 type veth peer name v1");
    spec.name = "v0";
    assert_refused(bridge_ensure(nl, &spec, NULL, err), "interface 'v0' exists and is of kind 'veth', not a bridge");
    spec.name = "lo";
    assert_refused(bridge_ensure(nl, &spec, NULL, err), "interface 'lo' exists and is a device, not a bridge");
    spec.name = "too-long-for-a-bridge";
    assert_refused(bridge_ensure(nl, &spec, NULL, err), "is no name for a bridge");
    spec = (BridgeSpec){ .name = "virbr1", .mtu = 1 };
    assert_refused(bridge_ensure(nl, &spec, NULL, err), "cannot set the MTU of interface 'virbr1' to 1");
    assert_int_equal(link_find(nl, "virbr1", &link, NULL), 0);
    run("ip link del v0; ip link del virbr0");
}

static void
ports(void **state)
{
    BridgeSpec spec = { .name = "br0" };
    BridgeVlan vlan = { .id = 7, .pvid = true, .untagged = true };
    Mac guest = mac("52:54:00:00:00:07");
    _cleanup_fd_ int changes = listener();
    g_autofree char *shown = NULL, *table = NULL, *after = NULL;
    BridgePortFlags flags;

    assert_done(bridge_ensure(nl, &spec, NULL, err));
    run("ip link add v0 type veth peer name v1");
    assert_refused(bridge_port_set(nl, "v0", BRIDGE_PORT_LEARNING, 0, err), "interface 'v0' is in no bridge");
    assert_refused(link_set_master(nl, "v0", "absent", err), "there is no interface 'absent'");
    assert_refused(link_set_master(nl, "v0", "lo", err), "cannot attach interface 'v0' to 'lo', which is no bridge");
    assert_done(link_set_master(nl, "v0", "br0", err));
    assert_done(bridge_port_get(nl, "v0", &flags, err));
    assert_true(flags & BRIDGE_PORT_LEARNING && flags & BRIDGE_PORT_UNICAST_FLOOD && !(flags & BRIDGE_PORT_ISOLATED));
    assert_done(bridge_port_set(nl, "v0", BRIDGE_PORT_LEARNING | BRIDGE_PORT_UNICAST_FLOOD | BRIDGE_PORT_ISOLATED,
                                BRIDGE_PORT_ISOLATED, err));
    shown = said("ip -j -d link show v0");
    assert_contains(shown, "\"master\":\"br0\"");
    assert_contains(shown, "\"learning\":false");
    assert_contains(shown, "\"flood\":false");
    assert_contains(shown, "\"mcast_flood\":true");
    assert_contains(shown, "\"isolated\":true");
    while (heard(changes))
        continue;
    assert_done(bridge_port_set(nl, "v0", BRIDGE_PORT_LEARNING | BRIDGE_PORT_ISOLATED, BRIDGE_PORT_ISOLATED, err));
    assert_done(link_set_master(nl, "v0", "br0", err));
    assert_false(heard(changes));

    assert_done(bridge_fdb_add(nl, "v0", &guest, err));
    assert_done(bridge_fdb_add(nl, "v0", &guest, err));
    table = said("bridge fdb show br br0");
    assert_contains(table, "52:54:00:00:00:07 dev v0 master br0 static");
    assert_done(bridge_fdb_delete(nl, "v0", &guest, err));
    assert_done(bridge_fdb_delete(nl, "v0", &guest, err));
    after = said("bridge fdb show br br0");
    assert_lacks(after, "52:54:00:00:00:07");
    assert_refused(bridge_fdb_add(nl, "absent", &guest, err), "there is no interface 'absent'");

    /* Where the kernel can: the port carries what is said; where it cannot, that is what the error says. */
    {
        _cleanup_error_ Error err = ERROR_INIT;

        if (bridge_vlan_set(nl, "v0", &vlan, 1, &err) < 0) {
            print_message("VLANs: %s\n", err.message);
            assert_int_equal(err.code, ERR_CONFIG_UNSUPPORTED);
            assert_contains(err.message, "'v0' cannot have VLANs");
        } else {
            g_autofree char *vlans = said("bridge vlan show dev v0");

            assert_contains(vlans, "7 PVID Egress Untagged");
            assert_lacks(vlans, " 1 ");
        }
    }
    assert_done(link_set_master(nl, "v0", NULL, err));
    assert_refused(bridge_port_get(nl, "v0", &flags, err), "is in no bridge");
    run("ip link del v0; ip link del br0");
}

static void
addresses(void **state)
{
    HostAddress v4 = { .ip = ip("192.168.122.1"), .prefix = 24, .broadcast = ip("192.168.122.255") };
    HostAddress v6 = { .ip = ip("fd00:1::1"), .prefix = 64, .flags = IFA_F_NODAD };
    HostAddress peer = { .ip = ip("10.0.0.1"), .prefix = 32, .peer = ip("10.0.0.2") };
    _cleanup_fd_ int changes = listener();
    g_autofree char *shown = NULL, *after = NULL;
    g_autoptr(GArray) all = NULL;

    run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up");
    assert_done(address_add(nl, "v0", &v4, err));
    assert_done(address_add(nl, "v0", &v6, err));
    assert_done(address_add(nl, "v0", &peer, err));
    shown = said("ip -j addr show v0");
    assert_contains(shown, "\"local\":\"192.168.122.1\",\"prefixlen\":24,\"broadcast\":\"192.168.122.255\"");
    assert_contains(shown, "\"local\":\"fd00:1::1\",\"prefixlen\":64,\"scope\":\"global\",\"nodad\":true");
    assert_contains(shown, "\"address\":\"10.0.0.2\"");
    while (heard(changes))
        continue;
    assert_done(address_add(nl, "v0", &v4, err));
    assert_done(address_add(nl, "v0", &v6, err));
    assert_done(address_add(nl, "v0", &peer, err));
    assert_false(heard(changes));

    assert_done(address_list(nl, "v0", &all, err));
    for (guint i = 0; i < all->len; i++) {
        const HostAddress *address = &g_array_index(all, HostAddress, i);
        char text[IP_TEXT_SIZE];

        assert_int_equal(address->index, if_nametoindex("v0"));
        assert_non_null(strstr(shown, ip_to_text(&address->ip, text)));
    }
    assert_in_range(all->len, 3, 4); /* and perhaps a link-local one */
    assert_done(address_delete(nl, "v0", &v4, err));
    assert_done(address_delete(nl, "v0", &v4, err));
    assert_done(address_delete(nl, "v0", &v6, err));
    assert_done(address_delete(nl, "v0", &peer, err));
    after = said("ip -j addr show v0");
    assert_lacks(after, "192.168.122.1");
    assert_lacks(after, "fd00:1::1");
    assert_lacks(after, "10.0.0.1");
    assert_refused(address_add(nl, "absent", &v4, err), "there is no interface 'absent'");
    run("echo 1 > /proc/sys/net/ipv6/conf/v0/disable_ipv6");
    assert_refused(address_add(nl, "v0", &v6, err), "cannot give address fd00:1::1/64 to interface 'v0', on which IPv6 may be disabled");
    run("ip link del v0");
}

static void
routes(void **state)
{
    HostRoute plain = { .destination = ip("192.168.5.0"), .prefix = 24, .gateway = ip("192.168.122.9"), .metric = 7 };
    HostRoute link_route = { .destination = ip("192.168.6.0"), .prefix = 24 };
    HostRoute v6 = { .destination = ip("fd00:5::"), .prefix = 64, .gateway = ip("fd00:1::9") };
    HostRoute fallback = { .destination = ip("0.0.0.0"), .gateway = ip("192.168.122.9") };
    HostRoute bad = { .destination = ip("192.168.7.0"), .prefix = 24, .gateway = ip("1.2.3.4") };
    _cleanup_fd_ int changes = listener();
    g_autofree char *shown = NULL, *shown6 = NULL, *after = NULL;
    g_autoptr(GArray) all = NULL;
    unsigned found = 0;

    run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; ip addr add 192.168.122.1/24 dev v0; "
        "ip addr add fd00:1::1/64 dev v0 nodad");
    const HostRoute *const rows[] = { &plain, &link_route, &v6, &fallback };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_done(route_add(nl, "v0", rows[i], err));
    shown = said("ip -j route show");
    shown6 = said("ip -6 -j route show");
    assert_contains(shown, "{\"dst\":\"192.168.5.0/24\",\"gateway\":\"192.168.122.9\",\"dev\":\"v0\",\"protocol\":\"static\",\"metric\":7,");
    assert_contains(shown, "\"dst\":\"192.168.6.0/24\",\"dev\":\"v0\"");
    assert_contains(shown, "\"dst\":\"default\",\"gateway\":\"192.168.122.9\"");
    assert_contains(shown6, "\"dst\":\"fd00:5::/64\",\"gateway\":\"fd00:1::9\"");
    while (heard(changes))
        continue;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_done(route_add(nl, "v0", rows[i], err));
    assert_false(heard(changes));

    assert_done(route_list(nl, &all, err));
    for (guint i = 0; i < all->len; i++) {
        const HostRoute *route = &g_array_index(all, HostRoute, i);

        found += ip_equal(&route->destination, &plain.destination) && route->prefix == 24 && route->metric == 7;
        found += ip_equal(&route->destination, &fallback.destination) && route->prefix == 0;
        found += ip_equal(&route->destination, &v6.destination) && route->prefix == 64;
    }
    assert_int_equal(found, 3);
    assert_refused(route_add(nl, "v0", &bad, err), "cannot add the route to 192.168.7.0/24 through 1.2.3.4 by interface 'v0'");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        assert_done(route_delete(nl, "v0", rows[i], err));
        assert_done(route_delete(nl, "v0", rows[i], err));
    }
    after = said("ip -j route show; ip -6 -j route show");
    assert_lacks(after, "192.168.5.0");
    assert_lacks(after, "fd00:5::");
    assert_lacks(after, "default");
    run("ip link del v0");
}

static void
taps(void **state)
{
    int one[1] = { -1 }, two[2] = { -1, -1 }, again[1] = { -1 };
    char name[IFNAMSIZ], other[IFNAMSIZ];
    g_autofree char *shown = NULL;
    HostLink link;

    if (access("/dev/net/tun", R_OK | W_OK) < 0) {
        print_message("no /dev/net/tun here\n");
        skip();
    }
    assert_done(tap_open("vnet%d", 1, true, name, one, err));
    assert_string_equal(name, "vnet0");
    assert_done(tap_open("vnet%d", 2, true, other, two, err));
    assert_string_equal(other, "vnet1");
    shown = said("ip -j -d link show vnet1");
    assert_contains(shown, "\"vnet_hdr\":true");
    assert_contains(shown, "\"multi_queue\":true,\"numqueues\":2");
    assert_done(link_get(nl, "vnet0", &link, err));
    assert_string_equal(link.kind, "tun");
    assert_refused(tap_open("vnet0", 1, true, other, again, err), "cannot make the tap device 'vnet0'");
    assert_refused(tap_open("a-name-that-is-too-long", 1, true, other, again, err), "is too long");
    close(one[0]);
    assert_int_equal(link_find(nl, "vnet0", &link, NULL), 0);
    close(two[0]);
    close(two[1]);
}

static void
macvtaps(void **state)
{
    MacvtapSpec spec = { .lower = "v0", .mode = MACVTAP_BRIDGE, .mac = mac("52:54:00:00:00:09") };
    g_autofree char *shown = NULL, *scratch = g_dir_make_tmp("macvtap-XXXXXX", NULL);
    char first[IFNAMSIZ], second[IFNAMSIZ], frame[64] = { 0 };
    HostLink link;
    int fds[4];

    run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up");
    {
        _cleanup_error_ Error err = ERROR_INIT;

        if (macvtap_create(nl, &spec, first, &err) < 0 && err.int1 == EOPNOTSUPP) {
            print_message("this kernel has no macvtap\n");
            run("ip link del v0");
            skip();
        }
        assert_false(error_is_set(&err));
    }
    assert_string_equal(first, "macvtap0");
    spec.mac = mac("52:54:00:00:00:0a");
    assert_done(macvtap_create(nl, &spec, second, err));
    assert_string_equal(second, "macvtap1");
    shown = said("ip -j -d link show macvtap0");
    assert_contains(shown, "\"link\":\"v0\"");
    assert_contains(shown, "\"mode\":\"bridge\"");
    assert_contains(shown, "\"address\":\"52:54:00:00:00:09\"");
    assert_done(link_set_up(nl, first, true, err));
    assert_done(macvtap_open(nl, first, 4, true, scratch, fds, err));
    /* Frames with their virtio header, out through the lower device. The kernel has a few of its own to send. */
    memset(frame + 10, 0xff, 6);
    for (int i = 0; i < 100; i++)
        assert_int_equal(write(fds[i % 4], frame, sizeof(frame)), sizeof(frame));
    assert_done(link_get(nl, first, &link, err));
    assert_in_range(link.tx_packets, 100, 120);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    assert_refused(macvtap_open(nl, "v0", 1, true, scratch, fds, err), "interface 'v0' is no macvtap");
    spec.name = first;
    assert_refused(macvtap_create(nl, &spec, second, err), "cannot make macvtap 'macvtap0' over 'v0'");
    spec = (MacvtapSpec){ .lower = "v0", .mode = MACVTAP_PASSTHROUGH };
    assert_refused(macvtap_create(nl, &spec, second, err), "in mode passthrough: the device is in use by another one");
    spec.lower = "absent";
    assert_refused(macvtap_create(nl, &spec, second, err), "there is no interface 'absent'");
    spec = (MacvtapSpec){ .lower = "v1", .mode = MACVTAP_PRIVATE, .macvlan = true };
    assert_done(macvtap_create(nl, &spec, second, err));
    assert_string_equal(second, "macvlan0");
    rmdir(scratch);
    run("ip link del v0");
}

typedef struct Heard { unsigned links, gone, addresses, routes, lost; bool close; NetMonitor *monitor; } Heard;

static void
on_change(const NetChange *change, void *data)
{
    Heard *all = data;

    if (all->close) {
        g_clear_pointer(&all->monitor, net_monitor_close);
        return;
    }
    all->lost += change->kind == NET_CHANGE_LOST;
    if (change->kind == NET_CHANGE_LINK && strcmp(change->link.name, "v0") == 0) {
        all->links++;
        all->gone += change->gone;
    }
    if (change->kind == NET_CHANGE_ADDRESS && change->address.ip.family == AF_INET)
        all->addresses += change->address.prefix == 24 && change->address.index == if_nametoindex("v0");
    if (change->kind == NET_CHANGE_ROUTE)
        all->routes += change->route.destination.family == AF_INET && change->route.prefix == 24 && !change->gone;
}

static void
changes(void **state)
{
    Heard all = { 0 };

    assert_done(loop_init(err));
    assert_done(net_monitor_open(on_change, &all, &all.monitor, err));
    run("ip link add v0 type veth peer name v1; ip addr add 10.1.0.1/24 dev v0; ip link set v0 up; ip link set v1 up");
    while (!all.links || !all.addresses || !all.routes)
        assert_done(loop_run_once(LOOP_NEVER, err));
    assert_int_equal(all.gone, 0);
    run("ip link del v0");
    while (!all.gone)
        assert_done(loop_run_once(LOOP_NEVER, err));
    assert_int_equal(all.lost, 0);

    /* More than the kernel keeps: said, not hung. */
    run("ip link add v0 type veth peer name v1; yes 'link set v0 mtu 1400\nlink set v0 mtu 1500' | head -n 8000 | ip -batch -");
    while (!all.lost)
        assert_done(loop_run_once(LOOP_NEVER, err));
    all.close = true; /* from within the callback */
    run("ip link del v0");
    while (all.monitor)
        assert_done(loop_run_once(LOOP_NEVER, err));
    loop_done();
}

static void
settings(void **state)
{
    g_autofree char *value = NULL;

    run("ip link add v0 type veth peer name v1");
    assert_int_equal(sysctl_write("ipv6/conf/v0/accept_ra", "0", NULL), SYSCTL_WRITTEN);
    assert_int_equal(sysctl_write("ipv6/conf/v0/accept_ra", "0", NULL), SYSCTL_KEPT);
    assert_done(sysctl_read("ipv6/conf/v0/accept_ra", &value, err));
    assert_string_equal(value, "0");
    assert_refused(sysctl_write("ipv4/conf/absent/forwarding", "1", err), "/proc/sys/net/ipv4/conf/absent/forwarding");
    run("mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys");
    assert_int_equal(sysctl_write("ipv6/conf/v0/accept_ra", "0", NULL), SYSCTL_KEPT);
    assert_refused(sysctl_write("ipv6/conf/v0/accept_ra", "2", err),
                   "cannot set /proc/sys/net/ipv6/conf/v0/accept_ra to 2, it is 0: Read-only file system");
    run("umount /proc/sys; ip link del v0");
}

static int
set_up(void **state)
{
    return netlink_open(NETLINK_ROUTE, &nl, NULL);
}

static int
tear_down(void **state)
{
    netlink_close(nl);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links),
        cmocka_unit_test(bridges),
        cmocka_unit_test(ports),
        cmocka_unit_test(addresses),
        cmocka_unit_test(routes),
        cmocka_unit_test(taps),
        cmocka_unit_test(macvtaps),
        cmocka_unit_test(changes),
        cmocka_unit_test(settings),
    };

    if (!netns_enter())
        return 77; /* skipped */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
