#include "virtstoraged/volume/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "common/rpc/stream.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/pool.h"

#define BLOCK_SIZE (4 * RPC_STREAM_CHUNK) /* whole packets */
#define BLOCKS_MAX 4
#define BLOCK_TIMEOUT (120 * USEC_PER_SEC)

/* A piece of the file on its way. Reference counted: the worker has one too. */
typedef struct Block {
    int fd; /* its own */
    uint64_t offset, wanted;
    bool sparse;
    uint64_t hole; /* of so many bytes; then there are no bytes */
    size_t size;
    uint8_t bytes[BLOCK_SIZE];
} Block;

typedef struct Transfer {
    unsigned references; /* the stream's and the job's */
    RpcStream *stream;   /* NULL: closed */
    Volume *volume;
    TransferSpec spec;
    int fd;
    bool sparse;
    uint64_t at;    /* of the file: next to be read, or to be taken from the client */
    GQueue blocks;  /* read and not sent; or taken and not written */
    size_t sent;    /* bytes of the first block */
    bool ended, failed;
    Error err;
    Wait *wait;     /* the job's, when it waits for the stream */
} Transfer;

static void
block_clear(gpointer data)
{
    fd_close(&((Block *)data)->fd);
}

static void
block_unref(gpointer data)
{
    g_atomic_rc_box_release_full(data, block_clear);
}

static Block *
block_new(Transfer *t, uint64_t offset)
{
    Block *block = g_atomic_rc_box_alloc(sizeof(Block));

    block->fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
    block->offset = offset;
    block->wanted = BLOCK_SIZE;
    block->sparse = t->sparse;
    block->hole = block->size = 0;
    return block;
}

static void
transfer_unref(Transfer *t)
{
    if (--t->references > 0)
        return;
    t->volume->in_use--;
    t->volume->pool->working--;
    daemon_touch(t->volume->pool->driver->daemon);
    g_queue_clear_full(&t->blocks, block_unref);
    fd_close(&t->fd);
    error_done(&t->err);
    volume_unref(t->volume);
    g_free(t);
}

/* The stream did something: the job may go on. */
static void
kick(Transfer *t)
{
    if (t->wait)
        wait_done(g_steal_pointer(&t->wait), 0);
}

static int
wait_for_stream(Job *job, Transfer *t, Error *err)
{
    Wait wait = { 0 };
    int r;

    t->wait = &wait;
    r = job_wait(job, &wait, "the client's stream", LOOP_NEVER, err);
    t->wait = NULL;
    return r;
}

/* --- workers --- */

/* A hole at the block's place: 1, and its length. What can't tell has none. */
static int
find_hole(Block *block)
{
    off_t data = lseek(block->fd, (off_t)block->offset, SEEK_DATA), end;

    if (data < 0 && errno == ENXIO) {
        end = lseek(block->fd, 0, SEEK_END);
        if (end <= (off_t)block->offset)
            return 0;
        data = end;
    }
    if (data <= (off_t)block->offset)
        return 0;
    block->hole = (uint64_t)data - block->offset;
    return 1;
}

static int
read_block(void *data, Error *err)
{
    Block *block = data;

    if (block->sparse && find_hole(block))
        return 0;
    while (block->size < MIN(block->wanted, (uint64_t)BLOCK_SIZE)) {
        ssize_t n = pread(block->fd, block->bytes + block->size, MIN(block->wanted, (uint64_t)BLOCK_SIZE) - block->size,
                          (off_t)(block->offset + block->size));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, FROM_STORAGE, errno, "cannot read the volume at byte %llu", (unsigned long long)block->offset);
        if (n == 0)
            break;
        block->size += (size_t)n;
    }
    return 0;
}

static int
write_bytes(const Block *block, const uint8_t *bytes, size_t size, uint64_t offset, Error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(block->fd, bytes + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(err, FROM_STORAGE, n < 0 ? errno : ENOSPC, "cannot write the volume at byte %llu",
                                   (unsigned long long)(offset + done));
        done += (size_t)n;
    }
    return 0;
}

static int
write_hole(Block *block, Error *err)
{
    uint64_t end = block->offset + block->hole;
    struct stat st;

    if (fstat(block->fd, &st) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot stat the volume");
    if (S_ISREG(st.st_mode) && end > (uint64_t)st.st_size && ftruncate(block->fd, (off_t)end) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot extend the volume to %llu bytes", (unsigned long long)end);
    if (fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)block->offset, (off_t)block->hole) == 0)
        return 0;
    memset(block->bytes, 0, BLOCK_SIZE);
    for (uint64_t done = 0; done < block->hole; done += BLOCK_SIZE)
        if (write_bytes(block, block->bytes, (size_t)MIN(block->hole - done, (uint64_t)BLOCK_SIZE), block->offset + done, err) < 0)
            return -1;
    return 0;
}

static int
write_block(void *data, Error *err)
{
    Block *block = data;

    return block->hole ? write_hole(block, err) : write_bytes(block, block->bytes, block->size, block->offset, err);
}

/* --- jobs --- */

