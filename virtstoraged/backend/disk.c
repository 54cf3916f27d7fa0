/* Pools that are a disk with a partition table. Volumes are its partitions, named as the kernel names them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/fault.h"
#include "common/base/worker.h"
#include "protocol/constants.h"
#include "virtstoraged/backend/blank.h"
#include "virtstoraged/backend/blocks.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/partitions.h"
#include "virtstoraged/backend/tool.h"

/* A partition that is being filled has this name in its table, where the table has names. */
#define PART_NAME FILES_PART_PREFIX "disk"
#define DONE_NAME "primary"

static const PoolDevice *
device_of(const PoolDef *def)
{
    return def->source.devices.items[0];
}

/* --- names --- */

typedef struct Resolving {
    char *path, *real;
} Resolving;

static void
resolving_clear(gpointer data)
{
    Resolving *resolving = data;

    g_free(resolving->path);
    g_free(resolving->real);
}

static int
resolve(void *data, Error *err)
{
    Resolving *resolving = data;
    char real[PATH_MAX];

    if (!realpath(resolving->path, real))
        return error_set_errno(err, FROM_STORAGE, errno, "cannot find device '%s'", resolving->path);
    resolving->real = g_strdup(real);
    return 0;
}

/*
 * What the nodes of the disk's partitions begin with: "/dev/vdb", "/dev/nvme0n1p". Those of device-mapper are links with
 * names; what they lead to says nothing.
 */
static int
stem_of(Job *job, const PoolDef *def, char **ret, Error *err)
{
    const PoolDevice *device = device_of(def);
    g_autofree char *real = NULL;
    bool separated;

    if (g_str_has_prefix(device->path, "/dev/mapper/")) {
        real = g_strdup(device->path);
    } else {
        Resolving *resolving = g_atomic_rc_box_new0(Resolving);
        int r;

        resolving->path = g_strdup(device->path);
        r = worker_run(job, "finding the disk", resolve, resolving, resolving_clear, FILES_TIMEOUT, err);
        real = r == 0 ? g_steal_pointer(&resolving->real) : NULL;
        g_atomic_rc_box_release_full(resolving, resolving_clear);
        if (r < 0)
            return -1;
    }
    separated = device->part_separator ? device->part_separator == TRI_YES : g_ascii_isdigit(real[strlen(real) - 1]);
    *ret = g_strconcat(real, separated ? "p" : "", NULL);
    return 0;
}

static char *
name_of(const char *stem, unsigned number)
{
    const char *slash = strrchr(stem, '/');

    return g_strdup_printf("%s%u", slash ? slash + 1 : stem, number);
}

/* --- the table --- */

static int
read_table(Job *job, const PoolDef *def, PartitionTable **ret, Error *err)
{
    const char *device = device_of(def)->path;
    int r = partitions_read(job, device, ret, err);

    if (r == 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "disk '%s' has no partition table: build the pool to make one", device);
    return r < 0 ? -1 : 0;
}

static int
remove_partition(Job *job, const PoolDef *def, unsigned number, Error *err)
{
    g_autofree char *what = g_strdup_printf("%s %u", device_of(def)->path, number);
    int r;

    fault_point("partition-remove", what);
    r = partitions_remove(job, device_of(def)->path, number, err);
    fault_point("partition-removed", what);
    return r;
}

/* What was being filled when we were killed goes. */
static int
sweep(Job *job, const PoolDef *def, Error *err)
{
    g_autoptr(PartitionTable) table = NULL;

    if (read_table(job, def, &table, err) < 0)
        return -1;
    for (guint i = 0; i < table->list->len; i++) {
        const Partition *p = table->list->pdata[i];

        if (g_strcmp0(p->name, PART_NAME) == 0 && remove_partition(job, def, p->number, err) < 0)
            return error_prefixf(err, "cannot remove an unfinished volume");
    }
    return 0;
}

