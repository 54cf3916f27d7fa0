#include "virtstoraged/backend/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/look.h"
#include "virtstoraged/pool/watch.h"

#define LEFT_SECONDS (24 * 3600)
#define FOUND_MAX 1000000 /* files of a directory; more are an error */

static int
open_dir(const char *path, Error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? error_set_errno(err, FROM_STORAGE, errno, "cannot open directory '%s'", path) : fd;
}

/* --- what is there --- */

typedef struct Known {
    FileStamp stamp;
    ImageInfo *image;
    bool anew; /* its header is asked again, where that is asked for */
} Known;

static void
known_free(gpointer data)
{
    Known *known = data;

    image_info_unref(known->image);
    g_free(known);
}

static void
free_found(gpointer data)
{
    found_free(data);
}

/* All the worker needs and finds: whoever waits may be gone before it ends. */
typedef struct Scan {
    char *path;
    PoolType type;
    GHashTable *known; /* name -> Known */
    GPtrArray *only;   /* names to look at; NULL: all */
    int watch_fd, watch;
    bool anew;
    GPtrArray *found;  /* of Found */
    PoolSizes sizes;
    StoragePermissions permissions;
} Scan;

static void
scan_clear(gpointer data)
{
    Scan *scan = data;

    g_free(scan->path);
    g_hash_table_unref(scan->known);
    g_ptr_array_unref(scan->found);
    g_clear_pointer(&scan->only, g_ptr_array_unref);
    g_free(scan->permissions.label);
}

static int
measure(Scan *scan, int dirfd, Error *err)
{
    struct statvfs fs;
    struct stat st;

    if (fstatvfs(dirfd, &fs) < 0 || fstat(dirfd, &st) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot statvfs path '%s'", scan->path);
    scan->sizes.capacity = (uint64_t)fs.f_frsize * fs.f_blocks;
    scan->sizes.available = (uint64_t)fs.f_frsize * fs.f_bavail;
    scan->sizes.allocation = scan->sizes.capacity - scan->sizes.available;
    scan->permissions.mode = (OptUint){ true, st.st_mode & 0777 };
    scan->permissions.owner = (OptUint){ true, st.st_uid };
    scan->permissions.group = (OptUint){ true, st.st_gid };
    return 0;
}

static bool
is_volume_name(const char *name, PoolType type)
{
    return g_utf8_validate(name, -1, NULL) && vol_name_check(name, type, NULL) == 0;
}

static int
look_name(Scan *scan, int dirfd, const char *name, Error *err)
{
    const Known *known = g_hash_table_lookup(scan->known, name);
    Found *found;

    if (!is_volume_name(name, scan->type))
        return 0;
    if (look_at(dirfd, scan->path, name, scan->type, known ? &known->stamp : NULL, known ? known->image : NULL,
                scan->anew && (!known || known->anew), &found, err) > 0)
        g_ptr_array_add(scan->found, found);
    if (scan->found->len > FOUND_MAX)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "directory '%s' has more than %d files", scan->path, FOUND_MAX);
    return 0;
}

static int
scan_all(Scan *scan, int dirfd, Error *err)
{
    DIR *dir = fdopendir(fcntl(dirfd, F_DUPFD_CLOEXEC, 0));
    const struct dirent *entry;
    int r = 0;

    if (!dir)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open directory '%s'", scan->path);
    while (r == 0 && (errno = 0, entry = readdir(dir)))
        r = look_name(scan, dirfd, entry->d_name, err);
    if (r == 0 && errno)
        r = error_set_errno(err, FROM_STORAGE, errno, "cannot read directory '%s'", scan->path);
    closedir(dir);
    return r;
}

static int
scan_changed(Scan *scan, int dirfd, Error *err)
{
    for (guint i = 0; i < scan->only->len; i++)
        if (look_name(scan, dirfd, scan->only->pdata[i], err) < 0)
            return -1;
    return 0;
}

