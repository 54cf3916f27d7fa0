#include "virtstoraged/backend/look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <linux/fs.h>
#include <unistd.h>

#include "common/base/file.h"

#define LABEL_MAX 255
#define BLOCK 512

static StorageTime
time_of(struct timespec t)
{
    return (StorageTime){ true, t.tv_sec, (uint32_t)t.tv_nsec };
}

static FileStamp
stamp_of(const struct stat *st)
{
    return (FileStamp){ st->st_dev,          st->st_ino,          (uint64_t)st->st_size, st->st_mtim.tv_sec,
                        st->st_mtim.tv_nsec, st->st_ctim.tv_sec, st->st_ctim.tv_nsec };
}

static bool
is_recorded_raw(int fd)
{
    char format[16];
    ssize_t n = fgetxattr(fd, LOOK_FORMAT_XATTR, format, sizeof(format));

    return n == (ssize_t)strlen("raw") && memcmp(format, "raw", (size_t)n) == 0;
}

void
look_at_owner(const struct stat *st, VolDef *def)
{
    def->permissions.mode = (OptUint){ true, st->st_mode & 0777 };
    def->permissions.owner = (OptUint){ true, st->st_uid };
    def->permissions.group = (OptUint){ true, st->st_gid };
    def->times.atime = time_of(st->st_atim);
    def->times.mtime = time_of(st->st_mtim);
    def->times.ctime = time_of(st->st_ctim);
    def->times.btime = (StorageTime){ .set = true }; /* as libvirt has it */
}

static void
fill_permissions(int fd, const struct stat *st, VolDef *def)
{
    char label[LABEL_MAX + 1];
    ssize_t n = fgetxattr(fd, "security.selinux", label, LABEL_MAX);

    look_at_owner(st, def);
    if (n > 0)
        def->permissions.label = g_strndup(label, (gsize)n);
}

/* A path in an image is from where the image is; others are no paths. */
static char *
backing_path(const char *dir, const char *backing)
{
    const char *colon = strchr(backing, ':'), *slash = strchr(backing, '/');

    if (*backing == '/' || (colon && (!slash || colon < slash)))
        return g_strdup(backing);
    return g_build_filename(dir, backing, NULL);
}

static void
fill_image(const ImageInfo *image, const char *dir, VolDef *def)
{
    def->format = image->format;
    if (image->capacity)
        def->capacity.v = image->capacity;
    else if (image->payload < def->capacity.v)
        def->capacity.v -= image->payload;
    if (image->backing) {
        def->backing.path = backing_path(dir, image->backing);
        def->backing.format = image->backing_format ? image->backing_format : FORMAT_RAW;
    }
    if (image->format == FORMAT_QCOW2) {
        def->compat = g_strdup(image->qcow2_v3 ? "1.1" : "0.10");
        def->has_features = image->qcow2_v3;
        def->lazy_refcounts = image->lazy_refcounts;
        def->extended_l2 = image->extended_l2;
        if (image->cluster_size)
            def->cluster_size = (OptU64){ true, image->cluster_size };
    }
    if (image->encryption) {
        def->encryption = g_new0(StorageEncryption, 1);
        def->encryption->format = g_strdup(image->encryption);
    }
}

static bool
is_volume(const struct stat *st)
{
    return S_ISREG(st->st_mode) || S_ISBLK(st->st_mode) || S_ISDIR(st->st_mode);
}

/*
 * A link counts as what it leads to when root made it, or who owns the directory: another who may write there could make us open
 * any file of the host. It is read from the link that was checked, so nobody can change it in between.
 */
static int
open_link(int dirfd, const char *name, int flags)
{
    _cleanup_fd_ int link = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char target[PATH_MAX];
    struct stat st, dir;
    ssize_t n;

    if (link < 0 || fstat(link, &st) < 0 || fstat(dirfd, &dir) < 0)
        return -1;
    if (st.st_uid != 0 && st.st_uid != dir.st_uid) {
        errno = EACCES;
        return -1;
    }
    n = readlinkat(link, "", target, sizeof(target) - 1);
    if (n < 0)
        return -1;
    target[n] = '\0';
    return openat(dirfd, target, flags);
}

int
look_open(int dirfd, const char *name, int flags)
{
    int fd;

    flags |= O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    fd = openat(dirfd, name, flags | O_NOFOLLOW);
    return fd < 0 && errno == ELOOP ? open_link(dirfd, name, flags) : fd;
}

/* -1: it is no volume. Sockets, pipes and character devices are not even opened. */
static int
open_volume(int dirfd, const char *name, struct stat *st)
{
    int fd;

    if (fstatat(dirfd, name, st, 0) < 0 || !is_volume(st))
        return -1;
    fd = look_open(dirfd, name, O_RDONLY);
    if (fd >= 0 && (fstat(fd, st) < 0 || !is_volume(st)))
        fd_close(&fd);
    return fd;
}

/* What the file is an image of. image: of the last look, when the file is the same. */
static ImageInfo *
image_of(int fd, ImageInfo *image, bool anew, bool *ret_unread)
{
    bool raw = is_recorded_raw(fd);
    ImageInfo *read;

    *ret_unread = raw && !anew;
    if (*ret_unread)
        return image_probe(NULL, 0);
    read = image ? image_info_ref(image) : image_read(fd);
    if (raw && read->format != FORMAT_RAW)
        fremovexattr(fd, LOOK_FORMAT_XATTR); /* where it stays the header is asked again next time */
    return read;
}

int
look_at(int dirfd, const char *dir, const char *name, PoolType type, const FileStamp *known, ImageInfo *image, bool anew, Found **ret,
        Error *err)
{
    struct stat st;
    _cleanup_fd_ int fd = open_volume(dirfd, name, &st);
    Found *found;
    VolDef *def;
    uint64_t size;

    if (fd < 0)
        return 0;
    *ret = found = g_new0(Found, 1);
    found->stamp = stamp_of(&st);
    found->def = def = vol_def_new(type);
    def->type = S_ISREG(st.st_mode) ? VOL_FILE : S_ISBLK(st.st_mode) ? VOL_BLOCK : VOL_DIR;
    def->name = g_strdup(name);
    def->path = g_build_filename(dir, name, NULL);
    def->key = g_strdup(def->path);
    fill_permissions(fd, &st, def);
    if (def->type == VOL_DIR) {
        def->format = FORMAT_DIR;
        def->capacity = def->allocation = (OptU64){ true, 0 };
        return 1;
    }
    size = (uint64_t)st.st_size;
    if (def->type == VOL_BLOCK && ioctl(fd, BLKGETSIZE64, &size) < 0)
        size = 0;
    def->capacity = def->physical = (OptU64){ true, size };
    def->allocation = (OptU64){ true, def->type == VOL_BLOCK ? size : (uint64_t)st.st_blocks * BLOCK };
    found->image = image_of(fd, image && known && !anew && memcmp(known, &found->stamp, sizeof(*known)) == 0 ? image : NULL, anew,
                            &found->unread);
    fill_image(found->image, dir, def);
    return 1;
}

int
look_at_path(const char *path, PoolType type, Found **ret, Error *err)
{
    g_autofree char *dir = g_path_get_dirname(path), *name = g_path_get_basename(path);
    _cleanup_fd_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dirfd < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open directory '%s'", dir);
    errno = EINVAL;
    return look_at(dirfd, dir, name, type, NULL, NULL, false, ret, err) > 0 ? 0 : error_set_errno(err, FROM_STORAGE, errno, "cannot open file '%s'", path);
}
