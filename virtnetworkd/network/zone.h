/*
 * The zone of the host's firewalld that a network's bridge is in. Where no firewalld runs there is nothing to do.
 *
 * A network names its zone, or gets the one that comes with this package: "libvirt", or "libvirt-routed" where guests are
 * reached from outside. A named zone that is not there is an error, the other a warning.
 */
#pragma once

#include "virtnetworkd/network/network.h"

int zone_apply(Job *job, Network *network, Error *err) _must_check_;
void zone_forget(Job *job, Network *network); /* before the bridge goes; what can't be told is logged */
void zone_watch(Driver *driver);   /* firewalld that starts or reloads is told again */