static int
scan(void *data, Error *err)
{
    Scan *scan = data;
    _cleanup_fd_ int dirfd = open_dir(scan->path, err);

    if (dirfd < 0 || measure(scan, dirfd, err) < 0)
        return -1;
    if (scan->only)
        return scan_changed(scan, dirfd, err);
    scan->watch = watch_add(scan->watch_fd, dirfd, scan->path); /* before it is read: what is changed meanwhile is seen */
    return scan_all(scan, dirfd, err);
}

static void
add_known(Scan *scan, const Volume *volume)
{
    Known *known;

    if (!volume || !volume->image)
        return;
    known = g_new(Known, 1);
    *known = (Known){ volume->stamp, image_info_ref(volume->image), volume->stale };
    g_hash_table_insert(scan->known, g_strdup(volume->def->name), known);
}

static Scan *
scan_new(const PoolDef *def, const Listing *listing)
{
    Scan *scan = g_atomic_rc_box_new0(Scan);
    GHashTableIter iter;
    void *name, *volume;

    scan->path = g_strdup(def->path);
    scan->type = def->type;
    scan->watch_fd = listing->watch_fd;
    scan->anew = listing->anew;
    scan->watch = -1;
    scan->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    scan->found = g_ptr_array_new_with_free_func(free_found);
    if (listing->only) {
        scan->only = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_iter_init(&iter, listing->only);
        while (g_hash_table_iter_next(&iter, &name, NULL)) {
            g_ptr_array_add(scan->only, g_strdup(name));
            add_known(scan, g_hash_table_lookup(listing->known->by_name, name));
        }
        return scan;
    }
    g_hash_table_iter_init(&iter, listing->known->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &volume))
        add_known(scan, volume);
    return scan;
}

int
files_refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    Scan *work = scan_new(live, listing);
    int r = worker_run(job, "reading the pool's directory", scan, work, scan_clear, FILES_SCAN_TIMEOUT, err);

    if (r == 0) {
        g_ptr_array_extend_and_steal(listing->found, g_ptr_array_ref(work->found));
        work->found = g_ptr_array_new_with_free_func(free_found);
        listing->sizes = work->sizes;
        listing->watch = work->watch;
        live->permissions.mode = work->permissions.mode;
        live->permissions.owner = work->permissions.owner;
        live->permissions.group = work->permissions.group;
    }
    g_atomic_rc_box_release_full(work, scan_clear);
    return r;
}

/* --- one file --- */

typedef struct One {
    char *dir, *name;
    PoolType type;
    bool is_dir, write;
    char *path;       /* of def, for messages */
    Content *content; /* NULL: not open */
    FileStamp stamp;
    ImageInfo *image;
    Found *found;
} One;

static void
one_clear(gpointer data)
{
    One *one = data;

    content_unref(one->content);
    g_free(one->path);
    g_free(one->dir);
    g_free(one->name);
    image_info_unref(one->image);
    if (one->found)
        found_free(one->found);
}

static One *
one_new(const PoolDef *pool, const VolDef *def)
{
    One *one = g_atomic_rc_box_new0(One);

    one->dir = g_strdup(pool->path);
    one->name = def ? g_strdup(def->name) : NULL;
    one->type = pool->type;
    one->path = def ? g_strdup(def->path) : NULL;
    one->is_dir = def && def->type == VOL_DIR;
    return one;
}

static int
look(void *data, Error *err)
{
    One *one = data;
    _cleanup_fd_ int dirfd = open_dir(one->dir, err);
    int r = dirfd < 0 ? -1 : look_at(dirfd, one->dir, one->name, one->type, &one->stamp, one->image, one->stamp.inode == 0, &one->found, err);

    if (r == 0)
        return error_set_errno(err, FROM_STORAGE, ENOENT, "cannot stat file '%s/%s'", one->dir, one->name);
    return r < 0 ? -1 : 0;
}

