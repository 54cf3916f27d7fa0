/* The administrator's script for guests, <etc>/libvirt/hooks/qemu: told of each step of a guest's life, may refuse some. */
#pragma once

#include "virtqemud/domain/domain.h"

/* Called with the live definition on standard input. -1 with ERR_HOOK_SCRIPT_FAILED when the script refuses. Suspends. */
int hook_domain(Job *job, Domain *domain, const char *operation, const char *sub, Error *err) _must_check_;
/* The same where refusing is too late: it is logged. */
void hook_domain_soft(Job *job, Domain *domain, const char *operation, const char *sub);
