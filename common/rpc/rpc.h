/* All of the RPC layer that a daemon uses. */
#pragma once

#include "common/rpc/call.h"
#include "common/rpc/client.h"
#include "common/rpc/descriptor.h"
#include "common/rpc/event.h"
#include "common/rpc/server.h"
#include "common/rpc/stream.h"
