/* Volumes that are files made larger or smaller. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/base/worker.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/image.h"
#include "virtstoraged/secret.h"

typedef struct Change {
    Content *content;
    uint64_t capacity;
    bool allocate;
} Change;

static void
clear(gpointer data)
{
    content_release(((Change *)data)->content);
}

/* Allocating comes first: a file system that has no room leaves the file as it was. */
static int
resize(void *data, Error *err)
{
    const Change *change = data;
    const char *name = change->content->name;
    int fd = content_fd(change->content);

    fault_point("resize", name);
    if (change->allocate && fallocate(fd, 0, 0, (off_t)change->capacity) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "Failed to pre-allocate space for file '%s'", name);
    if (ftruncate(fd, (off_t)change->capacity) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "Failed to truncate file '%s'", name);
    fault_point("resize-sync", name);
    if (fsync(fd) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot sync data to file '%s'", name);
    fault_point("resized", name);
    return 0;
}

static int
resize_plain(Job *job, Content *content, uint64_t capacity, bool allocate, Error *err)
{
    Change *change = g_atomic_rc_box_new0(Change);
    int r;

    *change = (Change){ content_ref(content), capacity, allocate };
    r = worker_run(job, "resizing the volume", resize, change, clear, FILES_LONG_TIMEOUT, err);
    g_atomic_rc_box_release_full(change, clear);
    return r;
}

static int
resize_image(Job *job, Content *content, const VolDef *def, const GPtrArray *chain, uint64_t capacity, bool shrink, Error *err)
{
    g_autoptr(GBytes) passphrase = NULL;
    Image image = { content_fd(content), def, NULL };
    int r;

    if (storage_passphrase(job, def, &passphrase, err) < 0)
        return -1;
    image.passphrase = passphrase;
    fault_point("resize", def->path);
    r = image_resize(job, &image, chain, capacity, shrink, FILES_LONG_TIMEOUT, err);
    fault_point("resized", def->path);
    return r;
}

int
files_vol_resize(Job *job, const PoolDef *pool, const VolDef *def, const GPtrArray *chain, uint64_t capacity, unsigned flags, Error *err)
{
    bool allocate = flags & VIR_STORAGE_VOL_RESIZE_ALLOCATE, plain = image_is_plain(def);
    Content *content;
    int r;

    if (allocate && !plain)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "preallocate is only supported for raw type volume");
    if (files_vol_open(job, pool, def, true, &content, err) < 0)
        return -1;
    r = plain ? resize_plain(job, content, capacity, allocate, err)
              : resize_image(job, content, def, chain, capacity, flags & VIR_STORAGE_VOL_RESIZE_SHRINK, err);
    content_unref(content);
    return r;
}
