/* Pools that are volume groups of LVM, by its programs. Volumes are logical volumes, thin ones and snapshots too. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/fault.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/blank.h"
#include "virtstoraged/backend/blocks.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/lvm.h"
#include "virtstoraged/backend/tool.h"

#define THIN_POOL 't'
#define SNAPSHOTS "dm_snapshot"
#define NOTHING "dm_zero" /* what sparse volumes are snapshots of */

/* What the kernel needs for volumes whose attributes begin with one of these letters. */
static const struct {
    const char *kinds, *name;
} modules[] = {
    { "osOS", SNAPSHOTS }, { "sS", NOTHING }, { "tV", "dm_thin_pool" }, { "rR", "dm_raid" }, { "mM", "dm_mirror" }, { "C", "dm_cache" },
};

static const char *
group_of(const PoolDef *def)
{
    return def->source.name;
}

static char *
full_name(const PoolDef *def, const char *volume)
{
    return g_strdup_printf("%s/%s", group_of(def), volume);
}

static int
remove_volume(Job *job, const PoolDef *def, const char *name, Error *err)
{
    g_autofree char *full = full_name(def, name);
    int r;

    fault_point("lv-remove", name);
    r = tool_run(job, TOOL("lvremove", "--yes", "--force", "--", full), NULL, err);
    fault_point("lv-removed", name);
    return r;
}

/* --- the group --- */

/* Volumes that were being filled when we were killed go. */
static int
sweep(Job *job, const PoolDef *def, Error *err)
{
    g_autoptr(GPtrArray) volumes = NULL;

    if (lvm_volumes(job, group_of(def), NULL, &volumes, err) < 0)
        return -1;
    for (guint i = 0; i < volumes->len; i++) {
        const LogicalVolume *volume = volumes->pdata[i];

        if (g_str_has_prefix(volume->name, FILES_PART_PREFIX) && remove_volume(job, def, volume->name, err) < 0)
            return error_prefixf(err, "cannot remove an unfinished volume");
    }
    return 0;
}

/* LVM wants the modules of the kernel that its volumes need to be there; it may not load them in our sandbox. */
static int
load_modules(Job *job, const PoolDef *def, Error *err)
{
    g_autoptr(GPtrArray) volumes = NULL;

    if (lvm_volumes(job, group_of(def), NULL, &volumes, err) < 0)
        return -1;
    for (guint i = 0; i < volumes->len; i++) {
        char kind = ((const LogicalVolume *)volumes->pdata[i])->kind;

        for (size_t m = 0; m < G_N_ELEMENTS(modules); m++)
            if (kind && strchr(modules[m].kinds, kind))
                tool_load(job, modules[m].name);
    }
    return 0;
}

static int
start(Job *job, const PoolDef *def, Error *err)
{
    if (load_modules(job, def, err) < 0)
        return -1;
    if (tool_run(job, TOOL("vgchange", "--activate", "y", "--", group_of(def)), NULL, err) < 0)
        return error_prefixf(err, "cannot activate volume group '%s'", group_of(def));
    return 0;
}

/* Somebody may have removed the whole group. */
static bool
is_gone(Job *job, const PoolDef *def)
{
    g_autoptr(GHashTable) devices = NULL;

    return lvm_devices(job, group_of(def), &devices, NULL) == 0 && g_hash_table_size(devices) == 0;
}

static int
stop(Job *job, const PoolDef *def, Error *err)
{
    _cleanup_error_ Error why = ERROR_INIT;

    if (tool_settle(job, err) < 0)
        return -1;
    if (tool_run(job, TOOL("vgchange", "--activate", "n", "--", group_of(def)), NULL, &why) == 0 || is_gone(job, def))
        return 0;
    error_move(err, &why);
    return error_prefixf(err, "cannot deactivate volume group '%s'", group_of(def));
}

