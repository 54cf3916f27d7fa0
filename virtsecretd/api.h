/* The procedures virtsecretd serves. */
#pragma once

#include "common/daemon/api.h"

extern const ApiTable api_secrets;
extern const RpcObjectClass api_secret_class;
