/* Disks behind the SCSI host adapters of this host, as sysfs lists them. Suspends. */
#pragma once

#include "virtstoraged/backend/backend.h"

/*
 * Let the adapter look for new units, then list its disks as volumes "unit:BUS:TARGET:UNIT", with the path below the
 * target's and the serial number as the key.
 */
int lun_refresh(Job *job, const PoolDef *def, unsigned host, Listing *listing, Error *err) _must_check_;

/* The serial numbers udev knows: the keys of what was found get them, by their paths, which are nodes still. */
int lun_keys(Job *job, GPtrArray *found, Error *err) _must_check_;
