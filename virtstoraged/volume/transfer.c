#include "virtstoraged/volume/transfer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "common/rpc/stream.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/pool.h"

#define BLOCK_SIZE (3 * RPC_STREAM_CHUNK) /* whole packets, and their pages fit into a pipe */
#define PIPE_SIZE (1 << 20)               /* what everybody may have */
#define BLOCKS_MAX 4
#define BLOCK_TIMEOUT (120 * USEC_PER_SEC)
#define SYNC_TIMEOUT (15 * 60 * USEC_PER_SEC)

/* A piece of the file on its way. Reference counted: the worker has one too. */
typedef struct Block {
    Content *content;
    uint64_t offset, wanted;
    bool sparse;
    uint64_t hole; /* of so many bytes; then there are no bytes */
    size_t size;
    bool piped;     /* its bytes are in its pipe, else in memory */
    bool full;      /* no more goes into the pipe */
    int pipe[2];    /* -1: it has none */
    uint8_t *bytes; /* BLOCK_SIZE, when first needed */
} Block;

typedef struct Transfer {
    unsigned references; /* the stream's and the job's */
    RpcStream *stream;   /* NULL: closed */
    Volume *volume;
    TransferSpec spec;
    Content *content;
    bool sparse;
    uint64_t at;    /* of the file: next to be read, or to be taken from the client */
    GQueue blocks;  /* read and not sent; or taken and not written */
    GQueue spare;   /* blocks to be used again */
    size_t sent;    /* bytes of the first block */
    bool unpiped;   /* there is no pipe to be had, or the content has no use for one */
    bool ended, failed;
    Error err;
    Wait *wait;     /* the job's, when it waits for the stream */
} Transfer;

static void
block_clear(gpointer data)
{
    Block *block = data;

    fd_close(&block->pipe[0]);
    fd_close(&block->pipe[1]);
    g_free(block->bytes);
    content_release(block->content); /* never the last one on the loop: the transfer has its own */
}

static void
block_unref(gpointer data)
{
    g_atomic_rc_box_release_full(data, block_clear);
}

static uint8_t *
block_bytes(Block *block)
{
    if (!block->bytes)
        block->bytes = g_malloc(BLOCK_SIZE);
    return block->bytes;
}

static void
make_pipe(Transfer *t, Block *block)
{
    block->pipe[0] = block->pipe[1] = -1;
    if (!t->unpiped && pipe2(block->pipe, O_CLOEXEC | O_NONBLOCK) == 0)
        fcntl(block->pipe[0], F_SETPIPE_SZ, PIPE_SIZE); /* a smaller one works as well */
    else
        t->unpiped = true;
}

/* Blocks are used again: their memory is there already. */
static Block *
block_new(Transfer *t, uint64_t offset)
{
    Block *block = g_queue_pop_head(&t->spare);

    if (!block) {
        block = g_atomic_rc_box_new0(Block);
        block->content = content_ref(t->content);
        make_pipe(t, block);
    }
    block->piped = block->full = false;
    block->offset = offset;
    block->wanted = BLOCK_SIZE;
    block->sparse = t->sparse;
    block->hole = block->size = 0;
    return block;
}

static void
block_done(Transfer *t, Block *block)
{
    g_queue_push_head(&t->spare, block);
}

static void
transfer_unref(Transfer *t)
{
    if (--t->references > 0)
        return;
    t->volume->in_use--;
    t->volume->written -= t->spec.upload;
    t->volume->pool->working--;
    daemon_touch(t->volume->pool->driver->daemon);
    g_queue_clear_full(&t->blocks, block_unref);
    g_queue_clear_full(&t->spare, block_unref);
    content_unref(t->content);
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

static int
read_block(void *data, Error *err)
{
    Block *block = data;
    Content *content = block->content;
    uint64_t size = MIN(block->wanted, (uint64_t)BLOCK_SIZE), until = UINT64_MAX;
    ssize_t n = CONTENT_NO_PIPE;

    if (block->sparse && content->ops->find_hole) {
        if (content->ops->find_hole(content, block->offset, &block->hole, err) < 0)
            return -1;
        if (block->hole)
            return 0;
        if (content->ops->find_data && content->ops->find_data(content, block->offset, &until, err) < 0)
            return -1;
    }
    size = MIN(size, until);
    if (block->pipe[1] >= 0)
        n = content->ops->to_pipe(content, block->pipe[1], (size_t)size, block->offset, err);
    block->piped = n != CONTENT_NO_PIPE;
    if (!block->piped)
        n = content->ops->read(content, block_bytes(block), (size_t)size, block->offset, err);
    block->size = n > 0 ? (size_t)n : 0;
    return n < 0 ? -1 : 0;
}

static int
write_block(void *data, Error *err)
{
    Block *block = data;
    Content *content = block->content;

    if (block->hole)
        return content->ops->zero(content, block->offset, block->hole, err);
    if (block->piped)
        return content->ops->from_pipe(content, block->pipe[0], block->size, block->offset, err);
    return content->ops->write(content, block->bytes, block->size, block->offset, err);
}

static int
sync_content(void *data, Error *err)
{
    Content *content = ((Block *)data)->content;

    return content->ops->sync ? content->ops->sync(content, err) : 0;
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
            block_done(t, block);
            break;
        }
        g_queue_push_tail(&t->blocks, block);
        if (t->stream)
            rpc_stream_wake(t->stream);
    }
    t->ended = true;
    return 0;
}

