#include "virtstoraged/volume/content.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"

#define ZEROS (1024 * 1024)

static void
clear(gpointer data)
{
    Content *content = data;

    content->ops->close(content);
    g_free(content->name);
}

void
content_release(Content *content)
{
    g_atomic_rc_box_release_full(content, clear);
}

static int
nothing(void *data, Error *err)
{
    return 0;
}

void
content_unref(Content *content)
{
    if (!content)
        return;
    worker_detach("closing a volume", nothing, content, clear); /* has a reference of its own, dropped there */
    content_release(content);
}

/* --- descriptors --- */

typedef struct FdContent {
    Content base;
    int fd;
    bool block;
} FdContent;

static ssize_t
fd_read(Content *content, void *buffer, size_t size, uint64_t offset, Error *err)
{
    const FdContent *c = (FdContent *)content;
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(c->fd, (char *)buffer + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, FROM_STORAGE, errno, "cannot read '%s' at byte %llu", content->name, (unsigned long long)offset);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static int
fd_write(Content *content, const void *buffer, size_t size, uint64_t offset, Error *err)
{
    const FdContent *c = (FdContent *)content;

    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(c->fd, (const char *)buffer + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(err, FROM_STORAGE, n < 0 ? errno : ENOSPC, "cannot write '%s' at byte %llu", content->name,
                                   (unsigned long long)(offset + done));
        done += (size_t)n;
    }
    return 0;
}

static ssize_t
fd_to_pipe(Content *content, int pipe, size_t size, uint64_t offset, Error *err)
{
    const FdContent *c = (FdContent *)content;
    size_t done = 0;

    while (done < size) {
        off_t at = (off_t)(offset + done);
        ssize_t n = splice(c->fd, &at, pipe, NULL, size - done, SPLICE_F_NONBLOCK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EINVAL && done == 0)
            return CONTENT_NO_PIPE; /* some file systems can't */
        if (n == 0 || (n < 0 && errno == EAGAIN && done > 0))
            break;
        if (n < 0)
            return error_set_errno(err, FROM_STORAGE, errno, "cannot read '%s' at byte %llu", content->name,
                                   (unsigned long long)(offset + done));
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* For file systems that take no pages. */
static int
copy_from_pipe(Content *content, int pipe, size_t size, uint64_t offset, Error *err)
{
    g_autofree void *bytes = g_malloc(size);
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(pipe, (char *)bytes + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(err, FROM_STORAGE, n < 0 ? errno : EIO, "cannot read what is for '%s'", content->name);
        done += (size_t)n;
    }
    return fd_write(content, bytes, size, offset, err);
}

static int
fd_from_pipe(Content *content, int pipe, size_t size, uint64_t offset, Error *err)
{
    const FdContent *c = (FdContent *)content;

    for (size_t done = 0; done < size;) {
        off_t at = (off_t)(offset + done);
        ssize_t n = splice(pipe, NULL, c->fd, &at, size - done, SPLICE_F_MOVE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EINVAL)
            return copy_from_pipe(content, pipe, size - done, offset + done, err);
        if (n <= 0)
            return error_set_errno(err, FROM_STORAGE, n < 0 ? errno : ENOSPC, "cannot write '%s' at byte %llu", content->name,
                                   (unsigned long long)(offset + done));
        done += (size_t)n;
    }
    return 0;
}

static int
write_zeros(Content *content, uint64_t offset, uint64_t size, Error *err)
{
    g_autofree void *zeros = g_malloc0(ZEROS);

    for (uint64_t done = 0; done < size; done += ZEROS)
        if (fd_write(content, zeros, (size_t)MIN(size - done, (uint64_t)ZEROS), offset + done, err) < 0)
            return -1;
    return 0;
}

static int
fd_zero(Content *content, uint64_t offset, uint64_t size, Error *err)
{
    const FdContent *c = (FdContent *)content;
    uint64_t end = offset + size;
    struct stat st;

    if (!c->block) {
        if (fstat(c->fd, &st) < 0)
            return error_set_errno(err, FROM_STORAGE, errno, "cannot stat '%s'", content->name);
        if (end > (uint64_t)st.st_size && ftruncate(c->fd, (off_t)end) < 0)
            return error_set_errno(err, FROM_STORAGE, errno, "cannot extend '%s' to %llu bytes", content->name, (unsigned long long)end);
    }
    if (fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) == 0)
        return 0;
    return write_zeros(content, offset, size, err);
}

static int
fd_find_hole(Content *content, uint64_t offset, uint64_t *ret_hole, Error *err)
{
    const FdContent *c = (FdContent *)content;
    off_t data = lseek(c->fd, (off_t)offset, SEEK_DATA), end;

    *ret_hole = 0;
    if (data < 0 && errno == ENXIO) {
        end = lseek(c->fd, 0, SEEK_END);
        data = end > (off_t)offset ? end : (off_t)offset;
    }
    if (data > (off_t)offset)
        *ret_hole = (uint64_t)data - offset;
    return 0;
}

static int
fd_find_data(Content *content, uint64_t offset, uint64_t *ret_data, Error *err)
{
    const FdContent *c = (FdContent *)content;
    off_t hole = lseek(c->fd, (off_t)offset, SEEK_HOLE);

    *ret_data = hole > (off_t)offset ? (uint64_t)hole - offset : UINT64_MAX; /* who can't tell has no holes */
    return 0;
}

static int
fd_sync(Content *content, Error *err)
{
    if (fsync(((FdContent *)content)->fd) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot sync data to '%s'", content->name);
    return 0;
}

static void
fd_content_close(Content *content)
{
    fd_close(&((FdContent *)content)->fd);
}

static const ContentOps fd_ops = {
    .read = fd_read, .to_pipe = fd_to_pipe, .from_pipe = fd_from_pipe, .write = fd_write, .zero = fd_zero,
    .find_hole = fd_find_hole, .find_data = fd_find_data, .sync = fd_sync, .close = fd_content_close,
};

Content *
content_of_fd(int fd, const char *name)
{
    FdContent *content = g_atomic_rc_box_new0(FdContent);
    struct stat st;
    uint64_t size = 0;

    content->base = (Content){ .ops = &fd_ops, .name = g_strdup(name) };
    content->fd = fd;
    if (fstat(fd, &st) == 0) {
        content->block = S_ISBLK(st.st_mode);
        content->base.grows = !content->block;
        size = (uint64_t)st.st_size;
    }
    if (content->block && ioctl(fd, BLKGETSIZE64, &size) < 0)
        size = 0;
    content->base.size = size;
    return &content->base;
}

int
content_fd(const Content *content)
{
    return content->ops == &fd_ops ? ((const FdContent *)content)->fd : -1;
}
