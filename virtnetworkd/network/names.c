#include "virtnetworkd/network/names.h"

#include "common/host/netlink/link.h"
#include "common/host/resolved.h"
#include "virtnetworkd/driver.h"

int
names_register(Job *job, Network *network, Error *err)
{
    const NetworkDef *def = network->live;
    HostLink link;

    if (def->domain.register_name != TRI_YES || !def->domain.name || def->dns.enable == TRI_NO || def->ips.n == 0)
        return 0;
    if (link_get(network->driver->netlink, def->bridge.name, &link, err) < 0)
        return -1;
    if (resolved_register(job, link.index, def->domain.name, &def->ips.items[0]->address, err) < 0)
        return error_prefixf(err, "the domain '%s' of %s is not known to this host", def->domain.name, network->label);
    return 0;
}