/* 1: the group is there and lies on devices of the definition only; 0: it is not there. */
static int
find_group(Job *job, const PoolDef *def, Error *err)
{
    g_autoptr(GHashTable) devices = NULL;
    unsigned ours = 0;

    if (lvm_devices(job, group_of(def), &devices, err) < 0)
        return -1;
    if (g_hash_table_size(devices) == 0)
        return 0;
    LIST_FOREACH(PoolDevice, device, &def->source.devices) {
        g_autofree char *group = NULL;
        int r = lvm_group_of(job, device->path, &group, err);

        if (r < 0)
            return -1;
        ours += r > 0 && strcmp(group, group_of(def)) == 0;
    }
    if (ours < g_hash_table_size(devices))
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "there is a volume group '%s' already, on devices that are not of pool '%s'",
                          group_of(def), def->name);
    return 1;
}

/* All devices are looked at before the first is changed. */
static int
may_build(Job *job, const PoolDef *def, unsigned flags, Error *err)
{
    bool overwrite = flags & VIR_STORAGE_POOL_BUILD_OVERWRITE;

    if (def->source.devices.n == 0)
        return error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "the <source> of pool '%s' has no <device> to make volume group '%s' of", def->name,
                          group_of(def));
    LIST_FOREACH(PoolDevice, device, &def->source.devices)
        if ((overwrite ? blank_is_device : blank_check)(job, device->path, err) < 0)
            return -1;
    return find_group(job, def, err) < 0 ? -1 : 0;
}

static int
remove_physical(Job *job, const char *device, Error *err)
{
    int r;

    fault_point("pv-remove", device);
    r = tool_run(job, TOOL("pvremove", "--yes", "--", device), NULL, err);
    fault_point("pv-removed", device);
    return r;
}

/* A group without volumes, and physical volumes in no group: nobody has used them. */
static int
unbuild(Job *job, const PoolDef *def, Error *err)
{
    g_autoptr(GPtrArray) volumes = NULL;
    int there = find_group(job, def, err);

    if (there < 0 || (there && lvm_volumes(job, group_of(def), NULL, &volumes, err) < 0))
        return -1;
    if (there && volumes->len > 0)
        return 0;
    if (there && tool_run(job, TOOL("vgremove", "--", group_of(def)), NULL, err) < 0)
        return -1;
    fault_point("vg-unmade", group_of(def));
    LIST_FOREACH(PoolDevice, device, &def->source.devices) {
        g_autofree char *group = NULL;
        int r = lvm_group_of(job, device->path, &group, err);

        if (r < 0 || (r > 0 && !*group && remove_physical(job, device->path, err) < 0))
            return -1;
    }
    return 0;
}

static int
wipe_signatures(Job *job, const char *device, Error *err)
{
    fault_point("signatures-wipe", device);
    if (tool_run(job, TOOL("wipefs", "--all", "--", device), NULL, err) < 0)
        return error_prefixf(err, "cannot prepare device '%s'", device);
    fault_point("signatures-wiped", device);
    return 0;
}

/* vgcreate makes the physical volumes as well, so that there is the whole group or none of it. */
static int
build(Job *job, const PoolDef *def, unsigned flags, Error *err)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    LIST_FOREACH(PoolDevice, device, &def->source.devices)
        if (flags & VIR_STORAGE_POOL_BUILD_OVERWRITE && wipe_signatures(job, device->path, err) < 0)
            return -1;
    g_ptr_array_add(argv, (char *)"vgcreate");
    g_ptr_array_add(argv, (char *)"--yes");
    g_ptr_array_add(argv, (char *)"--");
    g_ptr_array_add(argv, (char *)group_of(def));
    LIST_FOREACH(PoolDevice, device, &def->source.devices)
        g_ptr_array_add(argv, device->path);
    g_ptr_array_add(argv, NULL);
    fault_point("vg-create", group_of(def));
    if (tool_run(job, (const char *const *)argv->pdata, NULL, err) < 0)
        return error_prefixf(err, "cannot make volume group '%s'", group_of(def));
    fault_point("vg-created", group_of(def));
    return 0;
}

