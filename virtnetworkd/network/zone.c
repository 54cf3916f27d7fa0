#include "virtnetworkd/network/zone.h"

#include "common/host/firewalld.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"

#define LOG_SOURCE "network.zone"
#include "common/base/log.h"

static const char *
zone_of(const NetworkDef *def)
{
    ForwardMode mode = def->forward.mode;

    if (def->bridge.zone)
        return def->bridge.zone;
    return mode == FORWARD_ROUTE || mode == FORWARD_OPEN ? "libvirt-routed" : "libvirt";
}

int
zone_apply(Job *job, Network *network, Error *err)
{
    Driver *driver = network->driver;
    const NetworkDef *def = network->live;
    const char *zone = zone_of(def);
    int r;

    if (!driver->firewalld)
        return 0;
    r = firewalld_set_zone(job, driver->firewalld, zone, def->bridge.name, err);
    if (r < 0)
        return error_prefixf(err, "%s cannot join zone '%s' of firewalld", network->label, zone);
    if (def->bridge.zone && r == FIREWALLD_INACTIVE)
        return error_setf(err, FROM_NETWORK, ERR_CONFIG_UNSUPPORTED, "%s asks for zone '%s', but no firewalld runs on this host", network->label, zone);
    if (def->bridge.zone && r == FIREWALLD_NO_ZONE)
        return error_setf(err, FROM_NETWORK, ERR_CONFIG_UNSUPPORTED, "%s asks for zone '%s', which firewalld does not have", network->label, zone);
    if (r == FIREWALLD_NO_ZONE)
        log_warning("firewalld has no zone '%s' for %s: its own rules may stop the guests' packets", zone, network->label);
    return 0;
}

void
zone_forget(Job *job, Network *network)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (network->driver->firewalld && firewalld_forget(job, network->driver->firewalld, network->live->bridge.name, &err) < 0)
        log_warning("firewalld: %s", err.message);
}

/* --- it starts, it reloads --- */

static void
apply_job(Job *job, void *data)
{
    g_autoptr(Network) network = data;
    _cleanup_error_ Error err = ERROR_INIT;

    if (job_acquire(job, &network->queue, network->label, LOOP_NEVER, NULL) < 0)
        return;
    if (network->run && network->run->phase == PHASE_ACTIVE && network_def_owns_bridge(network->live) && network_apply(job, network, &err) < 0)
        log_error("after firewalld began anew: %s", err.message);
    job_release(job, &network->queue);
}

static void
on_event(FirewalldEvent event, void *data)
{
    Driver *driver = data;
    GHashTableIter iter;
    void *object;

    if (event == FIREWALLD_STOPPED)
        return;
    log_info("firewalld %s", event == FIREWALLD_STARTED ? "has started" : "was reloaded");
    g_hash_table_iter_init(&iter, driver->networks.by_id);
    while (g_hash_table_iter_next(&iter, NULL, &object))
        job_spawn("firewalld", NULL, apply_job, network_ref(object));
}

void
zone_watch(Driver *driver)
{
    if (!driver->firewalld && !driver->daemon->paths.session)
        driver->firewalld = firewalld_open(on_event, driver);
}
