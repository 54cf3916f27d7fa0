/* Changing one part of a network's definition: what virNetworkUpdate can say. Pure; nothing here looks at the host. */
#pragma once

#include "common/conf/network/network.h"

/*
 * A copy of def with one element added, modified or removed. command and section have the numbers of
 * virNetworkUpdateCommand and virNetworkUpdateSection; parent is the index of the <ip> (or -1: the one that fits). Errors as
 * clients know them; def is never changed.
 */
int network_def_update(const NetworkDef *def, unsigned command, unsigned section, int parent, const char *xml,
                       NetworkDef **ret_def, Error *err);