/* "GROUP UUID..." of its physical volumes, which are of no group once it is removed. */
static int
delete_rest(Job *job, const PoolDef *def, char **ret, Error *err)
{
    g_autofree char *uuids = NULL;

    if (lvm_uuids(job, group_of(def), &uuids, err) < 0)
        return -1;
    *ret = uuids ? g_strconcat(group_of(def), " ", uuids, NULL) : NULL;
    return 0;
}

/* Whether rest is of a deletion of that group, and the group is gone. */
static bool
is_removed(Job *job, const PoolDef *def, const char *rest)
{
    size_t length = strlen(group_of(def));

    return rest && strncmp(rest, group_of(def), length) == 0 && rest[length] == ' ' && is_gone(job, def);
}

static int
delete(Job *job, const PoolDef *def, const char *rest, unsigned flags, Error *err)
{
    g_autoptr(GPtrArray) devices = NULL;

    if (flags)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "unsupported flags (0x%x) for deleting volume group '%s'", flags, group_of(def));
    fault_point("vg-remove", group_of(def));
    if (!is_removed(job, def, rest) && tool_run(job, TOOL("vgremove", "--yes", "--force", "--", group_of(def)), NULL, err) < 0)
        return error_prefixf(err, "cannot remove volume group '%s'", group_of(def));
    fault_point("vg-removed", group_of(def));
    if (lvm_orphans(job, rest ? rest : "", &devices, err) < 0)
        return -1;
    for (guint i = 0; i < devices->len; i++)
        if (remove_physical(job, devices->pdata[i], err) < 0)
            return error_prefixf(err, "volume group '%s' is removed, but device '%s' is a physical volume still", group_of(def),
                                 (char *)devices->pdata[i]);
    return 0;
}

static PoolSource *
source_of(GPtrArray *found, const char *group)
{
    PoolSource *source;

    for (guint i = 0; i < found->len; i++) {
        source = found->pdata[i];
        if (strcmp(source->name, group) == 0)
            return source;
    }
    source = pool_source_new(POOL_LOGICAL);
    source->name = g_strdup(group);
    source->format = LOGICAL_LVM2;
    g_ptr_array_add(found, source);
    return source;
}

static int
find(Job *job, const PoolSource *wanted, GPtrArray *found, Error *err)
{
    g_autoptr(GHashTable) devices = NULL;
    g_autoptr(GList) paths = NULL;

    if (lvm_devices(job, NULL, &devices, err) < 0)
        return -1;
    paths = g_list_sort(g_hash_table_get_keys(devices), (GCompareFunc)(void *)strcmp);
    for (GList *path = paths; path; path = path->next) {
        PoolSource *source = source_of(found, g_hash_table_lookup(devices, path->data));
        PoolDevice *device = g_new0(PoolDevice, 1);

        device->path = g_strdup(path->data);
        LIST_ADD(&source->devices, device);
    }
    return 0;
}

/* --- its volumes --- */

static Found *
found_of(const PoolDef *def, LogicalVolume *volume)
{
    g_autofree char *path = g_build_filename(def->path, volume->name, NULL);
    Found *found = blocks_found(POOL_LOGICAL, volume->name, path, volume->uuid);

    found->def->allocation = (OptU64){ true, volume->used };
    if (volume->origin)
        found->def->backing.path = g_build_filename(def->path, volume->origin, NULL);
    while (volume->devices->len > 0)
        LIST_ADD(&found->def->devices, g_ptr_array_steal_index(volume->devices, 0));
    return found;
}

/* Without a device nobody can use a volume: it is not shown, as with libvirt. */
static bool
is_shown(const LogicalVolume *volume)
{
    return volume->active && volume->kind != THIN_POOL && !g_str_has_prefix(volume->name, FILES_PART_PREFIX);
}

static int
refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    g_autoptr(GPtrArray) volumes = NULL;

    if (tool_settle(job, err) < 0 || lvm_group(job, group_of(live), &listing->sizes, err) < 0 ||
        lvm_volumes(job, group_of(live), NULL, &volumes, err) < 0)
        return -1;
    for (guint i = 0; i < volumes->len; i++)
        if (is_shown(volumes->pdata[i]))
            g_ptr_array_add(listing->found, found_of(live, volumes->pdata[i]));
    return blocks_complete(job, "/dev", listing->found, err);
}

