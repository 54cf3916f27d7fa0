#include "common/conf/domain/clock.h"

#include <string.h>

static const char *const offset_names[] = { NULL, "utc", "localtime", "variable", "timezone", "absolute", NULL };
static const char *const basis_names[] = { NULL, "utc", "localtime", NULL };
static const char *const timer_names[] = { NULL, "platform", "pit", "rtc", "hpet", "tsc", "kvmclock", "hypervclock",
                                           "armvtimer", NULL };
static const char *const tick_names[] = { NULL, "delay", "catchup", "merge", "discard", NULL };
static const char *const track_names[] = { NULL, "boot", "guest", "wall", "realtime", NULL };
static const char *const mode_names[] = { NULL, "auto", "native", "emulate", "paravirt", "smpsafe", NULL };

#define T ClockTimer
static const XmlRow catchup_rows[] = {
    A_UINT("threshold", T, catchup_threshold, "ticks behind before it starts"),
    A_UINT("slew", T, catchup_slew, "how fast"),
    A_UINT("limit", T, catchup_limit, "how much at most"),
    ROWS_END,
};
static SCHEMA(catchup_schema, "timerCatchup", T, catchup_rows, "making up for lost ticks");

static const XmlRow timer_rows[] = {
    A_ENUM("name", T, name, timer_names, "the timer", .flags = XR_REQUIRED | XR_ABI),
    A_YESNO("present", T, present, "whether the guest has it", .flags = XR_ABI),
    A_ENUM("tickpolicy", T, tickpolicy, tick_names, "what happens to lost ticks"),
    A_ENUM("track", T, track, track_names, "what it follows", WHEN(T, name, TIMER_PLATFORM, TIMER_RTC)),
    A_U64("frequency", T, frequency, "Hz", WHEN(T, name, TIMER_TSC), .flags = XR_ABI),
    A_ENUM("mode", T, mode, mode_names, "how it is made", WHEN(T, name, TIMER_TSC)),
    GROUP("catchup", catchup_schema, "making up for lost ticks"),
    ROWS_END,
};
static SCHEMA(timer_schema, "timer", T, timer_rows, "a timer");
#undef T

#define C ClockDef

/* Offsets from UTC or local time may say "reset" or a number of seconds, the latter being a variable offset. */
static int
clock_check(XmlParse *parse, xmlNode *element, void *object)
{
    C *clock = object;
    long long seconds;

    if (!clock->offset)
        clock->offset = CLOCK_UTC;
    if (clock->offset == CLOCK_VARIABLE) {
        if (!clock->adjustment.set)
            clock->adjustment = (OptI64)OPT(0);
        if (!clock->basis)
            clock->basis = CLOCK_BASIS_UTC;
    }
    if (clock->offset == CLOCK_TIMEZONE && !clock->timezone)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<clock> with offset 'timezone' needs a 'timezone'");
    if (!clock->adjustment_text || strcmp(clock->adjustment_text, "reset") == 0)
        return 0;
    if (!parse_i64(clock->adjustment_text, 10, &seconds))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "adjustment '%s' is neither 'reset' nor a number",
                           clock->adjustment_text);
    clock->basis = clock->offset == CLOCK_LOCALTIME ? CLOCK_BASIS_LOCALTIME : CLOCK_BASIS_UTC;
    g_clear_pointer(&clock->adjustment_text, g_free);
    clock->offset = CLOCK_VARIABLE;
    clock->adjustment = (OptI64)OPT(seconds);
    return 0;
}

static const XmlRow clock_rows[] = {
    A_ENUM("offset", C, offset, offset_names, "what the guest's clock starts from"),
    A_I64("adjustment", C, adjustment, "seconds", WHEN(C, offset, CLOCK_VARIABLE)),
    A_ENUM("basis", C, basis, basis_names, "what the seconds are added to", WHEN(C, offset, CLOCK_VARIABLE)),
    A_STR("adjustment", C, adjustment_text, "reset, or seconds", WHEN(C, offset, CLOCK_UTC, CLOCK_LOCALTIME)),
    A_STR("timezone", C, timezone, "zone", WHEN(C, offset, CLOCK_TIMEZONE)),
    A_U64("start", C, start, "seconds since 1970", WHEN(C, offset, CLOCK_ABSOLUTE), .flags = XR_REQUIRED),
    ITEMS("timer", C, timers, timer_schema, "a timer"),
    ROWS_END,
};
SCHEMA(clock_schema, "clock", C, clock_rows, "time in the guest", .check = clock_check);
