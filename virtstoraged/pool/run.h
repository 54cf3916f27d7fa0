/* A pool's life: made active, looked into, ended. All may suspend; all but the refreshes are called with the pool's queue held. */
#pragma once

#include "virtstoraged/pool/pool.h"

/* Start an inactive pool with def (a reference is taken). Failure leaves nothing. */
int pool_start(Job *job, Pool *pool, const PoolDef *def, Error *err) _must_check_;
/* Stop an active one. Its content stays. One whose source can't be let go stays active. */
int pool_stop(Job *job, Pool *pool, Error *err) _must_check_;
/*
 * Find out anew what is in an active pool, and how much room there is (refresh.c). Where the kernel tells what was changed only
 * that is looked at. anew: see Listing. The second one is not asked for by a client: it tells clients when there is anything new.
 */
int pool_refresh(Job *job, Pool *pool, bool anew, Error *err) _must_check_;
int pool_refresh_changed(Job *job, Pool *pool, Error *err) _must_check_;
/* Whatever phase it is in: nothing of it is left. Sends no event. */
void pool_unmake(Job *job, Pool *pool);

/* Take hold of what the last life of this daemon left: before the first call, doesn't suspend; jobs do what must wait. */
void pool_adopt_all(Driver *driver);
/* Start those that start with the host, once per boot. */
void pool_autostart(Driver *driver);
