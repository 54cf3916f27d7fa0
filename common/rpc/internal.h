/*
 * What the files of this folder know of each other; nobody else includes it.
 *
 * Ownership: the server owns its services and, through one reference each, its connected clients. A client owns its
 * connection, streams, registrations and waiting calls. A call in a fiber holds its client.
 */
#pragma once

#include <glib.h>

#include "common/base/job.h"
#include "common/base/loop.h"
#include "common/rpc/framing.h"
#include "common/rpc/rpc.h"

typedef struct RpcCallback RpcCallback;
typedef struct RpcUpstream RpcUpstream;

struct RpcServer {
    RpcServerOptions options;
    RpcAnyHandler **handlers[RPC_PROGRAM_COUNT]; /* by number; NULL: program not served */
    const RpcObjectClass *classes[RPC_OBJECT_COUNT];
    GPtrArray *services; /* of RpcService, owned */
    RpcClient *clients;  /* list, newest first */
    unsigned int n_clients, n_anonymous;
    uint64_t last_id;
    size_t running_calls;
    RpcCallback *callbacks; /* event.c: list of all registrations */
    unsigned int n_callbacks;
    sd_event_source *keepalive;
    bool draining;
    uint64_t calls, failed_calls; /* ever */
};

struct RpcService {
    RpcServer *server;
    int fd;
    sd_event_source *io;
    RpcServiceOptions options;
};

/*
 * Calls that are passed on have quotas of their own per owner: another daemon that hangs holds up nothing else. Those it
 * answers from memory it answers at once; they have a larger one, so that many can be under way.
 */
enum {
    RPC_QUOTA_ORDINARY,
    RPC_QUOTA_INTERRUPT,
    RPC_QUOTA_RELAYED,
    RPC_QUOTA_RELAYED_INLINE = RPC_QUOTA_RELAYED + RPC_OWNER_COUNT,
    RPC_QUOTAS = RPC_QUOTA_RELAYED_INLINE + RPC_OWNER_COUNT,
};

struct RpcClient {
    unsigned int refs;
    RpcServer *server; /* NULL when the server has gone */
    RpcClient *prev, *next;
    RpcConn *conn; /* NULL when gone */
    uint64_t id, connected_at;
    char *label;
    RpcIdentity identity;
    bool has_start_time;
    bool readonly, authenticated, authenticating, opened;
    RpcAuth auth;
    sd_event_source *patience; /* until it has authenticated */
    char *uri;

    bool keepalive; /* the client asked for the feature: we may ping */
    unsigned int unanswered;

    unsigned int running[RPC_QUOTAS];
    RpcCall *calls;  /* running in fibers */
    GQueue pending;  /* of RpcCall, waiting for the quota */
    size_t pending_bytes;

    RpcStream *streams;
    RpcUpstream *upstreams; /* relay.c: its connections to other daemons */
    unsigned int n_streams; /* also those of relayed calls */
    unsigned int n_pipe_streams; /* whose packets may go into pipes */
    RpcStream *piping; /* whose pipe was last lent to the connection */
    unsigned int n_callbacks, n_relayed_callbacks;
    int last_callback;
    bool close_callback;
    GArray *close_hooks; /* of pair fn, data */
};

#define CALL_MEMORY 2048

struct RpcCall {
    RpcClient *client; /* a reference when in a fiber */
    RpcCall *prev, *next; /* client->calls */
    RpcHeader header;
    RpcProgramId program;
    const RpcProc *proc;
    RpcAnyHandler *handler;
    const RpcObjectClass *class;
    void *object;
    uint8_t *payload; /* owned when heap */
    size_t size;
    bool heap, relayed;
    bool cancellable; /* waits for something that nobody wants any more when the client has gone */
    unsigned int quota;
    int fds[RPC_FDS_MAX], reply_fds[RPC_FDS_MAX];
    unsigned int n_fds, n_reply_fds;
    void *args, *ret;
    const RpcKept *kept; /* the answer, instead of ret */
    RpcKept *keep;       /* where to keep the answer; key is set */
    RpcStream *stream;
    Job *job;
    uint64_t started;
    Arena arena;
    char memory[CALL_MEMORY] __attribute__((aligned(16))); /* a relayed call has none: nothing is decoded */
};

