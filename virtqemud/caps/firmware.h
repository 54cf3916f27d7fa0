/*
 * Choosing firmware: QEMU's interoperable descriptors ("firmware.json"), in the order of their file names, from
 * /usr/share/qemu/firmware, overridden by /etc/qemu/firmware.
 */
#pragma once

#include "common/conf/domain/domain.h"

/* Fill def->os.loader and def->os.nvram for <os firmware=...> from the first descriptor that fits. */
int firmware_choose(DomainDef *def, Error *err);
