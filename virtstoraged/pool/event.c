#include "virtstoraged/pool/event.h"

#include "common/rpc/event.h"
#include "protocol/remote.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/driver.h"

#define LOG_SOURCE "storage.event"
#include "common/base/log.h"

static const char *const lifecycle_names[] = { "defined", "undefined", "started", "stopped", "created", "deleted" };

void
event_lifecycle(Pool *pool, int event)
{
    remote_storage_pool_event_lifecycle_msg message = { .pool = api_wire_pool(pool), .event = event };

    log_info("%s is %s", pool->label, lifecycle_names[event]);
    rpc_event_send(pool->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_STORAGE_POOL_EVENT_LIFECYCLE, &message, pool->base.uuid, UUID_SIZE,
                   pool);
}

void
event_refresh(Pool *pool)
{
    remote_storage_pool_event_refresh_msg message = { .pool = api_wire_pool(pool) };

    rpc_event_send(pool->driver->server, RPC_PROGRAM_REMOTE, REMOTE_PROC_STORAGE_POOL_EVENT_REFRESH, &message, pool->base.uuid, UUID_SIZE,
                   pool);
}
