/*
 * The procedures virtqemud serves: one file per subject, each with its table of bindings. Handlers are thin: they resolve
 * what the dispatcher could not, check the state, and call the part that knows.
 */
#pragma once

#include "common/conf/domain/device/disk.h"
#include "common/daemon/api.h"
#include "protocol/qemu.h"
#include "protocol/remote.h"
#include "virtqemud/domain/domain.h"
#include "virtqemud/driver.h"

extern const ApiTable api_host, api_lookup, api_state, api_lifecycle, api_define, api_save, api_console, api_stats, api_metadata, api_qemu, api_caps, api_cpu, api_addresses, api_devices, api_blocks;
extern const RpcObjectClass api_domain_class; /* how the dispatcher finds the domain a call is about */

/* A domain as the wire names it; the name is borrowed. */
remote_nonnull_domain api_wire_domain(const Domain *domain);
/* Does the domain pass the filter (virConnectListAllDomainsFlags)? */
bool api_listed(const Domain *domain, unsigned flags);
unsigned api_list_flags_of_stats(unsigned flags);
#define API_WHERE_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)
/*
 * What a change is to affect: AFFECT_CURRENT becomes the running guest if it runs, else the definition. -1 when what is asked for is
 * not there: not running, or transient.
 */
int api_where(Domain *domain, unsigned *flags, Error *err);
/* A disk by its target ("vda") or the path of its image; NULL with ERR_INVALID_ARG. */
const DiskDef *api_disk(const Domain *domain, const DomainDef *def, const char *path, Error *err);
/* A copy of it in which a volume of an active pool has been found. May suspend. */
int api_disk_image(Job *job, Domain *domain, const DomainDef *def, const char *path, Device **ret, Error *err) _must_check_;
/* The domain of the call. */
static inline Domain *api_domain(const RpcCall *call) { return rpc_call_object(call); }

static inline Driver *
api_driver(const RpcCall *call)
{
    return ((Daemon *)rpc_call_daemon(call))->user;
}
