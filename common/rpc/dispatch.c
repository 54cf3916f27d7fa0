/*
 * The one walk of every call: program and procedure, authentication, open connection, read-only, decoding, object,
 * permission, job, handler, reply, log line. Handlers are left with their subject.
 *
 * Calls that answer from memory run at once, on the loop, with all their memory on its stack. The others are copied out
 * of the input buffer and run in a fiber each, as many at a time as the client's quota allows; the rest wait in the
 * client's list, and when that is long, in the socket.
 */
#include <string.h>
#include <unistd.h>

#include "common/rpc/internal.h"
#include "protocol/admin.h"
#include "protocol/constants.h"
#include "protocol/net.h"
#include "protocol/remote.h"

#define LOG_SOURCE "rpc.dispatch"
#include "common/base/log.h"

#define RELAYED_INLINE_MAX 64u

typedef int InlineHandler(RpcCall *call, const void *args, void *ret, Error *err);
typedef int FiberHandler(Job *job, RpcCall *call, const void *args, void *ret, Error *err);

/* The error domain that stands for the API the procedure belongs to. */
static const ErrorDomain api_class[RPC_OWNER_COUNT] = {
    [RPC_OWNER_ADMIN] = FROM_ADMIN,
    [RPC_OWNER_HYPERVISOR] = FROM_DOMAIN,
    [RPC_OWNER_INTERFACE] = FROM_INTERFACE,
    [RPC_OWNER_NETWORK] = FROM_NETWORK,
    [RPC_OWNER_NODEDEV] = FROM_NODEDEV,
    [RPC_OWNER_NWFILTER] = FROM_NWFILTER,
    [RPC_OWNER_SECRET] = FROM_SECRET,
    [RPC_OWNER_SELF] = FROM_RPC,
    [RPC_OWNER_STORAGE] = FROM_STORAGE,
};

const char *
rpc_api_name(const RpcProc *proc)
{
    return proc->api ? rpc_strings + proc->api : rpc_proc_name(proc);
}

ErrorDomain
rpc_proc_class(const RpcProc *proc)
{
    return proc->object == RPC_OBJECT_NODE_DEVICE ? FROM_NODEDEV : api_class[proc->owner];
}

/* --- replies ---------------------------------------------------------------------------------------------------------- */

/* An error as the wire has it, in a message of that type. A text too long for the wire is cut. */
void
rpc_send_error(RpcConn *conn, const RpcHeader *request, uint32_t type, const Error *error)
{
    RpcHeader header = *request;
    virNetMessageError message = {
        .code = error->code ? error->code : ERR_INTERNAL_ERROR,
        .domain = error->domain,
        .level = VIR_ERR_ERROR,
        .message = error->message ? error->message : "an unknown error occurred",
        .str1 = error->str1, .str2 = error->str2, .str3 = error->str3,
        .int1 = error->int1, .int2 = error->int2,
    };
    WireBuffer *out;

    header.type = type;
    header.status = VIR_NET_ERROR;
    out = rpc_conn_begin(conn, &header, 0);
    if (wire_encode(WIRE_virNetMessageError, &message, out, NULL) < 0) {
        message.message = "the error message is too long to be sent";
        message.str1 = message.str2 = message.str3 = NULL;
        if (wire_encode(WIRE_virNetMessageError, &message, out, NULL) < 0) {
            rpc_conn_abandon(conn);
            return;
        }
    }
    rpc_conn_end(conn, NULL, 0);
}

/* --- answers kept in encoded form --- */

static bool
may_keep(const RpcCall *call)
{
    const RpcHooks *hooks = call->client->server->options.hooks;

    return !hooks || !hooks->access;
}

bool
rpc_call_reply_kept(RpcCall *call, const RpcKept *kept, uint64_t version, uint64_t variant)
{
    if (!kept->bytes || kept->version != version || kept->variant != variant || !may_keep(call))
        return false;
    call->kept = kept;
    return true;
}

void
rpc_call_keep_reply(RpcCall *call, RpcKept *kept, uint64_t version, uint64_t variant)
{
    if (!may_keep(call))
        return;
    rpc_kept_done(kept);
    kept->version = version;
    kept->variant = variant;
    call->keep = kept;
}

void
rpc_kept_done(RpcKept *kept)
{
    g_clear_pointer(&kept->bytes, g_free);
    kept->size = 0;
}

