#include "virtqemud/source/source.h"

#include "virtqemud/source/chain.h"
#include "virtqemud/source/volume.h"

int
source_prepare(Job *job, Driver *driver, DiskDef *disk, Error *err)
{
    StorageSource *source = &disk->source;

    if (storage_source_is_empty(source))
        return 0;
    if ((source->type == STORAGE_VOLUME && volume_resolve(job, driver, source, err) < 0) || chain_find(job, source, err) < 0)
        return error_prefixf(err, "disk '%s'", disk->target);
    return 0;
}

int
source_prepare_all(Job *job, Driver *driver, DomainDef *def, Error *err)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_DISK, device)
        if (source_prepare(job, driver, DISK(device), err) < 0)
            return -1;
    return 0;
}
