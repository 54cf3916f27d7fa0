/*
 * What is known about images without opening them: their headers are asked of the OSDs by the methods that clients of the
 * image format use (class "rbd"), many at once. Opening an image takes ten round trips and a thousand times the memory.
 *
 * For workers; all of this blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtstoraged/backend/rbd/connection.h"

typedef struct RbdImage {
    const char *name;
    const char *id;      /* "": of the old format, which has no ids */
    int result;          /* 0, or the library's code: -ENOENT when it is not there, or not whole */
    uint64_t size;       /* bytes */
    unsigned order;      /* its objects have 1 << order bytes */
    bool mapped;         /* used is known: the image has an object map that is valid */
    uint64_t used;       /* bytes of the objects that are there */
} RbdImage;

/* Fill in all that is not name and id. want_used: whether anybody asks for used. */
void rbd_images_read(RbdConnection *connection, RbdImage *images, size_t n, bool want_used);
/* The id of an image by its name. -ENOENT when there is none, or it is of the old format. ret_id: g_free. */
int rbd_image_id(RbdConnection *connection, const char *name, char **ret_id);
