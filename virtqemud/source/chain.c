#include "virtqemud/source/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "common/host/image.h"
#include "virtqemud/source/backing.h"

#define CHAIN_TIMEOUT (30 * USEC_PER_SEC)

/* A walk down a chain, in a worker: nothing of the definition is touched meanwhile. */
typedef struct Walk {
    char *path; /* of the image it begins with */
    StorageFormat format;
    unsigned depth;       /* layers above and including that */
    StorageSource *found; /* what is behind it; NULL: cannot be known */
} Walk;

static void
walk_clear(void *data)
{
    Walk *walk = data;

    g_free(walk->path);
    xml_free(&storage_chain_schema, walk->found);
}

typedef struct Seen {
    dev_t dev;
    ino_t ino;
} Seen;

static bool
has_backing(StorageFormat format)
{
    return format == FORMAT_QCOW || format == FORMAT_QCOW2 || format == FORMAT_QED;
}

/* Formats whose backing we can't read may have one, but QEMU finds it by itself. */
static bool
ends_chain(StorageFormat format)
{
    return !has_backing(format) && format != FORMAT_VMDK;
}

/* The header of an image. *ret NULL, with success: it is not there or not for us. */
static int
read_image(const char *path, bool top, GArray *seen, ImageInfo **ret, Error *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    Seen file;

    *ret = NULL;
    if (fd < 0 && top && (errno == ENOENT || errno == EACCES || errno == EPERM))
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot access '%s'", path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "'%s' is neither a file nor a block device", path);
    file = (Seen){ st.st_dev, st.st_ino };
    for (guint i = 0; i < seen->len; i++)
        if (g_array_index(seen, Seen, i).dev == file.dev && g_array_index(seen, Seen, i).ino == file.ino)
            return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the chain of backing files comes back to '%s'", path);
    g_array_append_val(seen, file);
    *ret = image_read(fd);
    return 0;
}

/* A header that names no format for what it names as backing may not lead us to guess it; but raw is what needs no guess. */
static int
check_unnamed(const StorageSource *backing, Error *err)
{
    _cleanup_fd_ int fd = open(backing->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ImageInfo *info = fd >= 0 ? image_read(fd) : NULL;
    int r = 0;

    if (info && info->format != FORMAT_RAW && info->format != FORMAT_ISO)
        r = error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED,
                       "the format of its backing file '%s' is not recorded in it: \"qemu-img rebase -u -b FILE -F %s IMAGE\" does, or a "
                       "<backingStore> in the definition", backing->path, storage_format_names[info->format]);
    image_info_unref(info);
    return r;
}

static bool
is_local(const StorageSource *source)
{
    return source->type == STORAGE_FILE || source->type == STORAGE_BLOCK;
}

/* What the header of an image (its name, format) says is behind it. *ret: new; NULL: not known. */
static int
backing_of(const StorageSource *image, bool top, GArray *seen, StorageSource **ret, Error *err)
{
    g_autofree char *dir = NULL;
    ImageInfo *info;
    struct stat st;
    int r;

    if (!is_local(image)) {
        *ret = ends_chain(image->format) ? xml_new(&storage_chain_schema) : NULL;
        return 0;
    }
    if (read_image(image->path, top, seen, &info, err) < 0)
        return -1;
    if (!info || info->format != image->format || !has_backing(image->format) || !info->backing) {
        *ret = info && image->format != FORMAT_VMDK ? xml_new(&storage_chain_schema) : NULL;
        image_info_unref(info);
        return 0;
    }
    dir = g_path_get_dirname(image->path);
    r = backing_parse(info->backing, dir, ret, err);
    if (r == 0 && !(*ret)->format) {
        (*ret)->format = info->backing_format ? (StorageFormat)info->backing_format : FORMAT_RAW;
        if (!info->backing_format && is_local(*ret))
            r = check_unnamed(*ret, err);
    }
    image_info_unref(info);
    if (r == 0 && is_local(*ret) && stat((*ret)->path, &st) == 0)
        (*ret)->type = S_ISBLK(st.st_mode) ? STORAGE_BLOCK : STORAGE_FILE;
    return r < 0 ? error_prefixf(err, "image '%s'", image->path) : 0;
}

static int
walk_run(void *data, Error *err)
{
    Walk *walk = data;
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(Seen));
    const StorageSource top = { .type = STORAGE_FILE, .path = walk->path, .format = walk->format }, *image = &top;
    StorageSource **end = &walk->found;

    for (unsigned depth = walk->depth; depth <= IMAGE_CHAIN_MAX; depth++) {
        if (backing_of(image, image == &top, seen, end, err) < 0)
            return -1;
        if (!*end || (*end)->type == STORAGE_ABSENT)
            return 0;
        image = *end;
        end = &(*end)->backing;
    }
    return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the chain of backing files of '%s' has more than %d images", walk->path, IMAGE_CHAIN_MAX);
}

int
chain_find(Job *job, StorageSource *source, Error *err)
{
    StorageSource *last = source;
    const StorageSource *at;
    unsigned depth = 1;
    Walk *walk;
    int r;

    for (; last->backing; last = last->backing, depth++)
        if (last->backing->type == STORAGE_ABSENT)
            return 0;
    at = storage_location(last);
    if (at->type == STORAGE_VHOST_USER || at->type == STORAGE_VHOST_VDPA || at->type == STORAGE_DIR || at->fdgroup)
        return 0;
    if (ends_chain(last->format)) {
        last->backing = xml_new(&storage_chain_schema);
        return 0;
    }
    if (!is_local(at) || !has_backing(last->format))
        return 0;
    walk = g_atomic_rc_box_new0(Walk);
    walk->path = g_strdup(at->path);
    walk->format = last->format;
    walk->depth = depth;
    r = worker_run(job, "reading the headers of images", walk_run, walk, walk_clear, CHAIN_TIMEOUT, err);
    if (r == 0)
        last->backing = g_steal_pointer(&walk->found);
    g_atomic_rc_box_release_full(walk, walk_clear);
    return r;
}
