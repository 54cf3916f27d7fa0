/* The bytes of a unit, in blocks: what begins or ends inside one is read and written back whole. A session as long as it is open. */
#include <string.h>

#include "virtstoraged/backend/iscsi_direct/iscsi_direct.h"
#include "virtstoraged/backend/iscsi_direct/unit.h"

#define PIECE (256 * 1024) /* bytes of a command; several are on their way at once */
#define PIECES 16
#define SAME_PIECE (64 * 1024 * 1024) /* bytes of a command that only clears */
#define ANSWER_SIZE (8 + 16 * 64)     /* descriptors of what is allocated */

typedef struct UnitContent {
    Content base;
    IscsiSession *session;
    IscsiUnit unit;
    uint8_t *block;   /* one, for what is no whole one */
    uint8_t *zeros;   /* PIECE of them */
    bool can_clear;   /* by a command of its own; until it was refused */
    bool knows_holes; /* as above */
} UnitContent;

static int
check_room(const UnitContent *c, uint64_t offset, uint64_t size, Error *err)
{
    if (offset > c->base.size || size > c->base.size - offset)
        return error_set_errno(err, FROM_STORAGE, ENOSPC, "cannot write '%s' at byte %llu: it has %llu bytes", c->base.name, (unsigned long long)offset,
                               (unsigned long long)c->base.size);
    return 0;
}

/* --- whole blocks --- */

typedef struct Piece {
    IscsiCommand command;
    struct scsi_iovec iov;
} Piece;

static void
begin_piece(UnitContent *c, Piece *piece, uint8_t *bytes, size_t size, uint64_t offset, bool write)
{
    struct iscsi_context *context = iscsi_context(c->session);
    int unit = (int)c->unit.number, block = (int)c->unit.block;

    *piece = (Piece){ .iov = { .iov_base = bytes, .iov_len = size } };
    if (context && write)
        piece->command.task = iscsi.iscsi_write16_task(context, unit, offset / c->unit.block, bytes, (uint32_t)size, block, 0, 0, 0, 0, 0, iscsi_on_done,
                                                       &piece->command);
    else if (context)
        piece->command.task = iscsi.iscsi_read16_iov_task(context, unit, offset / c->unit.block, (uint32_t)size, block, 0, 0, 0, 0, 0, iscsi_on_done,
                                                          &piece->command, &piece->iov, 1);
}

static int
end_piece(UnitContent *c, Piece *piece, bool write, Error *err)
{
    const char *what = write ? "writing" : "reading";

    if (iscsi_await(c->session, &piece->command, 1, what, err) < 0 || iscsi_check(c->session, &piece->command, what, err) < 0)
        return -1;
    if (piece->command.task->residual_status != SCSI_RESIDUAL_NO_RESIDUAL)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "'%s': %s: the target's answer has not the size that was asked for", c->base.name, what);
    return 0;
}

/* At most PIECES of PIECE bytes. Whatever happens, none is on its way at the end. */
static int
some_blocks(UnitContent *c, uint8_t *bytes, size_t size, uint64_t offset, bool write, Error *err)
{
    Piece pieces[PIECES];
    size_t n = 0;
    int r = 0;

    for (size_t done = 0; done < size; done += PIECE)
        begin_piece(c, &pieces[n++], bytes + done, MIN(size - done, (size_t)PIECE), offset + done, write);
    for (size_t i = 0; i < n; i++)
        if (end_piece(c, &pieces[i], write, r == 0 ? err : NULL) < 0)
            r = -1;
    for (size_t i = 0; i < n; i++)
        iscsi_command_done(&pieces[i].command);
    return r;
}

static int
blocks(UnitContent *c, uint8_t *bytes, size_t size, uint64_t offset, bool write, Error *err)
{
    iscsi_session_deadline(c->session, ISCSI_DATA_TIMEOUT);
    for (size_t done = 0; done < size; done += PIECES * PIECE)
        if (some_blocks(c, bytes + done, MIN(size - done, (size_t)(PIECES * PIECE)), offset + done, write, err) < 0)
            return -1;
    return 0;
}

/* --- bytes --- */

/* Some bytes of one block. */
static int
part(UnitContent *c, uint8_t *bytes, size_t size, uint64_t offset, bool write, Error *err)
{
    size_t within = offset % c->unit.block;

    if (blocks(c, c->block, c->unit.block, offset - within, false, err) < 0)
        return -1;
    if (!write) {
        memcpy(bytes, c->block + within, size);
        return 0;
    }
    memcpy(c->block + within, bytes, size);
    return blocks(c, c->block, c->unit.block, offset - within, true, err);
}

