#include "virtnetworkd/api/where.h"

#include "virtnetworkd/network/hook.h"
#include "virtnetworkd/network/persist.h"
#include "virtnetworkd/network/run.h"

#define LOG_SOURCE "network.api"
#include "common/base/log.h"

int
where_resolve(Network *network, unsigned *flags, Error *err)
{
    if (!(*flags & WHERE_FLAGS))
        *flags |= network_active(network) ? VIR_NETWORK_UPDATE_AFFECT_LIVE : VIR_NETWORK_UPDATE_AFFECT_CONFIG;
    if ((*flags & VIR_NETWORK_UPDATE_AFFECT_LIVE) && network_check_active(network, err) < 0)
        return -1;
    if ((*flags & VIR_NETWORK_UPDATE_AFFECT_CONFIG) && !network_config(network, err))
        return -1;
    return 0;
}

/* Follow a new live definition; on failure go back to the old one. */
static int
go_live(Job *job, Network *network, NetworkDef *live, Error *err)
{
    NetworkDef *old = network_def_ref(network->live);

    network_set_live(network, live);
    if (network_apply(job, network, err) == 0 && persist_status(network, err) == 0) {
        hook_network_soft(job, network, "updated", "begin");
        network_def_unref(old);
        return 0;
    }
    job_shield(job);
    network_set_live(network, old);
    if (network_apply(job, network, NULL) < 0)
        log_error("%s could not go back to what it was before a change that failed", network->label);
    job_unshield(job);
    return -1;
}

int
where_change(Job *job, Network *network, unsigned flags, WhereChange change, void *data, Error *err)
{
    g_autoptr(NetworkDef) live = NULL, config = NULL, old = NULL;

    if (where_resolve(network, &flags, err) < 0)
        return -1;
    if ((flags & VIR_NETWORK_UPDATE_AFFECT_LIVE) && change(network->live, data, &live, err) < 0)
        return -1;
    if ((flags & VIR_NETWORK_UPDATE_AFFECT_CONFIG) && change(network->config, data, &config, err) < 0)
        return -1;
    if (config && persist_write_config(job, network->driver, config, err) < 0)
        return -1;
    if (live && go_live(job, network, g_steal_pointer(&live), err) < 0) {
        job_shield(job);
        if (config && persist_write_config(job, network->driver, network->config, NULL) < 0)
            log_error("the changed definition of %s stays on disk, though the change failed", network->label);
        job_unshield(job);
        return -1;
    }
    if (config)
        network_set_config(network, g_steal_pointer(&config));
    return 0;
}