/* 1 with *ret, 0: there is none of that name. */
static int
volume_named(Job *job, const PoolDef *pool, const char *name, Found **ret, Error *err)
{
    g_autoptr(GPtrArray) volumes = NULL;

    if (lvm_volumes(job, group_of(pool), name, &volumes, err) < 0)
        return -1;
    if (volumes->len > 0)
        *ret = found_of(pool, volumes->pdata[0]);
    return volumes->len > 0;
}

/* The key of a new volume, and how much of a thin one is used, are LVM's to say; the rest sysfs knows. */
static int
vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    bool plain = strcmp(def->key, def->path) != 0 && def->allocation.v >= def->capacity.v;
    Found *found;
    int r;

    if (plain)
        return blocks_vol_look(job, pool, def, known, image, ret, err);
    r = volume_named(job, pool, def->name, &found, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "there is no volume '%s' in volume group '%s' any more", def->name, group_of(pool));
    g_ptr_array_add(one, found);
    if (blocks_complete(job, "/dev", one, err) < 0)
        return -1;
    if (one->len == 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "volume '%s' of volume group '%s' has no device: it is not active", def->name,
                          group_of(pool));
    *ret = one->pdata[0];
    return 0;
}

/* --- made, changed, deleted --- */

/* A snapshot of backing, a sparse volume whose allocation is room for what will be written, or a plain one. */
static int
make(Job *job, const PoolDef *pool, const VolDef *def, const char *name, Error *err)
{
    g_autofree char *capacity = g_strdup_printf("%llub", def->capacity.v);
    g_autofree char *allocation = g_strdup_printf("%llub", MAX(def->allocation.v, 1));
    const char *argv[16] = { "lvcreate", "--yes", "--name", name, "--size" };
    size_t n = 5;
    g_autofree char *origin = NULL;

    if (def->backing.path || def->allocation.v < def->capacity.v)
        tool_load(job, SNAPSHOTS);
    if (!def->backing.path && def->allocation.v < def->capacity.v)
        tool_load(job, NOTHING);
    if (def->backing.path) {
        if (!g_str_has_prefix(def->backing.path, pool->path) || def->backing.path[strlen(pool->path)] != '/')
            return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "volume '%s' can only be a snapshot of a volume of its own volume group, not of '%s'",
                              def->name, def->backing.path);
        origin = full_name(pool, def->backing.path + strlen(pool->path) + 1);
        argv[n++] = def->has_allocation ? allocation : capacity;
        argv[n++] = "--snapshot";
    } else if (def->allocation.v < def->capacity.v) {
        argv[n++] = allocation;
        argv[n++] = "--type";
        argv[n++] = "snapshot";
        argv[n++] = "--virtualsize";
        argv[n++] = capacity;
    } else {
        argv[n++] = capacity;
        argv[n++] = "--wipesignatures";
        argv[n++] = "y";
    }
    argv[n++] = "--";
    argv[n] = origin ? origin : group_of(pool);
    fault_point("lv-create", name);
    if (tool_run(job, argv, NULL, err) < 0)
        return -1;
    fault_point("lv-created", name);
    return tool_settle(job, err);
}

/* Under a hidden name until it is filled. */
static int
make_copy(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, Error *err)
{
    g_autoptr(VolDef) part = vol_def_copy(def);
    uint64_t random;
    int r;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return error_setf(err, FROM_STORAGE, ERR_INTERNAL_ERROR, "no random bytes for the name of a new volume");
    g_free(part->name);
    part->name = g_strdup_printf(FILES_PART_PREFIX "%016llx", (unsigned long long)random);
    blocks_vol_name(pool, part);
    r = make(job, pool, part, part->name, err);
    if (r == 0)
        r = blocks_fill(job, pool, part, source, err);
    fault_point("lv-rename", def->name);
    if (r == 0)
        r = tool_run(job, TOOL("lvrename", "--yes", "--", group_of(pool), part->name, def->name), NULL, err);
    fault_point("lv-renamed", def->name);
    if (r < 0) {
        job_shield(job);
        remove_volume(job, pool, part->name, NULL);
        job_unshield(job);
    }
    return r < 0 ? -1 : tool_settle(job, err);
}

