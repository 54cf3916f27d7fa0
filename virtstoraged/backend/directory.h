/* The directory a pool is at: slots of a Backend. */
#pragma once

#include "virtstoraged/backend/backend.h"

int directory_build(Job *job, const PoolDef *def, unsigned flags, Error *err); /* with parents; one that is there is fine */
int directory_delete(Job *job, const PoolDef *def, const char *rest, unsigned flags, Error *err); /* only an empty one */
