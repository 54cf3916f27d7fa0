#include "virtstoraged/backend/rbd/image.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define HEADERS 1024 /* headers that are asked for at once */
#define MAPS 64      /* and object maps, each up to a hundred kilobytes and more */
#define HEADER_PARTS 3
#define ID_MAX 255
#define FEATURE_OBJECT_MAP (UINT64_C(1) << 3)
#define FEATURE_FAST_DIFF (UINT64_C(1) << 4)
#define FLAGS_INVALID (RBD_FLAG_OBJECT_MAP_INVALID | RBD_FLAG_FAST_DIFF_INVALID)
#define ORDER_MAX 25

static const uint64_t no_snapshot = 0xfffffffffffffffeull; /* the image as it is now */

/* --- one question: some methods on one object --- */

typedef struct Question {
    rados_read_op_t op;
    rados_completion_t done;
    int result;
    uint64_t snapshot; /* little endian: what the methods are given */
    struct { char *bytes; size_t size; int result; } answers[HEADER_PARTS];
} Question;

static void
ask(RbdConnection *connection, Question *q, const char *object, const char *const *methods, size_t n, bool of_snapshot)
{
    q->snapshot = htole64(no_snapshot);
    q->op = ceph.rados_create_read_op();
    for (size_t i = 0; i < n; i++)
        ceph.rados_read_op_exec(q->op, "rbd", methods[i], (const char *)&q->snapshot, of_snapshot ? sizeof(q->snapshot) : 0,
                                &q->answers[i].bytes, &q->answers[i].size, &q->answers[i].result);
    q->result = ceph.rados_aio_create_completion2(NULL, NULL, &q->done);
    if (q->result < 0)
        return;
    q->result = ceph.rados_aio_read_op_operate(q->op, connection->io, q->done, object, 0);
    if (q->result == 0)
        return;
    ceph.rados_aio_release(q->done);
    q->done = NULL;
}

/* The library's code; the answers stay until question_done(). */
static int
await(Question *q)
{
    if (!q->done)
        return q->result < 0 ? q->result : -EIO;
    ceph.rados_aio_wait_for_complete(q->done);
    q->result = ceph.rados_aio_get_return_value(q->done);
    ceph.rados_aio_release(q->done);
    q->done = NULL;
    return q->result;
}

static void
question_done(Question *q)
{
    for (size_t i = 0; i < HEADER_PARTS; i++)
        if (q->answers[i].bytes)
            ceph.rados_buffer_free(q->answers[i].bytes);
    if (q->op)
        ceph.rados_release_read_op(q->op);
    *q = (Question){ 0 };
}

static uint64_t
le64_at(const Question *q, size_t part, size_t at)
{
    uint64_t value;

    if (q->answers[part].size < at + sizeof(value))
        return 0;
    memcpy(&value, q->answers[part].bytes + at, sizeof(value));
    return le64toh(value);
}

static uint32_t
le32_at(const Question *q, size_t part, size_t at)
{
    uint32_t value;

    if (q->answers[part].size < at + sizeof(value))
        return 0;
    memcpy(&value, q->answers[part].bytes + at, sizeof(value));
    return le32toh(value);
}

/* --- headers --- */

static const char *const header_methods[HEADER_PARTS] = { "get_size", "get_features", "get_flags" };

static void
ask_header(RbdConnection *connection, Question *q, const RbdImage *image)
{
    g_autofree char *object = g_strconcat("rbd_header.", image->id, NULL);

    ask(connection, q, object, header_methods, HEADER_PARTS, true);
}

/* Size: a byte of order, then the size. Of features and flags the first word is the image's. */
static void
take_header(Question *q, RbdImage *image)
{
    image->result = await(q);
    if (image->result < 0)
        return;
    image->result = 0;
    image->order = q->answers[0].size > 0 ? (uint8_t)*q->answers[0].bytes : 0;
    image->size = le64_at(q, 0, 1);
    image->mapped = (le64_at(q, 1, 0) & FEATURE_OBJECT_MAP) && (le64_at(q, 1, 0) & FEATURE_FAST_DIFF) && !(le64_at(q, 2, 0) & FLAGS_INVALID) &&
                    image->order > 0 && image->order <= ORDER_MAX;
}

/* --- object maps --- */

static const char *const map_methods[] = { "object_map_load" };

static void
ask_map(RbdConnection *connection, Question *q, const RbdImage *image)
{
    g_autofree char *object = g_strconcat("rbd_object_map.", image->id, NULL);

    ask(connection, q, object, map_methods, 1, false);
}

