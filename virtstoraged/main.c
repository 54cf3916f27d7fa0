/* virtstoraged: storage pools of this host and the volumes in them. */
#include "common/base/job.h"
#include "common/host/polkit.h"
#include "virtstoraged/api/api.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/run.h"
#include "virtstoraged/secret.h"

static const ApiTable *const tables[] = { &api_lookup, &api_define, &api_lifecycle, &api_volumes, &api_make, &api_content, &api_change, &api_find };

static int
start(Daemon *daemon, Error *err)
{
    Driver *driver = g_new0(Driver, 1);

    daemon->user = driver;
    if (driver_init(driver, daemon, err) < 0)
        return -1;
    storage_secret_init(daemon);
    api_bind(daemon->server, tables, G_N_ELEMENTS(tables));
    rpc_server_set_class(daemon->server, RPC_OBJECT_STORAGE_POOL, &api_pool_class);
    rpc_server_set_class(daemon->server, RPC_OBJECT_STORAGE_VOL, &api_volume_class);
    return 0;
}

static void
ready(Daemon *daemon)
{
    pool_autostart(daemon->user);
}

/* The volumes of active pools are known; finding them again is dear. */
static bool
busy(Daemon *daemon)
{
    Driver *driver = daemon->user;

    return driver->starting > 0 || g_hash_table_size(driver->pools.by_id) > 0;
}

static void
stop(Daemon *daemon)
{
    driver_done(daemon->user);
    g_free(daemon->user);
}

int
main(int argc, char **argv)
{
    static const RpcHooks hooks = { .polkit = polkit_authorize };
    static const DaemonSpec spec = {
        .name = "virtstoraged",
        .summary = "Manages storage pools and their volumes.",
        .server = { .owner = RPC_OWNER_STORAGE, .type = "storage", .scheme = "storage", .hooks = &hooks },
        .start = start,
        .ready = ready,
        .busy = busy,
        .stop = stop,
    };

    return daemon_main(&spec, argc, argv);
}
