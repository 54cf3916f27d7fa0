/* The one state of virtqemud: what it has, where it lives, whom it tells. */
#pragma once

#include "common/daemon/daemon.h"
#include "common/rpc/call.h"
#include "common/store/definitions.h"
#include "common/store/store.h"
#include "virtqemud/config.h"
#include "virtqemud/net/release.h"

typedef struct Driver {
    Daemon *daemon;
    RpcServer *server;
    QemuConfig config;
    Store domains;     /* use driver_domains(): the definitions are indexed when first needed */
    bool indexed;
    RpcKept list;  /* the last list of domains, encoded */
    GQueue parsed; /* of Domain: whose definitions are in memory, the one used last first */
    int next_id;
    /* Directories, of this driver under daemon->paths. */
    Definitions definitions; /* etc/libvirt/qemu */
    char *status_dir;                 /* run/libvirt/qemu: status of running guests */
    char *lib_dir, *save_dir, *nvram_dir, *channel_dir;
    char *log_dir, *cache_dir;
    PortReleases releases; /* ports on networks that ended guests had */
    size_t starting; /* jobs of our own that keep us from idle exit */
} Driver;

/* The paths of one guest; g_free. */
char *driver_status_path(const Driver *driver, const char *name);
char *driver_save_path(const Driver *driver, const char *name); /* managed save image */
char *driver_log_path(const Driver *driver, const char *name);

/* The guests; the first call reads the definitions' names and takes hold of what runs. Doesn't suspend. */
Store *driver_domains(Driver *driver);

int driver_init(Driver *driver, Daemon *daemon, Error *err); /* reads qemu.conf, makes directories */
void driver_done(Driver *driver);
