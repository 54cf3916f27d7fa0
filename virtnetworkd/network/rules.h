/*
 * The packet filter's view of the networks: what each active one needs, handed to the firewall. Equal rules are not written.
 * What this kernel lacks is logged, each text once: the networks go on without.
 */
#pragma once

#include "virtnetworkd/network/network.h"

int rules_add(Network *network, Error *err); /* of a network that starts, or has changed */
int rules_remove(Network *network, Error *err);
int rules_sync(Driver *driver, Error *err);  /* all of them, after others may have changed rules */