/* server.c */
void rpc_server_client_gone(RpcServer *server, RpcClient *client); /* takes it off the list, drops the reference */
void rpc_server_authenticated(RpcServer *server);
void rpc_server_activity(RpcServer *server);

/* client.c */
RpcClient *rpc_client_new(RpcServer *server, int fd, const RpcServiceOptions *options, Error *err);
void rpc_client_set_authenticated(RpcClient *client);
void rpc_client_read_start_time(RpcClient *client);
void rpc_identity_done(RpcIdentity *identity);

struct remote_connect_set_identity_args;

/* connect.c: the parameters of CONNECT_SET_IDENTITY, in arena memory; texts are borrowed from identity. */
void rpc_identity_encode(const RpcIdentity *identity, Arena *arena, struct remote_connect_set_identity_args *ret);

/* dispatch.c */
int rpc_dispatch(RpcClient *client, RpcFrame *frame); /* a CALL: RPC_FRAME_TAKEN or RPC_FRAME_LATER */
void rpc_dispatch_pending(RpcClient *client);         /* start waiting calls the quota allows */
void rpc_dispatch_drop(RpcClient *client);            /* the client has gone */
int rpc_find_program(const RpcServer *server, const RpcHeader *header); /* the served one of that number and version, or -1 */
const char *rpc_api_name(const RpcProc *proc);      /* "virNetworkCreate" */
ErrorDomain rpc_proc_class(const RpcProc *proc);    /* that stands for its API */
void rpc_send_error(RpcConn *conn, const RpcHeader *header, uint32_t type, const Error *error);

/* The end of a call that the relay hook took; the call is gone after. Descriptors of the reply are taken. */
void rpc_call_finish(RpcCall *call, RpcFrame *reply);
void rpc_call_fail(RpcCall *call, Error *err);

/* relay.c, relay_stream.c */
bool rpc_relay_blocked(const RpcClient *client); /* another daemon does not take what it sent there */
void rpc_relay_sent(RpcClient *client); /* there is room for what other daemons send it */
int rpc_relay_stream_frame(RpcClient *client, RpcFrame *frame);
void rpc_relay_identity_changed(RpcClient *client);
void rpc_relay_client_gone(RpcClient *client);

/* keepalive.c */
int rpc_keepalive_frame(RpcClient *client, const RpcFrame *frame);
void rpc_keepalive_enable(RpcClient *client);
void rpc_keepalive_stop(RpcServer *server);

/* connect.c, auth.c, event.c: what every daemon serves the same way */
extern const RpcBinding rpc_connect_bindings[], rpc_auth_bindings[], rpc_event_bindings[];
extern const size_t rpc_n_connect_bindings, rpc_n_auth_bindings, rpc_n_event_bindings;

/* event.c */
void rpc_event_client_gone(RpcClient *client);

/* stream.c */
void rpc_client_count_stream(RpcClient *client, bool opened); /* one more or less, its own or relayed */
int rpc_stream_frame(RpcClient *client, RpcFrame *frame);
int rpc_stream_pipe(RpcClient *client, const RpcHeader *header, size_t left, bool begun); /* as RpcConnOps.pipe, piped */
void rpc_stream_piped(RpcClient *client, const RpcHeader *header, size_t size);
void rpc_stream_start(RpcStream *stream);  /* the call's reply is queued */
void rpc_stream_discard(RpcStream *stream); /* the call failed after opening it */
void rpc_stream_sent(RpcClient *client);    /* output was sent: produce more */
void rpc_stream_client_gone(RpcClient *client);
