#include "virtnetworkd/network/hook.h"

#include "common/host/hooks.h"
#include "virtnetworkd/driver.h"

#define LOG_SOURCE "network.hook"
#include "common/base/log.h"

int
hook_port(Job *job, Network *network, const Port *port, const char *operation, const char *sub, Error *err)
{
    const Hook hook = { network->driver->daemon->paths.config, "network" };
    const HookCall call = { network_name(network), operation, sub, "-" };
    g_autofree char *xml = NULL, *port_xml = NULL, *document = NULL;

    if (!hook_present(&hook))
        return 0;
    xml = network_def_format(network->live, 0);
    port_xml = port ? network_port_def_format(port->def, 0) : NULL;
    document = g_strconcat("<hookData>\n", xml, port_xml ? port_xml : "", "</hookData>\n", NULL);
    return hook_run(job, &hook, &call, document, err);
}

int
hook_network(Job *job, Network *network, const char *operation, const char *sub, Error *err)
{
    return hook_port(job, network, NULL, operation, sub, err);
}

void
hook_network_soft(Job *job, Network *network, const char *operation, const char *sub)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (hook_network(job, network, operation, sub, &err) < 0)
        log_error("%s", err.message);
}
