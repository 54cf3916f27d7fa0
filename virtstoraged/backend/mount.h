/*
 * File systems mounted for pools. Everything about a mount point that can hang is done in workers and in children that are
 * killed; whether something is mounted is read from the kernel's table, which never hangs. All suspend.
 */
#pragma once

#include "common/base/job.h"
#include "common/conf/storage/pool.h"

typedef struct Mounting {
    char *source;          /* as in the kernel's table: device, HOST:DIRECTORY, //HOST/SHARE */
    const char *type;      /* NULL: found out by mount(8) */
    const char *helper;    /* the type's own program, which mount(8) would run; NULL: mount(8) */
    GString *options;      /* with commas */
    int credentials;       /* descriptor that options name as MOUNT_CREDENTIALS, ours to close; -1: none */
} Mounting;
#define MOUNT_CREDENTIALS "/proc/self/fd/3"

void mounting_init(Mounting *mounting, const PoolDef *def); /* with the options of every mount, and those of the definition */
void mounting_option(Mounting *mounting, const char *option);
void mounting_done(Mounting *mounting);

/* Mount it at def's target. What is mounted there already is fine; something else there is ERR_OPERATION_INVALID. */
int mount_start(Job *job, const PoolDef *def, const Mounting *mounting, uint64_t timeout, Error *err) _must_check_;
/*
 * Unmount. One that hangs, or is in use and does not answer, is taken out of sight: the kernel ends it when it can. Nothing
 * mounted: fine. In use and well: an error.
 */
int mount_stop(Job *job, const PoolDef *def, const char *source, Error *err) _must_check_;
/* Is source mounted at def's target? ERR_OPERATION_INVALID when not. */
int mount_check(Job *job, const PoolDef *def, const char *source, Error *err) _must_check_;
