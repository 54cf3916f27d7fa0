#include "virtstoraged/backend/backend.h"

#include <glib.h>

/* Pools of these types are kept for hosts that have them, but nobody here can start them. */
#define DEFINED_ONLY(name, pool_type) static const Backend name = { .type = pool_type }
DEFINED_ONLY(backend_zfs, POOL_ZFS);

static const Backend *const backends[] = {
    &backend_dir,          &backend_fs,   &backend_netfs, &backend_logical, &backend_disk, &backend_iscsi,
    &backend_iscsi_direct, &backend_scsi, &backend_mpath, &backend_rbd,     &backend_zfs,
};

const Backend *
backend_of(PoolType type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++)
        if (backends[i]->type == type)
            return backends[i];
    return NULL;
}

uint64_t
backend_supported(void)
{
    uint64_t supported = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++)
        if (backends[i]->refresh)
            supported |= UINT64_C(1) << backends[i]->type;
    return supported;
}
