/* What a device is made of, played over the monitor of a running QEMU. Private to plug/. */
#pragma once

#include "virtqemud/device/secret.h"
#include "virtqemud/run/run.h"

/* Options under which a running guest's devices are built. secrets may be NULL: parts that are only to be removed. */
typedef struct PartsOptions {
    char *channel_dir, *ram_dir;
    QemuBuildOptions options;
} PartsOptions;
void parts_options_init(PartsOptions *options, const Domain *domain, const QemuSecrets *secrets);
void parts_options_done(PartsOptions *options);

/* What the emulator of the running guest can do; asked when it is not known. Suspends. */
int parts_caps(Job *job, Domain *domain, Error *err) _must_check_;

/* How far adding went: for taking it back. */
typedef struct PartsAdded {
    Domain *domain;
    const QemuBuild *build;
    guint n; /* parts that QEMU has */
} PartsAdded;

/* Add the parts in their order, counting. Suspends. */
int parts_add(Job *job, PartsAdded *added, Error *err) _must_check_;
/* An UndoFn: take back what was added (data is the PartsAdded), the newest first; what fails is logged. Suspends. */
void parts_take_back(Job *job, void *data);
/* Remove all but devices, likewise; what is not there is passed over. */
void parts_remove(Job *job, Domain *domain, const QemuBuild *build);
/* Likewise of a device that leaves QEMU or has left; def is what it is part of. */
void parts_forget(Job *job, Domain *domain, const DomainDef *def, const Device *device);
