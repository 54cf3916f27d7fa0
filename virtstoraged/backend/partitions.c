#include "virtstoraged/backend/partitions.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "virtstoraged/backend/tool.h"

#define ALIGN (1024 * 1024) /* where partitions begin, as all tools do today */

/* A kind of table, by our name and by parted's. */
typedef struct Label {
    DiskLabel label;
    const char *name;
    bool names, extended; /* partitions have names; there are logical ones in an extended one */
} Label;

static const Label labels[] = {
    { DISK_LABEL_DOS, "msdos", false, true }, { DISK_LABEL_GPT, "gpt", true, false },   { DISK_LABEL_MAC, "mac", true, false },
    { DISK_LABEL_DVH, "dvh", true, true },    { DISK_LABEL_BSD, "bsd", false, false },  { DISK_LABEL_PC98, "pc98", true, false },
    { DISK_LABEL_SUN, "sun", false, false },
};

/* What a partition is for: the file system parted is told, and a flag. */
typedef struct Purpose {
    PartitionType type;
    const char *fs, *flag;
} Purpose;

static const Purpose purposes[] = {
    { PARTITION_LINUX, "ext2", NULL },          { PARTITION_FAT16, "fat16", NULL },       { PARTITION_FAT32, "fat32", NULL },
    { PARTITION_LINUX_SWAP, "linux-swap", NULL }, { PARTITION_LINUX_LVM, NULL, "lvm" },   { PARTITION_LINUX_RAID, NULL, "raid" },
};

static const Label *
label_of(DiskLabel label)
{
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
        if (labels[i].label == label)
            return &labels[i];
    return NULL;
}

static const Purpose *
purpose_of(PartitionType type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(purposes); i++)
        if (purposes[i].type == type)
            return &purposes[i];
    return NULL;
}

/* --- reading --- */

static void
partition_free(gpointer data)
{
    g_free(((Partition *)data)->name);
    g_free(data);
}

void
partition_table_free(PartitionTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->list);
    g_free(table);
}

/* "1048576B" */
static uint64_t
bytes_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static bool
has_flag(const json_t *entry, const char *flag)
{
    const json_t *flags = json_object_get(entry, "flags"), *one;
    size_t i;

    json_array_foreach(flags, i, one)
        if (g_strcmp0(json_string_value(one), flag) == 0)
            return true;
    return false;
}

static PartitionType
type_of(const json_t *entry, PartitionKind kind)
{
    const char *fs = json_string_value(json_object_get(entry, "filesystem"));

    if (kind == PARTITION_EXTENDED_KIND)
        return PARTITION_EXTENDED;
    for (size_t i = 0; i < G_N_ELEMENTS(purposes); i++)
        if (purposes[i].flag && has_flag(entry, purposes[i].flag))
            return purposes[i].type;
    if (!fs)
        return PARTITION_NONE;
    for (size_t i = 0; i < G_N_ELEMENTS(purposes); i++)
        if (purposes[i].fs && g_str_has_prefix(fs, purposes[i].fs))
            return purposes[i].type;
    return g_str_has_prefix(fs, "ext") || strcmp(fs, "xfs") == 0 || strcmp(fs, "btrfs") == 0 ? PARTITION_LINUX : PARTITION_NONE;
}

static PartitionKind
kind_of(const json_t *entry)
{
    const char *type = json_string_value(json_object_get(entry, "type"));

    if (g_strcmp0(type, "primary") == 0)
        return PARTITION_PRIMARY;
    if (g_strcmp0(type, "logical") == 0)
        return PARTITION_LOGICAL;
    return g_strcmp0(type, "extended") == 0 ? PARTITION_EXTENDED_KIND : PARTITION_FREE;
}

