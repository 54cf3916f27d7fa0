#include "virtnetworkd/dnsmasq/macs.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtnetworkd/dnsmasq/lease.h"
#include "virtnetworkd/dnsmasq/leasefile.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/port/port.h"

#define LOG_SOURCE "network.port"
#include "common/base/log.h"

static int
by_owner(gconstpointer a, gconstpointer b)
{
    const NetworkPortDef *x = (*(Port *const *)a)->def, *y = (*(Port *const *)b)->def;
    int order = g_strcmp0(x->owner_name, y->owner_name);

    return order ? order : memcmp(x->mac.b, y->mac.b, sizeof(x->mac.b));
}

static GPtrArray *
sorted_ports(const Network *network)
{
    GPtrArray *ports = g_ptr_array_new();
    GHashTableIter iter;
    void *port;

    g_hash_table_iter_init(&iter, network->run->ports);
    while (g_hash_table_iter_next(&iter, NULL, &port))
        if (((Port *)port)->def->owner_name && ((Port *)port)->def->mac.set)
            g_ptr_array_add(ports, port);
    g_ptr_array_sort(ports, by_owner);
    return ports;
}

void
macs_write(Network *network)
{
    g_autoptr(GPtrArray) ports = NULL;
    g_autofree char *path = NULL, *text = NULL;
    json_t *guests, *macs = NULL;
    const char *last = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (!network_def_owns_bridge(network->live))
        return;
    path = lease_macs_path(network->driver, network->live);
    ports = sorted_ports(network);
    if (ports->len == 0) {
        unlink(path);
        return;
    }
    guests = json_array();
    for (guint i = 0; i < ports->len; i++) {
        const NetworkPortDef *def = ((Port *)ports->pdata[i])->def;
        g_autofree char *mac = mac_format(&def->mac);

        if (g_strcmp0(last, def->owner_name) != 0) {
            macs = json_array();
            json_array_append_new(guests, json_pack("{s:s, s:o}", "domain", def->owner_name, "macs", macs));
        }
        json_array_append_new(macs, json_string(mac));
        last = def->owner_name;
    }
    text = json_dumps(guests, JSON_INDENT(2));
    json_decref(guests);
    if (file_replace(path, text, strlen(text), 0644, &err) < 0)
        log_error("%s", err.message);
}
