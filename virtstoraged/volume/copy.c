#include "virtstoraged/volume/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/worker.h"

#define STEP (16 * 1024 * 1024)                  /* bytes copied between two looks at whether to go on */
#define CHUNK (1024 * 1024)
#define STEP_TIMEOUT (15 * 60 * USEC_PER_SEC)    /* storage that takes longer for one step is dead */

/* Shared by the job and its workers. */
typedef struct Copy {
    Content *from, *to;
    uint64_t at, end;
    bool ended;
    bool by_kernel; /* copy_file_range() works between these two */
    void *buffer;
} Copy;

static void
clear(gpointer data)
{
    Copy *copy = data;

    content_release(copy->from); /* never the last ones on the loop: the caller of copy_*() has his */
    content_release(copy->to);
    g_free(copy->buffer);
}

static Copy *
copy_new(Content *from, Content *to, uint64_t size)
{
    Copy *copy = g_atomic_rc_box_new0(Copy);

    copy->from = content_ref(from);
    copy->to = content_ref(to);
    copy->end = size ? MIN(size, from->size) : from->size;
    copy->by_kernel = content_fd(from) >= 0 && content_fd(to) >= 0;
    return copy;
}

static int
reflink(void *data, Error *err)
{
    const Copy *copy = data;

    if (content_fd(copy->from) < 0 || content_fd(copy->to) < 0 || ioctl(content_fd(copy->to), FICLONE, content_fd(copy->from)) < 0)
        return error_set_errno(err, FROM_STORAGE, content_fd(copy->from) < 0 || content_fd(copy->to) < 0 ? EOPNOTSUPP : errno,
                               "cannot share the blocks of '%s' with '%s'", copy->from->name, copy->to->name);
    return 0;
}

/* By the kernel, which may not even move the bytes. Where it can't: 0, and nobody tries again. */
static int
copy_by_kernel(Copy *copy, uint64_t size, Error *err)
{
    loff_t in = (loff_t)copy->at, out = (loff_t)copy->at;
    ssize_t n = copy_file_range(content_fd(copy->from), &in, content_fd(copy->to), &out, size, 0);

    if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS || errno == EBADF)) {
        copy->by_kernel = false;
        return 0;
    }
    if (n < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot copy '%s' to '%s' at byte %llu", copy->from->name, copy->to->name,
                               (unsigned long long)copy->at);
    copy->at += (uint64_t)n;
    copy->ended = n == 0;
    return 0;
}

static bool
is_zero(const char *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static int
copy_chunk(Copy *copy, uint64_t size, Error *err)
{
    ssize_t n;

    if (!copy->buffer)
        copy->buffer = g_malloc(CHUNK);
    n = copy->from->ops->read(copy->from, copy->buffer, (size_t)MIN(size, (uint64_t)CHUNK), copy->at, err);
    if (n < 0)
        return -1;
    copy->ended = n == 0;
    /* Zeros that were written, not left out, are left out here. */
    if (n > 0 && !is_zero(copy->buffer, (size_t)n) && copy->to->ops->write(copy->to, copy->buffer, (size_t)n, copy->at, err) < 0)
        return -1;
    copy->at += (uint64_t)n;
    return 0;
}

/* What is a hole there stays one here. */
static int
skip_hole(Copy *copy, uint64_t *ret_data, Error *err)
{
    const ContentOps *ops = copy->from->ops;
    uint64_t hole = 0;

    *ret_data = UINT64_MAX;
    if (ops->find_hole && ops->find_hole(copy->from, copy->at, &hole, err) < 0)
        return -1;
    copy->at += MIN(hole, copy->end - copy->at);
    if (copy->at < copy->end && ops->find_data)
        return ops->find_data(copy->from, copy->at, ret_data, err);
    return 0;
}

static int
step(void *data, Error *err)
{
    Copy *copy = data;
    uint64_t stop = copy->end - copy->at > STEP ? copy->at + STEP : copy->end;

    while (copy->at < stop && !copy->ended) {
        uint64_t until;

        if (skip_hole(copy, &until, err) < 0)
            return -1;
        until = until > copy->end - copy->at ? copy->end : copy->at + until;
        while (copy->at < MIN(until, stop) && !copy->ended) {
            uint64_t size = MIN(until, stop) - copy->at;

            if ((copy->by_kernel ? copy_by_kernel(copy, size, err) : copy_chunk(copy, size, err)) < 0)
                return -1;
        }
    }
    copy->ended = copy->ended || copy->at >= copy->end;
    return 0;
}

/* A hole at the end is only a length. */
static int
finish(void *data, Error *err)
{
    const Copy *copy = data;
    int fd = content_fd(copy->to);

    if (copy->to->grows && fd >= 0 && lseek(fd, 0, SEEK_END) < (off_t)copy->end && ftruncate(fd, (off_t)copy->end) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot extend '%s'", copy->to->name);
    fault_point("copy-sync", copy->to->name);
    return copy->to->ops->sync ? copy->to->ops->sync(copy->to, err) : 0;
}

int
copy_content(Job *job, Content *from, Content *to, uint64_t size, Error *err)
{
    Copy *copy = copy_new(from, to, size);
    int r = 0;

    if (copy->end > to->size && !to->grows)
        r = error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "'%s' has %llu bytes, more than the %llu of '%s'", from->name,
                       (unsigned long long)copy->end, (unsigned long long)to->size, to->name);
    if (r == 0 && copy->by_kernel && copy->end == from->size && worker_run(job, "sharing blocks", reflink, copy, clear, STEP_TIMEOUT, NULL) == 0)
        copy->ended = true;
    while (r == 0 && !copy->ended) {
        fault_point("copy", to->name);
        r = worker_run(job, "copying a volume", step, copy, clear, STEP_TIMEOUT, err);
        job_set_progress(job, copy->at, copy->end);
    }
    if (r == 0)
        r = worker_run(job, "syncing a volume", finish, copy, clear, STEP_TIMEOUT, err);
    g_atomic_rc_box_release_full(copy, clear);
    return r;
}

int
copy_reflink(Job *job, Content *from, Content *to, Error *err)
{
    Copy *copy = copy_new(from, to, 0);
    int r = worker_run(job, "sharing blocks", reflink, copy, clear, STEP_TIMEOUT, err);

    if (r == 0)
        r = worker_run(job, "syncing a volume", finish, copy, clear, STEP_TIMEOUT, err);
    g_atomic_rc_box_release_full(copy, clear);
    return r;
}
