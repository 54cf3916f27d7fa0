/* Disks behind the SCSI host adapters of this host, as sysfs lists them. Suspends. */
#pragma once

#include "virtstoraged/backend/backend.h"

/*
 * Let the adapter look for new units, then list its disks as volumes "unit:BUS:TARGET:UNIT", with the path below the
 * target's and the identity they tell as the key.
 */
int lun_refresh(Job *job, const PoolDef *def, unsigned host, Listing *listing, Error *err) _must_check_;

/* What is new is asked for its identity, which becomes its key; its path is its node still. Others keep theirs. */
void lun_keys(Job *job, const Listing *listing, GPtrArray *found);