static int
encode_reply(RpcCall *call, WireBuffer *out, Error *err)
{
    size_t start = out->len;
    void *at;

    if (call->kept) {
        at = wire_buffer_append(out, call->kept->size, err);
        if (at)
            memcpy(at, call->kept->bytes, call->kept->size);
        return at ? 0 : -1;
    }
    if (wire_encode(call->proc->ret, call->ret, out, err) < 0)
        return -1;
    if (call->keep) {
        call->keep->size = out->len - start;
        call->keep->bytes = g_memdup2(out->data + start, call->keep->size);
    }
    return 0;
}

static int
send_reply(RpcCall *call, Error *err)
{
    RpcConn *conn = call->client->conn;
    RpcHeader header = call->header;
    unsigned int n_fds = call->n_reply_fds;
    WireBuffer *out;

    header.type = n_fds ? VIR_NET_REPLY_WITH_FDS : VIR_NET_REPLY;
    header.status = VIR_NET_OK;
    out = rpc_conn_begin(conn, &header, n_fds);
    if (encode_reply(call, out, err) < 0) {
        rpc_conn_abandon(conn);
        return error_prefixf(err, "the answer of %s cannot be sent", rpc_api_name(call->proc));
    }
    call->n_reply_fds = 0;
    rpc_conn_end(conn, call->reply_fds, n_fds);
    return 0;
}

static LogLevel
failure_level(const RpcCall *call, const Error *err)
{
    /* By the wire's rules this floor answers some mistakes of clients with the code of our own bugs. */
    if (err->code == ERR_INTERNAL_ERROR && err->domain != FROM_RPC)
        return LOG_LEVEL_ERROR;
    return call->proc->job == RPC_JOB_INLINE || call->proc->job == RPC_JOB_QUERY ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
}

static void
log_outcome(const RpcCall *call, int result, const Error *err)
{
    LogLevel level = result < 0 ? failure_level(call, err) : LOG_LEVEL_DEBUG;

    if (!log_enabled(level, LOG_SOURCE))
        return;
    log_at(level, "%s: %s, serial %u, %.1f ms: %s", call->client->label, rpc_api_name(call->proc), call->header.serial,
           (double)(clock_monotonic_usec() - call->started) / USEC_PER_MSEC, result < 0 ? err->message : "ok");
}

/* The end of every call that got as far as its procedure: reply or error, once. */
static void
answer(RpcCall *call, int result, Error *err)
{
    RpcConn *conn = call->client->conn;

    if (result >= 0 && conn)
        result = send_reply(call, err);
    if (result < 0)
        call->client->server->failed_calls++;
    log_outcome(call, result, err);
    if (result < 0 && conn)
        rpc_send_error(conn, &call->header, VIR_NET_REPLY, err);
    if (!call->stream)
        return;
    if (result < 0 || !conn) {
        rpc_stream_discard(call->stream);
    } else {
        rpc_stream_start(call->stream);
    }
}

/* --- what a call holds ------------------------------------------------------------------------------------------------ */

static void
call_release(RpcCall *call)
{
    if (call->object)
        call->class->unref(call->object);
    for (unsigned int i = 0; i < call->n_fds; i++)
        if (call->fds[i] >= 0)
            close(call->fds[i]);
    for (unsigned int i = 0; i < call->n_reply_fds; i++)
        close(call->reply_fds[i]);
    arena_done(&call->arena);
    if (!call->heap)
        return;
    g_free(call->payload);
    rpc_client_unref(call->client);
    g_free(call);
}

static unsigned int
quota_of(const RpcProc *proc, bool relayed)
{
    if (relayed)
        return (proc->job == RPC_JOB_INLINE ? RPC_QUOTA_RELAYED_INLINE : RPC_QUOTA_RELAYED) + proc->owner;
    return proc->job == RPC_JOB_INTERRUPT ? RPC_QUOTA_INTERRUPT : RPC_QUOTA_ORDINARY;
}

static void
call_init(RpcCall *call, RpcClient *client, RpcFrame *frame, RpcProgramId program, const RpcProc *proc,
          RpcAnyHandler *handler)
{
    /* Not the memory block: the arena zeroes what it hands out. */
    memset(call, 0, offsetof(RpcCall, memory));
    call->client = client;
    call->header = frame->header;
    call->program = program;
    call->proc = proc;
    call->handler = handler;
    call->payload = frame->payload;
    call->size = frame->size;
    call->quota = quota_of(proc, !handler);
    call->started = loop_now();
    if (handler)
        arena_init(&call->arena, call->memory, sizeof(call->memory));
    else
        arena_init(&call->arena, NULL, 0);
    for (unsigned int i = 0; i < frame->n_fds; i++) {
        call->fds[i] = frame->fds[i];
        frame->fds[i] = -1;
    }
    call->n_fds = frame->n_fds;
}

