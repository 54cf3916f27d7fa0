/* The frame for running guests. Private to plug/. The domain's job is held; all suspend, and leave nothing after an error. */
#pragma once

#include "virtqemud/domain/domain.h"

int live_attach(Job *job, Domain *domain, const Device *device, Error *err) _must_check_;
int live_detach(Job *job, Domain *domain, const Device *device, Error *err) _must_check_;
/* Another medium for a drive: wanted is the whole drive, with its new source. */
int live_change_medium(Job *job, Domain *domain, const Device *wanted, bool force, Error *err) _must_check_;
/* Install a new running definition, on disk too. */
void live_install(Domain *domain, DomainDef *def);
