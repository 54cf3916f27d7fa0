/* <domainCapabilities>: what a guest of one emulator, machine and accelerator may have. */
#pragma once

#include "virtqemud/caps/cpumodels.h"
#include "virtqemud/caps/qemucaps.h"

typedef struct DomCapsTarget {
    const QemuCaps *caps;
    QemuAccel accel;
    const QemuMachine *machine;
    const char *arch;
    char *const *nvram; /* qemu.conf's pairs "code:vars", or NULL for the usual places */
} DomCapsTarget;

char *domcaps_format(const DomCapsTarget *target); /* g_free */

/*
 * The hypervisor's own richest processor in terms of the models this emulator has ("host-model").
 * false: not known (another architecture, or the emulator did not say).
 */
typedef struct HypervisorCpu {
    CpuSet features;
    const char *vendor; /* NULL: unknown */
    CpuDecoded decoded;
} HypervisorCpu;

bool domcaps_hypervisor_cpu(const QemuCaps *caps, QemuAccel accel, HypervisorCpu *ret);
/* cpu_decode() among the models of an emulator; what the hypervisor can't do of the model is switched off. */
bool domcaps_decode(const QemuCaps *caps, QemuAccel accel, const CpuSet *features, const char *vendor, const CpuSignature *signature,
                    const CpuModel *preferred, CpuDecoded *ret);
/* The emulator's own entry for a model; NULL when it has none. */
const QemuCpuModel *domcaps_cpu_model(const QemuCaps *caps, QemuAccel accel, const char *name);
