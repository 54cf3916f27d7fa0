/* The frame for running guests. Private to plug/. The domain's job is held; all suspend, and leave nothing after an error. */
#pragma once

#include "virtqemud/domain/domain.h"

int live_attach(Job *job, Domain *domain, const Device *device, Error *err) _must_check_;
int live_detach(Job *job, Domain *domain, const Device *device, Error *err) _must_check_;
/* Another medium for a drive: wanted is the whole drive, with its new source. */
int live_change_medium(Job *job, Domain *domain, const Device *wanted, bool force, Error *err) _must_check_;
/* Write down what is about to be done to QEMU: the definition as it will be. For a later life of the daemon, should this one end. */
void live_intend(Domain *domain, const DomainDef *def);
/* Nothing came of it. */
void live_give_up(Domain *domain);
/* Install a new running definition (takes it), on disk too; what was intended is done. */
void live_install(Domain *domain, DomainDef *def);
/* Put the medium of a drive, whose nodes are there, back into it. */
int live_reinsert(Job *job, Domain *domain, const Device *drive);
