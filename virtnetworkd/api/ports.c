/* Ports of networks: made and ended by hypervisors, shown to everybody. */
#include <string.h>

#include "protocol/constants.h"
#include "virtnetworkd/api/api.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/port/port.h"

static Port *
call_port(const RpcCall *call)
{
    return rpc_call_object(call);
}

static remote_nonnull_network_port
wire_port(const Port *port)
{
    remote_nonnull_network_port wire = { .net = api_wire_network(port->network) };

    memcpy(wire.uuid, port->def->uuid.b, UUID_SIZE);
    return wire;
}

static int
no_port(const Network *network, const uint8_t *wanted, Error *err)
{
    char uuid[UUID_TEXT_SIZE];

    uuid_to_text(wanted, uuid);
    return error_setf(err, FROM_NETWORK, ERR_NO_NETWORK_PORT, "network port not found: %s has no port with UUID %s", network->label, uuid);
}

/* --- for the dispatcher --- */

static int
class_lookup(void *daemon, const void *wire, void **ret_object, Error *err)
{
    const remote_nonnull_network_port *named = wire;
    void *object;
    Port *port;

    if (api_network_class.lookup(daemon, &named->net, &object, err) < 0)
        return -1;
    port = port_find(object, named->uuid);
    if (port)
        *ret_object = port_ref(port);
    else
        no_port(object, named->uuid, err);
    network_unref(object);
    return port ? 0 : -1;
}

static void
class_unref(void *object)
{
    port_unref(object);
}

static JobQueue *
class_queue(void *object, const char **ret_name)
{
    return api_network_class.queue(((Port *)object)->network, ret_name);
}

static int
class_check(void *daemon, void *object, Error *err)
{
    Port *port = object;

    return port_find(port->network, port->def->uuid.b) == port ? 0 : no_port(port->network, port->def->uuid.b, err);
}

const RpcObjectClass api_port_class = {
    .lookup = class_lookup,
    .unref = class_unref,
    .queue = class_queue,
    .check = class_check,
};

/* --- looking --- */

static int
list_ports(RpcCall *call, const remote_network_list_all_ports_args *args, remote_network_list_all_ports_ret *ret, Error *err)
{
    Network *network = api_network(call);
    unsigned n = port_count(network);
    GHashTableIter iter;
    void *port;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    if (n > REMOTE_NETWORK_PORT_LIST_MAX)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "%s has %u ports; an answer holds %u", network->label, n,
                          REMOTE_NETWORK_PORT_LIST_MAX);
    ret->ports = arena_newv(rpc_call_arena(call), remote_nonnull_network_port, n);
    if (n > 0) {
        g_hash_table_iter_init(&iter, network->run->ports);
        while (g_hash_table_iter_next(&iter, NULL, &port))
            if (rpc_call_visible(NULL, call, port))
                ret->ports[ret->n_ports++] = wire_port(port);
    }
    ret->ret = ret->n_ports;
    if (!args->need_results)
        ret->n_ports = 0;
    return 0;
}

static int
lookup_by_uuid(RpcCall *call, const remote_network_port_lookup_by_uuid_args *args, remote_network_port_lookup_by_uuid_ret *ret, Error *err)
{
    Network *network = api_network(call);
    Port *port = port_find(network, args->uuid);

    if (!port)
        return no_port(network, args->uuid, err);
    ret->port = wire_port(port);
    return 0;
}

static int
get_xml(RpcCall *call, const remote_network_port_get_xml_desc_args *args, remote_network_port_get_xml_desc_ret *ret, Error *err)
{
    g_autofree char *xml = NULL;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    xml = network_port_def_format(call_port(call)->def, 0);
    ret->xml = arena_strdup(rpc_call_arena(call), xml);
    return 0;
}

/* --- parameters: the bandwidth --- */

typedef struct Parameter {
    const char *name;
    bool outbound;
    size_t offset; /* in Bandwidth */
} Parameter;

static const Parameter parameters[] = {
    { VIR_NETWORK_PORT_BANDWIDTH_IN_AVERAGE, false, G_STRUCT_OFFSET(Bandwidth, average) },
    { VIR_NETWORK_PORT_BANDWIDTH_IN_PEAK, false, G_STRUCT_OFFSET(Bandwidth, peak) },
    { VIR_NETWORK_PORT_BANDWIDTH_IN_BURST, false, G_STRUCT_OFFSET(Bandwidth, burst) },
    { VIR_NETWORK_PORT_BANDWIDTH_IN_FLOOR, false, G_STRUCT_OFFSET(Bandwidth, floor) },
    { VIR_NETWORK_PORT_BANDWIDTH_OUT_AVERAGE, true, G_STRUCT_OFFSET(Bandwidth, average) },
    { VIR_NETWORK_PORT_BANDWIDTH_OUT_PEAK, true, G_STRUCT_OFFSET(Bandwidth, peak) },
    { VIR_NETWORK_PORT_BANDWIDTH_OUT_BURST, true, G_STRUCT_OFFSET(Bandwidth, burst) },
};

