/* The pool of all disks that multipathd made of several paths. Nothing is started, made or deleted here. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/blocks.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/lun.h"

#define BLOCKS "/sys/block"
#define UUID_PREFIX "mpath-" /* partitions of such a disk have "part1-mpath-" */

typedef struct Maps {
    GPtrArray *found;
} Maps;

static void
free_found(gpointer data)
{
    found_free(data);
}

static void
maps_clear(gpointer data)
{
    g_ptr_array_unref(((Maps *)data)->found);
}

static int
list(void *data, Error *err)
{
    Maps *maps = data;
    DIR *dir = opendir(BLOCKS);
    const struct dirent *entry;

    if (!dir)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open '" BLOCKS "'");
    while ((entry = readdir(dir))) {
        g_autofree char *path = g_build_filename(BLOCKS, entry->d_name, "dm", "uuid", NULL), *uuid = NULL, *node = NULL;

        uuid = g_str_has_prefix(entry->d_name, "dm-") ? file_read_line(path) : NULL;
        if (!uuid || !g_str_has_prefix(uuid, UUID_PREFIX))
            continue;
        node = g_build_filename("/dev", entry->d_name, NULL);
        g_ptr_array_add(maps->found, blocks_found(POOL_MPATH, entry->d_name, node, NULL));
    }
    closedir(dir);
    return 0;
}

static int
refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    Maps *maps = g_atomic_rc_box_new0(Maps);
    int r;

    maps->found = g_ptr_array_new_with_free_func(free_found);
    r = worker_run(job, "listing multipath disks", list, maps, maps_clear, FILES_TIMEOUT, err);
    if (r == 0) {
        lun_keys(job, listing, maps->found);
        r = blocks_complete(job, live->path, maps->found, err);
    }
    while (r == 0 && maps->found->len > 0) {
        Found *found = g_ptr_array_steal_index(maps->found, maps->found->len - 1);

        listing->sizes.capacity += found->def->capacity.v;
        g_ptr_array_add(listing->found, found);
    }
    listing->sizes.allocation = listing->sizes.capacity;
    g_atomic_rc_box_release_full(maps, maps_clear);
    return r;
}

const Backend backend_mpath = {
    .type = POOL_MPATH,
    .refresh = refresh,
    .vol_look = blocks_vol_look,
    .vol_open = blocks_vol_open,
};
