/* What one file of a directory is. Blocks: for workers. */
#pragma once

#include <sys/stat.h>

#include "virtstoraged/volume/volume.h"

/*
 * Volumes that we made of no format but their bytes say so in an extended attribute, which outlives us: their content is a
 * guest's, and a header in it is nobody's word. It counts unless anew: then the header does, and the attribute goes if it is wrong.
 */
#define LOOK_FORMAT_XATTR "user.virtd.format"

/*
 * Look at NAME in the directory dirfd, whose path is dir. known and image: the last look's; when the file is the same its
 * header is not read again. 1 with *ret, 0 when it is no volume (sockets, pipes, links to nothing, or it has just gone).
 */
int look_at(int dirfd, const char *dir, const char *name, PoolType type, const FileStamp *known, ImageInfo *image, bool anew,
            Found **ret, Error *err);
/* The same for a path anywhere; nothing is known of it. -1 when it can't be opened or is no file. */
int look_at_path(const char *path, PoolType type, Found **ret, Error *err);
/* Open a volume of a directory without waiting for anybody at the other end, and through no link but a trusted one. -1: errno. */
int look_open(int dirfd, const char *name, int flags);

/* Owner, mode and times, as stat() says. */
void look_at_owner(const struct stat *st, VolDef *def);
