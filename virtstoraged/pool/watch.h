/*
 * Which files of a pool's directory were changed since it was read, as the kernel tells (inotify): a refresh looks at those
 * only, and changes by others are seen without being asked for. File systems of other hosts tell nothing: they are not watched.
 */
#pragma once

#include "virtstoraged/pool/pool.h"

/* What a worker adds watches to; -1: none can be had. It is there as long as the driver. */
int watch_fd(Driver *driver);
/* In a worker, before the directory is read: the number of a watch on it, -1: it can't be watched. Blocks in the file system. */
int watch_add(int fd, int dirfd, const char *path);

/* Is it on a file system of another host (or one that can't be told from such)? Blocks in the file system. */
bool watch_is_remote(int fd);

void watch_attach(Pool *pool, int number); /* the pool's directory was read after watch_add() gave that number; -1: nothing */
void watch_drop(Pool *pool);
/* The names that were changed since it was last asked, for the caller; NULL: nobody knows, all has to be read. */
GHashTable *watch_take(Pool *pool);
void watch_done(Driver *driver);
