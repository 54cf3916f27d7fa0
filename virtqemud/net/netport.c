#include "virtqemud/net/netport.h"

#include <string.h>
#include <sys/random.h>

#include "common/base/arena.h"
#include "common/conf/domain/device/interface.h"
#include "common/conf/network/port.h"
#include "common/daemon/peers.h"
#include "protocol/calls.h"
#include "protocol/constants.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/net/card.h"
#include "virtqemud/net/release.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.net"
#include "common/base/log.h"

/* --- asking --- */

/* What the card has already, when it is plugged in. */
static void
describe_plug(const NetDef *net, NetworkPortDef *port)
{
    if (net->type == NET_DIRECT) {
        port->plug = PLUG_DIRECT;
        port->linkdev = net->source.dev;
        port->mode = (int)net->source.mode;
    } else {
        port->plug = net->type == NET_BRIDGE ? PLUG_BRIDGE : PLUG_NETWORK;
        port->bridge = net->source.bridge;
    }
}

/* What the card wants of the network, or has, as the document virtnetworkd reads. g_free. */
static char *
describe(const Domain *domain, const NetDef *net, bool plugged)
{
    NetworkPortDef port = {
        .uuid = net->source.port_id,
        .owner_name = (char *)domain_name(domain),
        .group = net->source.portgroup,
        .mac = net->mac,
        .vport = net->vport,
        .vlan = net->vlan,
        .bandwidth = net->bandwidth,
        .trust_guest_rx_filters = net->trust_guest_rx_filters,
        .isolated = net->isolated,
    };

    if (plugged)
        describe_plug(net, &port);
    port.owner_uuid.set = true;
    memcpy(port.owner_uuid.b, domain->base.uuid, UUID_SIZE);
    return network_port_def_format(&port, 0);
}

static int
plug_unsupported(const NetDef *net, const NetworkPortDef *port, Error *err)
{
    return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "interface '%s': network '%s' gives a port of type '%s', which is not supported",
                      net->base.info.alias, net->source.network, port->plug ? port_plug_names[port->plug] : "none");
}

/* The card is now what the network plugged it into. */
static int
plug_in(NetDef *net, const NetworkPortDef *port, Error *err)
{
    static const char *const managers[] = { NULL, "kernel", "libvirt" };

    switch (port->plug) {
    case PLUG_NETWORK:
    case PLUG_BRIDGE:
        net->type = port->plug == PLUG_BRIDGE ? NET_BRIDGE : NET_NETWORK;
        net->source.bridge = g_strdup(port->bridge);
        net->source.mac_table_manager = g_strdup(managers[port->mac_table]);
        break;
    case PLUG_DIRECT:
        net->type = NET_DIRECT;
        net->source.dev = g_strdup(port->linkdev);
        net->source.mode = (DirectMode)port->mode;
        break;
    default:
        return plug_unsupported(net, port, err);
    }
    if (!net->vlan)
        net->vlan = xml_copy(&net_vlan_schema, port->vlan);
    if (!net->vport)
        net->vport = xml_copy(&virtual_port_schema, port->vport);
    if (!net->bandwidth.present && port->bandwidth.present)
        xml_copy_into(&net_bandwidth_schema, &net->bandwidth, &port->bandwidth);
    if (!net->isolated)
        net->isolated = port->isolated;
    if (!net->trust_guest_rx_filters)
        net->trust_guest_rx_filters = port->trust_guest_rx_filters;
    return 0;
}

/* No answer that says that there is no port. */
static bool
is_unknown(const Error *why)
{
    return why->code == ERR_NO_CONNECT || why->code == ERR_OPERATION_ABORTED || why->code == ERR_OPERATION_TIMEOUT;
}

static int
refused(NetDef *net, Error *err, Error *why)
{
    if (!is_unknown(why))
        net->source.port_id = (Uuid){ 0 };
    return error_move(err, why);
}

/* A port that was asked for. The job goes on when nobody waits any more: what is made then is given back. */
typedef struct Asking {
    Driver *driver;
    RpcPeer *peer;
    char *network, *xml;
    uint8_t network_uuid[UUID_SIZE], port[UUID_SIZE];
    Wait *wait; /* NULL: the start has given up */
    Error *err; /* of who waits */
} Asking;

