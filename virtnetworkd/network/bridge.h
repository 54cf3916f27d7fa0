/*
 * The host's side of a network with a bridge of its own: the bridge, its addresses, routes and settings. Nothing is
 * written that is already so. Only removing suspends.
 */
#pragma once

#include "virtnetworkd/network/network.h"

/* What does not depend on others having begun: the kernel's settings can be turned on. Before anything is made. */
int bridge_check(Driver *driver, const NetworkDef *def, Error *err);
/* Make it so. Settings that can't be written where it still works without are logged. */
int bridge_up(Driver *driver, const NetworkDef *def, Error *err);
/* Remove the bridge; its addresses and routes go with it. None is success. */
int bridge_down(Job *job, const NetworkDef *def, Error *err) _must_check_;
/* 1 it is there, 0 not. */
int bridge_exists(Driver *driver, const NetworkDef *def, Error *err);
