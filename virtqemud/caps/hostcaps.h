/* <capabilities>: the host, and the guests its emulators can run. */
#pragma once

#include "virtqemud/caps/qemucaps.h"

typedef struct HostCapsInput {
    const char *uuid_text;  /* the host's UUID; NULL: none that can be trusted */
    bool dac;               /* guests run as the user below */
    uid_t uid;
    gid_t gid;
    GPtrArray *emulators;   /* of HostCapsGuest */
} HostCapsInput;

typedef struct HostCapsGuest {
    const char *arch;
    QemuCaps *caps;
} HostCapsGuest;

char *hostcaps_format(const HostCapsInput *input); /* g_free; reads procfs and sysfs, doesn't suspend */
