/*
 * A client of a server: who it is, how far it got, and what must happen when it goes.
 *
 * Reference counted: calls in flight and hooks hold the client; a disconnected client stays valid for them. No function
 * here suspends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/rpc/descriptor.h"

typedef struct RpcServer RpcServer;
typedef struct RpcClient RpcClient;

/* Who is at the other end. Unknown: (uid_t)-1, 0, NULL. Strings are owned. */
typedef struct RpcIdentity {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    uint64_t start_time; /* of the process, in clock ticks since boot: makes the pid unmistakable */
    char *user, *group;
    char *sasl_user, *x509_name, *selinux_context;
    char *token; /* another daemon of this host showed it, and it was right: the host itself calls */
} RpcIdentity;

RpcClient *rpc_client_ref(RpcClient *client);
RpcClient *rpc_client_unref(RpcClient *client); /* NULL is fine; returns NULL */

RpcServer *rpc_client_server(const RpcClient *client);
uint64_t rpc_client_id(const RpcClient *client);        /* unique in its server, from 1 */
const char *rpc_client_label(const RpcClient *client);  /* "client 7 (pid 123)", for logs and job owners */
const RpcIdentity *rpc_client_identity(const RpcClient *client);
bool rpc_client_readonly(const RpcClient *client);
bool rpc_client_gone(const RpcClient *client);
const char *rpc_client_uri(const RpcClient *client);    /* as opened; NULL before */
uint64_t rpc_client_connected_at(const RpcClient *client); /* CLOCK_REALTIME seconds */

/*
 * Call fn(client, data) once when the client has disconnected, in the order of registration; on the main stack. Used for
 * guests that end with their creator's connection. Remove with the same pair; removing an unknown pair does nothing.
 */
typedef void (*RpcClosedFn)(RpcClient *client, void *data);
void rpc_client_on_close(RpcClient *client, RpcClosedFn fn, void *data);
void rpc_client_forget_on_close(RpcClient *client, RpcClosedFn fn, void *data);

/* Disconnect after what is queued was sent (now: false) or at once. */
void rpc_client_close(RpcClient *client, bool now);
