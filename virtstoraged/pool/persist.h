/*
 * What of a pool is on disk: its definition and autostart link (durable), and its status while it is active (in the runtime
 * directory). The places and formats are libvirt's: a host that moves over keeps its active pools.
 */
#pragma once

#include "virtstoraged/pool/pool.h"

/* Index the definitions: name and UUID only. A file that makes no sense is logged and left alone. Doesn't suspend. */
int persist_index(Driver *driver, Error *err);
int persist_load(Pool *pool, Error *err); /* parse the definition of an indexed pool */
int persist_write_config(Job *job, Driver *driver, const PoolDef *def, Error *err) _must_check_;

/* The status of a pool that is not inactive, with its phase. */
int persist_status(Pool *pool, Error *err);
void persist_remove_status(Pool *pool);
GPtrArray *persist_status_names(Driver *driver); /* of the pools with status files */
int persist_read_status(Driver *driver, const char *name, PoolDef **ret_live, PoolPhase *ret_phase, Error *err);
