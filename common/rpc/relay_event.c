/*
 * Event registrations that other daemons hold for our clients. The other daemon's callback ids count its own connection's;
 * the client gets ids of ours, from the same counter as those of registrations served here. What was registered is
 * remembered, and registered again when the connection had to be made anew.
 */
#include <string.h>

#include "common/rpc/relay_internal.h"
#include "protocol/net.h"
#include "protocol/qemu.h"
#include "protocol/remote.h"

#define LOG_SOURCE "rpc.relay"
#include "common/base/log.h"

enum { EVENT_SERIAL = 1 };

/* By id: a registration answers with its callback id, which deregistering and events name. Without: one per event. */
struct RelayEvents {
    RpcProgramId program;
    uint16_t add, remove;
    RpcEventClass class; /* NONE: the older procedures and messages, without ids */
};

#define EVENTS(name, cls) \
    { RPC_PROGRAM_REMOTE, REMOTE_PROC_CONNECT_##name##_REGISTER_ANY, REMOTE_PROC_CONNECT_##name##_DEREGISTER_ANY, cls }

static const RelayEvents all_events[] = {
    EVENTS(NETWORK_EVENT, RPC_EVENT_NETWORK),
    EVENTS(STORAGE_POOL_EVENT, RPC_EVENT_STORAGE),
    EVENTS(NODE_DEVICE_EVENT, RPC_EVENT_NODEDEV),
    EVENTS(SECRET_EVENT, RPC_EVENT_SECRET),
    EVENTS(DOMAIN_EVENT_CALLBACK, RPC_EVENT_DOMAIN),
    { RPC_PROGRAM_QEMU, QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_REGISTER, QEMU_PROC_CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER,
      RPC_EVENT_MONITOR },
    EVENTS(DOMAIN_EVENT, RPC_EVENT_NONE),
    { RPC_PROGRAM_REMOTE, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER, REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER,
      RPC_EVENT_NONE },
};

/* The number at the start of a payload; 0 where there is none: the oldest procedures mean event 0. */
static int
first_number(const void *payload, size_t size)
{
    return size >= 4 ? (int)wire_get_u32(payload) : 0;
}

static const RelayEvents *
find_events(const RpcCall *call, bool *ret_deregisters)
{
    for (size_t i = 0; i < G_N_ELEMENTS(all_events); i++) {
        const RelayEvents *events = &all_events[i];

        if (events->program != call->program || (call->header.proc != events->add && call->header.proc != events->remove))
            continue;
        *ret_deregisters = call->header.proc == events->remove;
        return events;
    }
    return NULL;
}

/* --- the list --------------------------------------------------------------------------------------------------------- */

/* key: our callback id, or the number of an event registered the older way. */
static RelayRegistration *
find_registration(const RpcUpstream *upstream, const RelayEvents *events, int key)
{
    for (RelayRegistration *r = upstream->registrations; r; r = r->next)
        if (r->events == events && !r->gone && (events->class ? r->ours : r->event) == key)
            return r;
    return NULL;
}

static void
registration_free(RelayRegistration *registration)
{
    g_free(registration->args);
    g_free(registration);
}

static void
list_registration(RpcUpstream *upstream, RelayRegistration *registration)
{
    registration->listed = true;
    registration->next = upstream->registrations;
    upstream->registrations = registration;
    upstream->client->n_relayed_callbacks++;
}

static void
unlist_registration(RpcUpstream *upstream, RelayRegistration *registration)
{
    RelayRegistration **at = &upstream->registrations;

    while (*at != registration)
        at = &(*at)->next;
    *at = registration->next;
    upstream->client->n_relayed_callbacks--;
    registration_free(registration);
}

/* The client gives it up. While it is asked for again, the answer is awaited first. */
static void
give_up(RpcUpstream *upstream, RelayRegistration *registration)
{
    if (registration->renewing) {
        registration->gone = true;
    } else {
        unlist_registration(upstream, registration);
    }
}

/* --- calls on their way there ----------------------------------------------------------------------------------------- */

static int
prepare_add(Relayed *relayed, Error *err)
{
    const RpcCall *call = relayed->call;
    const RpcClient *client = call->client;
    RelayRegistration *registration;

    if (client->n_callbacks + client->n_relayed_callbacks >= RPC_CALLBACKS_MAX)
        return error_setf(err, FROM_RPC, ERR_OPERATION_FAILED, "a client may register at most %d event callbacks", RPC_CALLBACKS_MAX);
    registration = g_new0(RelayRegistration, 1);
    registration->events = relayed->events;
    registration->header = call->header;
    registration->args = g_memdup2(call->payload, call->size);
    registration->size = call->size;
    registration->event = first_number(call->payload, call->size);
    relayed->registration = registration;
    return 0;
}

static int
prepare_remove(Relayed *relayed, Error *err)
{
    RpcCall *call = relayed->call;
    RelayRegistration *registration;

    relayed->key = first_number(call->payload, call->size);
    registration = find_registration(relayed->upstream, relayed->events, relayed->key);
    if (!registration && !relayed->events->class)
        return 0; /* the other daemon says so */
    if (!registration || (relayed->events->class && call->size < 4))
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "no event callback with id %d is registered", relayed->key);
    if (!registration->registered)
        return RELAY_ANSWERED;
    if (relayed->events->class)
        wire_put_u32(call->payload, registration->theirs);
    return 0;
}

