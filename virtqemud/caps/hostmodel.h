/* "host-model": a guest's processor as near to the host's as can be named, fixed when the guest starts. */
#pragma once

#include "common/conf/domain/cpu.h"
#include "virtqemud/caps/qemucaps.h"

/*
 * Replace mode host-model by the model and features this hypervisor gives here, so that the guest keeps them wherever it
 * goes; what the definition says of a feature goes before what we found. Other modes, and hypervisors that don't say what
 * they can do, leave cpu as it is.
 */
void host_model_resolve(CpuDef *cpu, const QemuCaps *caps, QemuAccel accel);