static void
add_entry(PartitionTable *table, const json_t *entry, const Partition **extended)
{
    const char *name = json_string_value(json_object_get(entry, "name"));
    Partition *p = g_new0(Partition, 1);

    p->kind = kind_of(entry);
    p->number = p->kind == PARTITION_FREE ? 0 : (unsigned)json_integer_value(json_object_get(entry, "number"));
    p->start = bytes_of(entry, "start");
    p->end = bytes_of(entry, "end") + 1;
    p->type = type_of(entry, p->kind);
    p->name = g_strdup(name);
    if (p->kind == PARTITION_EXTENDED_KIND)
        *extended = p;
    p->inside = *extended && *extended != p && p->start >= (*extended)->start && p->end <= (*extended)->end;
    g_ptr_array_add(table->list, p);
}

static PartitionTable *
table_new(const json_t *disk)
{
    const char *label = json_string_value(json_object_get(disk, "label"));
    const json_t *entries = json_object_get(disk, "partitions"), *entry;
    PartitionTable *table = g_new0(PartitionTable, 1);
    const Partition *extended = NULL;
    size_t i;

    table->list = g_ptr_array_new_with_free_func(partition_free);
    for (size_t l = 0; label && l < G_N_ELEMENTS(labels); l++)
        if (strcmp(labels[l].name, label) == 0)
            table->label = labels[l].label;
    table->size = bytes_of(disk, "size");
    table->max = (unsigned)json_integer_value(json_object_get(disk, "max-partitions"));
    json_array_foreach(entries, i, entry)
        add_entry(table, entry, &extended);
    return table;
}

int
partitions_read(Job *job, const char *device, PartitionTable **ret, Error *err)
{
    const char *const *argv = TOOL("parted", "--script", "--json", "--", device, "unit", "B", "print", "free");
    const ToolCall call = { .argv = argv, .also_fine = 1u << 1 }; /* 1: without a table, and every other failure */
    g_autofree char *out = NULL;
    g_autoptr(PartitionTable) table = NULL;
    json_t *root;
    int status = tool_call(job, &call, &out, err);

    if (status < 0)
        return error_prefixf(err, "cannot read the partition table of '%s'", device);
    root = json_loads(out, 0, NULL);
    if (!root)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "cannot read the partition table of '%s': parted says nothing of it; is it there?",
                          device);
    table = table_new(json_object_get(root, "disk"));
    json_decref(root);
    *ret = table->label ? g_steal_pointer(&table) : NULL;
    return *ret != NULL;
}

/* --- writing --- */

/* Asks nothing, and puts partitions where it is told. */
#define PARTED "parted", "--script", "--align", "none", "--", device

int
partitions_label(Job *job, const char *device, DiskLabel label, Error *err)
{
    const Label *known = label_of(label);

    if (!known)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "partition tables of format '%s' can't be made",
                          pool_kind(POOL_DISK)->formats[label]);
    if (tool_run(job, TOOL(PARTED, "mklabel", known->name), NULL, err) < 0)
        return error_prefixf(err, "cannot make a partition table on '%s'", device);
    return 0;
}

static uint64_t
align_up(uint64_t offset)
{
    return (offset + ALIGN - 1) / ALIGN * ALIGN;
}

static bool
number_used(const PartitionTable *table, unsigned number)
{
    for (guint i = 0; i < table->list->len; i++)
        if (((const Partition *)table->list->pdata[i])->number == number)
            return true;
    return false;
}

/* The number a new partition gets: the lowest that is free. 0: there is none. */
static unsigned
number_of(const PartitionTable *table, PartitionKind kind)
{
    unsigned number = kind == PARTITION_LOGICAL ? table->max + 1 : 1;

    while (number_used(table, number))
        number++;
    return kind != PARTITION_LOGICAL && number > table->max ? 0 : number;
}

static bool
has_extended(const PartitionTable *table)
{
    for (guint i = 0; i < table->list->len; i++)
        if (((const Partition *)table->list->pdata[i])->kind == PARTITION_EXTENDED_KIND)
            return true;
    return false;
}

