/* A secret: its definition, and its value once that is known. Owned by the loop thread, reference counted. */
#pragma once

#include <glib.h>

#include "common/base/job.h"
#include "common/conf/secret/secret.h"
#include "common/store/store.h"

typedef struct Driver Driver;

#define SECRET_VALUE_MAX 65536 /* as on the wire */

typedef struct Secret {
    StoreObject base; /* name: the UUID as text */
    Driver *driver;
    char *label;      /* "secret 'UUID'" */
    JobQueue queue;
    SecretDef *def;
    GBytes *value;    /* NULL: none, or not read yet */
    bool has_value;   /* there is one, in memory or on disk */
} Secret;

Secret *secret_new(Driver *driver, SecretDef *def); /* takes def over */
static inline Secret *secret_ref(Secret *secret) { return store_ref(secret); }
void secret_unref(Secret *secret);
void secret_free(Secret *secret); /* by the store */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Secret, secret_unref)

void secret_add(Secret *secret);    /* into the tables */
void secret_remove(Secret *secret);
void secret_set_def(Secret *secret, SecretDef *def); /* takes def over; of the same UUID and usage */
/* Takes value over; the old one is wiped. NULL: it has none. */
void secret_set_value(Secret *secret, GBytes *value);
/* Of that usage and name; NULL when there is none. */
Secret *secret_by_usage(Driver *driver, SecretUsage usage, const char *id);
