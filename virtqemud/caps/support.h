/* What DomainCaps.supports answers: optional abilities that completion asks about by name. */
#pragma once

#include <stdbool.h>

struct QemuCaps;

/* Whether the binary (and our use of it) can do `what`, one of the names in support.c; unknown names are not supported. */
bool qemu_caps_supports(const struct QemuCaps *caps, const char *what);
