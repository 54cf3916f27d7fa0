/* Partition tables, by parted(8), which knows every kind of them and says in JSON what it sees. Everything may suspend. */
#pragma once

#include "common/base/job.h"
#include "common/conf/storage/volume.h"

typedef enum PartitionKind { PARTITION_FREE, PARTITION_PRIMARY, PARTITION_LOGICAL, PARTITION_EXTENDED_KIND } PartitionKind;

typedef struct Partition {
    PartitionKind kind;
    bool inside;         /* within the extended partition */
    unsigned number;     /* 0: free space */
    uint64_t start, end; /* bytes; end is the one after the last */
    PartitionType type;  /* what it is for */
    char *name;          /* in tables that have names; else NULL */
} Partition;

typedef struct PartitionTable {
    DiskLabel label;
    uint64_t size;      /* bytes of the disk */
    unsigned max;       /* partitions that are not logical */
    GPtrArray *list;    /* of Partition, in the order they lie */
} PartitionTable;

void partition_table_free(PartitionTable *table); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PartitionTable, partition_table_free)

/* 1 with *ret; 0: there is no table parted knows, *ret is NULL. */
int partitions_read(Job *job, const char *device, PartitionTable **ret, Error *err) _must_check_;
int partitions_label(Job *job, const char *device, DiskLabel label, Error *err) _must_check_; /* a new table, empty */

/*
 * Choose where a partition of that size and type goes: the smallest room that holds it. *ret has its place, kind and number;
 * name is not set. ERR_OPERATION_FAILED when there is no room. Doesn't suspend.
 */
int partitions_place(const PartitionTable *table, uint64_t size, PartitionType type, Partition *ret, Error *err);
/* Make it. name: in tables that have them. */
int partitions_add(Job *job, const char *device, const PartitionTable *table, const Partition *partition, const char *name, Error *err) _must_check_;
int partitions_rename(Job *job, const char *device, unsigned number, const char *name, Error *err) _must_check_;
int partitions_grow(Job *job, const char *device, unsigned number, uint64_t end, Error *err) _must_check_; /* into free space behind it */
int partitions_remove(Job *job, const char *device, unsigned number, Error *err) _must_check_;
