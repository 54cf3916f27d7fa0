/*
 * What the parts of a connection (framing.h) share: framing.c is its life and its frames, framing_out.c what is sent,
 * framing_pipe.c the packets that go into pipes. Nobody else includes this.
 */
#pragma once

#include <sys/types.h>

#include <glib.h>

#include "common/base/loop.h"
#include "common/rpc/framing.h"

#define SCRATCH_SIZE (256u << 10)
#define DIRECT_MIN (16u << 10) /* from this size on a message is worth a system call of its own */

typedef struct OutFd {
    size_t at; /* the byte of the output buffer it travels with */
    int fd;
} OutFd;

struct RpcConn {
    int fd;
    bool unix_socket;
    sd_event_source *io, *linger;
    uint32_t events;
    const RpcConnOps *ops;
    void *data;

    uint8_t *in; /* what did not make a whole message yet, or waits for the end of a pause */
    size_t in_len, in_capacity;
    int in_fds[RPC_FDS_MAX]; /* arrived, in order, not yet claimed by a message */
    unsigned int n_in_fds;
    uint64_t last_input;

    RpcHeader pipe_header;
    size_t pipe_left; /* bytes of that packet that are still to go into pipes; 0: none is on its way there */

    WireBuffer out;
    size_t out_sent, message; /* start of the message being built */
    struct {
        size_t at, size; /* so many bytes, after that byte of the output buffer; size 0: none */
        int fd;
    } piped;
    GArray *out_fds;          /* of OutFd, in order; NULL when never needed */
    unsigned int building_fds;

    Deferred work;
    bool paused, resume, finishing, closing, reported;
    bool bulk, pipes;
    char *reason;
    unsigned int busy; /* inside one of our own functions that call back */
    bool freed;
};

/* framing.c */
void conn_want_work(RpcConn *conn);
void conn_set_closing(RpcConn *conn, const char *reason);
RpcHeader conn_header(const uint8_t *head);
/*
 * How many bytes the first message in data takes with the bytes that carry its descriptors; 0 when that cannot be known
 * yet, -1 when it breaks the rules.
 */
ssize_t conn_frame_extent(const uint8_t *data, size_t len, uint32_t *ret_fds, const char **ret_reason);
size_t conn_receive(RpcConn *conn, void *buffer, size_t size); /* like recv(), also fetching descriptors; 0: nothing is there */
size_t conn_deliver(RpcConn *conn, uint8_t *data, size_t len); /* the whole messages at the start; how many bytes they took */
void conn_keep(RpcConn *conn, const uint8_t *data, size_t len); /* the rest, for later; data may lie in conn->in */
void conn_read_more(RpcConn *conn);

/* framing_out.c */
void conn_flush(RpcConn *conn);

/* framing_pipe.c */
void conn_read_head(RpcConn *conn); /* of the next message; a packet may then go into pipes */
void conn_read_piped(RpcConn *conn);
