/*
 * Giving a guest's files to the guests' user while it runs, and back afterwards. What was changed stands in the status
 * file before it is changed, so that a later life of this daemon can give it back.
 */
#pragma once

#include "virtqemud/run/run.h"

/*
 * Give these files (g_ptr_array of QemuResource) to the guests' user, if the configuration says so. Regular files and block
 * devices only; one that is already right is left alone. What the guest only reads or shares is changed only where its user could
 * not use it, and then for good. What it writes is made if it is missing. Suspends: the file system may be slow.
 */
int ownership_take(Job *job, Domain *domain, const GPtrArray *resources, Error *err) _must_check_;
void ownership_restore(Job *job, Domain *domain);
/* Give back those of the files that no device of def has: the running definition, or the one it is about to be. The status file is left
 * to the caller. */
void ownership_restore_unused(Job *job, Domain *domain, const DomainDef *def, const GPtrArray *resources);
