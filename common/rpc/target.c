/* See target.h. */
#include "common/rpc/target.h"

#include <errno.h>
#include <string.h>

#include <glib.h>

#include "common/rpc/autostart.h"
#include "common/rpc/internal.h"
#include "common/rpc/token.h"
#include "protocol/calls.h"
#include "protocol/constants.h"

#define ATTEMPTS 3

static int
connect_to(Job *job, const RpcTarget *target, const char *path, RpcPeer **ret, Error *err)
{
    _cleanup_error_ Error local = ERROR_INIT;

    if (rpc_peer_connect(job, path, target->daemon, ret, &local) >= 0)
        return 0;
    if (local.code != ERR_SYSTEM_ERROR)
        return error_move(err, &local);
    if ((local.int1 == ENOENT || local.int1 == ECONNREFUSED) && autostart_possible(target))
        return autostart_connect(job, target, path, ret, err);
    if (local.int1 == ENOENT)
        return error_setf(err, FROM_RPC, ERR_NO_SUPPORT, "%s is not installed or its socket is not enabled (there is no '%s')",
                          target->daemon, path);
    return error_setf(err, FROM_RPC, ERR_NO_CONNECT, "cannot reach %s: %s", target->daemon, local.message);
}

static int
introduce(Job *job, RpcPeer *peer, const RpcTarget *target, const RpcIdentity *who, unsigned int flags, Error *err)
{
    remote_connect_set_identity_args args = { 0 };
    RpcIdentity shown = *who;
    char token[TOKEN_SIZE];
    Arena arena;
    int r;

    if (flags & RPC_TARGET_TOKEN && target->token_path) {
        if (token_get(target->token_path, token, err) < 0)
            return -1;
        shown.token = token;
    }
    arena_init(&arena, NULL, 0);
    rpc_identity_encode(&shown, &arena, &args);
    r = remote_call_connect_set_identity(job, peer, &arena, &args, err);
    arena_done(&arena);
    return r;
}

/* 0, -1, or 1: the connection ended before anything was asked of the daemon, so there is no harm in trying again. */
static int
try_open(Job *job, const RpcTarget *target, const RpcIdentity *who, unsigned int flags, RpcPeer **ret, Error *err)
{
    bool readonly = flags & RPC_TARGET_READONLY;
    RpcPeer *peer = NULL;
    int r;

    if (connect_to(job, target, readonly && target->socket_ro ? target->socket_ro : target->socket, &peer, err) < 0)
        return -1;
    rpc_peer_set_timeout(peer, RPC_TARGET_PATIENCE);
    if (rpc_peer_open(job, peer, target->uri, readonly ? VIR_CONNECT_RO : 0, err) < 0 ||
        introduce(job, peer, target, who, flags, err) < 0) {
        error_prefixf(err, "cannot open '%s'", target->uri);
        r = rpc_peer_broken(peer) ? 1 : -1;
        rpc_peer_free(peer);
        return r;
    }
    rpc_peer_set_timeout(peer, LOOP_NEVER);
    *ret = peer;
    return 0;
}

int
rpc_target_open(Job *job, const RpcTarget *target, const RpcIdentity *who, unsigned int flags, RpcPeer **ret, Error *err)
{
    _cleanup_error_ Error local = ERROR_INIT;
    int r = 1;

    for (int i = 0; i < ATTEMPTS && r > 0; i++) {
        error_done(&local);
        r = try_open(job, target, who, flags, ret, &local);
    }
    return r == 0 ? 0 : error_move(err, &local);
}