static int
start(Job *job, const PoolDef *def, Error *err)
{
    g_autoptr(PartitionTable) table = NULL;
    const char *const *formats = pool_kind(POOL_DISK)->formats;
    int wanted = def->source.format;

    if (blank_is_device(job, device_of(def)->path, err) < 0 || read_table(job, def, &table, err) < 0)
        return -1;
    if (wanted != DISK_LABEL_UNKNOWN && wanted != (int)table->label)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "disk '%s' has a partition table of format '%s', not '%s' as pool '%s' says",
                          device_of(def)->path, formats[table->label], formats[wanted], def->name);
    return 0;
}

static DiskLabel
label_of(const PoolDef *def)
{
    return def->source.format == DISK_LABEL_UNKNOWN ? DISK_LABEL_DOS : (DiskLabel)def->source.format;
}

static int
may_build(Job *job, const PoolDef *def, unsigned flags, Error *err)
{
    const char *device = device_of(def)->path;

    return flags & VIR_STORAGE_POOL_BUILD_OVERWRITE ? blank_is_device(job, device, err) : blank_check(job, device, err);
}

/* A table without partitions: nobody has used it. */
static int
unbuild(Job *job, const PoolDef *def, Error *err)
{
    const char *device = device_of(def)->path;
    g_autoptr(PartitionTable) table = NULL;
    int r = partitions_read(job, device, &table, err);

    if (r <= 0 || table->label != label_of(def))
        return r < 0 ? -1 : 0;
    for (guint i = 0; i < table->list->len; i++)
        if (((const Partition *)table->list->pdata[i])->kind != PARTITION_FREE)
            return 0;
    if (tool_run(job, TOOL("wipefs", "--all", "--", device), NULL, err) < 0)
        return error_prefixf(err, "cannot remove the partition table of '%s'", device);
    fault_point("disk-unlabelled", device);
    return tool_settle(job, err);
}

static int
build(Job *job, const PoolDef *def, unsigned flags, Error *err)
{
    const char *device = device_of(def)->path;
    int r;

    fault_point("disk-label", device);
    r = partitions_label(job, device, label_of(def), err);
    fault_point("disk-labelled", device);
    return r;
}

/* --- what is on it --- */

static void
add_free(PoolDef *live, const Partition *p)
{
    PoolExtent *extent = g_new0(PoolExtent, 1);

    extent->start = (OptU64){ true, p->start };
    extent->end = (OptU64){ true, p->end };
    LIST_ADD(&live->source.devices.items[0]->extents, extent);
}

static void
forget_free(PoolDevice *device)
{
    while (device->extents.n > 0)
        g_free(list_take((AnyList *)(void *)&device->extents, 0));
}

static Found *
found_of(const PoolDef *def, const char *stem, const Partition *p)
{
    g_autofree char *name = name_of(stem, p->number), *node = g_strdup_printf("%s%u", stem, p->number);
    Found *found = blocks_found(POOL_DISK, name, node, NULL);
    VolDevice *device = g_new0(VolDevice, 1);
    PoolExtent *extent = g_new0(PoolExtent, 1);

    device->path = g_strdup(device_of(def)->path);
    extent->start = (OptU64){ true, p->start };
    extent->end = (OptU64){ true, p->end };
    LIST_ADD(&device->extents, extent);
    LIST_ADD(&found->def->devices, device);
    found->def->format = (int)p->type;
    return found;
}

/* The node of an extended partition has two sectors, whatever it holds. */
static void
correct_size(VolDef *def)
{
    const PoolExtent *extent = def->devices.items[0]->extents.items[0];

    if (def->format == PARTITION_EXTENDED) {
        def->capacity = def->physical = (OptU64){ true, extent->end.v - extent->start.v };
        def->allocation = def->capacity;
    }
}

