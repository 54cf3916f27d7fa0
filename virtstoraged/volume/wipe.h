/* What was ever in a volume overwritten. */
#pragma once

#include "common/base/job.h"
#include "virtstoraged/volume/content.h"

/*
 * algorithm: virStorageVolWipeAlgorithm, each a list of passes. Every byte that is there is written in every pass, and synced
 * after it; what was never allocated is nobody's data. The job's progress is in bytes of all passes. Suspends. Errors:
 * ERR_INVALID_ARG for an unknown algorithm.
 */
int wipe_content(Job *job, Content *content, unsigned algorithm, Error *err) _must_check_;
int wipe_check(unsigned algorithm, Error *err); /* is it known */
