/*
 * Making a volume that is a file: under a name of its own, filled, given its owner and mode, synced, and renamed to what it
 * is called, which must be free. A kill at any instant leaves nothing under the volume's name; what it leaves is swept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/base/worker.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/image.h"
#include "virtstoraged/backend/look.h"
#include "virtstoraged/pool/watch.h"
#include "virtstoraged/secret.h"

#define DEFAULT_MODE 0600
#define ZEROS (1024 * 1024)
#define FIRST_BLOCK 4096

typedef struct Making {
    char *dir;
    char part[sizeof(FILES_PART_PREFIX) + 16];
    VolDef *def;      /* this one's own */
    int dirfd, fd;    /* -1: not open */
    Content *content; /* the part file's, with a descriptor of its own; NULL until it is to be filled by copying */
    bool there;       /* the part file is */
    bool filled;      /* it holds a copy */
    Content *staging; /* on its way to who asked for it */
} Making;

/* With the last reference, on the loop. */
static void
clear(gpointer data)
{
    Making *making = data;

    content_unref(making->content);
    content_unref(making->staging);
    fd_close(&making->fd);
    fd_close(&making->dirfd);
    vol_def_unref(making->def);
    g_free(making->dir);
}

/* What was not finished goes. */
static int
discard(void *data, Error *err)
{
    Making *making = data;

    if (making->there)
        unlinkat(making->dirfd, making->part, 0);
    making->there = false;
    return 0;
}

static int
check_backing(const VolDef *def, Error *err)
{
    if (def->backing.path && access(def->backing.path, R_OK) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "inaccessible backing store volume %s", def->backing.path);
    return 0;
}

static int
exists(const Making *making, Error *err)
{
    return error_setf(err, FROM_STORAGE, ERR_STORAGE_VOL_EXIST, "storage volume '%s' exists already: there is a file '%s'", making->def->name,
                      making->def->path);
}