static int
move(UnitContent *c, uint8_t *bytes, size_t size, uint64_t offset, bool write, Error *err)
{
    size_t block = c->unit.block, within = offset % block, head = within ? MIN(block - within, size) : 0, middle = (size - head) / block * block,
           tail = size - head - middle;

    if (head && part(c, bytes, head, offset, write, err) < 0)
        return -1;
    if (middle && blocks(c, bytes + head, middle, offset + head, write, err) < 0)
        return -1;
    return tail ? part(c, bytes + head + middle, tail, offset + head + middle, write, err) : 0;
}

static ssize_t
unit_read(Content *content, void *buffer, size_t size, uint64_t offset, Error *err)
{
    if (offset >= content->size)
        return 0;
    size = (size_t)MIN((uint64_t)size, content->size - offset);
    return move((UnitContent *)content, buffer, size, offset, false, err) < 0 ? -1 : (ssize_t)size;
}

static int
unit_write(Content *content, const void *buffer, size_t size, uint64_t offset, Error *err)
{
    UnitContent *c = (UnitContent *)content;

    /* The library's functions take what they only read as if they wrote it. */
    return check_room(c, offset, size, err) < 0 ? -1 : move(c, (uint8_t *)(uintptr_t)buffer, size, offset, true, err);
}

/* --- zeros --- */

static int
write_zeros(UnitContent *c, uint64_t offset, uint64_t size, Error *err)
{
    if (!c->zeros)
        c->zeros = g_malloc0(PIECE);
    for (uint64_t done = 0; done < size; done += PIECE)
        if (move(c, c->zeros, (size_t)MIN(size - done, (uint64_t)PIECE), offset + done, true, err) < 0)
            return -1;
    return 0;
}

/* Whole blocks; 0 when the target has no such command. */
static int
clear_blocks(UnitContent *c, uint64_t offset, uint64_t size, Error *err)
{
    struct iscsi_context *context = iscsi_context(c->session);
    IscsiCommand command = { 0 };
    int r;

    memset(c->block, 0, c->unit.block);
    iscsi_session_deadline(c->session, ISCSI_DATA_TIMEOUT);
    if (context)
        command.task = iscsi.iscsi_writesame16_task(context, (int)c->unit.number, offset / c->unit.block, c->block, c->unit.block,
                                                    (uint32_t)(size / c->unit.block), 0, c->unit.can_unmap, 0, 0, iscsi_on_done, &command);
    r = iscsi_await(c->session, &command, 1, "clearing blocks", err);
    if (r == 0 && iscsi_is_refused(&command))
        c->can_clear = false;
    else if (r == 0)
        r = iscsi_check(c->session, &command, "clearing blocks", err) < 0 ? -1 : 1;
    iscsi_command_done(&command);
    return r;
}

static int
unit_zero(Content *content, uint64_t offset, uint64_t size, Error *err)
{
    UnitContent *c = (UnitContent *)content;
    uint64_t block = c->unit.block, head = MIN((block - offset % block) % block, size), end = offset + size;

    if (check_room(c, offset, size, err) < 0 || (head && write_zeros(c, offset, head, err) < 0))
        return -1;
    for (offset += head; c->can_clear && end - offset >= block;) {
        uint64_t piece = MIN((end - offset) / block * block, (uint64_t)SAME_PIECE);
        int r = clear_blocks(c, offset, piece, err);

        if (r < 0)
            return -1;
        offset += r > 0 ? piece : 0;
    }
    return write_zeros(c, offset, end - offset, err);
}

/* --- holes --- */

/*
 * How long what is at offset is a hole, or none. Where nobody knows there is data to the end.
 */
