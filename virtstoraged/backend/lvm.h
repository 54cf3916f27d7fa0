/* What LVM reports, by its JSON. Everything may suspend. */
#pragma once

#include "common/base/job.h"
#include "virtstoraged/volume/volume.h"

/* Sizes of a volume group, in bytes. */
int lvm_group(Job *job, const char *group, PoolSizes *ret, Error *err) _must_check_;

typedef struct LogicalVolume {
    char *name, *uuid;
    char *origin;      /* of a snapshot; NULL */
    uint64_t size;
    uint64_t used;     /* bytes; of thin ones and snapshots less than size */
    bool active;       /* there is a device */
    char kind;         /* as LVM's attributes begin: 's' a snapshot, 'V' thin, 't' where thin ones lie, ... */
    GPtrArray *devices; /* of VolDevice: where it lies */
} LogicalVolume;

/* The logical volumes of a group, or the one of that name if there is one; no hidden ones. *ret is the caller's, of LogicalVolume. */
int lvm_volumes(Job *job, const char *group, const char *name, GPtrArray **ret, Error *err) _must_check_;

/* 1: the device is a physical volume, *ret is its group ("": of none) and the caller's. 0: it is none. */
int lvm_group_of(Job *job, const char *device, char **ret, Error *err) _must_check_;

/* The UUIDs of a group's physical volumes, with spaces between; NULL: there is no such group. *ret is the caller's. */
int lvm_uuids(Job *job, const char *group, char **ret, Error *err) _must_check_;
/* The physical volumes in no group whose UUIDs are among those. *ret is the caller's, of their paths. */
int lvm_orphans(Job *job, const char *uuids, GPtrArray **ret, Error *err) _must_check_;

/* Physical volume -> its group; those in no group are left out. group NULL: of all groups. *ret maps strings and is the caller's. */
int lvm_devices(Job *job, const char *group, GHashTable **ret, Error *err) _must_check_;