/* A wish: file systems that never copy on write know no such flag. Only while the file is empty. */
static void
set_nocow(int fd)
{
    int flags;

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return;
    flags |= FS_NOCOW_FL;
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int
begin(void *data, Error *err)
{
    Making *making = data;
    struct stat st;
    uint64_t random;

    if (check_backing(making->def, err) < 0)
        return -1;
    making->dirfd = open(making->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (making->dirfd < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open directory '%s'", making->dir);
    if (fstatat(making->dirfd, making->def->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return exists(making, err);
    if (making->def->format == FORMAT_DIR)
        return 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return error_set_errno(err, FROM_STORAGE, errno, "no random bytes for the name of a new volume");
    snprintf(making->part, sizeof(making->part), FILES_PART_PREFIX "%016llx", (unsigned long long)random);
    making->fd = openat(making->dirfd, making->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (making->fd < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot create path '%s'", making->def->path);
    making->there = true;
    /* Says that its maker lives, see is_left(). On other hosts' file systems it would be in the way of qemu-img's own locks. */
    if (!watch_is_remote(making->fd))
        flock(making->fd, LOCK_EX | LOCK_NB);
    fault_point("create", making->def->path);
    if (making->def->nocow)
        set_nocow(making->fd);
    making->content = content_of_fd(fcntl(making->fd, F_DUPFD_CLOEXEC, 0), making->def->path);
    return 0;
}

/* For file systems that can't allocate. */
static int
write_zeros(int fd, uint64_t length)
{
    g_autofree char *zeros = g_malloc0(ZEROS);

    for (uint64_t at = 0; at < length;) {
        ssize_t n = pwrite(fd, zeros, MIN(length - at, (uint64_t)ZEROS), (off_t)at);

        if (n < 0 && errno != EINTR)
            return -1;
        at += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

static int
fill_plain(void *data, Error *err)
{
    Making *making = data;
    const VolDef *def = making->def;
    uint64_t allocate = MIN(def->allocation.v, def->capacity.v);

    /* As qemu-img makes them: sparse, but for the block by which QEMU finds out how direct I/O must be aligned. */
    if (def->format == FORMAT_ISO)
        allocate = MIN(def->capacity.v, (uint64_t)FIRST_BLOCK);
    /* A copy has what was copied; whether its holes are filled is all or nothing. */
    if (making->filled && allocate < def->capacity.v)
        allocate = 0;

    /* What was copied may be longer. */
    if (lseek(making->fd, 0, SEEK_END) < (off_t)def->capacity.v && ftruncate(making->fd, (off_t)def->capacity.v) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot extend file '%s'", def->path);
    if (allocate == 0 || fallocate(making->fd, 0, 0, (off_t)allocate) == 0)
        return 0;
    if (errno != EOPNOTSUPP || making->filled || write_zeros(making->fd, allocate) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot allocate %llu bytes in file '%s'", (unsigned long long)allocate, def->path);
    return 0;
}

static int
own(const Making *making, int fd, Error *err)
{
    const StoragePermissions *p = &making->def->permissions;

    if ((p->owner.set || p->group.set) && fchown(fd, p->owner.set ? p->owner.v : (uid_t)-1, p->group.set ? p->group.v : (gid_t)-1) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot chown '%s' to (%u, %u)", making->def->path, p->owner.v, p->group.v);
    if (fchmod(fd, p->mode.set ? p->mode.v : DEFAULT_MODE) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot set mode of '%s' to %04o", making->def->path, p->mode.v);
    return 0;
}

static int
finish_directory(Making *making, Error *err)
{
    if (mkdirat(making->dirfd, making->def->name, 0700) < 0)
        return errno == EEXIST ? exists(making, err) : error_set_errno(err, FROM_STORAGE, errno, "cannot create path '%s'", making->def->path);
    making->fd = openat(making->dirfd, making->def->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (making->fd < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open path '%s'", making->def->path);
    return own(making, making->fd, err);
}

/* The last step: from here on it is there. File systems without the flag take a link, which must be new too. */
static int
publish(Making *making, Error *err)
{
    const char *name = making->def->name;

    if (renameat2(making->dirfd, making->part, making->dirfd, name, RENAME_NOREPLACE) == 0) {
        making->there = false;
        return 0;
    }
    if (errno == EEXIST)
        return exists(making, err);
    if (errno != EINVAL || linkat(making->dirfd, making->part, making->dirfd, name, 0) < 0)
        return errno == EEXIST ? exists(making, err)
                               : error_set_errno(err, FROM_STORAGE, errno, "cannot rename the new volume to '%s'", making->def->path);
    return discard(making, NULL);
}

static int
finish(void *data, Error *err)
{
    Making *making = data;

    if (making->def->format == FORMAT_DIR)
        return finish_directory(making, err);
    if (own(making, making->fd, err) < 0)
        return -1;
    if (image_is_plain(making->def))
        fsetxattr(making->fd, LOOK_FORMAT_XATTR, "raw", strlen("raw"), 0); /* where a file system has none, the header is asked */
    fault_point("fsync", making->def->path);
    if (fsync(making->fd) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot sync data to file '%s'", making->def->path);
    fault_point("rename", making->def->path);
    if (publish(making, err) < 0)
        return -1;
    fault_point("fsync-directory", making->def->path);
    if (fsync(making->dirfd) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot sync directory '%s'", making->dir);
    return 0;
}

/* --- filling --- */

/* The images of both sides; passphrases are fetched when there are any. */
typedef struct Sides {
    Image image, source;
    Content *staged; /* the source's bytes in a file, where they were in none */
} Sides;

static void
sides_done(Sides *sides)
{
    g_clear_pointer(&sides->image.passphrase, g_bytes_unref);
    g_clear_pointer(&sides->source.passphrase, g_bytes_unref);
    content_unref(sides->staged);
}
#define _cleanup_sides_ __attribute__((cleanup(sides_done)))

/* A file of no name where the pool has room. */
static int
open_staging(void *data, Error *err)
{
    Making *making = data;
    int fd = openat(making->dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot create a temporary file in '%s'", making->dir);
    making->staging = content_of_fd(fd, making->dir);
    return 0;
}

/* qemu-img reads files and devices; what is in a cluster or a target is brought here first. */
static int
stage(Job *job, Making *making, const CopySource *source, Sides *sides, Error *err)
{
    if (content_fd(source->content) < 0) {
        if (worker_run(job, "making a temporary file", open_staging, making, clear, FILES_TIMEOUT, err) < 0)
            return -1;
        sides->staged = g_steal_pointer(&making->staging);
        if (copy_content(job, source->content, sides->staged, 0, err) < 0)
            return -1;
    }
    sides->source.fd = content_fd(sides->staged ? sides->staged : source->content);
    return 0;
}

static int
fill_image(Job *job, Making *making, const CopySource *source, bool preallocate, Error *err)
{
    _cleanup_sides_ Sides sides = { .image = { .fd = making->fd, .def = making->def } };

    if (storage_passphrase(job, making->def, &sides.image.passphrase, err) < 0)
        return -1;
    if (!source)
        return image_create(job, &sides.image, preallocate, FILES_LONG_TIMEOUT, err);
    sides.source.def = source->def;
    if (storage_passphrase(job, source->def, &sides.source.passphrase, err) < 0 || stage(job, making, source, &sides, err) < 0 ||
        image_convert(job, &sides.source, source->chain, &sides.image, preallocate, FILES_LONG_TIMEOUT, err) < 0)
        return -1;
    /* A copy may be larger than what was copied. */
    if (making->def->capacity.v > source->def->capacity.v)
        return image_resize(job, &sides.image, NULL, making->def->capacity.v, false, FILES_LONG_TIMEOUT, err);
    return 0;
}

static int
fill(Job *job, Making *making, const CopySource *source, unsigned flags, Error *err)
{
    const VolDef *def = making->def;

    if (flags & VIR_STORAGE_VOL_CREATE_REFLINK) {
        if (!source || def->format != source->def->format)
            return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "only a copy of the same format can share blocks with '%s'",
                              source ? source->def->name : def->name);
        return copy_reflink(job, source->content, making->content, err);
    }
    if (!image_is_plain(def) || (source && !image_is_plain(source->def)))
        return fill_image(job, making, source, flags & VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA, err);
    if (source && copy_content(job, source->content, making->content, source->def->capacity.v, err) < 0)
        return -1;
    making->filled = source != NULL;
    return worker_run(job, "allocating the volume", fill_plain, making, clear, FILES_LONG_TIMEOUT, err);
}

static int
make(Job *job, Making *making, const CopySource *source, unsigned flags, Error *err)
{
    if (worker_run(job, "making the volume's file", begin, making, clear, FILES_TIMEOUT, err) < 0 ||
        (making->def->format != FORMAT_DIR && fill(job, making, source, flags, err) < 0))
        return -1;
    fault_point("filled", making->def->path);
    return worker_run(job, "syncing the volume", finish, making, clear, FILES_LONG_TIMEOUT, err);
}

int
files_vol_create(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, unsigned flags, Error *err)
{
    Making *making;
    int r;

    if ((flags & VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA) && def->format != FORMAT_QCOW2)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "metadata preallocation only available with qcow2");
    if ((flags & VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA) && def->backing.path && !def->extended_l2)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "volume '%s': with a backing store metadata are only preallocated for images "
                          "with <extended_l2/> (and clusters of 16 KiB or more)", def->name);
    if (source && (def->format == FORMAT_DIR || source->def->format == FORMAT_DIR))
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "volume '%s': directories can't be copied", source->def->name);
    making = g_atomic_rc_box_new0(Making);
    making->dirfd = making->fd = -1;
    making->dir = g_strdup(pool->path);
    making->def = vol_def_copy(def);
    r = make(job, making, source, flags, err);
    if (r < 0)
        worker_detach("removing an unfinished volume", discard, making, clear);
    g_atomic_rc_box_release_full(making, clear);
    return r;
}