/* --- gates ------------------------------------------------------------------------------------------------------------ */

static bool
condition_holds(const void *args, unsigned int sense, uint16_t field, uint32_t value)
{
    uint32_t actual;

    memcpy(&actual, (const char *)args + field, sizeof(actual));
    switch (sense) {
    case RPC_IF_IF:
        return actual & value;
    case RPC_IF_UNLESS:
        return !(actual & value);
    case RPC_IF_EQUAL:
        return actual == value;
    default:
        return true;
    }
}

static int
deny_readonly(const RpcProc *proc, Error *err)
{
    return error_setf(err, rpc_proc_class(proc), ERR_OPERATION_DENIED, "operation forbidden: read only access prevents %s",
                      rpc_api_name(proc));
}

/* Of the program's own rules: what may be called before the client has authenticated or opened its connection. */
static bool
before_authentication(RpcProgramId program, uint32_t proc)
{
    return program == RPC_PROGRAM_REMOTE && proc >= REMOTE_PROC_AUTH_LIST && proc <= REMOTE_PROC_AUTH_POLKIT;
}

static bool
before_open(RpcProgramId program, uint32_t proc)
{
    if (program == RPC_PROGRAM_ADMIN)
        return proc == ADMIN_PROC_CONNECT_OPEN;
    return before_authentication(program, proc) ||
           (program == RPC_PROGRAM_REMOTE &&
            (proc == REMOTE_PROC_CONNECT_OPEN || proc == REMOTE_PROC_CONNECT_SUPPORTS_FEATURE));
}

static int
check_gates(RpcClient *client, RpcProgramId program, const RpcProc *proc, uint32_t number, Error *err)
{
    if (!client->authenticated && !before_authentication(program, number))
        return error_setf(err, FROM_RPC, ERR_RPC, "authentication required before %s", rpc_api_name(proc));
    if (!client->opened && !before_open(program, number))
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "connection not open: %s must be preceded by opening it",
                          rpc_api_name(proc));
    if (client->readonly && proc->readonly == RPC_READONLY_DENY)
        return deny_readonly(proc, err);
    return 0;
}

int
rpc_find_program(const RpcServer *server, const RpcHeader *header)
{
    for (int i = 0; i < RPC_PROGRAM_COUNT; i++)
        if (server->handlers[i] && rpc_programs[i].number == header->program && rpc_programs[i].version == header->version)
            return i;
    return -1;
}

static int
no_handler(const RpcServer *server, const RpcProc *proc, Error *err)
{
    if (proc->owner != server->options.owner && proc->owner != RPC_OWNER_SELF &&
        server->options.owner != RPC_OWNER_HYPERVISOR)
        return error_setf(err, FROM_RPC, ERR_INTERNAL_ERROR, "connection not open: %s is not served by %s", rpc_api_name(proc),
                          server->options.name);
    return error_setf(err, rpc_proc_class(proc), ERR_NO_SUPPORT, "this function is not supported by the connection driver: %s",
                      rpc_api_name(proc));
}

/* --- running ---------------------------------------------------------------------------------------------------------- */

/* Arguments, conditional read-only, object. */
static int
prepare(RpcCall *call, Error *err)
{
    const RpcProc *proc = call->proc;
    RpcServer *server = call->client->server;

    call->ret = arena_alloc(&call->arena, MAX(wire_structs[proc->ret].size, 1));
    if (proc->args) {
        call->args = arena_alloc(&call->arena, wire_structs[proc->args].size);
        if (wire_decode(proc->args, call->payload, call->size, &call->arena, call->args, err) < 0)
            return error_prefixf(err, "%s", rpc_api_name(proc));
    }
    if (call->client->readonly && proc->readonly >= RPC_READONLY_IF &&
        condition_holds(call->args, proc->readonly == RPC_READONLY_IF ? RPC_IF_IF : RPC_IF_EQUAL, proc->readonly_field,
                        proc->readonly_value))
        return deny_readonly(proc, err);
    call->class = server->classes[proc->object];
    if (!call->class || !call->class->lookup)
        return 0;
    return call->class->lookup(server->options.daemon, (char *)call->args + proc->object_offset, &call->object, err);
}

