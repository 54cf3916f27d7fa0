/* Do two pools use the same storage? As far as their definitions tell. */
#include "common/conf/storage/elements.h"

#include <string.h>

static bool
share_device(const PoolSource *a, const PoolSource *b)
{
    LIST_FOREACH(PoolDevice, one, &a->devices)
        LIST_FOREACH(PoolDevice, other, &b->devices)
            if (strcmp(one->path, other->path) == 0)
                return true;
    return false;
}

/* Names of hosts are the same in any case of letters. A missing port may be any. */
static bool
share_host(const PoolSource *a, const PoolSource *b)
{
    LIST_FOREACH(PoolHost, one, &a->hosts)
        LIST_FOREACH(PoolHost, other, &b->hosts)
            if (g_ascii_strcasecmp(one->name, other->name) == 0 &&
                (!one->port.set || !other->port.set || one->port.v == other->port.v))
                return true;
    return false;
}

/* Two slashes at the beginning are one here. */
static bool
same_path(const PoolDef *a, const PoolDef *b)
{
    return strcmp(a->path + (a->path[1] == '/'), b->path + (b->path[1] == '/')) == 0;
}

static bool
same_devices(const PoolDef *a, const PoolDef *b)
{
    return share_device(&a->source, &b->source) || (a->type == POOL_LOGICAL && g_strcmp0(a->source.name, b->source.name) == 0);
}

static bool
same_name(const PoolDef *a, const PoolDef *b)
{
    return g_strcmp0(a->source.name, b->source.name) == 0;
}

static bool
same_export(const PoolDef *a, const PoolDef *b)
{
    return share_host(&a->source, &b->source) && same_name(a, b) && g_strcmp0(a->source.dir, b->source.dir) == 0;
}

static bool
same_image_pool(const PoolDef *a, const PoolDef *b)
{
    return share_host(&a->source, &b->source) && same_name(a, b);
}

/* Two sessions with a target may differ in who we say we are. Without a target it is what the server has. */
static bool
same_target(const PoolDef *a, const PoolDef *b)
{
    bool all = !a->source.devices.n && !b->source.devices.n;

    return share_host(&a->source, &b->source) && (all || share_device(&a->source, &b->source)) &&
           g_strcmp0(a->source.initiator, b->source.initiator) == 0;
}

static bool
same_adapter(const PoolDef *a, const PoolDef *b)
{
    const PoolAdapter *one = &a->source.adapter, *other = &b->source.adapter;

    if (one->type != other->type || one->by_address != other->by_address)
        return false;
    if (one->type == ADAPTER_FC_HOST)
        return g_ascii_strcasecmp(one->wwnn, other->wwnn) == 0 && g_ascii_strcasecmp(one->wwpn, other->wwpn) == 0;
    if (one->by_address)
        return one->domain == other->domain && one->bus == other->bus && one->slot == other->slot &&
               one->function == other->function && one->unique_id.v == other->unique_id.v;
    /* "host5" and "scsi_host5" are one. */
    return strcmp(one->name + (g_str_has_prefix(one->name, "scsi_") ? 5 : 0),
                  other->name + (g_str_has_prefix(other->name, "scsi_") ? 5 : 0)) == 0;
}

static bool
always(const PoolDef *a, const PoolDef *b)
{
    return true;
}

static bool (*const comparisons[POOL_TYPES])(const PoolDef *a, const PoolDef *b) = {
    [POOL_DIR] = same_path, [POOL_FS] = same_devices, [POOL_NETFS] = same_export, [POOL_LOGICAL] = same_devices,
    [POOL_DISK] = same_devices, [POOL_ISCSI] = same_target, [POOL_ISCSI_DIRECT] = same_target, [POOL_SCSI] = same_adapter,
    [POOL_MPATH] = always, [POOL_RBD] = same_image_pool, [POOL_SHEEPDOG] = same_image_pool, [POOL_GLUSTER] = same_export,
    [POOL_ZFS] = same_name, [POOL_VSTORAGE] = same_name,
};

/* A device is a device, whatever is made of it. */
bool
pool_def_same_storage(const PoolDef *a, const PoolDef *b)
{
    return comparisons[a->type] && comparisons[a->type] == comparisons[b->type] &&
           (a->type == b->type || comparisons[a->type] == same_devices) && comparisons[a->type](a, b);
}
