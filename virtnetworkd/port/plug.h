/*
 * What a port is plugged into: the network's bridge, or one interface of its pool. And who has which already.
 */
#pragma once

#include "virtnetworkd/port/port.h"

/* Can this network give anybody anything: host bridge and interfaces exist. Before it starts. */
int plug_check_network(Driver *driver, const NetworkDef *def, Error *err);

/*
 * Complete def with what the network gives it: plug, and the port group's virtual port, VLANs, bandwidth where it names none.
 * ERR_OPERATION_FAILED when everything is taken, ERR_INTERNAL_ERROR (libvirt's) for a port group that isn't there.
 */
int plug_choose(Network *network, NetworkPortDef *def, Error *err);
/* def says what it has; is that still of this network, and nobody else's? */
int plug_reclaim(Network *network, const NetworkPortDef *def, Error *err);

/* Does the port use this interface of the pool? */
bool plug_uses(const NetworkPortDef *port, const ForwardInterface *interface);