/*
 * A vector of two bits an object, the first in the highest bits: 0 is not there. Before it a header: its length (32 bits),
 * version, compatible version, length (32 bits), and the number of objects (64 bits).
 */
static int
count_objects(const Question *q, uint64_t *ret_there, bool *ret_last)
{
    uint64_t header = sizeof(uint32_t) + le32_at(q, 0, 0), n = le64_at(q, 0, 10), there = 0;
    const uint8_t *bits = (const uint8_t *)q->answers[0].bytes + header;
    bool is = false;

    if (q->answers[0].size < 18 || header > q->answers[0].size || n > (q->answers[0].size - header) * 4)
        return -EIO;
    for (uint64_t i = 0; i < n; i++) {
        is = bits[i / 4] >> (6 - 2 * (i % 4)) & 3;
        there += is;
    }
    *ret_there = there;
    *ret_last = is;
    return 0;
}

static void
take_map(Question *q, RbdImage *image)
{
    uint64_t there, object = UINT64_C(1) << image->order, rest = image->size % object;
    bool last;

    if (await(q) < 0 || count_objects(q, &there, &last) < 0) {
        image->mapped = false;
        return;
    }
    image->used = MIN(there * object - (last && rest ? object - rest : 0), image->size);
}

/* --- the old format --- */

static void
read_old(RbdConnection *connection, RbdImage *image)
{
    rbd_image_t open;

    image->result = ceph.rbd_open_read_only(connection->io, image->name, &open, NULL);
    if (image->result < 0)
        return;
    image->result = ceph.rbd_get_size(open, &image->size);
    ceph.rbd_close(open);
}

static void
read_headers(RbdConnection *connection, RbdImage *images, size_t n)
{
    g_autofree Question *questions = g_new0(Question, n);

    for (size_t i = 0; i < n; i++)
        if (*images[i].id)
            ask_header(connection, &questions[i], &images[i]);
    for (size_t i = 0; i < n; i++) {
        if (*images[i].id)
            take_header(&questions[i], &images[i]);
        else
            read_old(connection, &images[i]);
        question_done(&questions[i]);
    }
}

static void
read_maps(RbdConnection *connection, RbdImage *images, size_t n)
{
    Question questions[MAPS] = { 0 };

    for (size_t i = 0; i < n; i++)
        if (images[i].result == 0 && images[i].mapped)
            ask_map(connection, &questions[i], &images[i]);
    for (size_t i = 0; i < n; i++) {
        if (questions[i].op)
            take_map(&questions[i], &images[i]);
        question_done(&questions[i]);
    }
}

/* Nobody is asked twice who does not answer: the time limits would add up. */
static bool
any_timed_out(const RbdImage *images, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (images[i].result == -ETIMEDOUT)
            return true;
    return false;
}

static void
read_some(RbdConnection *connection, RbdImage *images, size_t n, bool want_used)
{
    read_headers(connection, images, n);
    want_used = want_used && !any_timed_out(images, n);
    for (size_t i = 0; !want_used && i < n; i++)
        images[i].mapped = false;
    for (size_t i = 0; want_used && i < n; i += MAPS)
        read_maps(connection, images + i, MIN(n - i, (size_t)MAPS));
}

void
rbd_images_read(RbdConnection *connection, RbdImage *images, size_t n, bool want_used)
{
    bool silent = false;

    for (size_t i = 0; i < n; i += HEADERS) {
        size_t some = MIN(n - i, (size_t)HEADERS);

        for (size_t j = i; silent && j < i + some; j++)
            images[j].result = -ETIMEDOUT;
        if (!silent)
            read_some(connection, images + i, some, want_used);
        silent = silent || any_timed_out(images + i, some);
    }
}

int
rbd_image_id(RbdConnection *connection, const char *name, char **ret_id)
{
    static const char *const methods[] = { "get_id" };
    g_autofree char *object = g_strconcat("rbd_id.", name, NULL);
    Question q = { 0 };
    uint32_t length;
    int r;

    ask(connection, &q, object, methods, 1, false);
    r = await(&q);
    length = r < 0 ? 0 : le32_at(&q, 0, 0);
    if (r >= 0 && (length == 0 || length > ID_MAX || q.answers[0].size < sizeof(length) + length))
        r = -EIO;
    if (r >= 0)
        *ret_id = g_strndup(q.answers[0].bytes + sizeof(length), length);
    question_done(&q);
    return r < 0 ? r : 0;
}
