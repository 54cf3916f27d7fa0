/*
 * Ports on virtual networks: what virtnetworkd gives a guest's cards, and giving it back.
 *
 * Which ports a guest will have is in its status file before the first is asked for, and what is to be given back is in a
 * file of its own until it was: so a port is released when its guest is gone, whoever of the two daemons died meanwhile.
 */
#pragma once

#include "virtqemud/domain/domain.h"

/*
 * Get a port for each card on a network, and change the live definition, which nobody else sees yet, to what the network
 * plugged it into. Fails with the network's own words. netport_release_all() undoes it. Suspends.
 */
int netport_acquire_all(Job *job, Domain *domain, Error *err) _must_check_;

/* The guest is gone: its ports will be given back, now or when virtnetworkd can be reached. Doesn't suspend. */
void netport_release_all(Domain *domain);

/*
 * After a restart: the network may have been stopped and started meanwhile, and then knows nothing of the guest's ports and has
 * another bridge. What is missing is asked for again, taps are put back. Failures are logged: the guest runs on. Suspends.
 */
void netport_reclaim_all(Job *job, Domain *domain);
