/*
 * A server: listening sockets, the clients that came through them, and what they may call.
 *
 * A daemon has two: its own (main and read-only sockets) and the admin one. The daemon makes the server, tells it what it
 * serves (bindings, object classes, hooks), and hands it listening sockets. Everything a client can cause is bounded:
 *
 *   clients of a server       max_clients; at the bound no more are accepted, they wait in the kernel's backlog
 *   not yet authenticated     max_anonymous_clients; as above; who has not after a minute is disconnected
 *   running calls of a client max_client_requests each for ordinary calls, for interrupting ones, and for those passed on to
 *                             each other daemon (64 of those it answers from memory); more are kept, unread from a
 *                             certain size on, until one ends. Calls that we answer from memory are never kept waiting.
 *   unsent replies            past RPC_OUTPUT_HIGH no more calls are taken from that client
 *   unsent events             past RPC_EVENTS_MAX the client is disconnected
 *
 * No function here suspends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/job.h"
#include "common/rpc/client.h"
#include "common/rpc/descriptor.h"

#define RPC_OUTPUT_HIGH (1u << 20)
#define RPC_PENDING_MAX (1u << 20)
#define RPC_EVENTS_MAX (16u << 20)

typedef struct RpcService RpcService;

/* How the object a call is about is found and held. One per RpcObjectKind the daemon owns. */
typedef struct RpcObjectClass {
    /*
     * Find what the wire struct names (a remote_nonnull_domain, ...). Gives a reference, or -1 with the NO_... error of
     * the kind. Must not suspend.
     */
    int (*lookup)(void *daemon, const void *wire, void **ret_object, Error *err);
    void (*unref)(void *object);

    /*
     * The queue of modifying calls, and what to call the object in errors ("domain 'vm'"; borrowed). NULL slot or NULL
     * queue: modifying calls of this kind don't wait for each other.
     */
    JobQueue *(*queue)(void *object, const char **ret_name);

    /* Is the object still in the daemon's table, after waiting for its turn? -1 with NO_... if not. NULL slot: always. */
    int (*check)(void *daemon, void *object, Error *err);
} RpcObjectClass;

/* What a daemon decides itself. Every slot may be NULL. */
typedef struct RpcHooks {
    /*
     * May this client have the permission on the object (NULL for RPC_OBJECT_CONNECT)? 1 yes, 0 no, -1 error. With this
     * slot set every call runs in a fiber, since asking may suspend. For events job is NULL: then it must decide at once.
     * NULL slot: everybody may who got through the socket.
     */
    int (*access)(Job *job, void *daemon, RpcClient *client, RpcObjectKind kind, const char *permission, void *object,
                  Error *err);

    /*
     * Is this process allowed the polkit action of the socket? 0 yes, -1 with the error for the client. Wanted where
     * RPC_AUTH_POLKIT is; NULL slot: nobody is. common/host/polkit.h has it.
     */
    int (*polkit)(Job *job, const RpcIdentity *who, const char *action, Error *err);

    /*
     * A described procedure without a handler, of another owner: who serves it? Passes the call on with rpc_relay_call()
     * (relay.h) and returns its result, or 0: nobody does. Runs after the authentication, open and read-only gates, with
     * the arguments not decoded.
     */
    int (*relay)(RpcCall *call, void *daemon, Error *err);

    /* The client opened its connection / goes away (after its close callbacks). */
    int (*opened)(void *daemon, RpcClient *client, Error *err);
    void (*closed)(void *daemon, RpcClient *client);

    /* A client came or went, a call started or ended: for idle exit. */
    void (*activity)(void *daemon);

    /* Answer to CONNECT_SUPPORTS_FEATURE for a feature this floor doesn't answer itself: 0 or 1. */
    int (*feature)(void *daemon, RpcClient *client, int feature);
} RpcHooks;

typedef struct RpcServerOptions {
    const char *name;   /* "virtqemud", "admin": shown by virt-admin */
    RpcOwner owner;     /* procedures of this owner without a handler answer "not supported" */
    const char *type;   /* CONNECT_GET_TYPE: "QEMU" */
    const char *scheme; /* accepted URIs: <scheme>:///system and /session; NULL: the admin program */
    bool session;       /* runs as an ordinary user: <scheme>:///session only */
    const char *token_path; /* of the host's system token (token.h); NULL: none is believed */
    unsigned int max_clients, max_anonymous_clients, max_client_requests; /* 0: 5000, 20, 5 */
    int keepalive_interval;                                               /* seconds; 0 or less: never ping */
    unsigned int keepalive_count;
    void *daemon; /* passed to hooks, classes, and rpc_call_daemon() */
    const RpcHooks *hooks;
} RpcServerOptions;

/* Strings and hooks of the options are borrowed for the server's life. */
RpcServer *rpc_server_new(const RpcServerOptions *options);
/* Disconnects all clients; returns NULL. No call may be running: drain first, and wait for them. */
RpcServer *rpc_server_free(RpcServer *server);

/* Serve these procedures. A procedure bound twice is an assertion failure. The rows are not kept. */
void rpc_server_bind(RpcServer *server, const RpcBinding *bindings, size_t count);
void rpc_server_set_class(RpcServer *server, RpcObjectKind kind, const RpcObjectClass *class);

typedef enum {
    RPC_AUTH_NONE = 0,   /* as on the wire */
    RPC_AUTH_SASL = 1,   /* answers, but refuses */
    RPC_AUTH_POLKIT = 2, /* none for uid 0 */
} RpcAuth;

typedef struct RpcServiceOptions {
    bool readonly;
    RpcAuth auth;
    bool same_uid; /* only the daemon's own uid may connect (admin) */
} RpcServiceOptions;

/* Accept clients from a listening socket; takes the descriptor. */
int rpc_server_listen(RpcServer *server, int fd, const RpcServiceOptions *options, Error *err);
/* Serve a connected socket; takes the descriptor (also on failure). ret_client may be NULL; borrowed. */
int rpc_server_adopt(RpcServer *server, int fd, const RpcServiceOptions *options, RpcClient **ret_client, Error *err);

/* Stop accepting clients and reading calls; running calls end and are answered. For the daemon's shutdown. */
void rpc_server_drain(RpcServer *server);

size_t rpc_server_clients(const RpcServer *server);       /* connected */
size_t rpc_server_running_calls(const RpcServer *server); /* in fibers, also of clients that have gone */
const char *rpc_server_name(const RpcServer *server);

/* Limits as virt-admin shows and sets them. */
typedef struct RpcLimits {
    unsigned int max_clients, max_anonymous_clients;
    unsigned int clients, anonymous_clients;
} RpcLimits;

void rpc_server_get_limits(const RpcServer *server, RpcLimits *ret);
int rpc_server_set_limits(RpcServer *server, unsigned int max_clients, unsigned int max_anonymous, Error *err);