static int
extent_at(UnitContent *c, uint64_t offset, bool *ret_hole, uint64_t *ret_length, Error *err)
{
    const struct scsi_get_lba_status *answer = NULL;
    struct iscsi_context *context = iscsi_context(c->session);
    IscsiCommand command = { 0 };
    uint64_t end = offset;
    int r;

    iscsi_session_deadline(c->session, ISCSI_DATA_TIMEOUT);
    if (context)
        command.task = iscsi.iscsi_get_lba_status_task(context, (int)c->unit.number, offset / c->unit.block, ANSWER_SIZE, iscsi_on_done, &command);
    r = iscsi_await(c->session, &command, 1, "asking for holes", err);
    if (r == 0 && command.status == SCSI_STATUS_GOOD)
        answer = iscsi.scsi_datain_unmarshall(command.task);
    *ret_hole = answer && answer->num_descriptors > 0 && answer->descriptors[0].provisioning == SCSI_PROVISIONING_TYPE_DEALLOCATED;
    for (uint32_t i = 0; answer && i < answer->num_descriptors; i++) {
        const struct scsi_lba_status_descriptor *one = &answer->descriptors[i];

        if ((one->provisioning == SCSI_PROVISIONING_TYPE_DEALLOCATED) != *ret_hole || one->lba > end / c->unit.block)
            break;
        end = MAX(end, (one->lba + one->num_blocks) * c->unit.block);
    }
    c->knows_holes = answer != NULL && end > offset;
    *ret_hole = *ret_hole && c->knows_holes;
    *ret_length = c->knows_holes ? MIN(end, c->base.size) - offset : c->base.size - offset;
    iscsi_command_done(&command);
    return r;
}

static int
unit_find(Content *content, uint64_t offset, bool wanted, uint64_t *ret, Error *err)
{
    UnitContent *c = (UnitContent *)content;
    uint64_t length;
    bool hole = false;

    *ret = 0;
    if (offset >= content->size)
        return 0;
    length = content->size - offset;
    if (c->knows_holes && extent_at(c, offset, &hole, &length, err) < 0)
        return -1;
    *ret = hole == wanted ? length : 0;
    return 0;
}

static int
unit_find_hole(Content *content, uint64_t offset, uint64_t *ret_hole, Error *err)
{
    return unit_find(content, offset, true, ret_hole, err);
}

static int
unit_find_data(Content *content, uint64_t offset, uint64_t *ret_data, Error *err)
{
    return unit_find(content, offset, false, ret_data, err);
}

static int
unit_sync(Content *content, Error *err)
{
    UnitContent *c = (UnitContent *)content;
    struct iscsi_context *context = iscsi_context(c->session);
    IscsiCommand command = { 0 };
    int r;

    iscsi_session_deadline(c->session, ISCSI_DATA_TIMEOUT);
    if (context)
        command.task = iscsi.iscsi_synchronizecache16_task(context, (int)c->unit.number, 0, 0, 0, 0, iscsi_on_done, &command);
    r = iscsi_await(c->session, &command, 1, "syncing", err);
    if (r == 0 && !iscsi_is_refused(&command)) /* a target without a cache need not have it */
        r = iscsi_check(c->session, &command, "syncing", err);
    iscsi_command_done(&command);
    return r;
}

static void
unit_close(Content *content)
{
    UnitContent *c = (UnitContent *)content;

    iscsi_session_close(c->session);
    g_free(c->block);
    g_free(c->zeros);
}

static const ContentOps unit_ops = {
    .read = unit_read,
    .write = unit_write,
    .zero = unit_zero,
    .find_hole = unit_find_hole,
    .find_data = unit_find_data,
    .sync = unit_sync,
    .close = unit_close,
};

/* --- opening --- */

typedef struct Open {
    int unit;
    char *name;
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
open_unit(IscsiLogin *login, void *data, Error *err)
{
    Open *request = data;
    IscsiSession *session;
    UnitContent *c;
    IscsiUnit unit;
    int r;

    if (iscsi_session_open(login, ISCSI_LOOK_TIMEOUT, &session, err) < 0)
        return -1;
    r = iscsi_unit_read(session, (unsigned)request->unit, &unit, err);
    if (r == 0 && !unit.is_disk)
        r = error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "'%s' is no disk", request->name);
    if (r < 0) {
        iscsi_session_close(session);
        return -1;
    }
    c = g_atomic_rc_box_new0(UnitContent);
    c->base = (Content){ .ops = &unit_ops, .name = g_strdup(request->name), .size = unit.size };
    c->session = session;
    c->unit = unit;
    c->block = g_malloc0(unit.block);
    c->can_clear = true;
    c->knows_holes = unit.provisioned;
    request->content = &c->base;
    return 0;
}

int
iscsi_direct_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err)
{
    int unit = iscsi_unit_of(def->name), r;
    Open *request;

    if (unit < 0)
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "Storage volume not found: '%s' is no name of an iSCSI unit", def->name);
    request = g_atomic_rc_box_new0(Open);
    request->unit = unit;
    request->name = g_strdup(def->path);
    r = iscsi_run(job, pool, false, "opening a unit", open_unit, request, clear, err);
    if (r == 0)
        *ret = g_steal_pointer(&request->content);
    g_atomic_rc_box_release_full(request, clear);
    return r;
}
