#include "common/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/journal.h"
#include "common/base/worker.h"

#define COMMIT_TIMEOUT (60 * USEC_PER_SEC) /* a disk that does not answer for so long is reported, not waited for */
#define CHECKPOINT_DELAY (3 * USEC_PER_SEC)
#define TEMP_SUFFIX ".new"

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
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO would keep us waiting */

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
    fault_point("write", temp);
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
    Journal *journal;
    GHashTable *unsynced;          /* paths of files and directories the journal still stands for */
    sd_event_source *checkpoint;   /* timer */
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
    fault_point("fsync", change->temp);
    if (fd < 0 || fsync(fd) < 0)
        change_fail(change, errno, "write");
}

static void
change_apply(Change *change)
{
    if (change->result < 0)
        return;
    fault_point(change->kind == CHANGE_UNLINK ? "unlink" : "rename", change->path);
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
        fault_point("fsync-directory", dir);
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
            c->result = error_set_errno(&c->err, FROM_NONE, errno, "cannot write directory '%s'", dir);
        g_hash_table_add(seen, dir);
    }
}

static bool
batch_succeeds(const Batch *batch)
{
    for (const Change *c = batch->first; c; c = c->next)
        if (c->result < 0)
            return false;
    return true;
}

/* --- the journal --- */

/* A record: kind, mode, time, lengths, then path and content. */
typedef struct {
    uint32_t kind, mode;
    uint64_t usec; /* CLOCK_REALTIME: a file that is newer was changed by somebody else */
    uint32_t path_size, data_size;
} ChangeRecord;

static GByteArray *
change_record(const Change *change)
{
    ChangeRecord record = { .kind = change->kind, .mode = change->mode, .usec = clock_realtime_usec(),
                            .path_size = (uint32_t)strlen(change->path), .data_size = (uint32_t)change->size };
    GByteArray *bytes = g_byte_array_new();

    g_byte_array_append(bytes, (const guint8 *)&record, sizeof(record));
    g_byte_array_append(bytes, (const guint8 *)change->path, record.path_size);
    if (record.data_size)
        g_byte_array_append(bytes, change->data, record.data_size);
    return bytes;
}

static bool
changed_since(const char *path, uint64_t usec)
{
    struct stat st;

    return lstat(path, &st) == 0 && (uint64_t)st.st_mtim.tv_sec > usec / USEC_PER_SEC + 1;
}

static void
sync_path(const char *path)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd >= 0 && fsync(fd) < 0)
        return; /* a disk that fails: its next user learns it */
}

/* A change that may not have reached the disk before the machine stopped is made again; in any case it is synced. */
static void
replay_change(const void *data, size_t size, bool lost, void *unused)
{
    ChangeRecord record;
    Change change = { 0 };
    const char *text = (const char *)data + sizeof(record);

    if (size < sizeof(record))
        return;
    memcpy(&record, data, sizeof(record));
    if ((uint64_t)record.path_size + record.data_size != size - sizeof(record) || record.kind > CHANGE_SYMLINK)
        return;
    change.path = g_strndup(text, record.path_size);
    change.kind = (ChangeKind)record.kind;
    change.mode = record.mode;
    change.size = record.data_size;
    change.data = g_strndup(text + record.path_size, record.data_size);
    if (!lost) {
        g_autofree char *dir = g_path_get_dirname(change.path);

        sync_path(change.path);
        sync_path(dir);
    } else if (!changed_since(change.path, record.usec)) {
        Batch batch = { .first = &change };

        change_prepare(&change);
        change_sync(&change);
        change_apply(&change);
        batch_sync_directories(&batch);
    }
    g_free(change.path);
    g_free(change.temp);
    g_free(change.data);
    error_done(&change.err);
}

/* Everything the journal stands for is synced; then it need not stand for it any more. */
static int
checkpoint(Error *err)
{
    GHashTableIter iter;
    void *path;

    if (journal_is_empty(commits.journal))
        return 0;
    fault_point("checkpoint", "");
    g_hash_table_iter_init(&iter, commits.unsynced);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        sync_path(path);
    g_hash_table_remove_all(commits.unsynced);
    fault_point("journal-reset", "");
    return journal_reset(commits.journal, err);
}