static void
give_back(const Asking *asking)
{
    GPtrArray *ports = g_ptr_array_new_with_free_func(release_free);

    g_ptr_array_add(ports, release_new(asking->network, asking->port));
    release_add(asking->driver, ports);
}

static void
ask_job(Job *job, void *data)
{
    Asking *asking = data;
    remote_network_port_create_xml_args args = { .network.name = asking->network, .xml = asking->xml };
    remote_network_port_create_xml_ret created = { 0 };
    _cleanup_error_ Error why = ERROR_INIT;
    Arena arena;
    int r;

    memcpy(args.network.uuid, asking->network_uuid, UUID_SIZE);
    arena_init(&arena, NULL, 0);
    r = remote_call_network_port_create_xml(job, asking->peer, &arena, &args, &created, &why);
    arena_done(&arena);
    if (asking->wait) {
        if (r < 0)
            error_move(asking->err, &why);
        wait_done(asking->wait, r);
    } else if (r == 0 || is_unknown(&why)) {
        give_back(asking);
    }
    rpc_peer_unref(asking->peer);
    g_free(asking->network);
    g_free(asking->xml);
    g_free(asking);
}

static int
ask(Job *job, Driver *driver, const NetDef *net, const remote_nonnull_network *network, const char *xml, RpcPeer *peer, Error *err)
{
    Wait wait = { 0 };
    Asking *asking = g_new0(Asking, 1);
    int r;

    *asking = (Asking){ .driver = driver, .peer = rpc_peer_ref(peer), .network = g_strdup(network->name), .xml = g_strdup(xml), .wait = &wait, .err = err };
    memcpy(asking->network_uuid, network->uuid, UUID_SIZE);
    memcpy(asking->port, net->source.port_id.b, UUID_SIZE);
    job_spawn("port", job_owner(job), ask_job, asking);
    r = job_wait(job, &wait, "a port of a network", LOOP_NEVER, err);
    if (r < 0)
        asking->wait = NULL;
    return r < 0 ? r : wait.result;
}

/* Three calls: which network is it, give me the port, what have I got. */
static int
acquire(Job *job, const Domain *domain, NetDef *net, RpcPeer *peer, Arena *arena, Error *err)
{
    const remote_network_lookup_by_name_args lookup = { .name = net->source.network };
    g_autofree char *xml = describe(domain, net, false);
    g_autoptr(NetworkPortDef) port = NULL;
    remote_network_lookup_by_name_ret network = { 0 };
    remote_network_port_get_xml_desc_args made = { 0 };
    remote_network_port_get_xml_desc_ret got = { 0 };
    _cleanup_error_ Error why = ERROR_INIT;
    int r;

    if (remote_call_network_lookup_by_name(job, peer, arena, &lookup, &network, &why) < 0 ||
        ask(job, domain->driver, net, &network.net, xml, peer, &why) < 0) {
        r = refused(net, err, &why);
    } else {
        made.port.net = network.net;
        memcpy(made.port.uuid, net->source.port_id.b, UUID_SIZE);
        r = remote_call_network_port_get_xml_desc(job, peer, arena, &made, &got, err);
    }
    if (r < 0 || network_port_def_parse(got.xml, 0, &port, err) < 0)
        return error_prefixf(err, "interface '%s' gets no port of network '%s'", net->base.info.alias, net->source.network);
    return plug_in(net, port, err);
}

/* 1 when there are any. */
static int
choose_ports(Domain *domain, Error *err)
{
    int any = 0;

    DOMAIN_FOREACH_KIND(domain->live, DEVICE_INTERFACE, device) {
        NetDef *net = NET(device);

        if (net->type != NET_NETWORK)
            continue;
        net->source.port_id.set = true;
        if (getrandom(net->source.port_id.b, UUID_SIZE, 0) != UUID_SIZE)
            return error_setf(err, FROM_QEMU, ERR_SYSTEM_ERROR, "cannot make a UUID");
        net->source.port_id.b[6] = (uint8_t)((net->source.port_id.b[6] & 0x0f) | 0x40); /* version 4 */
        net->source.port_id.b[8] = (uint8_t)((net->source.port_id.b[8] & 0x3f) | 0x80); /* variant 1 */
        any = 1;
    }
    return any;
}

