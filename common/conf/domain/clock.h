/* <clock>: what time the guest is told and by which timers. */
#pragma once

#include "common/xml/schema.h"

typedef enum ClockOffset { CLOCK_ABSENT = 0, CLOCK_UTC, CLOCK_LOCALTIME, CLOCK_VARIABLE, CLOCK_TIMEZONE, CLOCK_ABSOLUTE } ClockOffset;
typedef enum ClockBasis { CLOCK_BASIS_ABSENT = 0, CLOCK_BASIS_UTC, CLOCK_BASIS_LOCALTIME } ClockBasis;
typedef enum TimerName { TIMER_ABSENT = 0, TIMER_PLATFORM, TIMER_PIT, TIMER_RTC, TIMER_HPET, TIMER_TSC, TIMER_KVMCLOCK,
                         TIMER_HYPERVCLOCK, TIMER_ARMVTIMER } TimerName;
typedef enum TickPolicy { TICK_ABSENT = 0, TICK_DELAY, TICK_CATCHUP, TICK_MERGE, TICK_DISCARD } TickPolicy;
typedef enum TimerTrack { TRACK_ABSENT = 0, TRACK_BOOT, TRACK_GUEST, TRACK_WALL, TRACK_REALTIME } TimerTrack;
typedef enum TimerMode { TIMER_MODE_ABSENT = 0, TIMER_MODE_AUTO, TIMER_MODE_NATIVE, TIMER_MODE_EMULATE,
                         TIMER_MODE_PARAVIRT, TIMER_MODE_SMPSAFE } TimerMode;

typedef struct ClockTimer {
    TimerName name;
    TimerTrack track;
    TickPolicy tickpolicy;
    OptUint catchup_threshold, catchup_slew, catchup_limit;
    OptU64 frequency;
    TimerMode mode;
    Tri present;
} ClockTimer;

typedef struct ClockDef {
    ClockOffset offset;
    ClockBasis basis;
    OptI64 adjustment; /* seconds; of variable offset */
    char *adjustment_text; /* "reset": of utc and localtime, as given */
    char *timezone;
    OptU64 start; /* absolute: seconds since 1970 */
    LIST(ClockTimer) timers;
} ClockDef;

extern const XmlSchema clock_schema;
