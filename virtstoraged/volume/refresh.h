/* What is done with one volume, whatever its backend: looked at again, wiped. All may suspend. */
#pragma once

#include "common/base/job.h"
#include "virtstoraged/volume/volume.h"

/* Its sizes, owner and times as they are now. What it was made as stays until the pool is refreshed. In a degraded pool: as it was. */
int volume_look(Job *job, Volume *volume, Error *err) _must_check_;
/*
 * Overwrite all that was ever in it; algorithm as in wipe.h. Noted in the journal, so that a kill does not leave half of it. Its
 * queue is held.
 */
int volume_wipe(Job *job, Volume *volume, unsigned algorithm, Error *err) _must_check_;
/* Its content is another: everything is found out anew. Whoever looks at it later is told why that can't be done. */
void volume_look_anew(Job *job, Volume *volume);
