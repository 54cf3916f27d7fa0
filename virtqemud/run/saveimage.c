#include "virtqemud/run/saveimage.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"

#define MAGIC "LibvirtQemudSave"
#define MAGIC_UNFINISHED "LibvirtQemudPart"
#define VERSION 2
#define XML_MAX (10u * 1024 * 1024)
#define ALIGNMENT 4096 /* the stream begins on a page */
#define IMAGE_TIMEOUT (120 * USEC_PER_SEC)

typedef struct {
    char magic[16];
    uint32_t version, length, running, compression, cookie;
    uint32_t unused[14];
} Header;

/* What the worker does: one of the four operations on one file. */
typedef struct Work {
    int (*run)(struct Work *work, Error *err);
    char *path, *xml;
    int fd, running;
} Work;

static void
work_clear(void *data)
{
    Work *work = data;

    g_free(work->path);
    g_free(work->xml);
    fd_close(&work->fd);
}

static int
work_run(void *data, Error *err)
{
    Work *work = data;

    return work->run(work, err);
}

/* The result is left in *ret (members may be stolen); work_unref() it. */
static Work *
work_new(int (*fn)(Work *work, Error *err), const char *path, const char *xml, int running)
{
    Work *work = g_atomic_rc_box_new0(Work);

    *work = (Work){ .run = fn, .path = g_strdup(path), .xml = g_strdup(xml), .fd = -1, .running = running };
    return work;
}

static void
work_unref(Work *work)
{
    g_atomic_rc_box_release_full(work, work_clear);
}

static int
work_do(Job *job, Work *work, Error *err)
{
    return worker_run(job, "the save image", work_run, work, work_clear, IMAGE_TIMEOUT, err);
}

void
saveimage_done(SaveImage *image)
{
    fd_close(&image->fd);
    g_clear_pointer(&image->xml, g_free);
}

static int
io_all(int fd, bool writing, void *data, size_t size, const char *path, Error *err)
{
    char *at = data;

    while (size > 0) {
        ssize_t n = writing ? write(fd, at, size) : read(fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, FROM_QEMU, errno, "cannot %s save image '%s'", writing ? "write" : "read", path);
        if (n == 0)
            return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "save image '%s' ends too early", path);
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int
create(Work *work, Error *err)
{
    size_t need = sizeof(Header) + strlen(work->xml) + 1;
    size_t total = (need + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    g_autofree char *block = g_malloc0(total);
    Header header = { .magic = MAGIC_UNFINISHED, .version = VERSION, .length = (uint32_t)(total - sizeof(Header)),
                      .running = work->running == 1 };

    memcpy(block, &header, sizeof(header));
    memcpy(block + sizeof(header), work->xml, strlen(work->xml));
    work->fd = open(work->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    if (work->fd < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot create save image '%s'", work->path);
    return io_all(work->fd, true, block, total, work->path, err);
}

int
saveimage_create(Job *job, const char *path, const char *xml, bool running, int *ret_fd, Error *err)
{
    Work *work = work_new(create, path, xml, running);
    int r;

    job_shield(job); /* whoever cancels this waits for it: the file would be made behind his back */
    r = work_do(job, work, err);
    job_unshield(job);
    if (r == 0)
        *ret_fd = fd_take(&work->fd);
    work_unref(work);
    return r;
}

static int
finish(Work *work, Error *err)
{
    g_autofree char *dir = g_path_get_dirname(work->path);
    _cleanup_fd_ int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* The stream must be down before the magic says it is complete. */
    if (fsync(work->fd) < 0 || pwrite(work->fd, MAGIC, strlen(MAGIC), 0) != (ssize_t)strlen(MAGIC) || fsync(work->fd) < 0 ||
        (dir_fd >= 0 && fsync(dir_fd) < 0))
        return error_set_errno(err, FROM_QEMU, errno, "cannot complete save image '%s'", work->path);
    return 0;
}

int
saveimage_finish(Job *job, const char *path, int fd, Error *err)
{
    Work *work = work_new(finish, path, NULL, -1);
    int r;

    work->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    r = work_do(job, work, err);
    work_unref(work);
    return r;
}

static int
read_header(int fd, const char *path, Header *header, Error *err)
{
    if (io_all(fd, false, header, sizeof(*header), path, err) < 0)
        return -1;
    if (memcmp(header->magic, MAGIC_UNFINISHED, sizeof(header->magic)) == 0)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "save image '%s' is incomplete: saving it was interrupted", path);
    if (memcmp(header->magic, MAGIC, sizeof(header->magic)) != 0)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "'%s' is not a save image", path);
    if (header->version > VERSION)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "save image '%s' has version %u; known up to %d (or written on a "
                          "machine of another byte order)", path, header->version, VERSION);
    if (header->length == 0 || header->length > XML_MAX)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "save image '%s' has a definition of %u bytes", path, header->length);
    return 0;
}

static int
open_image(Work *work, Error *err)
{
    Header header;
    struct stat st;

    work->fd = open(work->path, work->xml ? O_RDWR | O_CLOEXEC | O_NOCTTY : O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (work->fd < 0 || fstat(work->fd, &st) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot open save image '%s'", work->path);
    if (S_ISDIR(st.st_mode))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "'%s' is a directory, not a save image", work->path);
    if (read_header(work->fd, work->path, &header, err) < 0)
        return -1;
    if (header.compression != 0)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "save image '%s' is compressed (format %u), which is not supported",
                          work->path, header.compression);
    g_free(work->xml);
    work->xml = g_malloc0(header.length + 1u);
    work->running = header.running == 1;
    return io_all(work->fd, false, work->xml, header.length, work->path, err);
}

int
saveimage_open(Job *job, const char *path, SaveImage *ret, Error *err)
{
    Work *work = work_new(open_image, path, NULL, -1);
    int r = work_do(job, work, err);

    if (r == 0)
        *ret = (SaveImage){ .fd = fd_take(&work->fd), .xml = g_steal_pointer(&work->xml), .running = work->running };
    work_unref(work);
    return r;
}

/* In place where the new definition fits: the stream behind it may be many gigabytes. */
static int
rewrite(Work *work, Error *err)
{
    g_autofree char *xml = g_strdup(work->xml), *block = NULL;
    int running = work->running;
    Header header;

    if (open_image(work, err) < 0)
        return -1;
    if (pread(work->fd, &header, sizeof(header), 0) != sizeof(header))
        return error_set_errno(err, FROM_QEMU, errno, "cannot read save image '%s'", work->path);
    if (strlen(xml) >= header.length)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED,
                          "the new definition of %zu bytes does not fit into save image '%s', which has room for %u", strlen(xml),
                          work->path, header.length - 1);
    block = g_malloc0(header.length);
    memcpy(block, xml, strlen(xml));
    if (running >= 0)
        header.running = (uint32_t)running;
    header.cookie = 0;
    if (pwrite(work->fd, block, header.length, sizeof(header)) != (ssize_t)header.length ||
        pwrite(work->fd, &header, sizeof(header), 0) != sizeof(header) || fsync(work->fd) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot write save image '%s'", work->path);
    return 0;
}

int
saveimage_rewrite(Job *job, const char *path, const char *xml, int running, Error *err)
{
    Work *work = work_new(rewrite, path, xml, running);
    int r = work_do(job, work, err);

    work_unref(work);
    return r;
}