/* The permissions of the description that concern the connection or the object found. */
static int
check_access(Job *job, RpcCall *call, Error *err)
{
    const RpcHooks *hooks = call->client->server->options.hooks;

    if (!hooks || !hooks->access)
        return 0;
    for (unsigned int i = 0; i < call->proc->n_acl; i++) {
        const RpcAclRule *rule = &rpc_acl_rules[call->proc->acl + i];
        bool on_object = call->object && rule->object == call->proc->object;

        if (!on_object && rule->object != RPC_OBJECT_CONNECT)
            continue; /* the handler asks once it knows the object */
        if (rule->sense != RPC_IF_ALWAYS && !condition_holds(call->args, rule->sense, rule->field, rule->value))
            continue;
        if (rpc_call_check_access(job, call, rule->object, rpc_strings + rule->permission, on_object ? call->object : NULL,
                                  err) < 0)
            return -1;
    }
    return 0;
}

static int
run_modifying(Job *job, RpcCall *call, Error *err)
{
    const char *name = NULL;
    JobQueue *queue = call->object && call->class->queue ? call->class->queue(call->object, &name) : NULL;
    int r;

    if (!queue)
        return ((FiberHandler *)call->handler)(job, call, call->args, call->ret, err);
    call->cancellable = true;
    r = job_acquire(job, queue, name, JOB_QUEUE_TIMEOUT, err);
    call->cancellable = false;
    if (r < 0)
        return r;
    r = call->class->check ? call->class->check(call->client->server->options.daemon, call->object, err) : 0;
    if (r >= 0)
        r = ((FiberHandler *)call->handler)(job, call, call->args, call->ret, err);
    job_release(job, queue);
    return r;
}

static int
run(Job *job, RpcCall *call, Error *err)
{
    if (prepare(call, err) < 0 || check_access(job, call, err) < 0)
        return -1;
    switch (call->proc->job) {
    case RPC_JOB_INLINE:
        return ((InlineHandler *)call->handler)(call, call->args, call->ret, err);
    case RPC_JOB_MODIFY:
        return run_modifying(job, call, err);
    default:
        return ((FiberHandler *)call->handler)(job, call, call->args, call->ret, err);
    }
}

static void
run_inline(RpcClient *client, RpcFrame *frame, RpcProgramId program, const RpcProc *proc, RpcAnyHandler *handler)
{
    _cleanup_error_ Error err = ERROR_INIT;
    RpcCall call;
    int r;

    call_init(&call, client, frame, program, proc, handler);
    rpc_client_ref(client);
    client->server->calls++;
    r = run(NULL, &call, &err);
    answer(&call, r, &err);
    call_release(&call);
    rpc_client_unref(client);
}

/* --- calls in fibers -------------------------------------------------------------------------------------------------- */

static void
unlink_running(RpcCall *call)
{
    RpcClient *client = call->client;

    if (call->prev) {
        call->prev->next = call->next;
    } else {
        client->calls = call->next;
    }
    if (call->next)
        call->next->prev = call->prev;
    client->running[call->quota]--;
    client->server->running_calls--;
}

/* A call's fiber or relay is done: the next one may run. */
static void
call_ended(RpcCall *call)
{
    RpcClient *client = rpc_client_ref(call->client);
    RpcServer *server = client->server;

    unlink_running(call);
    call_release(call);
    if (client->conn) {
        rpc_dispatch_pending(client);
        rpc_conn_resume(client->conn);
    }
    rpc_server_activity(server);
    rpc_client_unref(client);
}

static void
call_main(Job *job, void *data)
{
    _cleanup_error_ Error err = ERROR_INIT;
    RpcCall *call = data;
    int r;

    call->job = job;
    r = run(job, call, &err);
    answer(call, r, &err);
    call_ended(call);
}