static int
vol_create(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, unsigned flags, Error *err)
{
    Found *there;
    int r = volume_named(job, pool, def->name, &there, err);

    if (r < 0)
        return -1;
    if (r > 0) {
        found_free(there);
        return error_setf(err, FROM_STORAGE, ERR_STORAGE_VOL_EXIST, "storage volume '%s' exists already in volume group '%s'", def->name,
                          group_of(pool));
    }
    if (def->encryption)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "volume '%s': making encrypted logical volumes is not supported", def->name);
    if (source && (def->backing.path || def->allocation.v < def->capacity.v))
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "volume '%s': a copy is neither a snapshot nor sparse: its allocation must be its capacity",
                          def->name);
    r = source ? make_copy(job, pool, def, source, err) : make(job, pool, def, def->name, err);
    if (r < 0)
        return error_prefixf(err, "cannot make volume '%s'", def->name);
    if (blocks_own(job, def, err) < 0) {
        job_shield(job);
        remove_volume(job, pool, def->name, NULL);
        job_unshield(job);
        return -1;
    }
    return 0;
}

static int
vol_resize(Job *job, const PoolDef *pool, const VolDef *def, const GPtrArray *chain, uint64_t capacity, unsigned flags, Error *err)
{
    g_autofree char *full = full_name(pool, def->name), *size = g_strdup_printf("%llub", (unsigned long long)capacity);

    fault_point("lv-resize", def->name);
    if (tool_run(job, TOOL("lvresize", "--yes", "--force", "--size", size, "--", full), NULL, err) < 0)
        return error_prefixf(err, "cannot resize volume '%s'", def->name);
    fault_point("lv-resized", def->name);
    return 0;
}

/* lvremove takes the snapshots of a volume with it, which must have been asked for. */
static int
check_snapshots(Job *job, const PoolDef *pool, const VolDef *def, Error *err)
{
    g_autoptr(GPtrArray) volumes = NULL;

    if (lvm_volumes(job, group_of(pool), NULL, &volumes, err) < 0)
        return -1;
    for (guint i = 0; i < volumes->len; i++) {
        const LogicalVolume *volume = volumes->pdata[i];

        if (volume->origin && strcmp(volume->origin, def->name) == 0)
            return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "volume '%s' has a snapshot, '%s', which would go with it: delete that first, or ask for its deletion",
                              def->name, volume->name);
    }
    return 0;
}

static int
vol_delete(Job *job, const PoolDef *pool, const VolDef *def, unsigned flags, Error *err)
{
    if (!(flags & VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS) && check_snapshots(job, pool, def, err) < 0)
        return -1;
    if (tool_settle(job, err) < 0 || remove_volume(job, pool, def->name, err) < 0)
        return error_prefixf(err, "cannot delete volume '%s'", def->name);
    return 0;
}

const Backend backend_logical = {
    .type = POOL_LOGICAL,
    .find = find,
    .start = start,
    .sweep = sweep,
    .stop = stop,
    .may_build = may_build,
    .build = build,
    .build_flags = VIR_STORAGE_POOL_BUILD_OVERWRITE | VIR_STORAGE_POOL_BUILD_NO_OVERWRITE,
    .unbuild = unbuild,
    .delete = delete,
    .delete_rest = delete_rest,
    .refresh = refresh,
    .vol_name = blocks_vol_name,
    .vol_create = vol_create,
    .vol_look = vol_look,
    .vol_open = blocks_vol_open,
    .vol_resize = vol_resize,
    .vol_delete = vol_delete,
    .delete_flags = VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS,
};