int
netport_acquire_all(Job *job, Domain *domain, Error *err)
{
    Driver *driver = domain->driver;
    _cleanup_peer_ RpcPeer *peer = NULL;
    Arena arena;
    int r = choose_ports(domain, err);

    if (r <= 0)
        return r;
    persist_status(domain);
    arena_init(&arena, NULL, 0);
    /* What this guest had before may be all there is: it must be back first. */
    r = release_wait(job, driver, err) < 0 || daemon_peer(job, driver->daemon, RPC_OWNER_NETWORK, &peer, err) < 0 ? -1 : 0;
    DOMAIN_FOREACH_KIND(domain->live, DEVICE_INTERFACE, device) {
        NetDef *net = NET(device);

        if (r == 0 && net->source.port_id.set)
            r = acquire(job, domain, net, peer, &arena, err);
        else if (net->type == NET_NETWORK)
            net->source.port_id = (Uuid){ 0 }; /* never asked for: nothing to give back */
    }
    arena_done(&arena);
    domain_texts_changed(domain);
    return r;
}

void
netport_release_all(Domain *domain)
{
    g_autoptr(GPtrArray) ports = g_ptr_array_new_with_free_func(release_free);

    DOMAIN_FOREACH_KIND(domain->live, DEVICE_INTERFACE, device)
        if (net_is_plugged(NET(device)))
            g_ptr_array_add(ports, release_new(NET(device)->source.network, NET(device)->source.port_id.b));
    release_add(domain->driver, g_steal_pointer(&ports));
}

/* --- after a restart --- */

/* The guest whose port it is runs still: what one that ended had has been given back, or is about to be. */
static bool
runs_still(const Domain *domain, int id)
{
    return domain->run && domain->base.id == id && !domain->run->exited;
}

static int
reclaim(Job *job, const Domain *domain, int id, const NetDef *net, RpcPeer *peer, Arena *arena, Error *err)
{
    const remote_network_lookup_by_name_args lookup = { .name = net->source.network };
    g_autofree char *xml = describe(domain, net, true);
    remote_network_lookup_by_name_ret network = { 0 };
    remote_network_port_lookup_by_uuid_args known = { 0 };
    remote_network_port_lookup_by_uuid_ret port = { 0 };
    remote_network_port_create_xml_ret created = { 0 };
    _cleanup_error_ Error why = ERROR_INIT;

    if (remote_call_network_lookup_by_name(job, peer, arena, &lookup, &network, err) < 0)
        return -1;
    known.network = network.net;
    memcpy(known.uuid, net->source.port_id.b, UUID_SIZE);
    if (remote_call_network_port_lookup_by_uuid(job, peer, arena, &known, &port, &why) == 0)
        return 0;
    if (why.code != ERR_NO_NETWORK_PORT)
        return error_move(err, &why);
    if (!runs_still(domain, id))
        return 0;
    if (remote_call_network_port_create_xml(job, peer, arena, &(remote_network_port_create_xml_args){ network.net, xml, VIR_NETWORK_PORT_CREATE_RECLAIM },
                                            &created, err) < 0)
        return -1;
    return runs_still(domain, id) ? card_reattach(net, err) : 0;
}

void
netport_reclaim_all(Job *job, Domain *domain)
{
    g_autoptr(DomainDef) live = domain_def_ref(domain->live);
    _cleanup_peer_ RpcPeer *peer = NULL;
    int id = domain->base.id;
    Arena arena;

    arena_init(&arena, NULL, 0);
    DOMAIN_FOREACH_KIND(live, DEVICE_INTERFACE, device) {
        const NetDef *net = NET(device);
        _cleanup_error_ Error err = ERROR_INIT;

        if (net_is_plugged(net) && ((!peer && daemon_peer(job, domain->driver->daemon, RPC_OWNER_NETWORK, &peer, &err) < 0) ||
                                    reclaim(job, domain, id, net, peer, &arena, &err) < 0))
            log_warning("%s, interface '%s' of network '%s': %s", domain->label, device->info.alias, net->source.network, err.message);
    }
    arena_done(&arena);
}
