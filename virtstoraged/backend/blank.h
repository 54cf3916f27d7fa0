/* Is there anything on a block device that somebody might miss? Asked before it is written over. */
#pragma once

#include "common/base/job.h"

/*
 * 0 when blkid(8) recognizes nothing: no file system, partition table, RAID or volume group. Otherwise
 * ERR_OPERATION_INVALID with what was found. A path that is no block device is ERR_OPERATION_INVALID, one
 * that can't be read an error as well. Suspends.
 */
int blank_check(Job *job, const char *device, Error *err) _must_check_;
int blank_is_device(Job *job, const char *device, Error *err) _must_check_; /* only the last */
