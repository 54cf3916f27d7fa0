/*
 * Traffic limits of a network: of all its guests together on the bridge, and what single ports are guaranteed of that
 * (<inbound floor=>). The limits of a guest's own card are its hypervisor's work.
 */
#pragma once

#include "virtnetworkd/port/port.h"

/* The network's own limits, and the classes of all its ports. What this kernel can't do is logged, and left out. */
int bandwidth_apply(Driver *driver, Network *network, Error *err);

/* May the port have the rate it wants guaranteed? Gives it a class. ERR_OPERATION_INVALID when it would be too much. */
int bandwidth_admit(const Network *network, NetworkPortDef *def, Error *err);
int bandwidth_add(Network *network, const NetworkPortDef *def, Error *err);
void bandwidth_remove(Network *network, const NetworkPortDef *def);
/* Another guarantee for a port: new takes the class of old, or gets one. */
int bandwidth_change(Network *network, const NetworkPortDef *old, NetworkPortDef *new, Error *err);
