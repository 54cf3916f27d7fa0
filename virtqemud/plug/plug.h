/*
 * Devices that come to a guest and go, as clients ask for it: attach, detach, update. where is VIR_DOMAIN_AFFECT_LIVE, _CONFIG or both,
 * already checked (api_where()). With both, neither is changed unless both can be. The domain's job is held; all suspend.
 */
#pragma once

#include "virtqemud/domain/domain.h"

int plug_attach(Job *job, Domain *domain, const char *xml, unsigned where, Error *err) _must_check_;
/*
 * A running guest is asked to let go of the device. When it takes longer than some seconds this succeeds with the device still there:
 * it leaves the definition, with an event, when the guest has let go (as with libvirt).
 */
int plug_detach(Job *job, Domain *domain, const char *xml, unsigned where, Error *err) _must_check_;
int plug_detach_alias(Job *job, Domain *domain, const char *alias, unsigned where, Error *err) _must_check_;
/* force: open a tray that the guest has locked. */
int plug_update(Job *job, Domain *domain, const char *xml, unsigned where, bool force, Error *err) _must_check_;

/* The guest has let go of a device whose removal nobody waits for: the rest. Holds the job. */
void plug_detached(Job *job, Domain *domain, const char *alias);
/* After a restart of the daemon: a change that was under way is finished if QEMU has it, else undone. */
void plug_recover(Job *job, Domain *domain);
/* Likewise: what left QEMU meanwhile leaves the definition. */
void plug_reconcile(Job *job, Domain *domain);
