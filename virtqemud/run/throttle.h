/* <iotune>: limits of a disk's traffic, set in the running QEMU. */
#pragma once

#include "common/conf/domain/device/disk.h"
#include "virtqemud/run/run.h"

/* Set the limits of all disks of a guest that has some; before its vCPUs run. Suspends. */
int throttle_apply(Job *job, Domain *domain, Error *err) _must_check_;
/* Of one disk. */
int throttle_apply_disk(Job *job, Domain *domain, const DiskDef *disk, Error *err) _must_check_;
