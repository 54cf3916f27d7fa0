/* Telling clients what happened to a pool. */
#pragma once

#include "virtstoraged/pool/pool.h"

void event_lifecycle(Pool *pool, int event); /* virStoragePoolEventLifecycleType */
void event_refresh(Pool *pool);
