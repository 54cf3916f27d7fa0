/* Looking at an image itself: how large it is, and what its bytes are. Files and block devices of the host only. */
#pragma once

#include "common/base/job.h"
#include "common/conf/domain/device/storage.h"

typedef struct MediumInfo {
    uint64_t capacity;   /* bytes the guest sees, by the header where the format has one */
    uint64_t allocation; /* bytes in use on the host */
    uint64_t physical;   /* bytes of the file or device */
} MediumInfo;

/* Both suspend while a worker looks. */
int medium_look(Job *job, const StorageSource *source, MediumInfo *ret, Error *err) _must_check_;
/* Exactly size bytes from offset, of the image as it lies there; fewer is an error. *ret is the caller's (g_bytes_unref). */
int medium_read(Job *job, const StorageSource *source, uint64_t offset, size_t size, GBytes **ret, Error *err) _must_check_;
