/* The one state of virtstoraged: what it has, where it lives, whom it tells. */
#pragma once

#include "common/daemon/daemon.h"
#include "common/store/definitions.h"
#include "common/store/store.h"

typedef struct Watcher Watcher;

typedef struct Driver {
    Daemon *daemon;
    RpcServer *server;
    Store pools;             /* use driver_pools(): the definitions are indexed when first needed */
    bool indexed;
    int next_id;             /* of activations */
    Definitions definitions; /* etc/libvirt/storage */
    char *state_dir;         /* run/libvirt/storage: the status of active pools */
    char *unfinished_dir;    /* var/lib/libvirt/storage-unfinished: see pool/unfinished.h */
    Watcher *watcher;        /* pool/watch.h; NULL until first used */
    size_t starting;         /* jobs of our own that keep us from idle exit */
} Driver;

char *driver_status_path(const Driver *driver, const char *name); /* g_free */

/* The pools; the first call reads the definitions' names and takes hold of what is active. Doesn't suspend. */
Store *driver_pools(Driver *driver);

int driver_init(Driver *driver, Daemon *daemon, Error *err);
void driver_done(Driver *driver);
