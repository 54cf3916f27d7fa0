/* Making and unmaking networks. */
#include <string.h>

#include "common/base/undo.h"
#include "protocol/constants.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/bridge.h"
#include "virtnetworkd/network/define.h"
#include "virtnetworkd/network/event.h"
#include "virtnetworkd/network/hook.h"
#include "virtnetworkd/network/names.h"
#include "virtnetworkd/network/persist.h"
#include "virtnetworkd/network/rules.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/network/subnet.h"
#include "virtnetworkd/network/zone.h"
#include "virtnetworkd/port/bandwidth.h"
#include "virtnetworkd/port/plug.h"
#include "virtnetworkd/port/port.h"
#include "virtnetworkd/watch.h"

#define LOG_SOURCE "network.run"
#include "common/base/log.h"

const char *const network_phase_names[] = { "active", "starting", "stopping", NULL };

NetworkRun *
network_run_new(NetworkPhase phase)
{
    NetworkRun *run = g_new0(NetworkRun, 1);

    run->phase = phase;
    run->ports = port_table_new();
    dnsmasq_init(&run->dnsmasq);
    return run;
}

void
network_run_free(NetworkRun *run)
{
    if (!run)
        return;
    dnsmasq_done(&run->dnsmasq);
    g_hash_table_unref(run->ports);
    g_free(run);
}

int
network_apply(Job *job, Network *network, Error *err)
{
    Driver *driver = network->driver;

    if (!network_def_owns_bridge(network->live))
        return 0;
    zone_watch(driver);
    if (bridge_up(driver, network->live, err) < 0 || zone_apply(job, network, err) < 0 || rules_add(network, err) < 0 || dnsmasq_apply(job, network, err) < 0 ||
        names_register(job, network, err) < 0)
        return -1;
    return bandwidth_apply(driver, network, err);
}

void
network_unmake(Job *job, Network *network)
{
    Driver *driver = network->driver;
    _cleanup_error_ Error err = ERROR_INIT;

    port_delete_all(network);
    if (network_def_owns_bridge(network->live)) {
        if (dnsmasq_stop(job, network, &err) < 0) {
            log_error("%s", err.message);
            error_done(&err);
        }
        network->run->phase = PHASE_STOPPING; /* its rules are not wanted any more */
        if (rules_remove(network, &err) < 0) {
            log_error("%s", err.message);
            error_done(&err);
        }
        zone_forget(job, network);
        if (bridge_down(job, network->live, &err) < 0)
            log_error("%s", err.message);
    }
    network_set_active(network, false);
    persist_remove_status(network);
    network_run_free(g_steal_pointer(&network->run));
    if (!network->persistent)
        dnsmasq_forget(network, network->live);
    network_set_live(network, NULL);
    daemon_touch(driver->daemon);
}

static void
undo_start(Job *job, void *data)
{
    network_unmake(job, data);
}

/* What stands in the way, found before anything is made. */
static int
check(Driver *driver, const NetworkDef *def, Error *err)
{
    if (define_check_bridge(driver, def, err) < 0)
        return -1;
    if (!network_def_owns_bridge(def))
        return plug_check_network(driver, def, err);
    return bridge_check(driver, def, err) < 0 || subnet_check(driver, def, err) < 0 ? -1 : 0;
}

int
network_start(Job *job, Network *network, const NetworkDef *def, Error *err)
{
    _cleanup_undo_ Undo undo = UNDO_INIT(job);

    if (check(network->driver, def, err) < 0)
        return -1;
    network_set_live(network, network_def_ref((NetworkDef *)def));
    network->run = network_run_new(PHASE_STARTING);
    undo_push(&undo, undo_start, network);
    if (persist_status(network, err) < 0 || hook_network(job, network, "start", "begin", err) < 0)
        return -1;
    if (network_apply(job, network, err) < 0)
        return error_prefixf(err, "cannot start %s", network->label);
    network->run->phase = PHASE_ACTIVE;
    if (persist_status(network, err) < 0 || hook_network(job, network, "started", "begin", err) < 0)
        return -1;
    network_set_active(network, true);
    undo_commit(&undo);
    watch_begin(network->driver);
    rules_check_foreign_soon(network->driver);
    event_lifecycle(network, VIR_NETWORK_EVENT_STARTED);
    return 0;
}

void
network_stop(Job *job, Network *network)
{
    network->run->phase = PHASE_STOPPING;
    persist_status_soft(network); /* who stops networks on a full disk may be making room */
    job_shield(job); /* half a network is nobody's wish */
    hook_network_soft(job, network, "stopped", "end");
    network_unmake(job, network);
    job_unshield(job);
    event_lifecycle(network, VIR_NETWORK_EVENT_STOPPED);
}

void
network_check_bridge(Job *job, Network *network)
{
    if (!network->run || network->run->phase != PHASE_ACTIVE || !network_def_owns_bridge(network->live) ||
        bridge_exists(network->driver, network->live, NULL) != 0)
        return;
    log_warning("the bridge '%s' of %s is gone: the network is inactive", network->live->bridge.name, network->label);
    network_unmake(job, network);
    event_lifecycle(network, VIR_NETWORK_EVENT_STOPPED);
    if (!network->persistent)
        store_remove(&network->driver->networks, &network->base);
}
