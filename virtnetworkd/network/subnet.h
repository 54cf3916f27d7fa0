/* Whether the host is already in a network's subnets. */
#pragma once

#include "virtnetworkd/network/network.h"

/*
 * ERR_INTERNAL_ERROR (libvirt's code for it) naming the interface or route when an address of def lies in a subnet that an
 * interface of the host other than def's own bridge is in, or that a route leads to. A route to a larger network through a
 * gateway is no obstacle: the more specific one wins.
 */
int subnet_check(Driver *driver, const NetworkDef *def, Error *err);

/* Replace 192.168.122.0/24 in def, not yet shared, by a free /24 when the host or another network is in it. 1: replaced. */
int subnet_settle(Driver *driver, NetworkDef *def, Error *err);
