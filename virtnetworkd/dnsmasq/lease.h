/* The leases of an active network, as the lease helper wrote them. */
#pragma once

#include "virtnetworkd/network/network.h"

typedef struct Lease {
    IpAddress ip;
    uint64_t expiry; /* seconds since 1970; 0: never */
    char *mac, *iaid, *hostname, *client_id; /* NULL when unknown */
} Lease;

void lease_free(Lease *lease);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lease, lease_free)

/* Those that have not expired, of this MAC address or (NULL) of all. Reads a small local file; -1 when it is damaged. */
int lease_list(const Network *network, const Mac *mac, GPtrArray **ret, Error *err);
/* The prefix of the network's <ip> that the lease is in; 0 when there is none. */
unsigned lease_prefix(const NetworkDef *def, const Lease *lease);
/* Files of a bridge's leases, and of which guest has which MAC addresses (read by NSS modules); g_free. */
char *lease_path(const Driver *driver, const NetworkDef *def);
char *lease_macs_path(const Driver *driver, const NetworkDef *def);
