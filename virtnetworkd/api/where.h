/* Changing what is, what will be, or both: the flags of virNetworkUpdateFlags and how a change reaches both definitions. */
#pragma once

#include "protocol/constants.h"
#include "virtnetworkd/network/network.h"

#define WHERE_FLAGS (VIR_NETWORK_UPDATE_AFFECT_LIVE | VIR_NETWORK_UPDATE_AFFECT_CONFIG)

/* AFFECT_CURRENT becomes the active network if it is active, else the definition. Both exist then, and are parsed. */
int where_resolve(Network *network, unsigned *flags, Error *err);

/* The changed copy of a definition. */
typedef int (*WhereChange)(const NetworkDef *from, void *data, NetworkDef **ret, Error *err);

/* Change each definition that the flags ask for: on disk, and in the kernel and dnsmasq. All or nothing. The queue is held. */
int where_change(Job *job, Network *network, unsigned flags, WhereChange change, void *data, Error *err) _must_check_;
