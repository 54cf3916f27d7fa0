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
    FILES_VOLUMES,
};
