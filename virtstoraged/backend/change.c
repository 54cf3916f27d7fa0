/* Volumes that are files made larger or smaller, and their content overwritten. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/fs.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/image.h"

#define ZEROS (1024 * 1024)

typedef struct Change {
    char *path;
    int fd;
    uint64_t capacity;
    bool allocate;
} Change;

static void
clear(gpointer data)
{
    Change *change = data;

    fd_close(&change->fd);
    g_free(change->path);
}

static int
resize(void *data, Error *err)
{
    const Change *change = data;

    if (ftruncate(change->fd, (off_t)change->capacity) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "Failed to truncate file '%s'", change->path);
    if (change->allocate && fallocate(change->fd, 0, 0, (off_t)change->capacity) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "Failed to pre-allocate space for file '%s'", change->path);
    if (fsync(change->fd) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot sync data to file '%s'", change->path);
    return 0;
}

/* Every byte is written: a hole punched into the file leaves what was there on the disk. Sparse parts are nobody's data. */
static int
wipe(void *data, Error *err)
{
    const Change *change = data;
    g_autofree char *zeros = g_malloc0(ZEROS);
    uint64_t size = 0;
    struct stat st;
    off_t at = 0;

    if (fstat(change->fd, &st) < 0 || (S_ISBLK(st.st_mode) && ioctl(change->fd, BLKGETSIZE64, &size) < 0))
        return error_set_errno(err, FROM_STORAGE, errno, "failed to stat storage volume with path '%s'", change->path);
    size = S_ISBLK(st.st_mode) ? size : (uint64_t)st.st_size;
    while ((uint64_t)at < size) {
        off_t start = lseek(change->fd, at, SEEK_DATA);
        ssize_t n;

        if (start < 0 && errno == ENXIO)
            break;
        at = start > at ? start : at;
        n = pwrite(change->fd, zeros, MIN(size - (uint64_t)at, (uint64_t)ZEROS), at);
        if (n < 0 && errno != EINTR)
            return error_set_errno(err, FROM_STORAGE, errno, "Failed to write to storage volume with path '%s'", change->path);
        at += n > 0 ? n : 0;
    }
    if (fsync(change->fd) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot sync data to volume with path '%s'", change->path);
    return 0;
}

static int
run(Job *job, const char *what, WorkFn fn, const PoolDef *pool, const VolDef *def, uint64_t capacity, bool allocate, Error *err)
{
    Change *change;
    int fd, r;

    if (files_vol_open(job, pool, def, true, &fd, err) < 0)
        return -1;
    change = g_atomic_rc_box_new0(Change);
    *change = (Change){ g_strdup(def->path), fd, capacity, allocate };
    r = worker_run(job, what, fn, change, clear, FILES_LONG_TIMEOUT, err);
    g_atomic_rc_box_release_full(change, clear);
    return r;
}

int
files_vol_wipe(Job *job, const PoolDef *pool, const VolDef *def, Error *err)
{
    return run(job, "wiping the volume", wipe, pool, def, 0, false, err);
}

int
files_vol_resize(Job *job, const PoolDef *pool, const VolDef *def, uint64_t capacity, unsigned flags, Error *err)
{
    bool allocate = flags & VIR_STORAGE_VOL_RESIZE_ALLOCATE;
    int fd, r;

    if (def->format == FORMAT_RAW || def->format == FORMAT_ISO)
        return run(job, "resizing the volume", resize, pool, def, capacity, allocate, err);
    if (allocate)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "preallocate is only supported for raw type volume");
    if (files_vol_open(job, pool, def, true, &fd, err) < 0)
        return -1;
    r = image_resize(job, fd, def, capacity, flags & VIR_STORAGE_VOL_RESIZE_SHRINK, FILES_LONG_TIMEOUT, err);
    fd_close(&fd);
    return r;
}
