/*
 * Ports that are to be given back: a list in memory and in a file of the runtime directory, worked off by a job as soon as
 * virtnetworkd can be reached. Bounded by what guests had.
 */
#pragma once

#include <glib.h>

#include "common/base/job.h"
#include "common/base/uuid.h"

typedef struct Driver Driver;

typedef struct Release {
    char *network;
    uint8_t port[UUID_SIZE];
} Release;

Release *release_new(const char *network, const uint8_t *port);
void release_free(void *release);

typedef struct PortReleases {
    GPtrArray *list;  /* of Release */
    GPtrArray *waits; /* of Wait *: told after an attempt */
    Job *job;         /* works them off; NULL when there is nothing to do */
} PortReleases;

void release_init(Driver *driver);
void release_load(Driver *driver); /* what an earlier life left is given back, soon. Doesn't suspend */
void release_done(Driver *driver); /* what was not given back stays in the file */

/* Takes the array of Release and its members. On disk when it returns. Doesn't suspend. */
void release_add(Driver *driver, GPtrArray *releases);
/* Until a first attempt was made to give back all there was. -1 only when the job was cancelled. Suspends. */
int release_wait(Job *job, Driver *driver, Error *err) _must_check_;
