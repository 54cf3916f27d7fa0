/* Networks started and stopped. */
#include "protocol/constants.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/network/define.h"
#include "virtnetworkd/network/network.h"
#include "virtnetworkd/network/run.h"

static int
create(Job *job, RpcCall *call, const remote_network_create_args *args, void *ret, Error *err)
{
    Network *network = api_network(call);
    const NetworkDef *config;

    if (network->run)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_INVALID, "network is already active");
    config = network_config(network, err);
    return config ? network_start(job, network, config, err) : -1;
}

static int
create_transient(Job *job, RpcCall *call, const char *xml, unsigned flags, remote_nonnull_network *ret, Error *err)
{
    Driver *driver = api_driver(call);
    g_autoptr(NetworkDef) def = NULL;
    g_autoptr(Network) network = NULL;
    int r;

    if (rpc_call_check_flags(call, flags, VIR_NETWORK_CREATE_VALIDATE, err) < 0 ||
        define_parse(driver, xml, XML_INACTIVE | (flags & VIR_NETWORK_CREATE_VALIDATE ? XML_VALIDATE : 0), &def, err) < 0 ||
        define_claim(job, driver, def, true, &network, err) < 0)
        return -1;
    r = network_start(job, network, def, err);
    if (r == 0)
        *ret = api_wire_network_copy(call, network);
    define_release(job, network);
    return r;
}

static int
create_xml(Job *job, RpcCall *call, const remote_network_create_xml_args *args, remote_network_create_xml_ret *ret, Error *err)
{
    return create_transient(job, call, args->xml, 0, &ret->net, err);
}

static int
create_xml_flags(Job *job, RpcCall *call, const remote_network_create_xml_flags_args *args, remote_network_create_xml_flags_ret *ret,
                 Error *err)
{
    return create_transient(job, call, args->xml, args->flags, &ret->net, err);
}

static int
destroy(Job *job, RpcCall *call, const remote_network_destroy_args *args, void *ret, Error *err)
{
    Network *network = api_network(call);

    if (network_check_active(network, err) < 0)
        return -1;
    network_stop(job, network);
    if (!network->persistent)
        store_remove(&network->driver->networks, &network->base);
    return 0;
}

API_TABLE(api_lifecycle,
    REMOTE_BIND(NETWORK_CREATE, create),
    REMOTE_BIND(NETWORK_CREATE_XML, create_xml),
    REMOTE_BIND(NETWORK_CREATE_XML_FLAGS, create_xml_flags),
    REMOTE_BIND(NETWORK_DESTROY, destroy));
