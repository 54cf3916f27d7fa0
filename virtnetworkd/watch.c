#include "virtnetworkd/watch.h"

#include <string.h>

#include "common/base/job.h"
#include "common/host/netlink/monitor.h"
#include "virtnetworkd/firewall/firewall.h"
#include "virtnetworkd/network/rules.h"
#include "virtnetworkd/network/run.h"

#define LOG_SOURCE "network.watch"
#include "common/base/log.h"

struct Watch {
    Driver *driver;
    NetMonitor *monitor; /* NULL: interfaces can't be watched */
    bool rules;          /* are watched: there is a firewall since some network of ours has rules */
};

/* --- rules --- */

static void
on_rules(unsigned changed, void *data)
{
    Driver *driver = data;
    _cleanup_error_ Error err = ERROR_INIT;

    if (changed & FIREWALL_CHANGED_OURS) {
        int r = rules_sync(driver, &err);

        if (r < 0)
            log_error("the rules of the networks were changed by others and can't be mended: %s", err.message);
        else if (r > 0)
            log_warning("the rules of the networks were changed by others; they are mended");
    }
    if (changed & FIREWALL_CHANGED_FOREIGN)
        rules_check_foreign(driver);
}

/* --- interfaces --- */

static Network *
network_of_bridge(Driver *driver, const char *bridge)
{
    GHashTableIter iter;
    void *object;

    g_hash_table_iter_init(&iter, driver->networks.by_id);
    while (g_hash_table_iter_next(&iter, NULL, &object)) {
        Network *network = object;

        if (network->run->phase == PHASE_ACTIVE && network_def_owns_bridge(network->live) && strcmp(network->live->bridge.name, bridge) == 0)
            return network;
    }
    return NULL;
}

static void
lost_bridge_job(Job *job, void *data)
{
    g_autoptr(Network) network = data;

    if (job_acquire(job, &network->queue, network->label, LOOP_NEVER, NULL) < 0)
        return;
    network_check_bridge(job, network);
    job_release(job, &network->queue);
}

/* Guests on a bridge that somebody deleted have lost their network: it is not active any more, and everybody is told. */
static void
on_change(const NetChange *change, void *data)
{
    Watch *watch = data;
    Network *network;

    if (change->kind == NET_CHANGE_LOST) {
        GHashTableIter iter;
        void *object;

        g_hash_table_iter_init(&iter, watch->driver->networks.by_id);
        while (g_hash_table_iter_next(&iter, NULL, &object))
            job_spawn("bridge", NULL, lost_bridge_job, network_ref(object));
    } else if (change->kind == NET_CHANGE_LINK && change->gone && (network = network_of_bridge(watch->driver, change->link.name))) {
        job_spawn("bridge", NULL, lost_bridge_job, network_ref(network));
    }
}

/* --- life --- */

static void
watch_interfaces(Driver *driver)
{
    _cleanup_error_ Error err = ERROR_INIT;

    driver->watch = g_new0(Watch, 1);
    driver->watch->driver = driver;
    if (net_monitor_open(on_change, driver->watch, &driver->watch->monitor, &err) < 0)
        log_warning("interfaces are not watched: %s", err.message);
}

static void
watch_rules(Driver *driver)
{
    _cleanup_error_ Error err = ERROR_INIT;

    driver->watch->rules = true;
    if (firewall_watch(driver->firewall, on_rules, driver, &err) < 0)
        log_warning("rules are not watched, a flush by others stays: %s", err.message);
}

void
watch_begin(Driver *driver)
{
    if (!driver->watch)
        watch_interfaces(driver);
    if (driver->firewall && !driver->watch->rules)
        watch_rules(driver);
}

Watch *
watch_free(Watch *watch)
{
    if (!watch)
        return NULL;
    net_monitor_close(watch->monitor);
    if (watch->driver->firewall && firewall_watch(watch->driver->firewall, NULL, NULL, NULL) < 0)
        log_debug("rules were not watched");
    g_free(watch);
    return NULL;
}
