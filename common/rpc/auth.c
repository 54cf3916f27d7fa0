/*
 * Authentication: what a client is offered, and how it gets through.
 *
 * Sockets with RPC_AUTH_NONE need nothing. With RPC_AUTH_POLKIT uid 0 needs nothing, everybody else is asked for by the
 * action of the socket: monitor for read-only ones, manage for the others. SASL is offered where configured, and refused,
 * since no mechanism is built in.
 */
#include "common/rpc/internal.h"
#include "protocol/remote.h"

#define LOG_SOURCE "rpc.auth"
#include "common/base/log.h"

static int
auth_list(RpcCall *call, const void *args, remote_auth_list_ret *ret, Error *err)
{
    RpcClient *client = call->client;

    if (client->auth == RPC_AUTH_POLKIT && client->identity.uid == 0) {
        client->auth = RPC_AUTH_NONE;
        rpc_client_set_authenticated(client);
    }
    ret->types = arena_newv(&call->arena, remote_auth_type, 1);
    ret->n_types = 1;
    ret->types[0] = (remote_auth_type)client->auth;
    return 0;
}

/* --- polkit ----------------------------------------------------------------------------------------------------------- */

static int
check_polkit(Job *job, RpcClient *client, Error *err)
{
    const char *action = client->readonly ? "org.libvirt.unix.monitor" : "org.libvirt.unix.manage";
    const RpcHooks *hooks = client->server->options.hooks;

    if (!hooks || !hooks->polkit)
        return error_setf(err, FROM_POLKIT, ERR_AUTH_FAILED, "authentication failed: polkit is not available to ask for '%s'",
                          action);
    if (client->identity.pid <= 0 || !client->identity.start_time)
        return error_setf(err, FROM_POLKIT, ERR_AUTH_FAILED, "authentication failed: the client's process is not known");
    return hooks->polkit(job, &client->identity, action, err);
}

static int
auth_polkit(Job *job, RpcCall *call, const void *args, remote_auth_polkit_ret *ret, Error *err)
{
    RpcClient *client = call->client;
    int r;

    if (client->auth != RPC_AUTH_POLKIT || client->authenticated || client->authenticating)
        return error_setf(err, FROM_RPC, ERR_AUTH_FAILED, "authentication failed: polkit was not offered to this client");
    client->authenticating = true;
    call->cancellable = true;
    r = check_polkit(job, client, err);
    call->cancellable = false;
    client->authenticating = false;
    if (r < 0) {
        log_warning("%s: uid %u: %s", client->label, (unsigned int)client->identity.uid, err->message);
        return -1;
    }
    rpc_client_set_authenticated(client);
    ret->complete = 1;
    return 0;
}

/* --- SASL ------------------------------------------------------------------------------------------------------------- */

static int
refuse_sasl(Error *err)
{
    return error_setf(err, FROM_RPC, ERR_AUTH_FAILED, "authentication failed: SASL is not available");
}

static int
auth_sasl_init(Job *job, RpcCall *call, const void *args, remote_auth_sasl_init_ret *ret, Error *err)
{
    return refuse_sasl(err);
}

static int
auth_sasl_start(Job *job, RpcCall *call, const remote_auth_sasl_start_args *args, remote_auth_sasl_start_ret *ret, Error *err)
{
    return refuse_sasl(err);
}

static int
auth_sasl_step(Job *job, RpcCall *call, const remote_auth_sasl_step_args *args, remote_auth_sasl_step_ret *ret, Error *err)
{
    return refuse_sasl(err);
}

const RpcBinding rpc_auth_bindings[] = {
    REMOTE_BIND(AUTH_LIST, auth_list),
    REMOTE_BIND(AUTH_POLKIT, auth_polkit),
    REMOTE_BIND(AUTH_SASL_INIT, auth_sasl_init),
    REMOTE_BIND(AUTH_SASL_START, auth_sasl_start),
    REMOTE_BIND(AUTH_SASL_STEP, auth_sasl_step),
};
const size_t rpc_n_auth_bindings = G_N_ELEMENTS(rpc_auth_bindings);
