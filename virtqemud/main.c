/* virtqemud: the guests of this host, each a QEMU process. */
#include "common/base/job.h"
#include "common/daemon/peers.h"
#include "common/host/polkit.h"
#include "virtqemud/api/api.h"
#include "virtqemud/domain/autostart.h"
#include "virtqemud/domain/domain.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/run.h"

static const ApiTable *const tables[] = { &api_host, &api_lookup, &api_state, &api_lifecycle, &api_define, &api_save, &api_console,
                                         &api_stats, &api_metadata, &api_qemu, &api_caps, &api_cpu, &api_addresses, &api_devices,
                                         &api_blocks };

static int
start(Daemon *daemon, Error *err)
{
    Driver *driver = g_new0(Driver, 1);

    daemon->user = driver;
    if (driver_init(driver, daemon, err) < 0)
        return -1;
    api_bind(daemon->server, tables, G_N_ELEMENTS(tables));
    rpc_server_set_class(daemon->server, RPC_OBJECT_DOMAIN, &api_domain_class);
    return 0;
}

static void
ready(Daemon *daemon)
{
    autostart_run(daemon->user);
}

/* Features of the hypervisor driver, by number: migration protocol 3 and what belongs to it come later. */
static int
feature(void *daemon, RpcClient *client, int number)
{
    return number == 11 || number == 13 ? 1 : 0; /* migratable XML, typed parameters */
}

/* A running guest needs nobody, but its death must be noticed and its events told. */
static bool
busy(Daemon *daemon)
{
    Driver *driver = daemon->user;

    return driver->starting > 0 || g_hash_table_size(driver->domains.by_id) > 0;
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
    static const RpcHooks hooks = { .polkit = polkit_authorize, .feature = feature, .relay = daemon_relay };
    static const DaemonSpec spec = {
        .name = "virtqemud",
        .summary = "Manages the QEMU guests of this host.",
        .server = { .owner = RPC_OWNER_HYPERVISOR, .type = "QEMU", .scheme = "qemu", .hooks = &hooks },
        .start = start,
        .ready = ready,
        .busy = busy,
        .stop = stop,
    };

    return daemon_main(&spec, argc, argv);
}
