#include "virtqemud/source/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "common/host/image.h"

#define MEDIUM_TIMEOUT (30 * USEC_PER_SEC)

typedef struct Look {
    char *path;
    StorageFormat format;
    MediumInfo info; /* out */
    uint64_t offset; /* of a read */
    size_t size;
    uint8_t *bytes; /* out */
} Look;

static void
look_clear(void *data)
{
    Look *look = data;

    g_free(look->path);
    g_free(look->bytes);
}

static int
look_new(const StorageSource *source, Look **ret, Error *err)
{
    const StorageSource *at = storage_location(source);

    if ((at->type != STORAGE_FILE && at->type != STORAGE_BLOCK) || !at->path)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "%s: only files and block devices of this host can be looked at",
                          storage_source_is_empty(at) ? "the drive is empty" : at->type == STORAGE_VOLUME ? "where the volume is is not known"
                                                                                                         : "the image is on a server");
    *ret = g_atomic_rc_box_new0(Look);
    (*ret)->path = g_strdup(at->path);
    (*ret)->format = source->format;
    return 0;
}

static int
look_open(const Look *look, struct stat *st, Error *err)
{
    int fd = open(look->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, st) < 0) {
        error_set_errno(err, FROM_QEMU, errno, "cannot access '%s'", look->path);
        fd_close(&fd);
        return -1;
    }
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode)) {
        fd_close(&fd);
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "'%s' is neither a file nor a block device", look->path);
    }
    return fd;
}

/* What the header says counts only where the definition says that there is one. */
static int
look_run(void *data, Error *err)
{
    Look *look = data;
    struct stat st;
    _cleanup_fd_ int fd = look_open(look, &st, err);
    ImageInfo *info;
    off_t end;

    if (fd < 0)
        return -1;
    end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot tell the size of '%s'", look->path);
    look->info = (MediumInfo){ (uint64_t)end, S_ISBLK(st.st_mode) ? (uint64_t)end : (uint64_t)st.st_blocks * 512, (uint64_t)end };
    info = image_read(fd);
    if (look->format > FORMAT_RAW && info->format == (int)look->format && info->capacity)
        look->info.capacity = info->capacity;
    image_info_unref(info);
    return 0;
}

static int
read_run(void *data, Error *err)
{
    Look *look = data;
    struct stat st;
    _cleanup_fd_ int fd = look_open(look, &st, err);
    size_t have = 0;

    if (fd < 0)
        return -1;
    look->bytes = g_malloc(look->size);
    while (have < look->size) {
        ssize_t n = pread(fd, look->bytes + have, look->size - have, (off_t)(look->offset + have));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, FROM_QEMU, errno, "cannot read '%s'", look->path);
        if (n == 0)
            return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "'%s' has no %zu bytes from %" G_GUINT64_FORMAT " on", look->path, look->size, look->offset);
        have += (size_t)n;
    }
    return 0;
}

int
medium_look(Job *job, const StorageSource *source, MediumInfo *ret, Error *err)
{
    Look *look;
    int r;

    if (look_new(source, &look, err) < 0)
        return -1;
    r = worker_run(job, "looking at an image", look_run, look, look_clear, MEDIUM_TIMEOUT, err);
    if (r == 0)
        *ret = look->info;
    g_atomic_rc_box_release_full(look, look_clear);
    return r;
}

int
medium_read(Job *job, const StorageSource *source, uint64_t offset, size_t size, GBytes **ret, Error *err)
{
    Look *look;
    int r;

    if (offset > (uint64_t)INT64_MAX - size)
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "no image has an offset of %" G_GUINT64_FORMAT, offset);
    if (look_new(source, &look, err) < 0)
        return -1;
    look->offset = offset;
    look->size = size;
    r = worker_run(job, "reading an image", read_run, look, look_clear, MEDIUM_TIMEOUT, err);
    if (r == 0)
        *ret = g_bytes_new_take(g_steal_pointer(&look->bytes), size);
    g_atomic_rc_box_release_full(look, look_clear);
    return r;
}
