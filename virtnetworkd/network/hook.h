/* The administrator's script for networks, <etc>/libvirt/hooks/network. */
#pragma once

#include "virtnetworkd/network/network.h"
#include "virtnetworkd/port/port.h"

/* Called with the live definition. -1 when the script refuses. */
int hook_network(Job *job, Network *network, const char *operation, const char *sub, Error *err) _must_check_;
/* The same where refusing is too late: it is logged. */
void hook_network_soft(Job *job, Network *network, const char *operation, const char *sub);
/* Called with a port as well. */
int hook_port(Job *job, Network *network, const Port *port, const char *operation, const char *sub, Error *err) _must_check_;