static int
refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    g_autoptr(PartitionTable) table = NULL;
    g_autofree char *stem = NULL;
    PoolSizes *sizes = &listing->sizes;

    if (stem_of(job, live, &stem, err) < 0 || read_table(job, live, &table, err) < 0)
        return -1;
    forget_free(live->source.devices.items[0]);
    for (guint i = 0; i < table->list->len; i++) {
        const Partition *p = table->list->pdata[i];

        if (p->kind == PARTITION_FREE) {
            add_free(live, p);
            sizes->available += p->end - p->start;
        } else if (g_strcmp0(p->name, PART_NAME) != 0) {
            g_ptr_array_add(listing->found, found_of(live, stem, p));
        }
        if (p->kind == PARTITION_PRIMARY || p->kind == PARTITION_LOGICAL)
            sizes->allocation += p->end - p->start;
    }
    sizes->capacity = table->size;
    /* Reading a table makes udev look at it as well, and nodes go and come again. */
    if (tool_settle(job, err) < 0 || blocks_complete(job, live->path, listing->found, err) < 0)
        return -1;
    for (guint i = 0; i < listing->found->len; i++)
        correct_size(((Found *)listing->found->pdata[i])->def);
    return 0;
}

/* 0 with *ret, a partition of the table. */
static int
partition_of(const PartitionTable *table, const char *stem, const VolDef *def, const Partition **ret, Error *err)
{
    for (guint i = 0; i < table->list->len; i++) {
        const Partition *p = table->list->pdata[i];
        g_autofree char *name = name_of(stem, p->number);

        if (p->kind != PARTITION_FREE && strcmp(name, def->name) == 0) {
            *ret = p;
            return 0;
        }
    }
    return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "there is no partition '%s' any more", def->name);
}

/* Where it lies, and the link below the target, are known once the partition is there. */
static int
look_at_new(Job *job, const PoolDef *pool, const VolDef *def, Found **ret, Error *err)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_autoptr(PartitionTable) table = NULL;
    g_autofree char *stem = NULL;
    const Partition *p;

    if (stem_of(job, pool, &stem, err) < 0 || read_table(job, pool, &table, err) < 0 || partition_of(table, stem, def, &p, err) < 0 ||
        tool_settle(job, err) < 0)
        return -1;
    g_ptr_array_add(one, found_of(pool, stem, p));
    if (blocks_complete(job, pool->path, one, err) < 0)
        return -1;
    if (one->len == 0)
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "partition '%s' has no device", def->name);
    *ret = one->pdata[0];
    (*ret)->def->format = def->format; /* it is empty still: nothing in it says what it is for */
    return 0;
}

static int
vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err)
{
    int r = def->devices.n > 0 ? blocks_vol_look(job, pool, def, known, image, ret, err) : look_at_new(job, pool, def, ret, err);

    if (r == 0)
        correct_size((*ret)->def);
    return r;
}

/* What the kernel shows of an extended partition is the beginning of the list of those in it. */
static int
vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err)
{
    if (write && def->format == PARTITION_EXTENDED)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "volume '%s' is an extended partition: writing to it would lose the partitions in it",
                          def->name);
    return blocks_vol_open(job, pool, def, write, ret, err);
}

/* --- made, changed, deleted --- */

static int
check_name(const VolDef *def, const char *stem, const Partition *p, Error *err)
{
    g_autofree char *expected = name_of(stem, p->number);

    if (strcmp(def->name, expected) != 0)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "invalid partition name '%s', expected '%s': the kernel names partitions by their numbers",
                          def->name, expected);
    return 0;
}

/* Filled under another name in the table, where it has names; in others the journal knows of it. */
static int
fill(Job *job, const PoolDef *pool, const VolDef *def, const char *stem, const PartitionTable *table, const Partition *p, const CopySource *source,
     Error *err)
{
    g_autoptr(VolDef) part = vol_def_copy(def);

    g_free(part->path);
    part->path = g_strdup_printf("%s%u", stem, p->number);
    if (blocks_fill(job, pool, part, source, err) < 0)
        return -1;
    fault_point("partition-name", def->name);
    if (table->label == DISK_LABEL_GPT && partitions_rename(job, device_of(pool)->path, p->number, DONE_NAME, err) < 0)
        return -1;
    fault_point("partition-named", def->name);
    return 0;
}

