#include "virtnetworkd/dnsmasq/lease.h"

#include <string.h>

#include "common/base/loop.h"
#include "virtnetworkd/dnsmasq/leasefile.h"
#include "virtnetworkd/driver.h"

#define LOG_SOURCE "network.lease"
#include "common/base/log.h"

void
lease_free(Lease *lease)
{
    g_free(lease->mac);
    g_free(lease->iaid);
    g_free(lease->hostname);
    g_free(lease->client_id);
    g_free(lease);
}

char *
lease_path(const Driver *driver, const NetworkDef *def)
{
    return g_strconcat(driver->dnsmasq_dir, "/", def->bridge.name, ".status", NULL);
}

char *
lease_macs_path(const Driver *driver, const NetworkDef *def)
{
    return g_strconcat(driver->dnsmasq_dir, "/", def->bridge.name, ".macs", NULL);
}

/* NULL when the entry makes no sense. */
static Lease *
read_lease(const json_t *entry)
{
    const char *ip = leasefile_text(entry, LEASE_IP);
    json_t *expiry = json_object_get(entry, LEASE_EXPIRY);
    g_autoptr(Lease) lease = g_new0(Lease, 1);

    if (!ip || !ip_parse(ip, &lease->ip) || !json_is_integer(expiry) || json_integer_value(expiry) < 0)
        return NULL;
    lease->expiry = (uint64_t)json_integer_value(expiry);
    lease->mac = g_strdup(leasefile_text(entry, LEASE_MAC));
    lease->iaid = g_strdup(leasefile_text(entry, LEASE_IAID));
    lease->hostname = g_strdup(leasefile_text(entry, LEASE_HOSTNAME));
    lease->client_id = g_strdup(leasefile_text(entry, LEASE_CLIENT_ID));
    return g_steal_pointer(&lease);
}

static bool
is_of(const Lease *lease, const Mac *mac)
{
    Mac own;

    return lease->mac && mac_parse(lease->mac, &own) && memcmp(own.b, mac->b, sizeof(own.b)) == 0;
}

int
lease_list(const Network *network, const Mac *mac, GPtrArray **ret, Error *err)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)lease_free);
    uint64_t now = clock_realtime_usec() / USEC_PER_SEC;
    g_autofree char *path = NULL;
    json_t *all, *entry;
    size_t i;

    if (!network->live->bridge.name) {
        *ret = g_steal_pointer(&list);
        return 0;
    }
    path = lease_path(network->driver, network->live);
    if (leasefile_read(path, &all, err) < 0)
        return -1;
    json_array_foreach(all, i, entry) {
        g_autoptr(Lease) lease = read_lease(entry);

        if (!lease)
            log_warning("entry %zu of '%s' makes no sense and is passed over", i + 1, path);
        else if ((lease->expiry == 0 || lease->expiry > now) && (!mac || is_of(lease, mac)))
            g_ptr_array_add(list, g_steal_pointer(&lease));
    }
    json_decref(all);
    *ret = g_steal_pointer(&list);
    return 0;
}

unsigned
lease_prefix(const NetworkDef *def, const Lease *lease)
{
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        unsigned prefix = network_ip_prefix(ip);

        if (ip->address.family == lease->ip.family && ip_in_network(&lease->ip, &ip->address, prefix))
            return prefix;
    }
    return 0;
}
