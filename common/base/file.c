#include "common/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/worker.h"

#define COMMIT_TIMEOUT (60 * USEC_PER_SEC) /* a disk that does not answer for so long is reported, not waited for */
#define TEMP_SUFFIX ".new"

void (*file_fault_hook)(const char *step, const char *path);

static void
fault(const char *step, const char *path)
{
    if (file_fault_hook)
        file_fault_hook(step, path);
}

void
fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int
file_read_fd(int fd, const char *path, size_t max, char **ret_data, size_t *ret_size, Error *err)
{
    g_autofree char *data = NULL;
    size_t size = 0, room = 0;
    ssize_t n;

    for (;;) {
        if (size + 1 >= room) {
            room = room ? room * 2 : 4096;
            data = g_realloc(data, room);
        }
        n = read(fd, data + size, room - size - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, FROM_NONE, errno, "cannot read '%s'", path);
        if (n == 0)
            break;
        size += (size_t)n;
        if (size > max)
            return error_setf(err, FROM_NONE, ERR_OPERATION_FAILED, "file '%s' is larger than the %zu bytes allowed",
                              path, max);
    }
    data[size] = '\0';
    *ret_data = g_steal_pointer(&data);
    if (ret_size)
        *ret_size = size;
    return 0;
}

int
file_read(const char *path, size_t max, char **ret_data, size_t *ret_size, Error *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return error_set_errno(err, FROM_NONE, errno, "cannot open '%s'", path);
    return file_read_fd(fd, path, max, ret_data, ret_size, err);
}

char *
file_read_line(const char *path)
{
    char *data = NULL;

    if (file_read(path, 65536, &data, NULL, NULL) < 0)
        return NULL;
    return g_strchomp(data);
}

static int
write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static char *
temp_name(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);

    return g_strdup_printf("%s/.%s" TEMP_SUFFIX, dir, base);
}

/* Write the temporary file. O_EXCL after unlink: never through a link or into somebody's open file. */
static int
temp_write(const char *temp, const void *data, size_t size, mode_t mode, bool sync, Error *err)
{
    _cleanup_fd_ int fd = -1;

    unlink(temp);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return error_set_errno(err, FROM_NONE, errno, "cannot create '%s'", temp);
    fault("write", temp);
    if (fchmod(fd, mode) < 0 || write_all(fd, data, size) < 0 || (sync && fsync(fd) < 0)) {
        error_set_errno(err, FROM_NONE, errno, "cannot write '%s'", temp);
        unlink(temp);
        return -1;
    }
    return 0;
}

int
file_replace(const char *path, const void *data, size_t size, mode_t mode, Error *err)
{
    g_autofree char *temp = temp_name(path);

    if (temp_write(temp, data, size, mode, false, err) < 0)
        return -1;
    if (rename(temp, path) < 0) {
        error_set_errno(err, FROM_NONE, errno, "cannot replace '%s'", path);
        unlink(temp);
        return -1;
    }
    return 0;
}

int
file_mkdirs(const char *path, mode_t mode, Error *err)
{
    g_autofree char *parent = g_path_get_dirname(path);

    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT || strcmp(parent, path) == 0)
        return error_set_errno(err, FROM_NONE, errno, "cannot create directory '%s'", path);
    if (file_mkdirs(parent, 0755, err) < 0)
        return -1;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return error_set_errno(err, FROM_NONE, errno, "cannot create directory '%s'", path);
    return 0;
}

/* --- durable changes with group commit --- */

typedef enum { CHANGE_WRITE, CHANGE_UNLINK, CHANGE_SYMLINK } ChangeKind;

typedef struct Change {
    struct Change *next;
    ChangeKind kind;
    char *path, *temp;
    void *data; /* file content or link target */
    size_t size;
    mode_t mode;
    Wait *wait; /* loop thread only */
    int result;
    Error err;
} Change;

typedef struct {
    Change *first;
} Batch;

static struct {
    Change *first, *last;
    bool running;
} commits;

static void
change_free(Change *change)
{
    g_free(change->path);
    g_free(change->temp);
    g_free(change->data);
    error_done(&change->err);
    g_free(change);
}

static void
change_fail(Change *change, int errnum, const char *what)
{
    change->result = error_set_errno(&change->err, FROM_NONE, errnum, "cannot %s '%s'", what, change->path);
    if (change->temp)
        unlink(change->temp);
}

/* First phase: everything that can be prepared beside the old state. */
static void
change_prepare(Change *change)
{
    change->temp = temp_name(change->path);
    if (change->kind == CHANGE_WRITE) {
        change->result = temp_write(change->temp, change->data, change->size, change->mode, false, &change->err);
    } else if (change->kind == CHANGE_SYMLINK) {
        unlink(change->temp);
        if (symlink(change->data, change->temp) < 0)
            change_fail(change, errno, "create the link");
    }
}

