#include "virtnetworkd/network/network.h"

#include <string.h>

#include "protocol/constants.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/persist.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/port/port.h"

Network *
network_new(Driver *driver, const char *name, const uint8_t *uuid)
{
    Network *n = g_new0(Network, 1);

    n->base.references = 1;
    n->base.id = -1;
    n->base.name = g_strdup(name);
    memcpy(n->base.uuid, uuid, UUID_SIZE);
    n->label = g_strdup_printf("network '%s'", name);
    n->driver = driver;
    return n;
}

void
network_unref(Network *network)
{
    if (network)
        store_unref(&network->driver->networks, network);
}

void
network_free(Network *network)
{
    network_run_free(network->run);
    network_def_unref(network->live);
    network_def_unref(network->config);
    network_texts_changed(network);
    g_free(network->label);
    g_free(network->base.name);
    g_free(network);
}

void
network_set_active(Network *network, bool active)
{
    store_set_id(&network->driver->networks, &network->base, active ? ++network->driver->next_id : -1);
    network_texts_changed(network);
}

const NetworkDef *
network_config(Network *network, Error *err)
{
    if (!network->persistent) {
        error_setf(err, FROM_NETWORK, ERR_OPERATION_INVALID, "%s is transient: it has no persistent definition", network->label);
        return NULL;
    }
    if (!network->config && persist_load(network, err) < 0)
        return NULL;
    return network->config;
}

const NetworkDef *
network_definition(Network *network, Error *err)
{
    return network->live ? network->live : network_config(network, err);
}

void
network_texts_changed(Network *network)
{
    for (int i = 0; i < NETWORK_XML_COUNT; i++)
        g_clear_pointer(&network->xml[i], g_ref_string_release);
}

void
network_set_config(Network *network, NetworkDef *config)
{
    network_def_unref(network->config);
    network->config = config;
    network_texts_changed(network);
}

void
network_set_live(Network *network, NetworkDef *live)
{
    network_def_unref(network->live);
    network->live = live;
    network_texts_changed(network);
}

/* What is counted while the network is active is not part of its definition: a copy shows it. */
static char *
format_live(Network *network)
{
    g_autoptr(NetworkDef) shown = network_def_copy(network->live);

    port_count_connections(network, shown);
    return network_def_format(shown, 0);
}

const char *
network_xml(Network *network, unsigned flags, Error *err)
{
    bool live = network->live && !(flags & VIR_NETWORK_XML_INACTIVE);
    NetworkXml slot = live ? NETWORK_XML_LIVE : NETWORK_XML_CONFIG;
    g_autofree char *text = NULL;
    const NetworkDef *def;

    if (network->xml[slot])
        return network->xml[slot];
    if (live) {
        text = format_live(network);
    } else {
        /* An active transient network has one definition. */
        def = network->persistent ? network_config(network, err) : network_definition(network, err);
        if (!def)
            return NULL;
        text = network_def_format(def, XML_INACTIVE);
    }
    network->xml[slot] = g_ref_string_new(text);
    return network->xml[slot];
}

void
network_set_persistent(Network *network, bool persistent)
{
    network->persistent = persistent;
    store_changed(&network->driver->networks);
}

void
network_set_autostart(Network *network, bool autostart)
{
    network->autostart = autostart;
    store_changed(&network->driver->networks);
}

int
network_check_active(const Network *network, Error *err)
{
    if (!network_active(network))
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_INVALID, "%s is not active", network->label);
    return 0;
}