static void
start(RpcCall *call)
{
    RpcClient *client = call->client;
    _cleanup_error_ Error err = ERROR_INIT;

    call->next = client->calls;
    if (client->calls)
        client->calls->prev = call;
    client->calls = call;
    client->running[call->quota]++;
    client->server->running_calls++;
    client->server->calls++;
    if (call->handler) {
        job_spawn(rpc_api_name(call->proc), client->label, call_main, call);
        return;
    }
    call->relayed = true;
    if (client->server->options.hooks->relay(call, client->server->options.daemon, &err) > 0)
        return;
    if (!error_is_set(&err))
        no_handler(client->server, call->proc, &err);
    answer(call, -1, &err);
    call_ended(call);
}

static bool
quota_left(const RpcClient *client, unsigned int quota)
{
    unsigned int limit = client->server->options.max_client_requests;

    return client->running[quota] < (quota >= RPC_QUOTA_RELAYED_INLINE ? MAX(limit, RELAYED_INLINE_MAX) : limit);
}

void
rpc_dispatch_pending(RpcClient *client)
{
    GList *at = client->pending.head;

    while (at && client->conn) {
        RpcCall *call = at->data;

        if (!quota_left(client, call->quota)) {
            at = at->next;
            continue;
        }
        g_queue_delete_link(&client->pending, at);
        client->pending_bytes -= sizeof(RpcCall) + call->size;
        start(call);
        at = client->pending.head; /* a call that ended at once has been here too */
    }
}

void
rpc_dispatch_drop(RpcClient *client)
{
    RpcCall *call;

    while ((call = g_queue_pop_head(&client->pending))) {
        client->pending_bytes -= sizeof(RpcCall) + call->size;
        call_release(call);
    }
    for (call = client->calls; call; call = call->next)
        if (call->cancellable)
            job_cancel(call->job, FROM_RPC, ERR_OPERATION_ABORTED, "%s has disconnected", client->label);
}

/* Copy the call out of the input buffer; run it now or when the quota allows. */
static void
run_in_fiber(RpcClient *client, RpcFrame *frame, RpcProgramId program, const RpcProc *proc, RpcAnyHandler *handler)
{
    RpcCall *call = g_malloc(handler ? sizeof(RpcCall) : offsetof(RpcCall, memory));

    call_init(call, client, frame, program, proc, handler);
    call->heap = true;
    call->payload = g_memdup2(frame->payload, frame->size);
    rpc_client_ref(client);
    if (quota_left(client, call->quota)) {
        start(call);
        return;
    }
    g_queue_push_tail(&client->pending, call);
    client->pending_bytes += sizeof(RpcCall) + call->size;
}

/* --- the entrance ----------------------------------------------------------------------------------------------------- */

static int
refuse(RpcClient *client, const RpcFrame *frame, const Error *err)
{
    log_info("%s: call refused: %s", client->label, err->message);
    client->server->failed_calls++;
    rpc_send_error(client->conn, &frame->header, VIR_NET_REPLY, err);
    return RPC_FRAME_TAKEN;
}

int
rpc_dispatch(RpcClient *client, RpcFrame *frame)
{
    RpcServer *server = client->server;
    const RpcHooks *hooks = server->options.hooks;
    _cleanup_error_ Error err = ERROR_INIT;
    RpcAnyHandler *handler;
    const RpcProc *proc;
    int program;

    if (server->draining || rpc_conn_unsent(client->conn) >= RPC_OUTPUT_HIGH || client->pending_bytes >= RPC_PENDING_MAX ||
        rpc_relay_blocked(client))
        return RPC_FRAME_LATER;
    program = rpc_find_program(server, &frame->header);
    if (program < 0) {
        error_setf(&err, FROM_RPC, ERR_RPC, "cannot find program 0x%x version %u", frame->header.program, frame->header.version);
        return refuse(client, frame, &err);
    }
    proc = frame->header.proc < 0 ? NULL : rpc_proc(program, frame->header.proc);
    if (!proc || proc->event) {
        error_setf(&err, FROM_RPC, ERR_RPC, "unknown procedure: %d", frame->header.proc);
        return refuse(client, frame, &err);
    }
    if (check_gates(client, program, proc, frame->header.proc, &err) < 0)
        return refuse(client, frame, &err);
    handler = server->handlers[program][frame->header.proc];
    if (!handler && !(hooks && hooks->relay && proc->owner != server->options.owner)) {
        no_handler(server, proc, &err);
        return refuse(client, frame, &err);
    }
    if (handler && proc->job == RPC_JOB_INLINE && !(hooks && hooks->access)) {
        run_inline(client, frame, program, proc, handler);
    } else {
        run_in_fiber(client, frame, program, proc, handler);
    }
    return RPC_FRAME_TAKEN;
}