static OptU64 *
field(NetworkPortDef *def, const Parameter *parameter)
{
    Bandwidth *way = parameter->outbound ? &def->bandwidth.outbound : &def->bandwidth.inbound;

    return (OptU64 *)(void *)((char *)way + parameter->offset);
}

static int
get_parameters(RpcCall *call, const remote_network_port_get_parameters_args *args, remote_network_port_get_parameters_ret *ret, Error *err)
{
    NetworkPortDef *def = call_port(call)->def;

    if (rpc_call_check_flags(call, args->flags, VIR_TYPED_PARAM_STRING_OKAY, err) < 0)
        return -1;
    ret->nparams = (int)G_N_ELEMENTS(parameters);
    if (args->nparams == 0)
        return 0;
    if (args->nparams < ret->nparams)
        return error_setf(err, FROM_NETWORK, ERR_INVALID_ARG, "there are %d parameters, room was made for %d", ret->nparams, args->nparams);
    ret->params = arena_newv(rpc_call_arena(call), remote_typed_param, G_N_ELEMENTS(parameters));
    ret->n_params = G_N_ELEMENTS(parameters);
    for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
        ret->params[i] = (remote_typed_param){ .field = parameters[i].name,
                                               .value = { .type = VIR_TYPED_PARAM_UINT, .ui = (unsigned)field(def, &parameters[i])->v } };
    return 0;
}

static int
set_one(NetworkPortDef *def, const remote_typed_param *param, Error *err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++) {
        OptU64 *at = field(def, &parameters[i]);

        if (strcmp(param->field, parameters[i].name) != 0)
            continue;
        if (param->value.type != VIR_TYPED_PARAM_UINT)
            return error_setf(err, FROM_NETWORK, ERR_INVALID_ARG, "parameter '%s' must be an unsigned integer", param->field);
        *at = (OptU64){ .set = param->value.ui != 0, .v = param->value.ui };
        return 0;
    }
    return error_setf(err, FROM_NETWORK, ERR_INVALID_ARG, "unknown parameter '%s'", param->field);
}

static bool
complete_way(Bandwidth *way)
{
    way->present = way->average.set || way->floor.set;
    return way->present || !(way->peak.set || way->burst.set);
}

static int
set_parameters(Job *job, RpcCall *call, const remote_network_port_set_parameters_args *args, void *ret, Error *err)
{
    Port *port = call_port(call);
    g_autoptr(NetworkPortDef) def = network_port_def_copy(port->def);

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    for (unsigned i = 0; i < args->n_params; i++)
        if (set_one(def, &args->params[i], err) < 0)
            return -1;
    if (!complete_way(&def->bandwidth.inbound) || !complete_way(&def->bandwidth.outbound))
        return error_setf(err, FROM_NETWORK, ERR_INVALID_ARG, "a peak or burst needs an average");
    def->bandwidth.present = def->bandwidth.inbound.present || def->bandwidth.outbound.present;
    return port_change(port, g_steal_pointer(&def), err);
}

/* --- made and ended --- */

#define CREATE_FLAGS (VIR_NETWORK_PORT_CREATE_RECLAIM | VIR_NETWORK_PORT_CREATE_VALIDATE)

static int
create(Job *job, RpcCall *call, const remote_network_port_create_xml_args *args, remote_network_port_create_xml_ret *ret, Error *err)
{
    g_autoptr(Port) port = NULL;
    NetworkPortDef *def = NULL;

    if (rpc_call_check_flags(call, args->flags, CREATE_FLAGS, err) < 0 ||
        network_start_early(job, api_network(call), err) < 0 ||
        network_port_def_parse(args->xml, args->flags & VIR_NETWORK_PORT_CREATE_VALIDATE ? XML_VALIDATE : 0, &def, err) < 0 ||
        port_create(job, api_network(call), def, args->flags & VIR_NETWORK_PORT_CREATE_RECLAIM, &port, err) < 0)
        return -1;
    ret->port = wire_port(port);
    ret->port.net = api_wire_network_copy(call, port->network);
    return 0;
}

static int
delete(Job *job, RpcCall *call, const remote_network_port_delete_args *args, void *ret, Error *err)
{
    if (rpc_call_check_flags(call, args->flags, 0, err) < 0)
        return -1;
    return port_delete(job, call_port(call), err);
}

API_TABLE(api_ports,
    REMOTE_BIND(NETWORK_LIST_ALL_PORTS, list_ports),
    REMOTE_BIND(NETWORK_PORT_LOOKUP_BY_UUID, lookup_by_uuid),
    REMOTE_BIND(NETWORK_PORT_GET_XML_DESC, get_xml),
    REMOTE_BIND(NETWORK_PORT_GET_PARAMETERS, get_parameters),
    REMOTE_BIND(NETWORK_PORT_SET_PARAMETERS, set_parameters),
    REMOTE_BIND(NETWORK_PORT_CREATE_XML, create),
    REMOTE_BIND(NETWORK_PORT_DELETE, delete));
