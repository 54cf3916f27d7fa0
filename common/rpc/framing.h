/*
 * Messages over a socket: cutting the incoming bytes into frames, queueing outgoing ones, descriptors both ways.
 *
 * Input: bytes are read into one buffer shared by all connections; only an incomplete message is kept per connection,
 * in a buffer that grows with what arrived, never with what was announced. Length and descriptor count are checked
 * before anything else; a violation closes the connection. Output: messages are encoded straight into the queue; what
 * was queued while input is handled goes out in one call. The queue itself has no bound: its user asks
 * rpc_conn_unsent(). Nothing here suspends.
 *
 * The payload of a packet of a stream may come out of a pipe, or go into one: the kernel then moves pages, and nobody
 * copies them (splice(2)).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/rpc/codec.h"

#define RPC_FRAME_HEAD 28u /* length word and header */
#define RPC_MESSAGE_MAX 33554432u
#define RPC_PAYLOAD_MAX 33554408u
#define RPC_FDS_MAX 32

typedef struct RpcConn RpcConn;

typedef struct RpcHeader {
    uint32_t program, version;
    int32_t proc;
    uint32_t type, serial, status; /* virNetMessageType, virNetMessageStatus */
} RpcHeader;

typedef struct RpcFrame {
    RpcHeader header;
    uint8_t *payload; /* in the input buffer: valid and writable during the callback */
    size_t size;
    int *fds; /* taking one means setting it to -1; the rest are closed */
    unsigned int n_fds;
} RpcFrame;

enum { RPC_FRAME_TAKEN = 0, RPC_FRAME_LATER = 1 };
enum { RPC_PIPE_NONE = -1, RPC_PIPE_LATER = -2 };

typedef struct RpcConnOps {
    /*
     * One message. RPC_FRAME_LATER: not now (the frame must be untouched); no more is read or delivered until
     * rpc_conn_resume(), then this one again. Negative: close the connection.
     */
    int (*frame)(RpcConn *conn, void *data, RpcFrame *frame);
    /*
     * Only after rpc_conn_pipes(): payload_left bytes of a packet's payload are next. A pipe for them, as many as it
     * takes; RPC_PIPE_LATER as above; or RPC_PIPE_NONE: the packet comes as a frame, or, once some of it has gone into
     * pipes (begun), the rest of it is dropped. Asked again for what is left.
     */
    int (*pipe)(RpcConn *conn, void *data, const RpcHeader *header, size_t payload_left, bool begun);
    /* So many bytes went into that pipe; 0: it is full. */
    void (*piped)(RpcConn *conn, void *data, const RpcHeader *header, size_t size);
    /* Some queued output was sent. */
    void (*sent)(RpcConn *conn, void *data);
    /* The connection ended, by the peer (reason "") or for that reason; called once, never inside another callback's
     * caller other than the loop. */
    void (*closed)(RpcConn *conn, void *data, const char *reason);
} RpcConnOps;

/* Takes the socket. Reading begins with the loop. */
RpcConn *rpc_conn_new(int fd, const RpcConnOps *ops, void *data, Error *err);
RpcConn *rpc_conn_free(RpcConn *conn); /* closes without a word; safe inside callbacks; returns NULL */
int rpc_conn_fd(const RpcConn *conn);

/* Report closed() from the loop, now or after what is queued was sent. No frames are delivered any more. */
void rpc_conn_shutdown(RpcConn *conn, bool now, const char *reason);

void rpc_conn_resume(RpcConn *conn);
/* Streams flow, or do no more: with larger buffers there are fewer wake-ups and copies for the same bytes. */
void rpc_conn_bulk(RpcConn *conn, bool bulk);
/* Packets may go into pipes (ops->pipe), or may do so no more. */
void rpc_conn_pipes(RpcConn *conn, bool pipes);

/*
 * Begin a message; its payload is appended to the returned buffer. End it, passing descriptors (taken, also when it
 * fails), or abandon it. Sending happens from the loop, or at the end of the input being handled.
 */
WireBuffer *rpc_conn_begin(RpcConn *conn, const RpcHeader *header, unsigned int n_fds);
void rpc_conn_end(RpcConn *conn, const int *fds, unsigned int n_fds);
void rpc_conn_abandon(RpcConn *conn);

/* A whole message from bytes; of a *_WITH_FDS type if it has descriptors (taken). */
void rpc_conn_send_fds(RpcConn *conn, const RpcHeader *header, const void *payload, size_t size, const int *fds,
                       unsigned int n_fds);
void rpc_conn_send(RpcConn *conn, const RpcHeader *header, const void *payload, size_t size);

/*
 * A packet whose payload is the next size bytes in a pipe, which is borrowed until rpc_conn_piped() is 0: so many of them
 * are unsent. Until then there can't be another one. rpc_conn_unpipe() copies what is unsent, so that it is 0.
 */
void rpc_conn_send_pipe(RpcConn *conn, const RpcHeader *header, int pipe, size_t size);
size_t rpc_conn_piped(const RpcConn *conn);
void rpc_conn_unpipe(RpcConn *conn);

size_t rpc_conn_unsent(const RpcConn *conn);
bool rpc_conn_has_fds(const RpcConn *conn); /* a unix socket */
uint64_t rpc_conn_last_input(const RpcConn *conn); /* loop_now() of the last bytes from the peer */
