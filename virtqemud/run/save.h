/* Saving a running guest to a file and starting it from one. Called with the job held. */
#pragma once

#include "virtqemud/run/run.h"
#include "virtqemud/run/saveimage.h"

typedef struct SaveOptions {
    const char *path;
    const char *xml; /* the definition to keep instead of the guest's own; NULL */
    int running;     /* start it running after a restore: 1, 0, -1 as it is now */
} SaveOptions;

/* The guest is paused, written, and ended when everything is on disk; on failure it runs on as before. */
int run_save(Job *job, Domain *domain, const SaveOptions *options, Error *err) _must_check_;

/* Cancel the migration a dead daemon left behind and let the guest run on. */
int run_abandon_save(Job *job, Domain *domain, Error *err) _must_check_;
