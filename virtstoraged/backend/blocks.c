#include "virtstoraged/backend/blocks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/image.h"
#include "virtstoraged/backend/look.h"
#include "virtstoraged/secret.h"

#define SECTOR 512 /* of the kernel's sizes, whatever the device's are */
#define LABEL_MAX 255

static void
free_found(gpointer data)
{
    found_free(data);
}

Found *
blocks_found(PoolType type, const char *name, const char *node, const char *key)
{
    Found *found = g_new0(Found, 1);

    found->def = vol_def_new(type);
    found->def->type = VOL_BLOCK;
    found->def->name = g_strdup(name);
    found->def->path = g_strdup(node);
    found->def->key = g_strdup(key);
    return found;
}

/* --- what sysfs and the node say --- */

static uint64_t
size_of(dev_t device)
{
    g_autofree char *path = g_strdup_printf("/sys/dev/block/%u:%u/size", major(device), minor(device));
    g_autofree char *text = file_read_line(path);

    return text ? g_ascii_strtoull(text, NULL, 10) * SECTOR : 0;
}

/* -1 with errno: it is not there. What a volume uses of its device is known to who lists it; else it is all. */
static int
fill(VolDef *def)
{
    char label[LABEL_MAX + 1];
    uint64_t size;
    struct stat st;
    ssize_t n;

    if (stat(def->path, &st) < 0)
        return -1;
    if (!S_ISBLK(st.st_mode)) {
        errno = ENOTBLK;
        return -1;
    }
    size = size_of(st.st_rdev);
    n = getxattr(def->path, "security.selinux", label, LABEL_MAX);
    def->capacity = def->physical = (OptU64){ true, size };
    if (!def->allocation.set || def->allocation.v > size)
        def->allocation = def->capacity;
    look_at_owner(&st, def);
    g_free(def->permissions.label);
    def->permissions.label = n > 0 ? g_strndup(label, (gsize)n) : NULL;
    return 0;
}

/* --- many --- */

typedef struct Completing {
    char *target;
    GPtrArray *found;
} Completing;

static void
completing_clear(gpointer data)
{
    Completing *completing = data;

    g_free(completing->target);
    g_ptr_array_unref(completing->found);
}

/* Device number -> path of the link to it. Of several links the first in the alphabet. */
static GHashTable *
read_links(const char *target)
{
    GHashTable *links = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    DIR *dir = strcmp(target, "/dev") == 0 ? NULL : opendir(target);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char *path = g_build_filename(target, entry->d_name, NULL);
        const char *other;
        struct stat st;
        gint64 device;

        if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode)) {
            g_free(path);
            continue;
        }
        device = (gint64)st.st_rdev;
        other = g_hash_table_lookup(links, &device);
        if (other && strcmp(other, path) < 0)
            g_free(path);
        else
            g_hash_table_replace(links, g_memdup2(&device, sizeof(device)), path);
    }
    if (dir)
        closedir(dir);
    return links;
}

static void
use_link(GHashTable *links, VolDef *def)
{
    struct stat st;
    const char *link;
    gint64 device;

    if (stat(def->path, &st) < 0)
        return;
    device = (gint64)st.st_rdev;
    link = g_hash_table_lookup(links, &device);
    if (link) {
        g_free(def->path);
        def->path = g_strdup(link);
    }
}

static int
complete(void *data, Error *err)
{
    Completing *completing = data;
    g_autoptr(GHashTable) links = read_links(completing->target);

    for (guint i = completing->found->len; i-- > 0;) {
        VolDef *def = ((Found *)completing->found->pdata[i])->def;

        use_link(links, def);
        if (fill(def) < 0)
            g_ptr_array_remove_index(completing->found, i);
        else if (!def->key)
            def->key = g_strdup(def->path);
    }
    return 0;
}

/* The worker has an array of its own: whoever waits may be gone before it ends. */
int
blocks_complete(Job *job, const char *target, GPtrArray *found, Error *err)
{
    Completing *completing = g_atomic_rc_box_new0(Completing);
    int r;

    completing->target = g_strdup(target);
    completing->found = g_ptr_array_new_with_free_func(free_found);
    while (found->len > 0)
        g_ptr_array_add(completing->found, g_ptr_array_steal_index(found, found->len - 1));
    r = worker_run(job, "looking at the devices", complete, completing, completing_clear, FILES_TIMEOUT, err);
    while (r == 0 && completing->found->len > 0)
        g_ptr_array_add(found, g_ptr_array_steal_index(completing->found, completing->found->len - 1));
    g_atomic_rc_box_release_full(completing, completing_clear);
    return r;
}

