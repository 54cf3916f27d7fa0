/* <vcpu cpuset=>, <vcpupin>, <emulatorpin>: on which processors of the host a guest's threads run. */
#pragma once

#include "virtqemud/run/run.h"

/*
 * Bind the threads of the guest's QEMU, when its definition says where; before its vCPUs run. ERR_CONFIG_UNSUPPORTED when
 * the host has none of the processors that are named. Does not suspend.
 */
int affinity_apply(Domain *domain, Error *err);
