/* The one state of virtsecretd. */
#pragma once

#include "common/daemon/daemon.h"
#include "common/store/definitions.h"
#include "common/store/store.h"

typedef struct Driver {
    Daemon *daemon;
    RpcServer *server;
    Store secrets;           /* use driver_secrets(): the definitions are read when first needed. Named by UUID */
    GHashTable *by_usage;    /* "TYPE ID" -> Secret, borrowed */
    bool indexed;
    Definitions definitions; /* etc/libvirt/secrets: UUID.xml, and the values beside them */
    bool encrypted;          /* this host has a key for values at rest */
} Driver;

Store *driver_secrets(Driver *driver);
int driver_init(Driver *driver, Daemon *daemon, Error *err);
void driver_done(Driver *driver);