int
files_vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err)
{
    One *one = one_new(pool, def);
    int r;

    one->stamp = *known;
    one->image = image_info_ref(image);
    r = worker_run(job, "looking at the volume", look, one, one_clear, FILES_TIMEOUT, err);
    if (r == 0)
        *ret = g_steal_pointer(&one->found);
    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

static int
open_one(void *data, Error *err)
{
    One *one = data;
    _cleanup_fd_ int dirfd = open_dir(one->dir, err), fd = -1;
    struct stat st;

    if (dirfd < 0)
        return -1;
    fd = look_open(dirfd, one->name, one->write ? O_RDWR : O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open file '%s/%s'", one->dir, one->name);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "'%s/%s' has no content: it is neither file nor block device", one->dir,
                          one->name);
    one->content = content_of_fd(fd_take(&fd), one->path);
    return 0;
}

int
files_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err)
{
    One *one = one_new(pool, def);
    int r;

    one->write = write;
    r = worker_run(job, "opening the volume", open_one, one, one_clear, FILES_TIMEOUT, err);
    if (r == 0)
        *ret = g_steal_pointer(&one->content);
    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

static int
delete(void *data, Error *err)
{
    One *one = data;
    _cleanup_fd_ int dirfd = open_dir(one->dir, err);

    if (dirfd < 0)
        return -1;
    fault_point("delete", one->path);
    if (unlinkat(dirfd, one->name, one->is_dir ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot %s '%s/%s'", one->is_dir ? "remove directory" : "unlink file", one->dir,
                               one->name);
    fault_point("deleted", one->path);
    if (fsync(dirfd) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot sync directory '%s'", one->dir);
    return 0;
}

int
files_vol_delete(Job *job, const PoolDef *pool, const VolDef *def, unsigned flags, Error *err)
{
    One *one = one_new(pool, def);
    int r = worker_run(job, "deleting the volume", delete, one, one_clear, FILES_TIMEOUT, err);

    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

static int
check(void *data, Error *err)
{
    const One *one = data;
    _cleanup_fd_ int dirfd = open_dir(one->dir, err);
    struct statvfs fs;

    if (dirfd < 0)
        return -1;
    return fstatvfs(dirfd, &fs) < 0 ? error_set_errno(err, FROM_STORAGE, errno, "cannot statvfs path '%s'", one->dir) : 0;
}

int
files_check(Job *job, const PoolDef *def, Error *err)
{
    One *one = one_new(def, NULL);
    int r = worker_run(job, "finding the pool's directory", check, one, one_clear, FILES_CHECK_TIMEOUT, err);

    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

/*
 * Whoever makes a volume holds a lock on it as long as he lives: another daemon may share the directory. Where other hosts may
 * do so, what was not written for a day is left over.
 */
static bool
is_left(int dirfd, const char *name)
{
    _cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && watch_is_remote(fd))
        return fstat(fd, &st) == 0 && st.st_mtime < (time_t)(clock_realtime_usec() / USEC_PER_SEC) - LEFT_SECONDS;
    return fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
}

static int
sweep(void *data, Error *err)
{
    const One *one = data;
    _cleanup_fd_ int dirfd = open_dir(one->dir, err);
    DIR *dir = dirfd < 0 ? NULL : fdopendir(fcntl(dirfd, F_DUPFD_CLOEXEC, 0));
    const struct dirent *entry;

    if (!dir)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open directory '%s'", one->dir);
    while ((entry = readdir(dir)))
        if (g_str_has_prefix(entry->d_name, FILES_PART_PREFIX) && is_left(dirfd, entry->d_name))
            unlinkat(dirfd, entry->d_name, 0);
    closedir(dir);
    return 0;
}

int
files_sweep(Job *job, const PoolDef *def, Error *err)
{
    One *one = one_new(def, NULL);
    int r = worker_run(job, "sweeping the pool's directory", sweep, one, one_clear, FILES_TIMEOUT, err);

    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

void
files_vol_name(const PoolDef *def, VolDef *volume)
{
    g_free(volume->path);
    g_free(volume->key);
    volume->path = g_build_filename(def->path, volume->name, NULL);
    volume->key = g_strdup(volume->path);
    volume->type = volume->format == FORMAT_DIR ? VOL_DIR : VOL_FILE;
}
