/* What one file of a directory is. Blocks: for workers. */
#pragma once

#include "virtstoraged/volume/volume.h"

/*
 * Look at NAME in the directory dirfd, whose path is dir. known and image: the last look's; when the file is the same its
 * header is not read again. 1 with *ret, 0 when it is no volume (sockets, pipes, links to nothing, or it has just gone).
 */
int look_at(int dirfd, const char *dir, const char *name, PoolType type, const FileStamp *known, ImageInfo *image, Found **ret, Error *err);
