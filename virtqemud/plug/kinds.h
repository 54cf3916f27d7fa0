/* What plugging a kind of device into a running guest needs beyond what every kind needs. Private to plug/. */
#pragma once

#include "virtqemud/device/secret.h"
#include "virtqemud/domain/domain.h"

typedef struct PlugKind {
    DeviceKind kind;
    /* 0, or -1 with ERR_OPERATION_UNSUPPORTED: this one can't be plugged in or out. NULL slot: every one can. */
    int (*check)(const Device *device, Error *err);
    /* Learn and fetch what building it needs, before anything of the guest is touched; secrets as they are fetched go to *secrets,
     * which may be set already. NULL slot: nothing. Suspends. */
    int (*prepare)(Job *job, Domain *domain, Device *device, QemuSecrets **secrets, Error *err);
    /* When QEMU has it. NULL slot: nothing. Suspends. */
    int (*attached)(Job *job, Domain *domain, const Device *device, Error *err);
} PlugKind;

/* -1 with ERR_OPERATION_UNSUPPORTED unless the device's kind, and this one of it, can be plugged. */
int plug_kind(const Device *device, const PlugKind **ret, Error *err);
