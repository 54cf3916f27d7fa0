/* Volumes of storage pools as sources of disks. */
#pragma once

#include "common/conf/domain/device/storage.h"
#include "virtqemud/driver.h"

#define VOLUME_TIMEOUT (60 * USEC_PER_SEC) /* for one answer of virtstoraged, the start of a pool included */

/*
 * Set source->resolved to what the volume is: a file, block device, directory or network image. With start, a pool that is
 * not active is started; else that is an error. Suspends. The definition's format stays as it is: nothing a volume contains decides how it is read.
 */
int volume_resolve(Job *job, Driver *driver, StorageSource *source, bool start, Error *err) _must_check_;
