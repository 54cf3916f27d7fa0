/* Making the sources of a guest's disks real: volumes resolved, backing chains known, what may be missing and is left out. */
#pragma once

#include "common/conf/domain/device/disk.h"
#include "virtqemud/domain/domain.h"

/* One disk, whose definition nobody else holds yet. Suspends. An error names disk and source. */
int source_prepare(Job *job, Driver *driver, DiskDef *disk, Error *err) _must_check_;
/*
 * All disks of a guest about to run, likewise. One with startupPolicy='optional' whose image is missing is left out, a drive is left
 * empty, with an event.
 */
int source_prepare_all(Job *job, Domain *domain, DomainDef *def, Error *err) _must_check_;
/* For a definition that is only shown: volumes of active pools are resolved, nothing is started or opened. */
int source_resolve_all(Job *job, Driver *driver, DomainDef *def, Error *err) _must_check_;
