/* The procedures virtstoraged serves: one file per subject, each with its table of bindings. */
#pragma once

#include "common/daemon/api.h"
#include "protocol/remote.h"
#include "virtstoraged/driver.h"
#include "virtstoraged/pool/pool.h"

extern const ApiTable api_lookup, api_define, api_lifecycle, api_volumes, api_make, api_content, api_change, api_find;
extern const RpcObjectClass api_pool_class, api_volume_class; /* how the dispatcher finds what a call is about */

remote_nonnull_storage_pool api_wire_pool(const Pool *pool); /* the name is borrowed */
/* For answers of calls that may suspend after it: the names are the call's own. */
remote_nonnull_storage_pool api_wire_pool_copy(RpcCall *call, const Pool *pool);
remote_nonnull_storage_vol api_wire_volume(RpcCall *call, const Volume *volume); /* copied */
Volume *api_volume_named(const Pool *pool, const char *name); /* one that is there, borrowed; NULL: there is none */
int api_no_pool(const char *what, const char *value, Error *err);
int api_no_volume(const char *what, const char *value, Error *err);

static inline Pool *api_pool(const RpcCall *call) { return rpc_call_object(call); }
static inline Volume *api_volume(const RpcCall *call) { return rpc_call_object(call); }

static inline Driver *
api_driver(const RpcCall *call)
{
    return ((Daemon *)rpc_call_daemon(call))->user;
}
