#include "virtnetworkd/port/bandwidth.h"

#include "common/host/netlink/qos.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"

#define LOG_SOURCE "network.bandwidth"
#include "common/base/log.h"

static uint64_t
floor_of(const NetworkPortDef *def)
{
    return def->bandwidth.inbound.present ? def->bandwidth.inbound.floor.v : 0;
}

/* What is guaranteed to all ports but this one. */
static uint64_t
guaranteed(const Network *network, const NetworkPortDef *except)
{
    GHashTableIter iter;
    uint64_t sum = 0;
    void *port;

    g_hash_table_iter_init(&iter, network->run->ports);
    while (g_hash_table_iter_next(&iter, NULL, &port))
        if (((Port *)port)->def != except)
            sum += floor_of(((Port *)port)->def);
    return sum;
}

/* The lowest class that no port has; 0 when there is none. */
static unsigned
free_class(const Network *network)
{
    g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    void *port;

    g_hash_table_iter_init(&iter, network->run->ports);
    while (g_hash_table_iter_next(&iter, NULL, &port))
        g_hash_table_add(taken, GUINT_TO_POINTER(((Port *)port)->def->class_id));
    for (unsigned id = QOS_CLASS_FIRST; id <= QOS_CLASS_LAST; id++)
        if (!g_hash_table_contains(taken, GUINT_TO_POINTER(id)))
            return id;
    return 0;
}

static int
check_floor(const Network *network, const NetworkPortDef *def, const NetworkPortDef *except, Error *err)
{
    const Bandwidth *whole = &network->live->bandwidth.inbound;
    g_autofree char *mac = mac_format(&def->mac);
    uint64_t sum = guaranteed(network, except), limit = whole->peak.set ? whole->peak.v : whole->average.v;

    if (def->plug != PLUG_NETWORK || !whole->present || !whole->average.set)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_UNSUPPORTED,
                          "the card %s cannot be guaranteed a rate ('floor'): %s has no inbound limit of its own to divide", mac, network->label);
    if (floor_of(def) > limit || sum > limit - floor_of(def))
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_INVALID,
                          "cannot guarantee %" G_GUINT64_FORMAT " KiB/s to the card %s: %s has %" G_GUINT64_FORMAT
                          " KiB/s, of which %" G_GUINT64_FORMAT " are promised already", floor_of(def), mac, network->label, limit, sum);
    return 0;
}

/* replaced: the definition that def takes the place of; NULL for a new port. */
static int
admit(const Network *network, const NetworkPortDef *replaced, NetworkPortDef *def, Error *err)
{
    if (!floor_of(def)) {
        def->class_id = 0;
        return 0;
    }
    if (check_floor(network, def, replaced, err) < 0)
        return -1;
    def->class_id = replaced && replaced->class_id ? replaced->class_id : free_class(network);
    if (!def->class_id)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED, "%s has no traffic class left", network->label);
    return 0;
}

int
bandwidth_admit(const Network *network, NetworkPortDef *def, Error *err)
{
    return admit(network, NULL, def, err);
}

/* --- in the kernel --- */

static QosRate
qos_rate(const Bandwidth *bandwidth)
{
    return (QosRate){ .average = bandwidth->average.v, .peak = bandwidth->peak.v, .burst = bandwidth->burst.v };
}

/* What the host sends to the bridge is what guests receive. */
static int
set_whole(Network *network, GPtrArray *warnings, Error *err)
{
    const NetBandwidth *bandwidth = &network->live->bandwidth;
    const QosRate inbound = qos_rate(&bandwidth->inbound), outbound = qos_rate(&bandwidth->outbound);
    const char *bridge = network->live->bridge.name;
    Netlink *nl = network->driver->netlink;

    if ((inbound.average ? qos_set_divided(nl, bridge, &inbound, guaranteed(network, NULL), warnings, err)
                         : qos_set_sent(nl, bridge, &inbound, warnings, err)) < 0)
        return -1;
    return qos_set_received(nl, bridge, &outbound, warnings, err);
}

static int
set_class(Network *network, const NetworkPortDef *def, Error *err)
{
    const QosRate whole = qos_rate(&network->live->bandwidth.inbound);

    return qos_set_guarantee(network->driver->netlink, network->live->bridge.name, def->class_id, &def->mac, floor_of(def), &whole, err);
}

static void
log_warnings(Network *network, const GPtrArray *warnings)
{
    for (guint i = 0; i < warnings->len; i++)
        if (g_hash_table_add(network->driver->warned, g_strdup(warnings->pdata[i])))
            log_warning("%s: %s", network->label, (const char *)warnings->pdata[i]);
}

/* The whole follows what is divided of it. */
static int
divide(Network *network, Error *err)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    int r = set_whole(network, warnings, err);

    log_warnings(network, warnings);
    return r;
}

int
bandwidth_apply(Driver *driver, Network *network, Error *err)
{
    GHashTableIter iter;
    void *port;

    /* A network cannot lose its limits while it is active: without any there is nothing of ours in the kernel. */
    if (!network->live->bandwidth.present)
        return 0;
    if (divide(network, err) < 0)
        return -1;
    g_hash_table_iter_init(&iter, network->run->ports);
    while (g_hash_table_iter_next(&iter, NULL, &port))
        if (((Port *)port)->def->class_id && set_class(network, ((Port *)port)->def, err) < 0)
            return -1;
    return 0;
}

int
bandwidth_add(Network *network, const NetworkPortDef *def, Error *err)
{
    if (!def->class_id)
        return 0;
    return divide(network, err) < 0 || set_class(network, def, err) < 0 ? -1 : 0;
}

void
bandwidth_remove(Network *network, const NetworkPortDef *def)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (def->class_id && qos_drop_guarantee(network->driver->netlink, network->live->bridge.name, def->class_id, &err) < 0)
        log_error("%s: %s", network->label, err.message);
}

int
bandwidth_change(Network *network, const NetworkPortDef *old, NetworkPortDef *new, Error *err)
{
    if (admit(network, old, new, err) < 0)
        return -1;
    if (new->class_id)
        return set_class(network, new, err);
    bandwidth_remove(network, old);
    return 0;
}