static void
change_sync(Change *change)
{
    _cleanup_fd_ int fd = -1;

    if (change->result < 0 || change->kind != CHANGE_WRITE)
        return;
    fd = open(change->temp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    fault("fsync", change->temp);
    if (fd < 0 || fsync(fd) < 0)
        change_fail(change, errno, "write");
}

static void
change_apply(Change *change)
{
    if (change->result < 0)
        return;
    fault(change->kind == CHANGE_UNLINK ? "unlink" : "rename", change->path);
    if (change->kind == CHANGE_UNLINK) {
        if (unlink(change->path) < 0 && errno != ENOENT)
            change_fail(change, errno, "remove");
    } else if (rename(change->temp, change->path) < 0) {
        change_fail(change, errno, "replace");
    }
}

/* One fsync per directory touched, whatever the number of changes in it. */
static void
batch_sync_directories(Batch *batch)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (Change *c = batch->first; c; c = c->next) {
        char *dir = g_path_get_dirname(c->path);
        _cleanup_fd_ int fd = -1;

        if (c->result < 0 || g_hash_table_contains(seen, dir)) {
            g_free(dir);
            continue;
        }
        fault("fsync-directory", dir);
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
            c->result = error_set_errno(&c->err, FROM_NONE, errno, "cannot write directory '%s'", dir);
        g_hash_table_add(seen, dir);
    }
}

static int
batch_run(void *data, Error *err)
{
    Batch *batch = data;

    for (Change *c = batch->first; c; c = c->next)
        change_prepare(c);
    for (Change *c = batch->first; c; c = c->next)
        change_sync(c);
    for (Change *c = batch->first; c; c = c->next)
        change_apply(c);
    batch_sync_directories(batch);
    return 0;
}

/*
 * Take what has gathered, except a second change of one path: its temporary file has the same name, and order must be
 * kept. It starts the next batch.
 */
static Change *
batch_gather(void)
{
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);
    Change *first = commits.first, *last = NULL;

    for (Change *c = first; c && g_hash_table_add(paths, c->path); c = c->next)
        last = c;
    if (!last)
        return NULL;
    commits.first = last->next;
    if (!commits.first)
        commits.last = NULL;
    last->next = NULL;
    return first;
}

static void
commit_main(Job *job, void *unused)
{
    Change *first;

    while ((first = batch_gather())) {
        Batch *batch = g_atomic_rc_box_new0(Batch);
        Error err = ERROR_INIT;
        int r;

        batch->first = first;
        r = worker_run(job, "the disk", batch_run, batch, NULL, LOOP_NEVER, &err);
        for (Change *c = first, *next; c; c = next) {
            next = c->next;
            if (r < 0 && c->result == 0) {
                error_copy(&c->err, &err);
                c->result = r;
            }
            if (c->wait)
                wait_done(c->wait, 0);
            else
                change_free(c);
        }
        error_done(&err);
        g_atomic_rc_box_release(batch);
    }
    commits.running = false;
}

static int
commit(Job *job, Change *change, Error *err)
{
    Wait wait = { 0 };
    int r;

    change->wait = &wait;
    if (commits.last)
        commits.last->next = change;
    else
        commits.first = change;
    commits.last = change;
    if (!commits.running) {
        commits.running = true;
        job_spawn("commit", NULL, commit_main, NULL);
    }
    /* Shielded: a change that was queued will be made, so its caller must learn the outcome. */
    job_shield(job);
    r = job_wait(job, &wait, "the disk", COMMIT_TIMEOUT, err);
    job_unshield(job);
    if (r < 0) {
        change->wait = NULL;
        return -1;
    }
    r = change->result;
    if (r < 0)
        error_move(err, &change->err);
    change_free(change);
    return r;
}

int
file_commit_write(Job *job, const char *path, const void *data, size_t size, mode_t mode, Error *err)
{
    Change *change = g_new0(Change, 1);

    *change = (Change){ .kind = CHANGE_WRITE, .path = g_strdup(path), .data = g_memdup2(data, size), .size = size,
                        .mode = mode };
    return commit(job, change, err);
}

int
file_commit_unlink(Job *job, const char *path, Error *err)
{
    Change *change = g_new0(Change, 1);

    *change = (Change){ .kind = CHANGE_UNLINK, .path = g_strdup(path) };
    return commit(job, change, err);
}

int
file_commit_symlink(Job *job, const char *target, const char *path, Error *err)
{
    Change *change = g_new0(Change, 1);

    *change = (Change){ .kind = CHANGE_SYMLINK, .path = g_strdup(path), .data = g_strdup(target) };
    return commit(job, change, err);
}

void
file_sweep(const char *directory)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (name[0] == '.' && g_str_has_suffix(name, TEMP_SUFFIX)) {
            g_autofree char *path = g_build_filename(directory, name, NULL);

            unlink(path);
        }
}
