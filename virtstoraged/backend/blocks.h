/*
 * Volumes that are block devices of the host: logical volumes, partitions, units of SCSI targets. What is told about one comes
 * from its node and from sysfs, which never wait for the device: a dead one can be listed. All but blocks_vol_name() suspend.
 */
#pragma once

#include "virtstoraged/backend/backend.h"

/* Found is filled with this, to be completed: node is what the kernel calls it, "/dev/sdb". key NULL: the path. */
Found *blocks_found(PoolType type, const char *name, const char *node, const char *key);

/*
 * Complete what was found: sizes, owner, times, and the path below target that is a link to it (where target is a directory
 * of links, such as /dev/disk/by-path; else the path is the node). Devices that went away meanwhile leave the array.
 */
int blocks_complete(Job *job, const char *target, GPtrArray *found, Error *err) _must_check_;

void blocks_vol_name(const PoolDef *def, VolDef *volume); /* TARGET/NAME, which is the key as well */
int blocks_vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err);
int blocks_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err);

/* Give a new device the owner and mode that def asks for. */
int blocks_own(Job *job, const VolDef *def, Error *err) _must_check_;
/* Copy the content into a new device at def's path, and zeros where source has holes: what was on the disk before is gone. */
int blocks_fill(Job *job, const PoolDef *pool, const VolDef *def, const CopySource *source, Error *err) _must_check_;