static int
make(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, Error *err)
{
    const char *device = device_of(pool)->path;
    g_autoptr(PartitionTable) table = NULL;
    g_autofree char *stem = NULL;
    Partition place;
    int r;

    if (stem_of(job, pool, &stem, err) < 0 || read_table(job, pool, &table, err) < 0 ||
        partitions_place(table, def->capacity.v, (PartitionType)def->format, &place, err) < 0 || check_name(def, stem, &place, err) < 0)
        return -1;
    fault_point("partition-make", def->name);
    if (partitions_add(job, device, table, &place, source ? PART_NAME : DONE_NAME, err) < 0)
        return -1;
    fault_point("partition-made", def->name);
    r = source ? fill(job, pool, def, stem, table, &place, source, err) : 0;
    if (r < 0) {
        job_shield(job);
        if (remove_partition(job, pool, place.number, NULL) < 0)
            error_prefixf(err, "and partition %u of '%s' is left", place.number, device);
        job_unshield(job);
    }
    return r;
}

static int
vol_create(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, unsigned flags, Error *err)
{
    if (make(job, pool, def, source, err) < 0)
        return error_prefixf(err, "cannot make volume '%s'", def->name);
    return 0;
}

static int
check_empty(const PartitionTable *table, const Partition *extended, Error *err)
{
    for (guint i = 0; extended->kind == PARTITION_EXTENDED_KIND && i < table->list->len; i++)
        if (((const Partition *)table->list->pdata[i])->kind == PARTITION_LOGICAL)
            return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "the extended partition %u has logical partitions, which would go with it: delete them first",
                              extended->number);
    return 0;
}

static int
vol_delete(Job *job, const PoolDef *pool, const VolDef *def, unsigned flags, Error *err)
{
    g_autoptr(PartitionTable) table = NULL;
    g_autofree char *stem = NULL;
    const Partition *p;

    if (stem_of(job, pool, &stem, err) < 0 || read_table(job, pool, &table, err) < 0 || partition_of(table, stem, def, &p, err) < 0 ||
        check_empty(table, p, err) < 0 || remove_partition(job, pool, p->number, err) < 0)
        return error_prefixf(err, "cannot delete volume '%s'", def->name);
    return 0;
}

/* Only into free space right behind it. */
static int
vol_resize(Job *job, const PoolDef *pool, const VolDef *def, const GPtrArray *chain, uint64_t capacity, unsigned flags, Error *err)
{
    g_autoptr(PartitionTable) table = NULL;
    g_autofree char *stem = NULL;
    uint64_t room = 0;
    const Partition *p;

    if (stem_of(job, pool, &stem, err) < 0 || read_table(job, pool, &table, err) < 0 || partition_of(table, stem, def, &p, err) < 0)
        return -1;
    if (p->kind == PARTITION_EXTENDED_KIND || capacity < p->end - p->start)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "partition '%s' can't be made smaller, nor an extended one resized", def->name);
    for (guint i = 0; i < table->list->len; i++) {
        const Partition *next = table->list->pdata[i];

        if (next->kind == PARTITION_FREE && next->start == p->end && next->inside == p->inside)
            room = next->end - next->start;
    }
    if (capacity > p->end - p->start + room)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "partition '%s' can't have %llu bytes: behind it only %llu are free", def->name,
                          (unsigned long long)capacity, (unsigned long long)room);
    fault_point("partition-resize", def->name);
    if (partitions_grow(job, device_of(pool)->path, p->number, p->start + capacity, err) < 0)
        return -1;
    fault_point("partition-resized", def->name);
    return 0;
}

const Backend backend_disk = {
    .type = POOL_DISK,
    .start = start,
    .sweep = sweep,
    .may_build = may_build,
    .build = build,
    .build_flags = VIR_STORAGE_POOL_BUILD_OVERWRITE | VIR_STORAGE_POOL_BUILD_NO_OVERWRITE,
    .unbuild = unbuild,
    .refresh = refresh,
    .vol_name = blocks_vol_name,
    .vol_create = vol_create,
    .fills_in_place = true,
    .vol_look = vol_look,
    .vol_open = vol_open,
    .vol_resize = vol_resize,
    .vol_delete = vol_delete,
};
