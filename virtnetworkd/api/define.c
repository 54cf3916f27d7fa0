/* Persistent definitions: made, removed, started with the host. */
#include "protocol/constants.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/dnsmasq/dnsmasq.h"
#include "virtnetworkd/network/define.h"
#include "virtnetworkd/network/event.h"
#include "virtnetworkd/network/persist.h"

static int
define(Job *job, RpcCall *call, const char *xml, unsigned flags, remote_nonnull_network *ret, Error *err)
{
    Driver *driver = api_driver(call);
    g_autoptr(NetworkDef) def = NULL;
    g_autoptr(Network) network = NULL;
    int r;

    if (rpc_call_check_flags(call, flags, VIR_NETWORK_DEFINE_VALIDATE, err) < 0 ||
        define_parse(driver, xml, XML_INACTIVE | (flags & VIR_NETWORK_DEFINE_VALIDATE ? XML_VALIDATE : 0), &def, err) < 0 ||
        define_claim(job, driver, def, false, &network, err) < 0)
        return -1;
    r = persist_write_config(job, driver, def, err);
    if (r == 0) {
        network_set_persistent(network, true);
        network_set_config(network, g_steal_pointer(&def));
        event_lifecycle(network, VIR_NETWORK_EVENT_DEFINED);
        *ret = api_wire_network_copy(call, network);
    }
    define_release(job, network);
    return r;
}

static int
define_xml(Job *job, RpcCall *call, const remote_network_define_xml_args *args, remote_network_define_xml_ret *ret, Error *err)
{
    return define(job, call, args->xml, 0, &ret->net, err);
}

static int
define_xml_flags(Job *job, RpcCall *call, const remote_network_define_xml_flags_args *args, remote_network_define_xml_flags_ret *ret,
                 Error *err)
{
    return define(job, call, args->xml, args->flags, &ret->net, err);
}

static int
undefine(Job *job, RpcCall *call, const remote_network_undefine_args *args, void *ret, Error *err)
{
    Network *network = api_network(call);

    if (!network->persistent)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_INVALID, "cannot undefine %s: it is transient", network->label);
    if (persist_remove_config(job, network, err) < 0)
        return -1;
    network_set_persistent(network, false);
    network_set_autostart(network, false);
    event_lifecycle(network, VIR_NETWORK_EVENT_UNDEFINED);
    if (!network->run) {
        dnsmasq_forget(network, network->config);
        store_remove(&network->driver->networks, &network->base);
    }
    network_set_config(network, NULL);
    return 0;
}

static int
set_autostart(Job *job, RpcCall *call, const remote_network_set_autostart_args *args, void *ret, Error *err)
{
    Network *network = api_network(call);

    if (!network->persistent)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_INVALID, "cannot set autostart for transient %s", network->label);
    if (network->autostart == (args->autostart != 0))
        return 0;
    return persist_set_autostart(job, network, args->autostart != 0, err);
}

API_TABLE(api_define,
    REMOTE_BIND(NETWORK_DEFINE_XML, define_xml),
    REMOTE_BIND(NETWORK_DEFINE_XML_FLAGS, define_xml_flags),
    REMOTE_BIND(NETWORK_UNDEFINE, undefine),
    REMOTE_BIND(NETWORK_SET_AUTOSTART, set_autostart));
