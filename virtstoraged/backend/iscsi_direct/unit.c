#include "virtstoraged/backend/iscsi_direct/unit.h"

#include <string.h>

#define ATTENTIONS_MAX 8 /* what a unit has to say before it answers: that it was reset, that others were added, ... */
#define BLOCK_MIN 512
#define BLOCK_MAX 65536
#define INQUIRY_SIZE 255
#define ADDRESSING (3u << 14) /* bits of a unit's number that say how to read it */

static int
run(IscsiSession *session, IscsiCommand *command, const char *what, Error *err)
{
    return iscsi_await(session, command, 1, what, err) < 0 || iscsi_check(session, command, what, err) < 0 ? -1 : 0;
}

/* A session's first command to a unit is answered by what has happened to it. */
static int
await_ready(IscsiSession *session, unsigned number, Error *err)
{
    for (int i = 0; i < ATTENTIONS_MAX; i++) {
        IscsiCommand command = { 0 };
        bool again;
        int r;

        command.task = iscsi.iscsi_testunitready_task(iscsi_context(session), (int)number, iscsi_on_done, &command);
        r = iscsi_await(session, &command, 1, "asking whether a unit is ready", err);
        again = r == 0 && command.status == SCSI_STATUS_CHECK_CONDITION && command.task->sense.key == SCSI_SENSE_UNIT_ATTENTION;
        iscsi_command_done(&command);
        if (!again)
            return r;
    }
    return 0; /* what is asked next says what is wrong */
}

static int
take_numbers(const struct scsi_reportluns_list *list, GArray *numbers, Error *err)
{
    if (!list)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "the target's list of units can't be read");
    for (uint32_t i = 0; i < list->num; i++) {
        unsigned number = list->luns[i] & ~ADDRESSING;

        g_array_append_val(numbers, number);
    }
    return 0;
}

int
iscsi_units(IscsiSession *session, GArray *numbers, Error *err)
{
    int size = 16 + 8 * 255, full, r;

    if (await_ready(session, 0, err) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        IscsiCommand command = { 0 };

        command.task = iscsi.iscsi_reportluns_task(iscsi_context(session), 0, size, iscsi_on_done, &command);
        r = run(session, &command, "asking for the units", err);
        full = r == 0 ? iscsi.scsi_datain_getfullsize(command.task) : 0;
        if (r == 0 && full > 16 + 8 * ISCSI_UNITS_MAX)
            r = error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "the target has more than %d units", ISCSI_UNITS_MAX);
        else if (r == 0 && full <= size)
            r = take_numbers(iscsi.scsi_datain_unmarshall(command.task), numbers, err);
        iscsi_command_done(&command);
        if (r < 0 || full <= size)
            return r;
        size = full;
    }
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "the target's list of units grows while it is read");
}

static int
is_disk(IscsiSession *session, IscsiUnit *unit, Error *err)
{
    IscsiCommand command = { 0 };
    const struct scsi_inquiry_standard *answer;
    int r;

    command.task = iscsi.iscsi_inquiry_task(iscsi_context(session), (int)unit->number, 0, 0, INQUIRY_SIZE, iscsi_on_done, &command);
    r = run(session, &command, "asking what a unit is", err);
    answer = r == 0 ? iscsi.scsi_datain_unmarshall(command.task) : NULL;
    unit->is_disk = answer && answer->qualifier == SCSI_INQUIRY_PERIPHERAL_QUALIFIER_CONNECTED &&
                    answer->device_type == SCSI_INQUIRY_PERIPHERAL_DEVICE_TYPE_DIRECT_ACCESS;
    if (r == 0 && !answer)
        r = error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "what the target says of its unit %u can't be read", unit->number);
    iscsi_command_done(&command);
    return r;
}

static int
take_capacity(const struct scsi_readcapacity16 *answer, IscsiUnit *unit, Error *err)
{
    uint64_t blocks = answer ? answer->returned_lba + 1 : 0;

    if (!answer || answer->block_length < BLOCK_MIN || answer->block_length > BLOCK_MAX || (answer->block_length & (answer->block_length - 1)) ||
        blocks == 0 || blocks > (uint64_t)INT64_MAX / answer->block_length)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "unit %u has %llu blocks of %u bytes, which can't be", unit->number,
                          (unsigned long long)blocks, answer ? answer->block_length : 0);
    unit->block = answer->block_length;
    unit->size = blocks * answer->block_length;
    unit->can_unmap = answer->lbpme;
    unit->provisioned = answer->lbpme && answer->lbprz;
    return 0;
}

int
iscsi_unit_read(IscsiSession *session, unsigned number, IscsiUnit *ret, Error *err)
{
    IscsiUnit unit = { .number = number };
    IscsiCommand command = { 0 };
    int r;

    if (await_ready(session, number, err) < 0 || is_disk(session, &unit, err) < 0)
        return -1;
    if (unit.is_disk) {
        command.task = iscsi.iscsi_readcapacity16_task(iscsi_context(session), (int)number, iscsi_on_done, &command);
        r = run(session, &command, "asking for the size of a unit", err);
        if (r == 0)
            r = take_capacity(iscsi.scsi_datain_unmarshall(command.task), &unit, err);
        iscsi_command_done(&command);
        if (r < 0)
            return -1;
    }
    *ret = unit;
    return 0;
}
