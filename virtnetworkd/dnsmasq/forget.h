/*
 * Leases of fixed hosts that were taken out of a network. dnsmasq would go on answering for their names until the leases expire:
 * it must be made to forget them.
 */
#pragma once

#include <stdbool.h>

#include "common/base/error.h"

/*
 * Remove from the lease file those leases whose hosts are in the old text of the dhcp-hostsfile and not in the new one.
 * dry: only look. 1 when there are such leases, 0 when not. The file is the lease helper's: no dnsmasq may be running.
 */
int forget_leases(const char *lease_path, const char *old_hosts, const char *new_hosts, bool dry, Error *err);
