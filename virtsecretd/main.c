/* virtsecretd: passphrases and keys, for guests and storage. */
#include "common/host/polkit.h"
#include "virtsecretd/api.h"
#include "virtsecretd/driver.h"
#include "virtsecretd/secret.h"

static int
start(Daemon *daemon, Error *err)
{
    Driver *driver = g_new0(Driver, 1);
    const ApiTable *const tables[] = { &api_secrets };

    daemon->user = driver;
    if (driver_init(driver, daemon, err) < 0)
        return -1;
    api_bind(daemon->server, tables, G_N_ELEMENTS(tables));
    rpc_server_set_class(daemon->server, RPC_OBJECT_SECRET, &api_secret_class);
    return 0;
}

static gboolean
is_only_in_memory(gpointer uuid, gpointer object, gpointer user)
{
    const Secret *secret = object;

    return secret->def->ephemeral == TRI_YES;
}

/* An ephemeral secret lives as long as we do. */
static bool
busy(Daemon *daemon)
{
    Driver *driver = daemon->user;

    return g_hash_table_find(driver->secrets.by_uuid, is_only_in_memory, NULL) != NULL;
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
        .name = "virtsecretd",
        .summary = "Keeps the secrets of guests and storage.",
        .server = { .owner = RPC_OWNER_SECRET, .type = "secret", .scheme = "secret", .hooks = &hooks },
        .start = start,
        .busy = busy,
        .stop = stop,
    };

    return daemon_main(&spec, argc, argv);
}
