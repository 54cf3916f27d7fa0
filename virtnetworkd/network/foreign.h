/*
 * What was found of rules of others that stop what our networks are for, and when that is worth a line in the log: once, when
 * it has been so for FOREIGN_PATIENCE. While firewalld starts or reloads everything is stopped for a moment, until it is told
 * the zones of our bridges again.
 */
#pragma once

#include <glib.h>

#include "virtnetworkd/network/network.h"

#define FOREIGN_PATIENCE (10 * USEC_PER_SEC)

GHashTable *foreign_new(void); /* of what was found, for the driver */

/* These texts and no others are so now. Looks again (rules_check_foreign()) when some are too new to be told. */
void foreign_found(Driver *driver, const GPtrArray *texts);