/* --- one --- */

typedef struct One {
    VolDef *def; /* the worker's own */
    bool write;
    Content *content;
} One;

static void
one_clear(gpointer data)
{
    One *one = data;

    vol_def_unref(one->def);
    content_unref(one->content);
}

static One *
one_new(const VolDef *def)
{
    One *one = g_atomic_rc_box_new0(One);

    one->def = vol_def_copy(def);
    return one;
}

static int
look(void *data, Error *err)
{
    One *one = data;

    return fill(one->def) < 0 ? error_set_errno(err, FROM_STORAGE, errno, "cannot stat block device '%s'", one->def->path) : 0;
}

int
blocks_vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err)
{
    One *one = one_new(def);
    int r = worker_run(job, "looking at the volume", look, one, one_clear, FILES_TIMEOUT, err);

    if (r == 0) {
        *ret = g_new0(Found, 1);
        (*ret)->def = g_steal_pointer(&one->def);
    }
    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

static int
open_one(void *data, Error *err)
{
    One *one = data;
    _cleanup_fd_ int fd = open(one->def->path, (one->write ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open block device '%s'", one->def->path);
    if (!S_ISBLK(st.st_mode))
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "'%s' is no block device", one->def->path);
    one->content = content_of_fd(fd_take(&fd), one->def->path);
    return 0;
}

int
blocks_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err)
{
    One *one = one_new(def);
    int r;

    one->write = write;
    r = worker_run(job, "opening the volume", open_one, one, one_clear, FILES_TIMEOUT, err);
    if (r == 0)
        *ret = g_steal_pointer(&one->content);
    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

static int
own(void *data, Error *err)
{
    const One *one = data;
    const StoragePermissions *p = &one->def->permissions;
    const char *path = one->def->path;

    if ((p->owner.set || p->group.set) && chown(path, p->owner.set ? p->owner.v : (uid_t)-1, p->group.set ? p->group.v : (gid_t)-1) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot chown '%s' to (%u, %u)", path, p->owner.v, p->group.v);
    if (p->mode.set && chmod(path, p->mode.v) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot set mode of '%s' to %04o", path, p->mode.v);
    return 0;
}

int
blocks_own(Job *job, const VolDef *def, Error *err)
{
    One *one = one_new(def);
    int r = worker_run(job, "giving the volume its owner", own, one, one_clear, FILES_TIMEOUT, err);

    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

static int
zero(void *data, Error *err)
{
    const One *one = data;

    return one->content->ops->zero(one->content, 0, one->content->size, err);
}

/* What a guest sees in an image: the device has no format. */
static int
convert(Job *job, const VolDef *def, const CopySource *source, Content *to, Error *err)
{
    g_autoptr(VolDef) raw = vol_def_new(POOL_DIR);
    Image image = { .fd = content_fd(to), .def = raw }, from = { .fd = content_fd(source->content), .def = source->def };
    int r;

    if (from.fd < 0)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "volume '%s' can't be copied to '%s': qemu-img can't read it there", source->def->name,
                          def->name);
    raw->name = g_strdup(def->name);
    if (storage_passphrase(job, source->def, &from.passphrase, err) < 0)
        return -1;
    r = image_convert(job, &from, source->chain, &image, false, FILES_LONG_TIMEOUT, err);
    g_clear_pointer(&from.passphrase, g_bytes_unref);
    return r;
}

static int
copy_plain(Job *job, One *one, const CopySource *source, Error *err)
{
    if (worker_run(job, "zeroing the new volume", zero, one, one_clear, FILES_LONG_TIMEOUT, err) < 0)
        return -1;
    return copy_content(job, source->content, one->content, source->def->capacity.v, err);
}

int
blocks_fill(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, Error *err)
{
    One *one = one_new(def);
    int r = blocks_vol_open(job, pool, def, true, &one->content, err);

    if (r == 0)
        r = image_is_plain(source->def) ? copy_plain(job, one, source, err) : convert(job, def, source, one->content, err);
    g_atomic_rc_box_release_full(one, one_clear);
    return r;
}

void
blocks_vol_name(const PoolDef *def, VolDef *volume)
{
    g_free(volume->path);
    g_free(volume->key);
    volume->path = g_build_filename(def->path, volume->name, NULL);
    volume->key = g_strdup(volume->path);
    volume->type = VOL_BLOCK;
}
