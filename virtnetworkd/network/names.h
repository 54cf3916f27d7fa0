/* The names of a network's guests for the host itself: <domain register='yes'> tells systemd-resolved who knows them. */
#pragma once

#include "virtnetworkd/network/network.h"

/* After dnsmasq serves. A host without systemd-resolved is told so: the definition asks for something that is not there. */
int names_register(Job *job, Network *network, Error *err) _must_check_;
