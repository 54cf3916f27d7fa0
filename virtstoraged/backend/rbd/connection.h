/*
 * The connection to Ceph that a started rbd pool has. It is made when it is first needed, kept, and dropped when the pool stops
 * or the cluster no longer answers; the next call makes a new one.
 *
 * A cluster that is dead ends each operation after RBD_OPERATION_SECONDS, or what the pool's options say. Calls take turns
 * (turns.h).
 */
#pragma once

#include "common/conf/storage/pool.h"
#include "common/base/job.h"
#include "virtstoraged/backend/rbd/library.h"

#define RBD_OPERATION_SECONDS "30"
#define RBD_PROBE_TIMEOUT (8 * USEC_PER_SEC)
#define RBD_TIMEOUT (100 * USEC_PER_SEC)             /* for what is a few operations; libraries give up earlier */
#define RBD_LONG_TIMEOUT (24 * 3600 * USEC_PER_SEC)  /* for what reads or writes whole images */

/* Reference counted (g_atomic_rc_box), used by workers; its end doesn't block whoever drops it. */
typedef struct RbdConnection {
    rados_t cluster;
    rados_ioctx_t io; /* of the pool */
    char *pool;       /* its name in Ceph */
    int later;        /* atomic: something that nobody waits for is being done */
} RbdConnection;

RbdConnection *rbd_connection_ref(RbdConnection *connection);
void rbd_connection_unref(RbdConnection *connection);

/*
 * In a worker; returns 0 or -1 with err, and blocks. Errors of the library by rbd_failed(), so that those of a cluster that is
 * gone are known as such.
 */
typedef int (*RbdFn)(RbdConnection *connection, void *data, Error *err);

/* Fill err with what is tried and the library's code r (negative); always returns -1. */
int rbd_failed(Error *err, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define rbd_failed(...) error_always((rbd_failed)(__VA_ARGS__))

/* Run fn in a worker, with the pool's connection. data and clear are as of worker_run(). Suspends. */
int rbd_run(Job *job, const PoolDef *pool, const char *what, RbdFn fn, void *data, GDestroyNotify clear, uint64_t timeout,
            Error *err) _must_check_;

/* The same for a question whether the cluster answers: it waits for nobody else's calls, and not for long. */
int rbd_probe(Job *job, const PoolDef *pool, const char *what, RbdFn fn, void *data, GDestroyNotify clear, Error *err) _must_check_;
/* The same for what nobody waits for; not at all without a connection, or while another such is being done. Doesn't suspend. */
void rbd_run_later(const PoolDef *pool, const char *what, RbdFn fn, void *data, GDestroyNotify clear);

void rbd_forget(const PoolDef *pool); /* the pool stopped: no connection is kept */