/* --- what handlers ask of their call ---------------------------------------------------------------------------------- */

RpcClient *
rpc_call_client(const RpcCall *call)
{
    return call->client;
}

void *
rpc_call_daemon(const RpcCall *call)
{
    return call->client->server->options.daemon;
}

Arena *
rpc_call_arena(RpcCall *call)
{
    return &call->arena;
}

const RpcProc *
rpc_call_proc(const RpcCall *call)
{
    return call->proc;
}

void *
rpc_call_object(const RpcCall *call)
{
    return call->object;
}

int
rpc_call_check_access(Job *job, RpcCall *call, RpcObjectKind kind, const char *permission, void *object, Error *err)
{
    const RpcServerOptions *options = &call->client->server->options;
    int r = 1;

    if (options->hooks && options->hooks->access)
        r = options->hooks->access(job, options->daemon, call->client, kind, permission, object, err);
    if (r == 0)
        return error_setf(err, FROM_ACCESS, ERR_ACCESS_DENIED, "access denied: %s needs the permission '%s'",
                          rpc_api_name(call->proc), permission);
    return r < 0 ? -1 : 0;
}

bool
rpc_call_visible(Job *job, RpcCall *call, void *object)
{
    _cleanup_error_ Error err = ERROR_INIT;
    const RpcHooks *hooks = call->client->server->options.hooks;
    RpcObjectKind kind = call->proc->filter;

    if (!hooks || !hooks->access || !kind)
        return true;
    return rpc_call_check_access(job, call, kind, rpc_strings + call->proc->filter_permission, object, &err) == 0;
}

unsigned int
rpc_call_n_fds(const RpcCall *call)
{
    return call->n_fds;
}

int
rpc_call_take_fd(RpcCall *call, unsigned int index)
{
    int fd = index < call->n_fds ? call->fds[index] : -1;

    if (fd >= 0)
        call->fds[index] = -1;
    return fd;
}

int
rpc_call_reply_fd(RpcCall *call, int fd, Error *err)
{
    if (call->n_reply_fds == RPC_FDS_MAX || (call->client->conn && !rpc_conn_has_fds(call->client->conn))) {
        close(fd);
        return error_setf(err, FROM_RPC, ERR_OPERATION_UNSUPPORTED, "descriptors cannot be passed over this connection");
    }
    call->reply_fds[call->n_reply_fds++] = fd;
    return 0;
}

int
rpc_call_unsupported(const RpcCall *call, Error *err)
{
    return error_setf(err, rpc_proc_class(call->proc), ERR_NO_SUPPORT,
                      "this function is not supported by the connection driver: %s", rpc_api_name(call->proc));
}

int
rpc_call_check_flags(const RpcCall *call, unsigned int flags, unsigned int known, Error *err)
{
    if (flags & ~known)
        return error_setf(err, rpc_proc_class(call->proc), ERR_INVALID_ARG, "unsupported flags (0x%x) in function %s",
                          flags & ~known, rpc_api_name(call->proc));
    return 0;
}

void
rpc_call_fail(RpcCall *call, Error *err)
{
    g_assert(call->relayed);
    answer(call, -1, err);
    call_ended(call);
}

void
rpc_call_finish(RpcCall *call, RpcFrame *reply)
{
    RpcConn *conn = call->client->conn;
    RpcHeader header = call->header;
    unsigned int n_fds = reply->n_fds;
    int fds[RPC_FDS_MAX];

    g_assert(call->relayed);
    if (conn && n_fds && !rpc_conn_has_fds(conn)) {
        _cleanup_error_ Error err = ERROR_INIT;

        error_setf(&err, FROM_RPC, ERR_OPERATION_UNSUPPORTED, "descriptors cannot be passed over this connection");
        rpc_call_fail(call, &err);
        return;
    }
    header.type = n_fds ? VIR_NET_REPLY_WITH_FDS : VIR_NET_REPLY;
    header.status = reply->header.status;
    if (header.status != VIR_NET_OK)
        call->client->server->failed_calls++;
    if (conn) {
        for (unsigned int i = 0; i < n_fds; i++) {
            fds[i] = reply->fds[i];
            reply->fds[i] = -1;
        }
        rpc_conn_send_fds(conn, &header, reply->payload, reply->size, fds, n_fds);
    }
    call_ended(call);
}
