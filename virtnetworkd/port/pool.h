/* The interfaces a network hands out: those its definition lists, or the virtual functions of its physical one. */
#pragma once

#include "common/conf/network/network.h"

/* Of ForwardInterface, owned by the array. Virtual functions are read from sysfs. -1 when the physical function has none. */
int pool_list(const NetworkDef *def, GPtrArray **ret, Error *err);
