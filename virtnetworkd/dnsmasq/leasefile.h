/*
 * The file with the leases of one bridge: a JSON array, in the format of libvirt (its NSS modules read it). Written by the
 * lease helper only, replaced as a whole; read by whoever wants to know.
 */
#pragma once

#include <jansson.h>

#include "common/base/error.h"

#define LEASEFILE_MAX (16 * 1024 * 1024)

#define LEASE_IP "ip-address"
#define LEASE_MAC "mac-address"
#define LEASE_HOSTNAME "hostname"
#define LEASE_CLIENT_ID "client-id"
#define LEASE_EXPIRY "expiry-time"
#define LEASE_IAID "iaid"
#define LEASE_SERVER_DUID "server-duid"

/* A new array, json_decref(); empty when there is no file. -1 when the file is no such array. */
int leasefile_read(const char *path, json_t **ret, Error *err);
/* Atomically, and on disk when it returns. */
int leasefile_write(const char *path, const json_t *leases, Error *err);
/* A text member; NULL when it is missing or no text. */
const char *leasefile_text(const json_t *lease, const char *key);
