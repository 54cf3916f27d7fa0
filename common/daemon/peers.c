/* See peers.h. */
#include "common/daemon/peers.h"

#include <glib.h>

#include "common/rpc/call.h"
#include "common/rpc/link.h"
#include "common/rpc/relay.h"

/* Who owns what, under which scheme. */
static const struct {
    const char *daemon, *scheme;
    bool system_only;
} kinds[RPC_OWNER_COUNT] = {
    [RPC_OWNER_INTERFACE] = { "virtinterfaced", "interface" },
    [RPC_OWNER_NETWORK] = { "virtnetworkd", "network" },
    [RPC_OWNER_NODEDEV] = { "virtnodedevd", "nodedev" },
    [RPC_OWNER_NWFILTER] = { "virtnwfilterd", "nwfilter", .system_only = true },
    [RPC_OWNER_SECRET] = { "virtsecretd", "secret" },
    [RPC_OWNER_STORAGE] = { "virtstoraged", "storage" },
};

struct DaemonPeers {
    RpcTarget targets[RPC_OWNER_COUNT]; /* daemon NULL: nobody to call */
    RpcLink *links[RPC_OWNER_COUNT];    /* NULL until first used */
    GStringChunk *texts;
};

static char *
text(DaemonPeers *peers, const char *format, ...) __attribute__((format(printf, 2, 3)));

static char *
text(DaemonPeers *peers, const char *format, ...)
{
    g_autofree char *made = NULL;
    va_list args;

    va_start(args, format);
    made = g_strdup_vprintf(format, args);
    va_end(args);
    return g_string_chunk_insert(peers->texts, made);
}

/* The daemons of one build lie in one directory. */
static const char *
program(DaemonPeers *peers, const char *name)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL), *directory = self ? g_path_get_dirname(self) : NULL;

    return directory ? text(peers, "%s/%s", directory, name) : NULL;
}

DaemonPeers *
daemon_peers_new(const Paths *paths, const char *socket_dir, bool autostart)
{
    DaemonPeers *peers = g_new0(DaemonPeers, 1);

    peers->texts = g_string_chunk_new(1024);
    for (int i = 0; i < RPC_OWNER_COUNT; i++) {
        if (!kinds[i].daemon || (kinds[i].system_only && paths->session))
            continue;
        peers->targets[i] = (RpcTarget){
            .daemon = kinds[i].daemon,
            .socket = text(peers, "%s/%s-sock", socket_dir, kinds[i].daemon),
            .socket_ro = paths->session ? NULL : text(peers, "%s/%s-sock-ro", socket_dir, kinds[i].daemon),
            .uri = text(peers, "%s:///%s", kinds[i].scheme, paths->session ? "session" : "system"),
            .program = autostart ? program(peers, kinds[i].daemon) : NULL,
            .token_path = paths->token,
        };
    }
    return peers;
}

DaemonPeers *
daemon_peers_free(DaemonPeers *peers)
{
    if (!peers)
        return NULL;
    for (int i = 0; i < RPC_OWNER_COUNT; i++)
        rpc_link_free(peers->links[i]);
    g_string_chunk_free(peers->texts);
    g_free(peers);
    return NULL;
}

int
daemon_peer(Job *job, Daemon *daemon, RpcOwner owner, RpcPeer **ret, Error *err)
{
    DaemonPeers *peers = daemon->peers;

    if (!peers->targets[owner].daemon)
        return error_setf(err, FROM_RPC, ERR_NO_SUPPORT, "%s does not exist in session mode", kinds[owner].daemon);
    if (!peers->links[owner])
        peers->links[owner] = rpc_link_new(&peers->targets[owner], RPC_LINK_IDLE);
    return rpc_link_get(job, peers->links[owner], ret, err);
}

int
daemon_relay(RpcCall *call, void *daemon, Error *err)
{
    const RpcTarget *target = &((Daemon *)daemon)->peers->targets[rpc_call_proc(call)->owner];

    return target->daemon ? rpc_relay_call(call, target, err) : 0;
}
