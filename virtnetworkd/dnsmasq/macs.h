/* Which guest has which MAC addresses on a network's bridge: a file for libvirt's NSS module, which finds guests by name. */
#pragma once

#include "virtnetworkd/network/network.h"

/* Write it anew from the ports. A failure is logged. */
void macs_write(Network *network);
