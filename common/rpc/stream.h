/*
 * Streams: bytes that follow a call's reply, in either or both directions, over the client's connection.
 *
 * A handler of a procedure with a `stream` statement opens exactly one before it returns 0. Data flows after the reply.
 * Towards the client nothing is produced while RPC_OUTPUT_HIGH bytes are unsent; from the client at most
 * RPC_STREAM_BACKLOG bytes are kept, then its connection is not read. Finish, abort and failure follow the wire's rules;
 * packets of a closed stream are dropped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/rpc/call.h"

#define RPC_STREAM_CHUNK 262120u /* most bytes of one packet; old clients accept no more */
#define RPC_STREAM_BACKLOG (4u << 20)
#define RPC_STREAM_MAX 64 /* open streams of one client; more are refused */

typedef struct RpcStream RpcStream;

enum {
    RPC_STREAM_AGAIN = 0,  /* nothing now; rpc_stream_wake() when there is */
    RPC_STREAM_END = -2,   /* end of data */
    RPC_STREAM_HOLE = -3,  /* *ret_hole bytes of zeros come next; only if rpc_stream_sparse() */
};

/* Bytes for the client: in memory, or next in this pipe, whose reading end does not block. */
typedef struct RpcLoan {
    const void *bytes; /* NULL: in the pipe */
    int pipe;
} RpcLoan;

/* The daemon's end. A slot that is NULL: that direction does not exist. None may suspend; data is the opener's. */
typedef struct RpcStreamOps {
    /* Fill buffer with up to size bytes: their number, or one of the above, or -1 with err (the stream then fails). */
    ssize_t (*read)(RpcStream *stream, void *data, void *buffer, size_t size, uint64_t *ret_hole, Error *err);
    /* The same without a copy, instead of read: bytes in memory or next in a pipe, left alone until the next call of a slot. */
    ssize_t (*lend)(RpcStream *stream, void *data, RpcLoan *ret, size_t max, uint64_t *ret_hole, Error *err);
    /* Take bytes from the client: how many, 0 for none now (rpc_stream_wake() when ready), -1 with err. */
    ssize_t (*write)(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err);
    /*
     * Of the client's next packet size bytes are to come, which no copy need be made of: 1 and the pipe they may go into,
     * or -1 for write() at the start of a packet (later it is a failure of the stream); 0 for none now
     * (rpc_stream_wake() when ready); -1 with err. Then how many came, 0: that pipe is full. NULL: always write().
     */
    int (*room)(RpcStream *stream, void *data, size_t size, int *ret_pipe, Error *err);
    void (*filled)(RpcStream *stream, void *data, size_t size);
    /* The client sent a hole. 0 or -1. NULL: holes are refused. */
    int (*hole)(RpcStream *stream, void *data, uint64_t length, Error *err);
    /*
     * The client finished and all its data was taken: 0, -1 with err (answered to the client), or 1: not yet, the daemon
     * will call rpc_stream_finished().
     */
    int (*finish)(RpcStream *stream, void *data, Error *err);
    /* Always called, once, last: finished, aborted, failed or the client is gone. Release data. */
    void (*closed)(RpcStream *stream, void *data, bool aborted);
} RpcStreamOps;

/* ret may be NULL. The stream belongs to the client; the pointer is valid until closed() was called. */
int rpc_stream_open(RpcCall *call, const RpcStreamOps *ops, void *data, RpcStream **ret, Error *err);

/* Over a descriptor (pipe, pty, socket, or a file for reading from where it stands), which it takes, also on failure. */
enum { RPC_STREAM_FD_READ = 1, RPC_STREAM_FD_WRITE = 2 };
int rpc_stream_open_fd(RpcCall *call, int fd, unsigned int ways, RpcStream **ret, Error *err);
/* The same; closed(data) is called once, when the stream is over. Not called when opening fails. */
int rpc_stream_open_fd_watched(RpcCall *call, int fd, unsigned int ways, void (*closed)(void *data), void *data, RpcStream **ret,
                               Error *err);

void rpc_stream_wake(RpcStream *stream);                   /* read or write would do something again */
void rpc_stream_finished(RpcStream *stream, Error *err);   /* outcome of a finish() that returned 1; err may be unset */
void rpc_stream_fail(RpcStream *stream, const Error *err); /* tell the client and close */
bool rpc_stream_sparse(const RpcStream *stream);           /* the call asked for holes */
