/* Making the sources of a guest's disks real: volumes resolved, backing chains known. */
#pragma once

#include "common/conf/domain/device/disk.h"
#include "virtqemud/domain/domain.h"

/* One disk, whose definition nobody else holds yet. Suspends. An error names disk and source. */
int source_prepare(Job *job, Driver *driver, DiskDef *disk, Error *err) _must_check_;
/* All disks of a definition about to run; likewise. */
int source_prepare_all(Job *job, Driver *driver, DomainDef *def, Error *err) _must_check_;
