/*
 * A stream over a descriptor: consoles, channels, sockets, and small files that are read where they lie. The descriptor
 * is watched only while one side waits for it. Files on storage that may hang don't belong here.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/rpc/internal.h"

typedef struct FdStream {
    int fd;
    RpcStream *stream;
    sd_event_source *io; /* NULL: a file, always ready */
    uint32_t events;
    void (*closed)(void *data); /* the opener's, may be NULL */
    void *closed_data;
} FdStream;

static void
watch(FdStream *self, uint32_t events)
{
    self->events = events;
    if (!self->io)
        return;
    if (events)
        sd_event_source_set_io_events(self->io, events);
    sd_event_source_set_enabled(self->io, events ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int
on_ready(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    FdStream *self = data;

    /* Whoever still finds it busy asks again. */
    watch(self, revents & (EPOLLHUP | EPOLLERR) ? 0 : self->events & ~revents);
    rpc_stream_wake(self->stream);
    return 0;
}

static ssize_t
fd_read(RpcStream *stream, void *data, void *buffer, size_t size, uint64_t *ret_hole, Error *err)
{
    FdStream *self = data;
    ssize_t n;

    do
        n = read(self->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    if (n < 0 && errno == EAGAIN) {
        watch(self, self->events | EPOLLIN);
        return RPC_STREAM_AGAIN;
    }
    if (n < 0 && errno != EIO) /* what a terminal says when its other side has closed */
        return error_set_errno(err, FROM_STREAMS, errno, "cannot read from the stream's source");
    return RPC_STREAM_END;
}

static ssize_t
fd_write(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    FdStream *self = data;
    ssize_t n;

    do
        n = write(self->fd, bytes, size);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno == EAGAIN) {
        watch(self, self->events | EPOLLOUT);
        return 0;
    }
    return error_set_errno(err, FROM_STREAMS, errno, "cannot write to the stream's target");
}

static void
fd_closed(RpcStream *stream, void *data, bool aborted)
{
    FdStream *self = data;

    sd_event_source_disable_unref(self->io);
    close(self->fd);
    if (self->closed)
        self->closed(self->closed_data);
    g_free(self);
}

static const RpcStreamOps fd_ops[] = {
    [RPC_STREAM_FD_READ] = { .read = fd_read, .closed = fd_closed },
    [RPC_STREAM_FD_WRITE] = { .write = fd_write, .closed = fd_closed },
    [RPC_STREAM_FD_READ | RPC_STREAM_FD_WRITE] = { .read = fd_read, .write = fd_write, .closed = fd_closed },
};

int
rpc_stream_open_fd(RpcCall *call, int fd, unsigned int ways, RpcStream **ret, Error *err)
{
    return rpc_stream_open_fd_watched(call, fd, ways, NULL, NULL, ret, err);
}

int
rpc_stream_open_fd_watched(RpcCall *call, int fd, unsigned int ways, void (*closed)(void *data), void *data, RpcStream **ret,
                           Error *err)
{
    FdStream *self = g_new0(FdStream, 1);
    int flags = fcntl(fd, F_GETFL), r;

    self->fd = fd;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        r = error_set_errno(err, FROM_STREAMS, errno, "cannot use the stream's descriptor");
    } else {
        r = rpc_stream_open(call, &fd_ops[ways], self, &self->stream, err);
    }
    if (r < 0) {
        close(fd);
        g_free(self);
        return -1;
    }
    /* A file cannot be watched, and need not be. */
    if (sd_event_add_io(loop_event(), &self->io, fd, 0, on_ready, self) < 0)
        self->io = NULL;
    watch(self, 0);
    self->closed = closed;
    self->closed_data = data;
    if (ret)
        *ret = self->stream;
    return 0;
}
