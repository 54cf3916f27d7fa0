#include "virtnetworkd/network/rules.h"

#include "virtnetworkd/driver.h"
#include "virtnetworkd/firewall/firewall.h"
#include "virtnetworkd/network/foreign.h"
#include "virtnetworkd/network/run.h"

#define LOG_SOURCE "network.rules"
#include "common/base/log.h"

/* One network as the firewall wants it; the subnets are owned. */
typedef struct Entry {
    FirewallNetwork network;
    GArray *subnets;
} Entry;

static void
entry_free(void *data)
{
    Entry *entry = data;

    g_array_unref(entry->subnets);
    g_free(entry);
}

static void
add_subnets(Entry *entry, const NetworkDef *def)
{
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        FirewallSubnet subnet = { ip->address, network_ip_prefix(ip) };
        bool v6 = ip->address.family == AF_INET6;

        g_array_append_val(entry->subnets, subnet);
        entry->network.dhcp4 |= ip->dhcp && !v6;
        entry->network.dhcp6 |= ip->dhcp && v6;
        entry->network.tftp |= ip->tftp_root != NULL;
    }
    /* What lies behind a guest that routes is reached through the network too. */
    LIST_FOREACH(NetworkRoute, route, &def->routes) {
        FirewallSubnet subnet = { route->address, network_route_prefix(route) };

        g_array_append_val(entry->subnets, subnet);
    }
    entry->network.subnets = (const FirewallSubnet *)(void *)entry->subnets->data;
    entry->network.n_subnets = entry->subnets->len;
}

static Entry *
entry_new(const NetworkDef *def)
{
    static const FirewallMode modes[] = { [FORWARD_NONE] = FIREWALL_ISOLATED, [FORWARD_NAT] = FIREWALL_NAT,
                                          [FORWARD_ROUTE] = FIREWALL_ROUTE, [FORWARD_OPEN] = FIREWALL_OPEN };
    const ForwardNat *nat = &def->forward.nat;
    Entry *entry = g_new0(Entry, 1);

    entry->subnets = g_array_new(FALSE, FALSE, sizeof(FirewallSubnet));
    entry->network = (FirewallNetwork){
        .name = def->name,
        .bridge = def->bridge.name,
        .mode = modes[def->forward.mode],
        .out_dev = def->forward.dev,
        .nat_ipv6 = nat->ipv6 == TRI_YES,
        .nat_first = nat->address_start,
        .nat_last = nat->address_end,
        .nat_port_first = (uint16_t)nat->port_start.v,
        .nat_port_last = (uint16_t)nat->port_end.v,
        .dns = def->ips.n > 0 && def->dns.enable != TRI_NO,
    };
    add_subnets(entry, def);
    return entry;
}

/* A kernel that lacks something lacks it at each start: once is enough. */
static void
log_warnings(GHashTable *known, const GPtrArray *warnings)
{
    for (guint i = 0; i < warnings->len; i++)
        if (g_hash_table_add(known, g_strdup(warnings->pdata[i])))
            log_warning("%s", (const char *)warnings->pdata[i]);
}

static bool
filtered(const Network *network)
{
    return network->run && network->run->phase != PHASE_STOPPING && network_def_owns_bridge(network->live);
}

/* All networks of ours; entries owns what list points to. */
static GPtrArray *
collect(Driver *driver, GPtrArray *entries)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver->networks.by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        Entry *entry = filtered(object) ? entry_new(((Network *)object)->live) : NULL;

        if (entry) {
            g_ptr_array_add(entries, entry);
            g_ptr_array_add(list, &entry->network);
        }
    }
    return list;
}

int
rules_sync(Driver *driver, Error *err)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free), list = NULL;
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    int r;

    if (!driver->firewall_enabled)
        return 0;
    if (!driver->firewall && firewall_open(&driver->firewall, err) < 0)
        return -1;
    list = collect(driver, entries);
    r = firewall_sync(driver->firewall, (const FirewallNetwork *const *)list->pdata, list->len, warnings, err);
    log_warnings(driver->warned, warnings);
    return r < 0 ? -1 : r == FIREWALL_CHANGED;
}

void
rules_check_foreign(Driver *driver)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free), list = NULL;
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    _cleanup_error_ Error err = ERROR_INIT;

    if (!driver->firewall)
        return;
    list = collect(driver, entries);
    if (firewall_foreign(driver->firewall, (const FirewallNetwork *const *)list->pdata, list->len, warnings, &err) < 0) {
        log_warning("the rules of others were not looked at: %s", err.message);
        return;
    }
    foreign_found(driver, warnings);
}

void
rules_check_foreign_soon(Driver *driver)
{
    if (driver->firewall)
        firewall_foreign_soon(driver->firewall);
}

void
rules_drop_libvirt(Driver *driver)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    _cleanup_error_ Error err = ERROR_INIT;
    int r;

    if (!driver->firewall || !driver->firewall_enabled)
        return;
    r = firewall_drop_libvirt(driver->firewall, warnings, &err);
    if (r < 0)
        log_warning("%s", err.message);
    else if (r == FIREWALL_CHANGED)
        log_info("the rules of libvirt's daemon are replaced by ours");
    log_warnings(driver->warned, warnings);
}

int
rules_add(Network *network, Error *err)
{
    Driver *driver = network->driver;
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    Entry *entry;
    int r;

    if (!driver->firewall || !driver->firewall_enabled)
        return rules_sync(driver, err) < 0 ? -1 : 0;
    entry = entry_new(network->live);
    r = firewall_add(driver->firewall, &entry->network, warnings, err);
    entry_free(entry);
    log_warnings(driver->warned, warnings);
    return r < 0 ? -1 : 0;
}

int
rules_remove(Network *network, Error *err)
{
    Driver *driver = network->driver;
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    int r;

    if (!driver->firewall || !driver->firewall_enabled)
        return rules_sync(driver, err) < 0 ? -1 : 0;
    r = firewall_remove(driver->firewall, network->live->bridge.name, warnings, err);
    log_warnings(driver->warned, warnings);
    return r < 0 ? -1 : 0;
}
