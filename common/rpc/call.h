/*
 * A call: what a handler may ask and do beyond its typed arguments and reply.
 *
 * The handler fills *ret (zeroed before) and returns 0, or fills err and returns -1. Memory for the reply comes from
 * rpc_call_arena() or belongs to something that outlives the handler's return: the reply is encoded before anything else
 * runs. The arguments live as long as the call.
 */
#pragma once

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/job.h"
#include "common/rpc/client.h"
#include "common/rpc/descriptor.h"

RpcClient *rpc_call_client(const RpcCall *call); /* borrowed for the call; it may have gone meanwhile */
void *rpc_call_daemon(const RpcCall *call);      /* RpcServerOptions.daemon */
Arena *rpc_call_arena(RpcCall *call);
const RpcProc *rpc_call_proc(const RpcCall *call);

/* The object of the procedure's `object` statement; NULL if it has none or its kind no class. Borrowed for the call. */
void *rpc_call_object(const RpcCall *call);

/*
 * Does the caller have the permission ("start") on an object the dispatcher could not know before (looked up by name,
 * about to be defined)? 0 yes, -1 with ERR_ACCESS_DENIED. job may be NULL only where no access hook is set.
 */
int rpc_call_check_access(Job *job, RpcCall *call, RpcObjectKind kind, const char *permission, void *object, Error *err)
    _must_check_;

/* May the caller see this object in a list? For procedures with a `filter` statement. */
bool rpc_call_visible(Job *job, RpcCall *call, void *object);

/* Descriptors that came with the call: how many, and taking one (then owned by the caller; -1 when already taken). */
unsigned int rpc_call_n_fds(const RpcCall *call);
int rpc_call_take_fd(RpcCall *call, unsigned int index);

/* Pass a descriptor with the reply; takes it. -1 if the client can't receive any. */
int rpc_call_reply_fd(RpcCall *call, int fd, Error *err);

/* "this function is not supported by the connection driver: virDomainFoo", of the procedure's API class. Returns -1. */
int rpc_call_unsupported(const RpcCall *call, Error *err);

/*
 * An answer kept in encoded form, for what is long, asked often and seldom different. The key is the daemon's: whatever
 * the answer depends on. Nothing is kept where an access hook lets clients see different things. Zeroed: holds nothing.
 */
typedef struct RpcKept {
    uint8_t *bytes;
    size_t size;
    uint64_t version, variant; /* the key */
} RpcKept;

/* true: kept is the answer of this call, which the handler then leaves alone; it must stay as it is until the handler returns. */
bool rpc_call_reply_kept(RpcCall *call, const RpcKept *kept, uint64_t version, uint64_t variant);
/* Keep the answer of this call under the key when it is encoded, right after the (inline) handler returns. */
void rpc_call_keep_reply(RpcCall *call, RpcKept *kept, uint64_t version, uint64_t variant);
void rpc_kept_done(RpcKept *kept);

/* Flags a procedure does not know are refused: 0, or -1 with ERR_INVALID_ARG naming the function and the bits. */
int rpc_call_check_flags(const RpcCall *call, unsigned int flags, unsigned int known, Error *err) _must_check_;
