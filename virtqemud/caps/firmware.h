/*
 * Choosing firmware: QEMU's interoperable descriptors ("firmware.json"), in the order of their file names, from
 * QEMU's data directory, overridden by qemu/firmware of the system's configuration.
 */
#pragma once

#include "common/conf/domain/domain.h"

/* Fill def->os.loader and def->os.nvram for <os firmware=...> from the first descriptor that fits. */
int firmware_choose(DomainDef *def, Error *err);

/*
 * Is there UEFI firmware for this machine? Its code files are added to paths (g_strdup'ed, each once); *ret_secure: some of
 * it has Secure Boot.
 */
bool firmware_available(const char *arch, const char *machine, GPtrArray *paths, bool *ret_secure);