static int
download(Job *job, Transfer *t, Error *err)
{
    uint64_t left = t->spec.length ? t->spec.length : UINT64_MAX;

    while (t->stream && left > 0) {
        Block *block;

        if (t->blocks.length >= BLOCKS_MAX) {
            if (wait_for_stream(job, t, err) < 0)
                return -1;
            continue;
        }
        block = block_new(t, t->at);
        block->wanted = left;
        if (worker_run(job, "reading the volume", read_block, block, block_clear, BLOCK_TIMEOUT, err) < 0) {
            block_unref(block);
            return -1;
        }
        block->hole = MIN(block->hole, left);
        left -= block->hole + block->size;
        t->at += block->hole + block->size;
        if (block->hole + block->size == 0) {
            block_unref(block);
            break;
        }
        g_queue_push_tail(&t->blocks, block);
        if (t->stream)
            rpc_stream_wake(t->stream);
    }
    t->ended = true;
    return 0;
}

static int
upload(Job *job, Transfer *t, Error *err)
{
    while (t->stream) {
        Block *block = g_queue_pop_head(&t->blocks);
        int r;

        if (!block && t->ended)
            return 0;
        if (!block) {
            if (wait_for_stream(job, t, err) < 0)
                return -1;
            continue;
        }
        r = worker_run(job, "writing the volume", write_block, block, block_clear, BLOCK_TIMEOUT, err);
        block_unref(block);
        if (r < 0)
            return -1;
        if (t->stream)
            rpc_stream_wake(t->stream);
    }
    return 0;
}

static void
transfer_job(Job *job, void *data)
{
    Transfer *t = data;
    _cleanup_error_ Error err = ERROR_INIT;
    int r = t->spec.upload ? upload(job, t, &err) : download(job, t, &err);

    if (t->spec.upload && t->volume->stored)
        t->spec.after(job, t->volume);
    if (t->stream && r < 0 && t->spec.upload && t->ended)
        rpc_stream_finished(t->stream, &err);
    else if (t->stream && r < 0)
        rpc_stream_fail(t->stream, &err);
    else if (t->stream && t->spec.upload)
        rpc_stream_finished(t->stream, &err);
    else if (t->stream)
        rpc_stream_wake(t->stream);
    transfer_unref(t);
}

/* --- the stream's side --- */

static ssize_t
give(RpcStream *stream, void *data, void *buffer, size_t size, uint64_t *ret_hole, Error *err)
{
    Transfer *t = data;
    Block *block = g_queue_peek_head(&t->blocks);
    size_t n;

    if (!block)
        return t->ended ? RPC_STREAM_END : RPC_STREAM_AGAIN;
    n = MIN(size, block->size - t->sent);
    memcpy(buffer, block->bytes + t->sent, n);
    t->sent += n;
    *ret_hole = block->hole;
    if (block->hole || t->sent == block->size) {
        ssize_t r = block->hole ? RPC_STREAM_HOLE : (ssize_t)n;

        block_unref(g_queue_pop_head(&t->blocks));
        t->sent = 0;
        kick(t);
        return r;
    }
    return (ssize_t)n;
}

static int
check_length(const Transfer *t, uint64_t more, Error *err)
{
    if (t->spec.length && more > t->spec.offset + t->spec.length - t->at)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "more than the announced %llu bytes were sent",
                          (unsigned long long)t->spec.length);
    if (more > INT64_MAX - t->at)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "a volume can't be that long");
    return 0;
}

static ssize_t
take(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    Transfer *t = data;
    Block *last = g_queue_peek_tail(&t->blocks);
    size_t n;

    if (check_length(t, size, err) < 0)
        return -1;
    if (!last || last->hole || last->size == BLOCK_SIZE) {
        if (t->blocks.length >= BLOCKS_MAX)
            return 0;
        last = block_new(t, t->at);
        g_queue_push_tail(&t->blocks, last);
    }
    n = MIN(size, BLOCK_SIZE - last->size);
    memcpy(last->bytes + last->size, bytes, n);
    last->size += n;
    t->at += n;
    kick(t);
    return (ssize_t)n;
}

static int
take_hole(RpcStream *stream, void *data, uint64_t length, Error *err)
{
    Transfer *t = data;
    Block *last = g_queue_peek_tail(&t->blocks);

    if (check_length(t, length, err) < 0)
        return -1;
    if (last && last->hole) {
        last->hole += length; /* so that many of them are one */
    } else {
        last = block_new(t, t->at);
        last->hole = length;
        g_queue_push_tail(&t->blocks, last);
    }
    t->at += length;
    kick(t);
    return 0;
}

static int
finish(RpcStream *stream, void *data, Error *err)
{
    Transfer *t = data;

    if (!t->spec.upload)
        return 0;
    t->ended = true;
    kick(t);
    return 1;
}

static void
closed(RpcStream *stream, void *data, bool aborted)
{
    Transfer *t = data;

    t->stream = NULL;
    kick(t);
    transfer_unref(t);
}

int
transfer_start(RpcCall *call, Volume *volume, int fd, const TransferSpec *spec, Error *err)
{
    static const RpcStreamOps upload_ops = { .write = take, .hole = take_hole, .finish = finish, .closed = closed };
    static const RpcStreamOps download_ops = { .read = give, .finish = finish, .closed = closed };
    Transfer *t = g_new0(Transfer, 1);

    t->references = 1;
    t->volume = volume_ref(volume);
    t->spec = *spec;
    t->at = spec->offset;
    t->fd = fd;
    g_queue_init(&t->blocks);
    volume->in_use++;
    volume->pool->working++;
    if (rpc_stream_open(call, spec->upload ? &upload_ops : &download_ops, t, &t->stream, err) < 0) {
        transfer_unref(t);
        return -1;
    }
    t->sparse = rpc_stream_sparse(t->stream);
    t->references++;
    job_spawn(spec->upload ? "upload" : "download", NULL, transfer_job, t);
    return 0;
}
