#include "virtnetworkd/port/plug.h"

#include <string.h>

#include "common/host/netlink/link.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/port/pool.h"

bool
plug_uses(const NetworkPortDef *port, const ForwardInterface *interface)
{
    if (interface->pci)
        return port->plug == PLUG_HOSTDEV_PCI && port->pci_domain == interface->domain && port->pci_bus == interface->bus &&
               port->pci_slot == interface->slot && port->pci_function == interface->function;
    return port->plug == PLUG_DIRECT && g_strcmp0(port->linkdev, interface->dev) == 0;
}

static unsigned
users(const Network *network, const ForwardInterface *interface)
{
    GHashTableIter iter;
    unsigned n = 0;
    void *port;

    g_hash_table_iter_init(&iter, network->run->ports);
    while (g_hash_table_iter_next(&iter, NULL, &port))
        n += plug_uses(((Port *)port)->def, interface);
    return n;
}

/* --- before the network starts --- */

static int
check_link(Driver *driver, const NetworkDef *def, const char *name, bool bridge, Error *err)
{
    HostLink link;
    int r = link_find(driver->netlink, name, &link, err);

    if (r < 0)
        return -1;
    if (r == 0)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "cannot start network '%s': this host has no interface '%s'", def->name, name);
    if (bridge && strcmp(link.kind, "bridge") != 0 && strcmp(link.kind, "openvswitch") != 0)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "cannot start network '%s': '%s' is no bridge", def->name, name);
    return 0;
}

int
plug_check_network(Driver *driver, const NetworkDef *def, Error *err)
{
    g_autoptr(GPtrArray) pool = NULL;

    if (def->bridge.name)
        return check_link(driver, def, def->bridge.name, !def->vport || def->vport->type != VPORT_OPENVSWITCH, err);
    if (pool_list(def, &pool, err) < 0)
        return -1;
    for (guint i = 0; i < pool->len; i++) {
        const ForwardInterface *interface = pool->pdata[i];

        if (interface->dev && check_link(driver, def, interface->dev, false, err) < 0)
            return -1;
    }
    return 0;
}

/* --- for one port --- */

static int
take_group(const Network *network, NetworkPortDef *def, Error *err)
{
    const NetworkDef *live = network->live;
    const PortGroup *group = network_def_portgroup(live, def->group);

    if (def->group && !group)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "%s has no port group '%s'", network->label, def->group);
    if (!def->bandwidth.present && group && group->bandwidth.present)
        xml_copy_into(&net_bandwidth_schema, &def->bandwidth, &group->bandwidth);
    if (!def->vlan)
        def->vlan = group && group->vlan ? xml_copy(&net_vlan_schema, group->vlan) : xml_copy(&net_vlan_schema, live->vlan);
    if (!def->vport)
        def->vport = xml_copy(&virtual_port_schema, group && group->vport ? group->vport : live->vport);
    if (!def->trust_guest_rx_filters)
        def->trust_guest_rx_filters = group && group->trust_guest_rx_filters ? group->trust_guest_rx_filters : live->trust_guest_rx_filters;
    if (!def->isolated)
        def->isolated = live->isolated;
    return 0;
}

/* Those of one user only: whole functions, passthrough, and private with a switch that tells guests apart by interface. */
static bool
exclusive(const NetworkDef *live, const NetworkPortDef *def)
{
    return live->forward.mode == FORWARD_HOSTDEV || live->forward.mode == FORWARD_PASSTHROUGH ||
           (live->forward.mode == FORWARD_PRIVATE && def->vport && def->vport->type == VPORT_802_1QBH);
}

/* The least used interface of the pool. */
static int
choose_interface(Network *network, const NetworkPortDef *def, const GPtrArray *pool, const ForwardInterface **ret, Error *err)
{
    const ForwardInterface *best = NULL;
    unsigned fewest = G_MAXUINT;

    for (guint i = 0; i < pool->len; i++) {
        unsigned n = users(network, pool->pdata[i]);

        if (n < fewest) {
            fewest = n;
            best = pool->pdata[i];
        }
    }
    if (!best || (exclusive(network->live, def) && fewest > 0))
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "%s has no interface left: all %u are in use", network->label, pool->len);
    *ret = best;
    return 0;
}

static int
take_interface(Network *network, NetworkPortDef *def, Error *err)
{
    static const DirectMode modes[] = {
        [FORWARD_BRIDGE] = DIRECT_BRIDGE, [FORWARD_PRIVATE] = DIRECT_PRIVATE, [FORWARD_VEPA] = DIRECT_VEPA,
        [FORWARD_PASSTHROUGH] = DIRECT_PASSTHROUGH, [FORWARD_HOSTDEV] = DIRECT_ABSENT,
    };
    const ForwardDef *forward = &network->live->forward;
    g_autoptr(GPtrArray) pool = NULL;
    const ForwardInterface *interface;

    if (pool_list(network->live, &pool, err) < 0 || choose_interface(network, def, pool, &interface, err) < 0)
        return -1;
    if (forward->mode != FORWARD_HOSTDEV) {
        def->plug = PLUG_DIRECT;
        def->linkdev = g_strdup(interface->dev);
        def->mode = (int)modes[forward->mode];
        return 0;
    }
    def->plug = PLUG_HOSTDEV_PCI;
    def->managed = forward->managed == TRI_YES ? TRI_YES : TRI_NO;
    def->driver_name = g_strdup(forward->driver_name);
    def->driver_model = g_strdup(forward->driver_model);
    def->pci_domain = interface->domain;
    def->pci_bus = interface->bus;
    def->pci_slot = interface->slot;
    def->pci_function = interface->function;
    return 0;
}

int
plug_choose(Network *network, NetworkPortDef *def, Error *err)
{
    const NetworkDef *live = network->live;

    if (def->plug)
        return error_setf(err, FROM_NETWORK, ERR_CONFIG_UNSUPPORTED, "what a port of %s is plugged into is chosen by the network, not asked for",
                          network->label);
    if (take_group(network, def, err) < 0)
        return -1;
    if (!live->bridge.name)
        return take_interface(network, def, err);
    def->plug = network_def_owns_bridge(live) ? PLUG_NETWORK : PLUG_BRIDGE;
    def->bridge = g_strdup(live->bridge.name);
    def->mac_table = live->bridge.mac_table;
    return 0;
}

int
plug_reclaim(Network *network, const NetworkPortDef *def, Error *err)
{
    const NetworkDef *live = network->live;
    g_autoptr(GPtrArray) pool = NULL;

    if (def->plug == PLUG_NETWORK || def->plug == PLUG_BRIDGE) {
        if (g_strcmp0(def->bridge, live->bridge.name) == 0 && (def->plug == PLUG_NETWORK) == network_def_owns_bridge(live))
            return 0;
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "the port is on bridge '%s', which %s does not have (any more)",
                          def->bridge ? def->bridge : "", network->label);
    }
    if (live->bridge.name || pool_list(live, &pool, err) < 0)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "the port has an interface of a pool, which %s does not have (any more)",
                          network->label);
    for (guint i = 0; i < pool->len; i++) {
        if (!plug_uses(def, pool->pdata[i]))
            continue;
        if (exclusive(live, def) && users(network, pool->pdata[i]) > 0)
            return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "the interface of the port is another's of %s meanwhile", network->label);
        return 0;
    }
    return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "the interface of the port is not one of %s", network->label);
}