/* What a partition in that room would be; -1: none can be there. */
static int
kind_in(const PartitionTable *table, const Partition *room, PartitionType type)
{
    const Label *label = label_of(table->label);
    bool extended = type == PARTITION_EXTENDED;

    if (room->inside)
        return extended ? -1 : PARTITION_LOGICAL;
    if (extended && (!label->extended || has_extended(table)))
        return -1;
    if (number_of(table, PARTITION_PRIMARY) == 0)
        return -1;
    return extended ? PARTITION_EXTENDED_KIND : PARTITION_PRIMARY;
}

int
partitions_place(const PartitionTable *table, uint64_t size, PartitionType type, Partition *ret, Error *err)
{
    const Partition *best = NULL;
    uint64_t needed = MAX(size, 1), largest = 0;

    for (guint i = 0; i < table->list->len; i++) {
        const Partition *room = table->list->pdata[i];
        /* A logical partition has a sector of its own before it. */
        uint64_t start = align_up(room->start + (room->inside ? 1 : 0)), free = room->end > start ? room->end - start : 0;

        if (room->kind != PARTITION_FREE || kind_in(table, room, type) < 0)
            continue;
        largest = MAX(largest, free);
        if (free >= needed && (!best || room->end - room->start < best->end - best->start))
            best = room;
    }
    if (!best)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "no free extent is large enough for %llu bytes: the largest where such a partition can be has %llu",
                          (unsigned long long)size, (unsigned long long)largest);
    *ret = (Partition){ .kind = (PartitionKind)kind_in(table, best, type), .inside = best->inside, .type = type };
    ret->number = number_of(table, ret->kind);
    ret->start = align_up(best->start + (best->inside ? 1 : 0));
    ret->end = MIN(align_up(ret->start + needed), best->end);
    return 0;
}

int
partitions_add(Job *job, const char *device, const PartitionTable *table, const Partition *p, const char *name, Error *err)
{
    static const char *const kinds[] = { NULL, "primary", "logical", "extended" };
    g_autofree char *start = g_strdup_printf("%lluB", (unsigned long long)p->start);
    g_autofree char *end = g_strdup_printf("%lluB", (unsigned long long)p->end - 1);
    g_autofree char *number = g_strdup_printf("%u", p->number);
    const Label *label = label_of(table->label);
    const Purpose *purpose = purpose_of(p->type);
    const char *argv[24] = { PARTED, "mkpart" };
    size_t n = 7;

    if (label->names && !label->extended)
        argv[n++] = name;
    else
        argv[n++] = kinds[p->kind];
    if (purpose && purpose->fs)
        argv[n++] = purpose->fs;
    argv[n++] = start;
    argv[n++] = end;
    if (purpose && purpose->flag) {
        argv[n++] = "set";
        argv[n++] = number;
        argv[n++] = purpose->flag;
        argv[n++] = "on";
    }
    if (tool_run(job, argv, NULL, err) < 0)
        return error_prefixf(err, "cannot make a partition on '%s'", device);
    return tool_settle(job, err);
}

int
partitions_rename(Job *job, const char *device, unsigned number, const char *name, Error *err)
{
    g_autofree char *text = g_strdup_printf("%u", number);

    if (tool_run(job, TOOL(PARTED, "name", text, name), NULL, err) < 0)
        return error_prefixf(err, "cannot name partition %u of '%s'", number, device);
    return 0;
}

int
partitions_grow(Job *job, const char *device, unsigned number, uint64_t end, Error *err)
{
    g_autofree char *text = g_strdup_printf("%u", number), *last = g_strdup_printf("%lluB", (unsigned long long)end - 1);

    if (tool_run(job, TOOL(PARTED, "resizepart", text, last), NULL, err) < 0)
        return error_prefixf(err, "cannot make partition %u of '%s' larger", number, device);
    return tool_settle(job, err);
}

int
partitions_remove(Job *job, const char *device, unsigned number, Error *err)
{
    g_autofree char *text = g_strdup_printf("%u", number);

    if (tool_run(job, TOOL(PARTED, "rm", text), NULL, err) < 0)
        return error_prefixf(err, "cannot remove partition %u of '%s'", number, device);
    return tool_settle(job, err);
}
