/* DomainCaps as QEMU 7.2 of Debian 12 would answer, without any QEMU: for tests of definitions. */
#pragma once

#include "common/conf/domain/postparse.h"

extern const DomainCaps fake_caps;
