/* Pools that are the units of an iSCSI target, without the kernel: slots of the Backend, and what the files here share. */
#pragma once

#include "virtstoraged/backend/backend.h"
#include "virtstoraged/backend/iscsi_direct/session.h"

/* The unit that a volume's name means; -1: none. */
int iscsi_unit_of(const char *name);

/*
 * Run fn in a worker, with a login to the pool's target; it opens its own session. data and clear are as of worker_run(). Calls take
 * turns (turns.h), except a probe. Suspends.
 */
typedef int (*IscsiFn)(IscsiLogin *login, void *data, Error *err);
int iscsi_run(Job *job, const PoolDef *pool, bool probe, const char *what, IscsiFn fn, void *data, GDestroyNotify clear,
              Error *err) _must_check_;

int iscsi_direct_vol_open(Job *job, const PoolDef *pool, const VolDef *def, bool write, Content **ret, Error *err); /* content.c */
