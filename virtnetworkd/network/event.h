/* Telling clients what happened to a network. */
#pragma once

#include "virtnetworkd/network/network.h"

void event_lifecycle(Network *network, int event); /* virNetworkEventLifecycleType */
void event_metadata_change(Network *network, int type, const char *uri);
