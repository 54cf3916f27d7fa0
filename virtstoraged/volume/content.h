/*
 * The raw bytes of a volume, wherever they are: a file, a block device, an image in a cluster. What uploads, downloads, wipes
 * and copies is written once, over this.
 *
 * An object of g_atomic_rc_box (g_atomic_rc_box_new0) whose struct begins with a Content. ops are called in workers only, one
 * at a time, and block; they fail with FROM_STORAGE errors. Offsets and sizes are bytes.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"

typedef struct Content Content;

enum { CONTENT_NO_PIPE = -2 };

typedef struct ContentOps {
    /* As much as there is, up to size; 0 at the end. */
    ssize_t (*read)(Content *content, void *buffer, size_t size, uint64_t offset, Error *err);
    /*
     * As read, into an empty pipe, less when no more fits, or CONTENT_NO_PIPE: it has to be read(). And as write, of so many
     * bytes that are in a pipe. The kernel moves pages then, and nobody copies. NULL: always read() and write().
     */
    ssize_t (*to_pipe)(Content *content, int pipe, size_t size, uint64_t offset, Error *err);
    int (*from_pipe)(Content *content, int pipe, size_t size, uint64_t offset, Error *err);
    /* All of it. */
    int (*write)(Content *content, const void *buffer, size_t size, uint64_t offset, Error *err);
    /* Make these bytes read as zeros, without using space where that can be. */
    int (*zero)(Content *content, uint64_t offset, uint64_t size, Error *err);
    /* The length of the hole that begins at offset, 0: there is data. NULL: nobody knows of holes. */
    int (*find_hole)(Content *content, uint64_t offset, uint64_t *ret_hole, Error *err);
    /* How long the data at offset is before the next hole. NULL with find_hole: ask again after each block. */
    int (*find_data)(Content *content, uint64_t offset, uint64_t *ret_data, Error *err);
    int (*sync)(Content *content, Error *err); /* what was written is durable. NULL: always is */
    void (*close)(Content *content);           /* with the last reference: release members */
} ContentOps;

struct Content {
    const ContentOps *ops;
    char *name;    /* for messages: its path or key; freed with it */
    uint64_t size; /* bytes there are. A file may grow by what is written beyond, other contents can't */
    bool grows;
};

/* References, from any thread. Closing may block: the loop drops its by content_unref(), which leaves that to a worker. */
static inline Content *content_ref(Content *content) { return g_atomic_rc_box_acquire(content); }
void content_unref(Content *content); /* NULL is fine */
void content_release(Content *content); /* in a worker */

/* Of a regular file or block device that is open for what will be done. fd is taken; name is copied. Blocks a little. */
Content *content_of_fd(int fd, const char *name);
int content_fd(const Content *content); /* the descriptor of such a one, borrowed; -1: it has none */
