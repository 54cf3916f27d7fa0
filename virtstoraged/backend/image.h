/*
 * Images made, copied and changed by qemu-img(1): a child without a shell, given open descriptors, so that it works on what we
 * opened whatever happens to names meanwhile. Formats are always named, never probed. It ends when we do; progress goes to the
 * job, in permille. Everything may suspend.
 */
#pragma once

#include "common/base/job.h"
#include "common/conf/storage/volume.h"

/* An image of the format (and encryption) def has. */
typedef struct Image {
    int fd;             /* open for reading, or reading and writing */
    const VolDef *def;
    GBytes *passphrase; /* NULL: not encrypted */
} Image;

/* Make the empty file an image. preallocate: its tables. */
int image_create(Job *job, const Image *image, bool preallocate, uint64_t timeout, Error *err) _must_check_;
/*
 * The same with what a guest sees in source; chain: the VolDefs source lies upon, from the top down, whose content is copied too;
 * where image's definition has a backing store only what differs from that one.
 */
int image_convert(Job *job, const Image *source, const GPtrArray *chain, const Image *image, bool preallocate, uint64_t timeout, Error *err)
    _must_check_;
/* Change what the guest sees of the image; chain as above: a part that becomes larger must hide what lies below. */
int image_resize(Job *job, const Image *image, const GPtrArray *chain, uint64_t capacity, bool shrink, uint64_t timeout, Error *err) _must_check_;

/* Is it no more than its bytes: can it be copied by copying those? */
bool image_is_plain(const VolDef *def);
