/* Pools that are a directory of the host. */
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/backend/directory.h"
#include "virtstoraged/backend/files.h"

const Backend backend_dir = {
    .type = POOL_DIR,
    .watched = true,
    .check = files_check,
    .sweep = files_sweep,
    .build = directory_build,
    .delete = directory_delete,
    .refresh = files_refresh,
    .vol_name = files_vol_name,
    .vol_create = files_vol_create,
    .create_flags = FILES_CREATE_FLAGS,
    .vol_look = files_vol_look,
    .vol_open = files_vol_open,
    .vol_resize = files_vol_resize,
    .vol_delete = files_vol_delete,
};
