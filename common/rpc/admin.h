/*
 * The admin program: what virt-admin shows and sets. A daemon has one, with a server of its own behind the admin socket,
 * and adds its other servers to it.
 */
#pragma once

#include "common/rpc/server.h"

typedef struct RpcAdmin RpcAdmin;

typedef struct RpcAdminOptions {
    unsigned int max_clients, max_client_requests; /* 0: defaults */
    int keepalive_interval;
    unsigned int keepalive_count;
    /* Idle exit after so many seconds, 0: never. NULL: refused as not supported. */
    int (*set_timeout)(void *data, unsigned int seconds, Error *err);
    /* End the daemon; NULL: refused. */
    int (*shutdown)(void *data, unsigned int flags, Error *err);
    void *data;
} RpcAdminOptions;

RpcAdmin *rpc_admin_new(const RpcAdminOptions *options);
RpcAdmin *rpc_admin_free(RpcAdmin *admin); /* with its own server, not the added ones; returns NULL */
void rpc_admin_add(RpcAdmin *admin, RpcServer *server);
RpcServer *rpc_admin_server(RpcAdmin *admin); /* to listen with; borrowed */
