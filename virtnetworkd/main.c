/* virtnetworkd: the virtual networks of this host, their bridges, rules, DHCP and DNS. */
#include "common/base/job.h"
#include "common/host/polkit.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/watch.h"

static const ApiTable *const tables[] = { &api_lookup, &api_define, &api_lifecycle, &api_update, &api_metadata, &api_leases, &api_ports };

static int
start(Daemon *daemon, Error *err)
{
    Driver *driver = g_new0(Driver, 1);

    daemon->user = driver;
    if (driver_init(driver, daemon, err) < 0)
        return -1;
    api_bind(daemon->server, tables, G_N_ELEMENTS(tables));
    rpc_server_set_class(daemon->server, RPC_OBJECT_NETWORK, &api_network_class);
    rpc_server_set_class(daemon->server, RPC_OBJECT_NETWORK_PORT, &api_port_class);
    return 0;
}

static void
ready(Daemon *daemon)
{
    network_autostart(daemon->user);
}

/* An active network of ours is watched: somebody may flush its rules, its dnsmasq may die. */
static bool
busy(Daemon *daemon)
{
    Driver *driver = daemon->user;

    return driver->starting > 0 || g_hash_table_size(driver->networks.by_id) > 0;
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
        .name = "virtnetworkd",
        .summary = "Manages the virtual networks of this host.",
        .server = { .owner = RPC_OWNER_NETWORK, .type = "network", .scheme = "network", .hooks = &hooks },
        .start = start,
        .ready = ready,
        .busy = busy,
        .stop = stop,
    };

    return daemon_main(&spec, argc, argv);
}
