/*
 * What the three files of the relay know of each other: relay.c (connections and calls), relay_stream.c, relay_event.c.
 *
 * Ownership: a client owns its upstreams; an upstream owns its peer, streams, registrations and calls that wait for the
 * connection. A forwarded call is owned by the peer's list of calls without an answer. The job that opens the connection
 * outlives a client that goes meanwhile, and then frees the upstream.
 */
#pragma once

#include "common/rpc/internal.h"
#include "common/rpc/relay.h"

typedef struct RelayEvents RelayEvents; /* a pair of procedures that register and deregister */

typedef struct RelayStream {
    struct RelayStream *next;
    RpcHeader header; /* of the client's call */
    uint32_t serial;  /* of ours, once forwarded */
    bool forwarded, started; /* the call was sent on; was answered */
    bool ending;      /* the client has finished or aborted it */
    bool sparse;
} RelayStream;

typedef struct RelayRegistration {
    struct RelayRegistration *next;
    const RelayEvents *events;
    RpcHeader header; /* of the call that made it, to make it again */
    uint8_t *args;    /* owned */
    size_t size;
    int ours, theirs; /* callback ids; the older procedures have none */
    int event;        /* the number of an older one */
    bool listed;      /* the client has it */
    bool registered;  /* the other daemon has it */
    bool renewing;    /* it was asked to have it again */
    bool gone;        /* the client gave it up meanwhile */
} RelayRegistration;

struct RpcUpstream {
    RpcUpstream *next; /* client->upstreams */
    RpcClient *client; /* NULL: has gone */
    RpcTarget target;  /* owned strings */
    RpcPeer *peer;     /* NULL: not open */
    Job *opening;
    bool stale;        /* what is being opened was for another identity */
    GQueue waiting;    /* of Relayed, until it is open */
    RelayStream *streams;
    RelayRegistration *registrations;
    sd_event_source *retry;
    uint64_t opened_at;
    unsigned int attempts; /* to renew registrations, since it was last well */
};

/* A call that is passed on. */
typedef struct Relayed {
    RpcUpstream *upstream;
    RpcCall *call; /* NULL: one of our own */
    RelayStream *stream;
    const RelayEvents *events;       /* it registers or deregisters */
    RelayRegistration *registration; /* to be made or renewed; a new one is owned */
    bool deregisters;
    int key;                         /* what it deregisters: our callback id, or an event number */
} Relayed;

/* relay.c */
void relay_forward_own(RpcUpstream *upstream, const RpcHeader *header, const void *payload, size_t size,
                       RelayRegistration *registration);
void relay_want(RpcUpstream *upstream); /* registrations must be renewed: see to it that the connection opens */

/* relay_stream.c */
int relay_stream_prepare(Relayed *relayed, Error *err); /* for calls of any kind */
void relay_stream_answered(Relayed *relayed, bool ok);
int relay_stream_message(RpcUpstream *upstream, RpcFrame *frame); /* 0, -1: against the rules */
void relay_streams_lost(RpcUpstream *upstream, const Error *why);
void relay_streams_free(RpcUpstream *upstream);

/* relay_event.c */
enum { RELAY_ANSWERED = 1 };
/* For calls of any kind. RELAY_ANSWERED: the call needs no forwarding, it succeeds as it is; -1. */
int relay_event_prepare(Relayed *relayed, Error *err);
/* reply NULL: none came. true: the call then succeeds nevertheless. */
bool relay_event_answered(Relayed *relayed, RpcFrame *reply);
int relay_event_message(RpcUpstream *upstream, RpcFrame *frame); /* 0, -1: against the rules */
void relay_events_lost(RpcUpstream *upstream);
void relay_events_renew(RpcUpstream *upstream);
void relay_events_free(RpcUpstream *upstream);
