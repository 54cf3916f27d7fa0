/* See bus.h. */
#include "common/host/bus.h"

typedef struct Question {
    Wait wait;
    sd_bus_message *answer; /* owned */
} Question;

static int
on_answer(sd_bus_message *message, void *data, sd_bus_error *error)
{
    Question *question = data;

    question->answer = sd_bus_message_ref(message);
    wait_done(&question->wait, 0);
    return 0;
}

int
bus_open_system(sd_bus **ret, ErrorDomain domain, Error *err)
{
    sd_bus *bus = NULL;
    int r = sd_bus_open_system(&bus);

    if (r >= 0)
        r = sd_bus_attach_event(bus, loop_event(), SD_EVENT_PRIORITY_NORMAL);
    if (r < 0) {
        sd_bus_unref(bus);
        return error_set_errno(err, domain, -r, "cannot reach the system bus");
    }
    *ret = bus;
    return 0;
}

void
bus_close(sd_bus **bus)
{
    if (!*bus)
        return;
    sd_bus_detach_event(*bus);
    *bus = sd_bus_close_unref(*bus);
}

int
bus_call(Job *job, sd_bus *bus, sd_bus_message *call, const char *what, uint64_t timeout, sd_bus_message **ret_answer,
         ErrorDomain domain, Error *err)
{
    __attribute__((cleanup(sd_bus_slot_unrefp))) sd_bus_slot *slot = NULL; /* dropping it forgets the call */
    Question question = { 0 };
    /* The time is ours to count: sd-bus begins when it is connected, which a bus that hangs never lets it be. */
    int r = sd_bus_call_async(bus, &slot, call, on_answer, &question, UINT64_MAX);

    if (r < 0)
        return error_set_errno(err, domain, -r, "cannot ask for %s over the system bus", what);
    r = job_wait(job, &question.wait, what, timeout, err);
    if (r < 0) {
        sd_bus_message_unref(question.answer);
        return r;
    }
    *ret_answer = question.answer;
    return 0;
}
