#include "virtnetworkd/network/bridge.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "common/base/worker.h"
#include "common/host/netlink/address.h"
#include "common/host/netlink/bridge.h"
#include "common/host/netlink/link.h"
#include "common/host/netlink/qos.h"
#include "common/host/netlink/route.h"
#include "common/host/sysctl.h"
#include "virtnetworkd/driver.h"

#define LOG_SOURCE "network.bridge"
#include "common/base/log.h"

static bool
has_family(const NetworkDef *def, sa_family_t family)
{
    LIST_FOREACH(NetworkIp, ip, &def->ips)
        if (ip->address.family == family)
            return true;
    return false;
}

/* --- before --- */

/*
 * A host that gets its own default route by router advertisements loses it when it forwards, unless the interface accepts
 * them all the same (accept_ra 2).
 */
static int
check_ra_routes(Driver *driver, const NetworkDef *def, Error *err)
{
    g_autoptr(GArray) routes = NULL;

    if (route_list(driver->netlink, &routes, err) < 0)
        return -1;
    for (guint i = 0; i < routes->len; i++) {
        const HostRoute *route = &g_array_index(routes, HostRoute, i);
        g_autofree char *name = NULL, *value = NULL;
        HostLink link;

        if (route->protocol != RTPROT_RA || route->destination.family != AF_INET6 ||
            link_find_index(driver->netlink, route->index, &link, NULL) <= 0)
            continue;
        name = g_strdup_printf("ipv6/conf/%s/accept_ra", link.name);
        if (sysctl_read(name, &value, NULL) == 0 && strcmp(value, "2") != 0)
            return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR,
                              "cannot start network '%s': enabling IPv6 forwarding would end the route that '%s' has by router "
                              "advertisements; set net.ipv6.conf.%s.accept_ra to 2 first", def->name, link.name, link.name);
    }
    return 0;
}

int
bridge_check(Driver *driver, const NetworkDef *def, Error *err)
{
    g_autofree char *forwarding = NULL;
    HostLink link;
    int r;

    if (!def->forward.present || !has_family(def, AF_INET6) || sysctl_read("ipv6/conf/all/forwarding", &forwarding, NULL) < 0 ||
        strcmp(forwarding, "0") != 0)
        r = 0;
    else
        r = check_ra_routes(driver, def, err);
    if (r < 0)
        return -1;
    r = link_find(driver->netlink, def->bridge.name, &link, err);
    if (r > 0)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "cannot start network '%s': an interface '%s' exists already (%s)",
                          def->name, def->bridge.name, link.kind[0] ? link.kind : "hardware");
    return r;
}

/* --- up --- */

/* A network works without it, or as well as can be: the reason goes to the log. */
static void
set_softly(const NetworkDef *def, const char *value, const char *format, const char *bridge)
{
    g_autofree char *name = g_strdup_printf(format, bridge);
    _cleanup_error_ Error err = ERROR_INIT;

    if (sysctl_write(name, value, &err) < 0)
        log_warning("network '%s': %s", def->name, err.message);
}

/*
 * Without an IPv6 address of its own the host stays out of the guests' IPv6, unless the network says otherwise. It never
 * takes a route or an address from a guest that claims to be a router.
 */
static void
set_ipv6(const NetworkDef *def)
{
    bool wanted = has_family(def, AF_INET6) || def->ipv6 == TRI_YES;
    const char *bridge = def->bridge.name;

    if (access("/proc/sys/net/ipv6", F_OK) < 0) /* a kernel without IPv6: guests have none either */
        return;
    set_softly(def, wanted ? "0" : "1", "ipv6/conf/%s/disable_ipv6", bridge);
    if (!wanted)
        return;
    set_softly(def, "0", "ipv6/conf/%s/accept_ra", bridge);
    set_softly(def, "0", "ipv6/conf/%s/autoconf", bridge);
}

static int
set_forwarding(const NetworkDef *def, Error *err)
{
    if (!def->forward.present)
        return 0;
    if (has_family(def, AF_INET) && sysctl_write("ipv4/ip_forward", "1", err) < 0)
        return error_prefixf(err, "network '%s' cannot forward", def->name);
    if (has_family(def, AF_INET6) && sysctl_write("ipv6/conf/all/forwarding", "1", err) < 0)
        return error_prefixf(err, "network '%s' cannot forward", def->name);
    return 0;
}

static int
add_addresses(Driver *driver, const NetworkDef *def, Error *err)
{
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        HostAddress address = { .ip = ip->address, .prefix = network_ip_prefix(ip) };

        /* Nobody is on the bridge yet who could have the same address; and without a port it would never be found usable. */
        if (ip->address.family == AF_INET6)
            address.flags = IFA_F_NODAD;
        else if (address.prefix < 31)
            address.broadcast = ip_broadcast(&ip->address, address.prefix);
        if (address_add(driver->netlink, def->bridge.name, &address, err) < 0)
            return -1;
    }
    return 0;
}

static int
add_routes(Driver *driver, const NetworkDef *def, Error *err)
{
    LIST_FOREACH(NetworkRoute, route, &def->routes) {
        unsigned prefix = network_route_prefix(route);
        HostRoute host = { .destination = ip_network(&route->address, prefix), .prefix = prefix, .gateway = route->gateway,
                           .metric = route->metric.set ? route->metric.v : 1 };

        if (route_add(driver->netlink, def->bridge.name, &host, err) < 0)
            return -1;
    }
    return 0;
}

int
bridge_up(Driver *driver, const NetworkDef *def, Error *err)
{
    const BridgeSpec spec = {
        .name = def->bridge.name,
        .mac = def->mac,
        .mtu = def->mtu.set ? def->mtu.v : 0,
        .stp = def->bridge.stp != TRI_OFF,
        .delay = def->bridge.delay.v,
        .vlan_filtering = def->bridge.mac_table == MAC_TABLE_LIBVIRT,
    };

    if (bridge_ensure(driver->netlink, &spec, NULL, err) < 0)
        return -1;
    set_ipv6(def);
    if (add_addresses(driver, def, err) < 0 || link_set_up(driver->netlink, def->bridge.name, true, err) < 0 ||
        set_forwarding(def, err) < 0 || add_routes(driver, def, err) < 0)
        return -1;
    return 0;
}

typedef struct Removal {
    char *bridge;
    bool limited; /* there may be a device that shapes what it received */
} Removal;

static void
removal_clear(void *data)
{
    g_free(((Removal *)data)->bridge);
}

static int
removal_run(void *data, Error *err)
{
    const Removal *removal = data;
    g_autoptr(Netlink) nl = NULL;

    if (netlink_open(NETLINK_ROUTE, &nl, err) < 0 || link_delete(nl, removal->bridge, err) < 0)
        return -1;
    return removal->limited ? qos_sweep(nl, err) : 0;
}

/* The kernel waits until nobody looks at an interface any more before it is gone: tens of milliseconds. */
int
bridge_down(Job *job, const NetworkDef *def, Error *err)
{
    Removal *removal = g_atomic_rc_box_new0(Removal);
    int r;

    *removal = (Removal){ g_strdup(def->bridge.name), def->bandwidth.outbound.present };
    r = worker_run(job, "the kernel to remove a bridge", removal_run, removal, removal_clear, LOOP_NEVER, err);
    g_atomic_rc_box_release_full(removal, removal_clear);
    return r;
}

int
bridge_exists(Driver *driver, const NetworkDef *def, Error *err)
{
    HostLink link;
    int r = link_find(driver->netlink, def->bridge.name, &link, err);

    return r > 0 ? strcmp(link.kind, "bridge") == 0 : r;
}
