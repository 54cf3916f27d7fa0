/*
 * What the header of an image says. Bytes come from whoever may write the image, so nothing in them is trusted: everything
 * is bounded by what was read, and nothing that is named is opened. Safe in any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_SIZE (64 * 1024) /* bytes from the start of a file that are enough */

#define IMAGE_CHAIN_MAX 200 /* layers of images upon each other; QEMU opens no more, and a longer chain is an error, as a circular one is */

/* Reference counted by g_atomic_rc_box, immutable once made: workers and the loop share it. */
typedef struct ImageInfo {
    int format;           /* StorageFormat; FORMAT_RAW for what is not known */
    uint64_t capacity;    /* bytes the guest sees; 0: the size of the file */
    uint64_t payload;     /* bytes before the guest's data, for capacity 0 */
    char *backing;        /* as written, NULL: none */
    int backing_format;   /* StorageFormat; 0: the image does not say */
    bool qcow2_v3, lazy_refcounts, extended_l2;
    uint64_t cluster_size; /* 0: not said */
    const char *encryption; /* "luks", "qcow"; NULL: none */
} ImageInfo;

ImageInfo *image_probe(const uint8_t *head, size_t size); /* never NULL */
/* The same of an open file; what can't be read is raw. May block: for workers. */
ImageInfo *image_read(int fd);
int image_format_named(const char *name); /* StorageFormat of "qcow2"; FORMAT_ABSENT: not known */
static inline ImageInfo *image_info_ref(ImageInfo *info) { return info ? g_atomic_rc_box_acquire(info) : NULL; }
void image_info_unref(ImageInfo *info); /* NULL is fine */
