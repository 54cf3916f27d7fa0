/* Images made by qemu-img(1), as a child without a shell. */
#pragma once

#include "common/base/job.h"
#include "common/conf/storage/volume.h"

/* Make the empty file fd an image as def says; its format is not a plain one. preallocate: its tables. May suspend. */
int image_create(Job *job, int fd, const VolDef *def, bool preallocate, uint64_t timeout, Error *err) _must_check_;
/* Change what the guest sees of the image fd, which is of def's format and nothing else. */
int image_resize(Job *job, int fd, const VolDef *def, uint64_t capacity, bool shrink, uint64_t timeout, Error *err) _must_check_;
