/* Devices that come to a guest and go: see plug/plug.h. */
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/plug/plug.h"

static int
attach(Job *job, RpcCall *call, const char *xml, unsigned flags, Error *err)
{
    Domain *d = api_domain(call);

    if (rpc_call_check_flags(call, flags, API_WHERE_FLAGS, err) < 0 || api_where(d, &flags, err) < 0)
        return -1;
    return plug_attach(job, d, xml, flags, err);
}

static int
attach_device(Job *job, RpcCall *call, const remote_domain_attach_device_args *args, void *ret, Error *err)
{
    return attach(job, call, args->xml, VIR_DOMAIN_AFFECT_LIVE, err);
}

static int
attach_device_flags(Job *job, RpcCall *call, const remote_domain_attach_device_flags_args *args, void *ret, Error *err)
{
    return attach(job, call, args->xml, args->flags, err);
}

static int
detach(Job *job, RpcCall *call, const char *xml, unsigned flags, Error *err)
{
    Domain *d = api_domain(call);

    if (rpc_call_check_flags(call, flags, API_WHERE_FLAGS, err) < 0 || api_where(d, &flags, err) < 0)
        return -1;
    return plug_detach(job, d, xml, flags, err);
}

static int
detach_device(Job *job, RpcCall *call, const remote_domain_detach_device_args *args, void *ret, Error *err)
{
    return detach(job, call, args->xml, VIR_DOMAIN_AFFECT_LIVE, err);
}

static int
detach_device_flags(Job *job, RpcCall *call, const remote_domain_detach_device_flags_args *args, void *ret, Error *err)
{
    return detach(job, call, args->xml, args->flags, err);
}

static int
detach_device_alias(Job *job, RpcCall *call, const remote_domain_detach_device_alias_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    unsigned flags = args->flags;

    if (rpc_call_check_flags(call, flags, API_WHERE_FLAGS, err) < 0 || api_where(d, &flags, err) < 0)
        return -1;
    return plug_detach_alias(job, d, args->alias, flags, err);
}

static int
update_device_flags(Job *job, RpcCall *call, const remote_domain_update_device_flags_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    unsigned flags = args->flags;

    if (rpc_call_check_flags(call, flags, API_WHERE_FLAGS | VIR_DOMAIN_DEVICE_MODIFY_FORCE, err) < 0 || api_where(d, &flags, err) < 0)
        return -1;
    return plug_update(job, d, args->xml, flags & API_WHERE_FLAGS, flags & VIR_DOMAIN_DEVICE_MODIFY_FORCE, err);
}

API_TABLE(api_devices,
    REMOTE_BIND(DOMAIN_ATTACH_DEVICE, attach_device),
    REMOTE_BIND(DOMAIN_ATTACH_DEVICE_FLAGS, attach_device_flags),
    REMOTE_BIND(DOMAIN_DETACH_DEVICE, detach_device),
    REMOTE_BIND(DOMAIN_DETACH_DEVICE_FLAGS, detach_device_flags),
    REMOTE_BIND(DOMAIN_DETACH_DEVICE_ALIAS, detach_device_alias),
    REMOTE_BIND(DOMAIN_UPDATE_DEVICE_FLAGS, update_device_flags));