/* All changes of the batch, durable with one sync. -1: they could not be recorded, and go the other way. */
static int
batch_record(Batch *batch)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    size_t total = 0;

    for (Change *c = batch->first; c; c = c->next) {
        GByteArray *record = change_record(c);

        total += record->len + JOURNAL_OVERHEAD;
        g_ptr_array_add(records, record);
    }
    /* Before the first is written: a checkpoint would drop it. */
    if (!journal_fits(commits.journal, total) && (checkpoint(NULL) < 0 || !journal_fits(commits.journal, total)))
        return -1;
    for (guint i = 0; i < records->len; i++) {
        GByteArray *record = records->pdata[i];

        if (journal_append(commits.journal, record->data, record->len, NULL) < 0)
            return -1;
    }
    for (Change *c = batch->first; c; c = c->next) {
        g_hash_table_add(commits.unsynced, g_path_get_dirname(c->path));
        g_hash_table_add(commits.unsynced, g_strdup(c->path));
    }
    fault_point("journal-sync", "");
    return journal_sync(commits.journal, NULL);
}

static int
batch_run(void *data, Error *err)
{
    Batch *batch = data;
    bool recorded;

    /* What can't be prepared, for want of room, say, is not recorded: its caller learns that it failed. */
    for (Change *c = batch->first; c; c = c->next)
        change_prepare(c);
    recorded = commits.journal && batch_succeeds(batch) && batch_record(batch) == 0;
    if (!recorded)
        for (Change *c = batch->first; c; c = c->next)
            change_sync(c);
    for (Change *c = batch->first; c; c = c->next)
        change_apply(c);
    if (!recorded)
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

static void commit_main(Job *job, void *unused);
static int commit_on_checkpoint(sd_event_source *source, uint64_t usec, void *unused);

static int
checkpoint_run(void *data, Error *err)
{
    return checkpoint(err);
}

static void
checkpoint_main(Job *job, void *unused)
{
    int *nothing = g_atomic_rc_box_new0(int);

    /* A failure leaves the journal as it is: the next checkpoint tries again. */
    if (worker_run(job, "the disk", checkpoint_run, nothing, NULL, LOOP_NEVER, NULL) < 0)
        job_yield(job);
    g_atomic_rc_box_release(nothing);
    commit_main(job, NULL); /* what has gathered meanwhile */
}

/* Not beside a commit: both write the journal. */
static int
commit_on_checkpoint(sd_event_source *source, uint64_t usec, void *unused)
{
    commits.checkpoint = sd_event_source_disable_unref(commits.checkpoint);
    if (commits.running)
        return 0; /* the commit arms the timer again */
    commits.running = true;
    job_spawn("checkpoint", NULL, checkpoint_main, NULL);
    return 0;
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
    if (commits.journal && !commits.checkpoint && !journal_is_empty(commits.journal))
        loop_timer(&commits.checkpoint, CHECKPOINT_DELAY, commit_on_checkpoint, NULL, NULL);
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

int
file_journal_open(const char *path, const char *boot, Error *err)
{
    g_autofree char *this_boot = boot ? g_strdup(boot) : file_read_line("/proc/sys/kernel/random/boot_id");

    g_assert(!commits.journal);
    if (journal_open(path, this_boot ? this_boot : "", replay_change, NULL, &commits.journal, err) < 0)
        return -1;
    commits.unsynced = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return 0;
}

void
file_journal_close(void)
{
    if (!commits.journal)
        return;
    commits.checkpoint = sd_event_source_disable_unref(commits.checkpoint);
    if (checkpoint(NULL) == 0)
        g_hash_table_remove_all(commits.unsynced);
    g_clear_pointer(&commits.unsynced, g_hash_table_unref);
    g_clear_pointer(&commits.journal, journal_close);
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