int
relay_event_prepare(Relayed *relayed, Error *err)
{
    relayed->events = find_events(relayed->call, &relayed->deregisters);
    if (!relayed->events)
        return 0;
    return relayed->deregisters ? prepare_remove(relayed, err) : prepare_add(relayed, err);
}

/* --- answers ---------------------------------------------------------------------------------------------------------- */

static void
deregister_there(RpcUpstream *upstream, const RelayEvents *events, const RelayRegistration *registration)
{
    RpcHeader header = registration->header;
    uint8_t id[4];

    header.proc = events->remove;
    wire_put_u32(id, events->class ? registration->theirs : registration->event);
    relay_forward_own(upstream, &header, id, sizeof(id), NULL);
}

/* The client's id takes the place of the other daemon's in the answer. */
static void
added(RpcUpstream *upstream, RelayRegistration *registration, RpcFrame *reply)
{
    registration->registered = true;
    registration->theirs = first_number(reply->payload, reply->size);
    if (registration->listed)
        return;
    if (registration->events->class) {
        registration->ours = upstream->client->last_callback++;
        wire_put_u32(reply->payload, registration->ours);
    }
    list_registration(upstream, registration);
}

static void
add_answered(Relayed *relayed, RpcFrame *reply)
{
    RelayRegistration *registration = relayed->registration;
    RpcUpstream *upstream = relayed->upstream;
    bool ok = reply && reply->header.status == VIR_NET_OK && (!relayed->events->class || reply->size >= 4);

    registration->renewing = false;
    if (ok) {
        added(upstream, registration, reply);
        if (registration->gone)
            deregister_there(upstream, registration->events, registration);
    } else if (!registration->listed) {
        registration_free(registration);
        return;
    } else if (reply) {
        log_warning("%s: %s does not register event callback %d again", upstream->client->label, upstream->target.daemon,
                    registration->ours);
    }
    if (registration->gone)
        unlist_registration(upstream, registration);
}

bool
relay_event_answered(Relayed *relayed, RpcFrame *reply)
{
    RelayRegistration *registration;

    if (!relayed->events)
        return false;
    if (!relayed->deregisters) {
        add_answered(relayed, reply);
        return false;
    }
    if (reply && reply->header.status != VIR_NET_OK)
        return false;
    registration = find_registration(relayed->upstream, relayed->events, relayed->key);
    if (registration)
        give_up(relayed->upstream, registration);
    return registration != NULL;
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

/* The event that an older message without callback id tells of; -1: none. */
static int
legacy_event(RpcProgramId program, int number)
{
    for (unsigned int i = 1; i <= rpc_programs[program].last; i++) {
        const RpcProc *proc = rpc_proc(program, i);

        if (proc && proc->event && proc->legacy == number)
            return proc->event_id;
    }
    return -1;
}

static const RelayRegistration *
addressee(const RpcUpstream *upstream, RpcProgramId program, const RpcProc *proc, const RpcFrame *frame)
{
    bool by_id = proc->event_class;
    int key = by_id ? first_number(frame->payload, frame->size) : legacy_event(program, frame->header.proc);

    for (const RelayRegistration *r = upstream->registrations; r; r = r->next)
        if (r->registered && !r->gone && r->events->class == proc->event_class && (by_id ? r->theirs : r->event) == key)
            return r;
    return NULL;
}

int
relay_event_message(RpcUpstream *upstream, RpcFrame *frame)
{
    RpcClient *client = upstream->client;
    const RelayRegistration *registration;
    const RpcProc *proc;
    int program = rpc_find_program(client->server, &frame->header);

    if (program < 0 || frame->header.status != VIR_NET_OK)
        return -1;
    proc = frame->header.proc < 0 ? NULL : rpc_proc(program, frame->header.proc);
    if (!proc || !proc->event)
        return 0; /* of a newer release */
    if (proc->event_class && frame->size < 4)
        return -1;
    registration = addressee(upstream, program, proc, frame);
    if (!registration)
        return 0; /* deregistered meanwhile */
    if (proc->event_class)
        wire_put_u32(frame->payload, registration->ours);
    frame->header.serial = EVENT_SERIAL;
    rpc_conn_send(client->conn, &frame->header, frame->payload, frame->size);
    return 0;
}

/* --- a connection's end and beginning --------------------------------------------------------------------------------- */

void
relay_events_lost(RpcUpstream *upstream)
{
    for (RelayRegistration *r = upstream->registrations; r; r = r->next)
        r->registered = false;
    if (upstream->registrations)
        relay_want(upstream);
}

void
relay_events_renew(RpcUpstream *upstream)
{
    for (RelayRegistration *r = upstream->registrations, *next; r && upstream->peer; r = next) {
        next = r->next;
        if (r->registered || r->renewing || r->gone)
            continue;
        r->renewing = true;
        relay_forward_own(upstream, &r->header, r->args, r->size, r);
    }
}

void
relay_events_free(RpcUpstream *upstream)
{
    while (upstream->registrations)
        unlist_registration(upstream, upstream->registrations);
}