/* What may keep written bytes to itself is told to let go of them. Files are as safe as after cp(1): a sync would cost more. */
static int
settle(Job *job, Transfer *t, Error *err)
{
    Block *block;
    int r;

    if (content_fd(t->content) >= 0)
        return 0;
    block = block_new(t, t->at);
    r = worker_run(job, "syncing the volume", sync_content, block, block_clear, SYNC_TIMEOUT, err);
    block_unref(block);
    return r;
}

/* Is there a block to be written? Small ones would cost more switches between threads than copying does. */
static bool
is_complete(Transfer *t)
{
    const Block *head = g_queue_peek_head(&t->blocks);

    return head && (t->ended || t->blocks.length > 1 || head->full || head->size >= BLOCK_SIZE);
}

static int
upload(Job *job, Transfer *t, Error *err)
{
    while (t->stream) {
        Block *block;
        int r;

        if (!is_complete(t) && t->ended)
            return settle(job, t, err);
        if (!is_complete(t)) {
            if (wait_for_stream(job, t, err) < 0)
                return -1;
            continue;
        }
        block = g_queue_pop_head(&t->blocks);
        r = worker_run(job, "writing the volume", write_block, block, block_clear, BLOCK_TIMEOUT, err);
        if (r < 0) {
            block_unref(block);
            return -1;
        }
        block_done(t, block);
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
    int r;

    job_set_lane(job, t->volume->pool->lane);
    r = t->spec.upload ? upload(job, t, &err) : download(job, t, &err);

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

/* A block that was lent to its end stays until the next call. */
static ssize_t
give(RpcStream *stream, void *data, RpcLoan *ret, size_t max, uint64_t *ret_hole, Error *err)
{
    Transfer *t = data;
    Block *block = g_queue_peek_head(&t->blocks);
    size_t n;

    if (block && t->sent > 0 && t->sent == block->size) {
        block_done(t, g_queue_pop_head(&t->blocks));
        block = g_queue_peek_head(&t->blocks);
        t->sent = 0;
        kick(t);
    }
    if (!block)
        return t->ended ? RPC_STREAM_END : RPC_STREAM_AGAIN;
    if (block->hole) {
        *ret_hole = block->hole;
        block_done(t, g_queue_pop_head(&t->blocks));
        kick(t);
        return RPC_STREAM_HOLE;
    }
    n = MIN(max, block->size - t->sent);
    *ret = (RpcLoan){ .bytes = block->piped ? NULL : block->bytes + t->sent, .pipe = block->pipe[0] };
    t->sent += n;
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

static void
taken(Transfer *t)
{
    if (is_complete(t))
        kick(t);
}

static ssize_t
take(RpcStream *stream, void *data, const void *bytes, size_t size, Error *err)
{
    Transfer *t = data;
    Block *last = g_queue_peek_tail(&t->blocks);
    size_t n;

    if (check_length(t, size, err) < 0)
        return -1;
    if (!last || last->hole || last->piped || last->size == BLOCK_SIZE) {
        if (t->blocks.length >= BLOCKS_MAX)
            return 0;
        last = block_new(t, t->at);
        g_queue_push_tail(&t->blocks, last);
    }
    n = MIN(size, BLOCK_SIZE - last->size);
    memcpy(block_bytes(last) + last->size, bytes, n);
    last->size += n;
    t->at += n;
    taken(t);
    return (ssize_t)n;
}

/* The pipe that takes what comes next: the last block's, while there is room. */
static int
room(RpcStream *stream, void *data, size_t size, int *ret_pipe, Error *err)
{
    Transfer *t = data;
    Block *last = g_queue_peek_tail(&t->blocks);

    *ret_pipe = -1;
    if (check_length(t, size, err) < 0)
        return -1;
    if (t->unpiped)
        return 1;
    if (!last || !last->piped || last->full) {
        if (t->blocks.length >= BLOCKS_MAX)
            return 0;
        last = block_new(t, t->at);
        last->piped = last->pipe[1] >= 0;
        if (!last->piped) { /* the first one: the packet can still be taken as bytes. Later ones: it is left to fail */
            block_done(t, last);
            return 1;
        }
        g_queue_push_tail(&t->blocks, last);
    }
    *ret_pipe = last->pipe[1];
    return 1;
}

static void
filled(RpcStream *stream, void *data, size_t size)
{
    Transfer *t = data;
    Block *last = g_queue_peek_tail(&t->blocks);

    last->size += size;
    last->full = size == 0 || last->size >= BLOCK_SIZE;
    t->at += size;
    taken(t);
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
    taken(t);
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
transfer_start(RpcCall *call, Volume *volume, Content *content, const TransferSpec *spec, Error *err)
{
    static const RpcStreamOps upload_ops = { .write = take, .room = room, .filled = filled, .hole = take_hole, .finish = finish, .closed = closed };
    static const RpcStreamOps download_ops = { .lend = give, .finish = finish, .closed = closed };
    Transfer *t = g_new0(Transfer, 1);

    t->references = 1;
    t->volume = volume_ref(volume);
    t->spec = *spec;
    t->at = spec->offset;
    t->content = content;
    t->unpiped = !content->ops->to_pipe;
    g_queue_init(&t->blocks);
    g_queue_init(&t->spare);
    volume->in_use++;
    volume->written += spec->upload;
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
