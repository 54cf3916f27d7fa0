#include "virtnetworkd/network/define.h"

#include <stdio.h>
#include <string.h>

#include "common/host/netlink/link.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/persist.h"
#include "virtnetworkd/network/subnet.h"

#define LOG_SOURCE "network.define"
#include "common/base/log.h"

#define BRIDGE_TEMPLATE "virbr%u"
#define BRIDGES_MAX 65536

/* --- bridge names --- */

/* What a network calls its bridge, live or persistent; a definition that can't be read takes none. */
static bool
uses_bridge(Network *network, const char *bridge)
{
    const NetworkDef *defs[] = { network->live, network->persistent ? network_config(network, NULL) : NULL };

    for (size_t i = 0; i < G_N_ELEMENTS(defs); i++)
        if (defs[i] && network_def_owns_bridge(defs[i]) && g_strcmp0(defs[i]->bridge.name, bridge) == 0)
            return true;
    return false;
}

/* Another network with this bridge; NULL when there is none. */
static Network *
find_bridge_user(Driver *driver, const char *bridge, const uint8_t *except_uuid)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver->networks.by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        Network *network = object;

        if (memcmp(network->base.uuid, except_uuid, UUID_SIZE) != 0 && uses_bridge(network, bridge))
            return network;
    }
    return NULL;
}

int
define_check_bridge(Driver *driver, const NetworkDef *def, Error *err)
{
    Network *other;

    if (!network_def_owns_bridge(def) || !def->bridge.name)
        return 0;
    other = find_bridge_user(driver, def->bridge.name, def->uuid.b);
    if (other)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "bridge name '%s' already in use by %s", def->bridge.name, other->label);
    return 0;
}

/* A name "virbrN" that no network and no interface of the host has. A name with "%d" asks for the same with its prefix. */
static int
choose_bridge(Driver *driver, NetworkDef *def, Error *err)
{
    const char *percent = def->bridge.name ? strstr(def->bridge.name, "%d") : NULL;
    g_autofree char *prefix = percent ? g_strndup(def->bridge.name, (gsize)(percent - def->bridge.name)) : g_strdup("virbr");

    if (def->bridge.name && !percent)
        return 0;
    for (unsigned i = 0; i < BRIDGES_MAX; i++) {
        g_autofree char *name = g_strdup_printf("%s%u", prefix, i);
        HostLink link;
        int r;

        if (strlen(name) >= IFNAMSIZ)
            break;
        if (find_bridge_user(driver, name, def->uuid.b))
            continue;
        r = link_find(driver->netlink, name, &link, err);
        if (r < 0)
            return -1;
        if (r > 0)
            continue;
        g_free(def->bridge.name);
        def->bridge.name = g_steal_pointer(&name);
        def->bridge.present = true;
        return 0;
    }
    return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "network '%s' finds no free bridge name '%sN'", def->name, prefix);
}

/* --- definitions --- */

int
define_parse(Driver *driver, const char *xml, unsigned flags, NetworkDef **ret, Error *err)
{
    g_autoptr(NetworkDef) def = NULL;
    StoreObject *same;

    if (network_def_parse(xml, flags, &def, err) < 0 ||
        store_match(driver_networks(driver), "network", FROM_NETWORK, def->name, def->uuid.b, &same, err) < 0)
        return -1;
    /* Nobody else has seen it yet. */
    if (network_def_owns_bridge(def) && choose_bridge(driver, def, err) < 0)
        return -1;
    if (define_check_bridge(driver, def, err) < 0)
        return -1;
    *ret = g_steal_pointer(&def);
    return 0;
}

static int
check(const Network *network, bool inactive, Error *err)
{
    if (!network->base.stored)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED, "%s was removed meanwhile", network->label);
    if (inactive && network->run)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_INVALID, "network is already active as '%s'", network_name(network));
    return 0;
}

int
define_claim(Job *job, Driver *driver, const NetworkDef *def, bool inactive, Network **ret, Error *err)
{
    Store *store = driver_networks(driver);
    g_autoptr(Network) network = NULL;
    StoreObject *same;

    if (store_match(store, "network", FROM_NETWORK, def->name, def->uuid.b, &same, err) < 0 ||
        (same && check((Network *)same, inactive, err) < 0))
        return -1;
    network = same ? network_ref((Network *)same) : network_new(driver, def->name, def->uuid.b);
    if (!same)
        store_add(store, &network->base);
    if (job_acquire(job, &network->queue, network->label, JOB_QUEUE_TIMEOUT, err) < 0)
        return -1; /* whoever holds it now decides whether it stays */
    if (check(network, inactive, err) < 0) {
        define_release(job, network);
        return -1;
    }
    *ret = g_steal_pointer(&network);
    return 0;
}

void
define_release(Job *job, Network *network)
{
    if (!network->persistent && !network->run)
        store_remove(&network->driver->networks, &network->base);
    job_release(job, &network->queue);
}

int
define_settle_installed(Job *job, Network *network, Error *err)
{
    const NetworkDef *config = network_config(network, err);
    g_autoptr(NetworkDef) def = config ? network_def_copy(config) : NULL;
    int moved;

    if (!def || (network_def_owns_bridge(def) && choose_bridge(network->driver, def, err) < 0))
        return -1;
    moved = subnet_settle(network->driver, def, err);
    if (moved < 0 || persist_write_config(job, network->driver, def, err) < 0)
        return -1;
    if (moved) {
        char text[IP_TEXT_SIZE];

        log_info("%s has the address %s: this host is in 192.168.122.0/24 already", network->label,
                 ip_to_text(&def->ips.items[0]->address, text));
    }
    network_set_config(network, g_steal_pointer(&def));
    return 0;
}
