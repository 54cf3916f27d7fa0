/*
 * Which emulator, machine and accelerator a client means: (emulator, arch, machine, type), each of which may be left out.
 * What is left out is the host's architecture, its emulator, the default machine, and KVM where there is KVM.
 */
#pragma once

#include "virtqemud/caps/qemucaps.h"

typedef struct CapsTarget {
    QemuCaps *caps; /* a reference */
    QemuAccel accel;
    const QemuMachine *machine;
    const char *arch; /* borrowed from caps or interned */
} CapsTarget;

/* NULL or "" leave a choice to us. Errors: ERR_INVALID_ARG, ERR_SYSTEM_ERROR when there is no such binary. */
int caps_target_find(Job *job, const char *emulator, const char *arch, const char *machine, const char *type, CapsTarget *ret,
                     Error *err) _must_check_;
void caps_target_done(CapsTarget *target);
#define _cleanup_target_ __attribute__((cleanup(caps_target_done)))
