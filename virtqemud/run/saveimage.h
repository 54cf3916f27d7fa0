/*
 * The file a saved guest lives in: libvirt's format, so that images are carried over in both directions.
 *
 *     16 bytes  "LibvirtQemudSave", or "LibvirtQemudPart" while it is being written
 *      5 u32    version 2, length of the definition, was running, compression, offset of a cookie in the definition
 *     14 u32    zero
 *     the definition, NUL-terminated and padded to its length; then QEMU's migration stream
 *
 * All numbers are in the writer's byte order.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/job.h"

typedef struct SaveImage {
    int fd;       /* positioned at the migration stream; -1 */
    char *xml;
    bool running; /* it was running when it was saved */
} SaveImage;

void saveimage_done(SaveImage *image);

/* Create the file with an unfinished header; *ret_fd is positioned for the stream. Suspends (a worker writes). */
int saveimage_create(Job *job, const char *path, const char *xml, bool running, int *ret_fd, Error *err) _must_check_;
/* Everything is in: make it durable and valid. */
int saveimage_finish(Job *job, const char *path, int fd, Error *err) _must_check_;
/* Open for loading; an unfinished or foreign file is refused. */
int saveimage_open(Job *job, const char *path, SaveImage *ret, Error *err) _must_check_;
/* Replace the definition in an image (and whether it runs: -1 as it was). */
int saveimage_rewrite(Job *job, const char *path, const char *xml, int running, Error *err) _must_check_;
