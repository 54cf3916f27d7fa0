/* What lies behind an image. */
#pragma once

#include "common/base/job.h"
#include "common/conf/domain/device/storage.h"

/*
 * Fill in source->backing, as far as the definition does not say it, from the headers of the images; the end of the chain is a
 * source of type STORAGE_ABSENT. Headers are read only of local images whose format the definition, or the header above,
 * names: nothing is guessed from content. What cannot be known (an image on a server, a top image that is not there) is left
 * out. Suspends while a worker reads.
 */
int chain_find(Job *job, StorageSource *source, Error *err) _must_check_;
