/*
 * The packet filter's view of the networks: what each active one needs, handed to the firewall. Equal rules are not written.
 * What this kernel lacks is logged, each text once: the networks go on without.
 */
#pragma once

#include "virtnetworkd/network/network.h"

int rules_add(Network *network, Error *err); /* of a network that starts, or has changed */
/* Remove what libvirt's own daemon left: its networks are ours. Logs. */
void rules_drop_libvirt(Driver *driver);
int rules_remove(Network *network, Error *err);
/* All of them, after others may have changed rules. 1 when something was different, 0 when not. */
int rules_sync(Driver *driver, Error *err);
/* Log which rules of others stop what the active networks are for: see foreign.h for when. */
void rules_check_foreign(Driver *driver);
/* The same within a second, once for all networks that start meanwhile. */
void rules_check_foreign_soon(Driver *driver);
