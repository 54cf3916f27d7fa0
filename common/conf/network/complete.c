/* What libvirt fills in when a network is defined, so that clients read back what they are used to. */
#include <string.h>

#include "common/conf/network/elements.h"

/* The outgoing interface and the first one of the pool are the same thing, written in two places. */
static int
complete_forward(NetworkDef *def, Error *err)
{
    ForwardDef *forward = &def->forward;
    const ForwardInterface *first = forward->interfaces.n ? forward->interfaces.items[0] : NULL;
    ForwardInterface *one;

    if (first && forward->dev && g_strcmp0(first->dev, forward->dev) != 0)
        return error_setf(err, FROM_NETWORK, ERR_XML_ERROR,
                          "XML error: <forward> of network '%s' has dev='%s', but its first <interface> is '%s'; make them the same",
                          def->name, forward->dev, first->dev ? first->dev : "a PCI address");
    if (forward->dev && !first) {
        one = g_new0(ForwardInterface, 1);
        one->dev = g_strdup(forward->dev);
        LIST_ADD(&forward->interfaces, one);
    }
    g_free(forward->dev);
    forward->dev = forward->interfaces.n && !forward->pf ? g_strdup(forward->interfaces.items[0]->dev) : NULL;
    return 0;
}

static int
complete_bridge(NetworkDef *def, Error *err)
{
    BridgeDef *bridge = &def->bridge;
    bool own = network_def_owns_bridge(def);

    if (own && !bridge->stp)
        bridge->stp = TRI_ON;
    if (own && !bridge->delay.set)
        bridge->delay = (OptUint)OPT(0);
    bridge->present = own || bridge->name || bridge->zone || bridge->mac_table || bridge->stp || bridge->delay.set;
    if (own && !def->mac.set && !mac_generate(&def->mac))
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "no random bytes for the MAC address of network '%s'", def->name);
    return 0;
}

int
network_def_complete(NetworkDef *def, Error *err)
{
    if (!def->name)
        return error_setf(err, FROM_NETWORK, ERR_NO_NAME, "the network needs a <name>");
    if (!def->uuid.set && !uuid_generate(&def->uuid))
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "no random bytes for the UUID of network '%s'", def->name);
    if (def->ipv6 == TRI_NO)
        def->ipv6 = TRI_ABSENT;
    if (complete_forward(def, err) < 0)
        return -1;
    return complete_bridge(def, err);
}
