#include "virtnetworkd/port/bandwidth.h"

#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"

#define FIRST_CLASS 3 /* 1 is the whole link, 2 what has no guarantee */
#define LAST_CLASS 0xffff

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
    for (unsigned id = FIRST_CLASS; id <= LAST_CLASS; id++)
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

int
bandwidth_apply(Driver *driver, Network *network, Error *err)
{
    return 0;
}

int
bandwidth_add(Network *network, const NetworkPortDef *def, Error *err)
{
    return 0;
}

void
bandwidth_remove(Network *network, const NetworkPortDef *def)
{
}

int
bandwidth_change(Network *network, const NetworkPortDef *old, NetworkPortDef *new, Error *err)
{
    return admit(network, old, new, err);
}
