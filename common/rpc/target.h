/*
 * Another daemon of this host as something to call: where it listens, what is opened there, and being introduced.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/job.h"
#include "common/rpc/client.h"
#include "common/rpc/peer.h"

/* All strings are borrowed and must outlive whoever uses the target. */
typedef struct RpcTarget {
    const char *daemon;     /* "virtnetworkd", in errors and logs */
    const char *socket;     /* path of its main socket */
    const char *socket_ro;  /* of its read-only one; NULL: read-only connections go through the main one */
    const char *uri;        /* "network:///system" */
    const char *program;    /* started when nobody listens (session mode); NULL: somebody else sees to that */
    const char *token_path; /* of the system token, for calls of our own; NULL: none is shown */
} RpcTarget;

enum {
    RPC_TARGET_READONLY = 1 << 0, /* through the read-only socket, and opened so: nothing can be changed over it */
    RPC_TARGET_TOKEN = 1 << 1,    /* show the system token: we speak for the host itself, not for a client */
};

/*
 * Connect, open the URI, and say for whom we speak (CONNECT_SET_IDENTITY). Errors: ERR_NO_SUPPORT if there is no socket
 * (the daemon is not installed), ERR_NO_CONNECT if nothing answers there, what the daemon says otherwise. A daemon that
 * takes the connection and then keeps silent is given up after RPC_TARGET_PATIENCE; one that ends meanwhile (it was just
 * leaving, idle) is tried again.
 */
int rpc_target_open(Job *job, const RpcTarget *target, const RpcIdentity *who, unsigned int flags, RpcPeer **ret,
                    Error *err) _must_check_;

#define RPC_TARGET_PATIENCE (30 * USEC_PER_SEC)
