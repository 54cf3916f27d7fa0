#include "virtnetworkd/network/event.h"

#include "common/rpc/event.h"
#include "protocol/remote.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/driver.h"

#define LOG_SOURCE "network.event"
#include "common/base/log.h"

static const char *const lifecycle_names[] = { "defined", "undefined", "started", "stopped" };

void
event_lifecycle(Network *network, int event)
{
    remote_network_event_lifecycle_msg message = { .net = api_wire_network(network), .event = event };

    log_info("%s is %s", network->label, lifecycle_names[event]);
    rpc_event_send(network->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_NETWORK_EVENT_LIFECYCLE, &message, network->base.uuid,
                   UUID_SIZE, network);
}

void
event_metadata_change(Network *network, int type, const char *uri)
{
    remote_network_event_callback_metadata_change_msg message = { .net = api_wire_network(network), .type = type,
                                                                 .nsuri = uri };

    rpc_event_send(network->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_NETWORK_EVENT_CALLBACK_METADATA_CHANGE, &message,
                   network->base.uuid, UUID_SIZE, network);
}
