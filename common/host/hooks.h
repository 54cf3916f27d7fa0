/*
 * Hook scripts of the administrator: <etc>/libvirt/hooks/DRIVER, and the executables of DRIVER.d beside it in order of their
 * names. Each is called with four words and a document on standard input: https://libvirt.org/hooks.html
 */
#pragma once

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/job.h"

typedef struct Hook {
    const char *config_dir; /* <etc>/libvirt */
    const char *driver;     /* "qemu", "network" */
} Hook;

typedef struct HookCall {
    const char *object;    /* the name of the domain or network */
    const char *operation; /* "start", "stopped", ... */
    const char *sub;       /* "begin", "end", "-" */
    const char *extra;     /* "-" when there is none */
} HookCall;

/* Is there any script? Saves making the document. Looks at a directory. */
bool hook_present(const Hook *hook);

/*
 * Run them all, one after the other; suspends until they have ended. Exit status other than 0: ERR_HOOK_SCRIPT_FAILED with
 * the script's last words; no more scripts are run then. No script: success.
 */
int hook_run(Job *job, const Hook *hook, const HookCall *call, const char *document, Error *err) _must_check_;
