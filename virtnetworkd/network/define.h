/*
 * From a text to a network this host can have: parsing, a free bridge name, and the rules for putting a new definition
 * beside those that exist.
 */
#pragma once

#include "virtnetworkd/network/network.h"

/* A definition from a client: parsed (flags are XML_*), completed with a bridge name, checked against the other networks. */
int define_parse(Driver *driver, const char *xml, unsigned flags, NetworkDef **ret, Error *err);

/*
 * The network that def is about, known or new, in the table and with its queue held; *ret is a reference. -1 when name or
 * UUID clash with another's, or when inactive is asked for and it is active. Everybody who names it meanwhile waits.
 */
int define_claim(Job *job, Driver *driver, const NetworkDef *def, bool inactive, Network **ret, Error *err) _must_check_;
/* Let go of the queue. A network that was new and came to nothing leaves the table. */
void define_release(Job *job, Network *network);

/* The bridge of def is no other network's. ERR_INTERNAL_ERROR, as libvirt has it, naming the other one. */
int define_check_bridge(Driver *driver, const NetworkDef *def, Error *err);

/*
 * The definition installed with the package names no UUID: it is nobody's yet. When it is first seen it gets one for good,
 * and another subnet when the host is in the one it names. The queue is held.
 */
int define_settle_installed(Job *job, Network *network, Error *err) _must_check_;
