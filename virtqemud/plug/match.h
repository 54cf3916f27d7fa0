/* Which device of a definition is meant. Pure. Private to plug/. */
#pragma once

#include "common/conf/domain/domain.h"

/*
 * The device that a client's description means: disks by their target, interfaces by their MAC address, controllers by type and index,
 * others by everything; alias and address only where the description says them. wanted is complete (define_complete_device()).
 * NULL with ERR_DEVICE_MISSING, or ERR_INVALID_ARG for a disk of a definition. More than one match is an error too.
 */
Device *match_device(const DomainDef *def, const Device *wanted, Error *err);
Device *match_disk(const DomainDef *def, const char *target); /* NULL when there is none; no error */
