/* The bytes of an image. */
#include <errno.h>
#include <string.h>

#include "virtstoraged/backend/rbd/rbd.h"

#define PIECE (32 * 1024 * 1024) /* bytes of one request that is only zeros */

typedef struct Extent { uint64_t start, end; } Extent;

typedef struct RbdContent {
    Content base;
    RbdConnection *connection;
    rbd_image_t image;
    GArray *data; /* of Extent, in order: where there is data, at most; NULL: not asked yet, or written elsewhere since */
} RbdContent;

static void
forget_data(RbdContent *c)
{
    if (c->data)
        g_array_unref(g_steal_pointer(&c->data));
}

/* The first that ends behind offset; NULL: there is none. */
static const Extent *
extent_after(const RbdContent *c, uint64_t offset)
{
    guint low = 0, high = c->data->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(c->data, Extent, middle).end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->data->len ? &g_array_index(c->data, Extent, low) : NULL;
}

/* What is written over keeps its place. */
static void
note_written(RbdContent *c, uint64_t offset, uint64_t size)
{
    const Extent *extent = c->data ? extent_after(c, offset) : NULL;

    if (!extent || extent->start > offset || extent->end < offset + size)
        forget_data(c);
}

static ssize_t
bytes_read(Content *content, void *buffer, size_t size, uint64_t offset, Error *err)
{
    const RbdContent *c = (RbdContent *)content;
    ssize_t n;

    if (offset >= content->size)
        return 0;
    n = ceph.rbd_read(c->image, offset, (size_t)MIN((uint64_t)size, content->size - offset), buffer);
    return n < 0 ? rbd_failed(err, (int)n, "cannot read '%s' at byte %llu", content->name, (unsigned long long)offset) : n;
}

static int
check_room(const Content *content, uint64_t offset, uint64_t size, Error *err)
{
    if (offset > content->size || size > content->size - offset)
        return error_set_errno(err, FROM_STORAGE, ENOSPC, "cannot write '%s' at byte %llu: it has %llu bytes", content->name,
                               (unsigned long long)offset, (unsigned long long)content->size);
    return 0;
}

static int
bytes_write(Content *content, const void *buffer, size_t size, uint64_t offset, Error *err)
{
    RbdContent *c = (RbdContent *)content;

    if (check_room(content, offset, size, err) < 0)
        return -1;
    note_written(c, offset, size);
    for (size_t done = 0; done < size;) {
        ssize_t n = ceph.rbd_write(c->image, offset + done, size - done, (const char *)buffer + done);

        if (n <= 0)
            return rbd_failed(err, n < 0 ? (int)n : -EIO, "cannot write '%s' at byte %llu", content->name, (unsigned long long)(offset + done));
        done += (size_t)n;
    }
    return 0;
}

static int
bytes_zero(Content *content, uint64_t offset, uint64_t size, Error *err)
{
    RbdContent *c = (RbdContent *)content;

    if (check_room(content, offset, size, err) < 0)
        return -1;
    for (uint64_t done = 0; done < size; done += PIECE) {
        ssize_t n = ceph.rbd_write_zeroes(c->image, offset + done, (size_t)MIN(size - done, (uint64_t)PIECE), 0, 0);

        if (n < 0)
            return rbd_failed(err, (int)n, "cannot zero '%s' at byte %llu", content->name, (unsigned long long)(offset + done));
    }
    return 0;
}

static int
add_extent(uint64_t offset, size_t length, int there, void *data)
{
    GArray *extents = data;
    Extent *last = extents->len > 0 ? &g_array_index(extents, Extent, extents->len - 1) : NULL;

    if (!there)
        return 0;
    if (last && last->end == offset)
        last->end += length;
    else
        g_array_append_val(extents, ((Extent){ offset, offset + length }));
    return 0;
}

/* What the image has of its own and of what it was cloned from. */
static int
find_extents(RbdContent *c, Error *err)
{
    int r;

    if (c->data)
        return 0;
    c->data = g_array_new(FALSE, FALSE, sizeof(Extent));
    r = ceph.rbd_diff_iterate2(c->image, NULL, 0, c->base.size, 1, 1, add_extent, c->data);
    if (r >= 0)
        return 0;
    forget_data(c);
    return rbd_failed(err, r, "cannot find out where '%s' has data", c->base.name);
}

static int
bytes_find_hole(Content *content, uint64_t offset, uint64_t *ret_hole, Error *err)
{
    RbdContent *c = (RbdContent *)content;
    const Extent *next;
    uint64_t start;

    if (find_extents(c, err) < 0)
        return -1;
    next = extent_after(c, offset);
    start = next ? next->start : content->size;
    *ret_hole = start > offset ? start - offset : 0;
    return 0;
}

static int
bytes_find_data(Content *content, uint64_t offset, uint64_t *ret_data, Error *err)
{
    RbdContent *c = (RbdContent *)content;
    const Extent *next;

    if (find_extents(c, err) < 0)
        return -1;
    next = extent_after(c, offset);
    *ret_data = next && next->start <= offset ? next->end - offset : 0;
    return 0;
}

static int
bytes_sync(Content *content, Error *err)
{
    int r = ceph.rbd_flush(((RbdContent *)content)->image);

    return r < 0 ? rbd_failed(err, r, "cannot sync '%s'", content->name) : 0;
}

static void
bytes_close(Content *content)
{
    RbdContent *c = (RbdContent *)content;

    forget_data(c);
    if (c->image)
        ceph.rbd_close(c->image);
    rbd_connection_unref(c->connection);
}

static const ContentOps bytes_ops = {
    .read = bytes_read,
    .write = bytes_write,
    .zero = bytes_zero,
    .find_hole = bytes_find_hole,
    .find_data = bytes_find_data,
    .sync = bytes_sync,
    .close = bytes_close,
};

Content *
rbd_content_open(RbdConnection *connection, const char *name, bool write, Error *err)
{
    RbdContent *c = g_atomic_rc_box_new0(RbdContent);
    int r;

    c->base.ops = &bytes_ops;
    c->base.name = g_strconcat(connection->pool, "/", name, NULL);
    c->connection = rbd_connection_ref(connection);
    r = write ? ceph.rbd_open(connection->io, name, &c->image, NULL) : ceph.rbd_open_read_only(connection->io, name, &c->image, NULL);
    if (r < 0)
        c->image = NULL;
    else
        r = ceph.rbd_get_size(c->image, &c->base.size);
    if (r == 0)
        return &c->base;
    rbd_failed(err, r, "failed to open the RBD image '%s'", c->base.name);
    content_release(&c->base);
    return NULL;
}

typedef struct Open {
    char *name;
    bool write;
    Content *content;
} Open;

static void
clear(gpointer data)
{
    Open *request = data;

    g_free(request->name);
    content_unref(request->content);
}

static int
open_image(RbdConnection *connection, void *data, Error *err)
{
    Open *request = data;

    request->content = rbd_content_open(connection, request->name, request->write, err);
    return request->content ? 0 : -1;
}

int
rbd_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err)
{
    Open *request = g_atomic_rc_box_new0(Open);
    int r;

    request->name = g_strdup(def->name);
    request->write = write;
    r = rbd_run(job, pool, "opening the image", open_image, request, clear, RBD_TIMEOUT, err);
    if (r == 0)
        *ret = g_steal_pointer(&request->content);
    g_atomic_rc_box_release_full(request, clear);
    return r;
}
