#include "virtqemud/net/card.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <string.h>

#include "common/base/file.h"
#include "common/conf/domain/device/interface.h"
#include "common/host/netlink/bridge.h"
#include "common/host/netlink/link.h"
#include "common/host/netlink/macvtap.h"
#include "common/host/netlink/qos.h"
#include "common/host/tap.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.net"
#include "common/base/log.h"

#define VHOST_DEVICE "/dev/vhost-net"
#define MACVTAP_PREFIX "macvtap"
#define MACVTAPS_MAX 8192
#define SCRIPT_TIMEOUT (60 * USEC_PER_SEC)
#define TAP_MAC_FIRST 0xfe /* high, so that the bridge does not take its own address from a guest's tap */

static void
passed_clear(void *data)
{
    fd_close(&((ProcessFd *)data)->source);
}

void
guest_fds_init(GuestFds *fds, int first)
{
    *fds = (GuestFds){
        .by_alias = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref),
        .passed = g_array_new(FALSE, FALSE, sizeof(ProcessFd)),
        .next = first,
    };
    g_array_set_clear_func(fds->passed, passed_clear);
}

void
guest_fds_done(GuestFds *fds)
{
    g_clear_pointer(&fds->by_alias, g_hash_table_unref);
    g_clear_pointer(&fds->passed, g_array_unref);
}

void
guest_fds_add(GuestFds *fds, const char *alias, int fd)
{
    ProcessFd passed = { .source = fd, .target = fds->next++ };
    GArray *numbers = g_hash_table_lookup(fds->by_alias, alias);

    if (!numbers) {
        numbers = g_array_new(FALSE, FALSE, sizeof(int));
        g_hash_table_insert(fds->by_alias, g_strdup(alias), numbers);
    }
    g_array_append_val(numbers, passed.target);
    g_array_append_val(fds->passed, passed);
}

static unsigned
queues_of(const NetDef *net)
{
    return net_is_virtio(net) && net->queues.set ? MAX(net->queues.v, 1) : 1;
}

static void
add_all(GuestFds *fds, const NetDef *net, const int *opened, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        guest_fds_add(fds, net->base.info.alias, opened[i]);
}

static void
set_target(NetDef *net, const char *name)
{
    g_free(net->target);
    net->target = g_strdup(name);
}

/* --- on a bridge --- */

/*
 * The bridge knows the guest's address from us: nothing is learned, nothing unknown is sent there. It is known in the VLANs that the
 * port is in at that time.
 */
static int
fix_mac_table(Netlink *nl, const NetDef *net, Error *err)
{
    const BridgePortFlags mask = BRIDGE_PORT_LEARNING | BRIDGE_PORT_UNICAST_FLOOD;

    if (g_strcmp0(net->source.mac_table_manager, "libvirt") != 0)
        return 0;
    return bridge_port_set(nl, net->target, mask, 0, err) < 0 || bridge_fdb_add(nl, net->target, &net->mac, err) < 0 ? -1 : 0;
}

static int
set_vlans(Netlink *nl, const NetDef *net, Error *err)
{
    g_autofree BridgeVlan *vlans = net->vlan ? g_new0(BridgeVlan, net->vlan->tags.n) : NULL;

    if (!net->vlan)
        return 0;
    for (size_t i = 0; i < net->vlan->tags.n; i++) {
        const VlanTag *tag = net->vlan->tags.items[i];
        bool native = tag->native_mode != NULL || (net->vlan->tags.n == 1 && net->vlan->trunk != TRI_YES);

        vlans[i] = (BridgeVlan){ .id = (uint16_t)tag->id.v, .pvid = native, .untagged = native && g_strcmp0(tag->native_mode, "tagged") != 0 };
    }
    return bridge_vlan_set(nl, net->target, vlans, net->vlan->tags.n, err);
}

static int
become_port(Netlink *nl, const NetDef *net, Error *err)
{
    if (link_set_master(nl, net->target, net->source.bridge, err) < 0 || set_vlans(nl, net, err) < 0 || fix_mac_table(nl, net, err) < 0)
        return -1;
    return net->isolated == TRI_YES ? bridge_port_set(nl, net->target, BRIDGE_PORT_ISOLATED, BRIDGE_PORT_ISOLATED, err) : 0;
}

int
card_reattach(const NetDef *net, Error *err)
{
    g_autoptr(Netlink) nl = NULL;

    if ((net->type != NET_NETWORK && net->type != NET_BRIDGE) || !net->target)
        return 0;
    return netlink_open(NETLINK_ROUTE, &nl, err) < 0 ? -1 : become_port(nl, net, err);
}

/*
 * The tap takes the bridge's MTU unless it has one of its own: a smaller one would lower the bridge's. A network that has an
 * unusual one has it for its guests too: a virtio card tells them.
 */
static int
join_bridge(Netlink *nl, NetDef *net, Error *err)
{
    HostLink link;

    if (net->vport && net->vport->type != VPORT_NONE)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "interface '%s': ports of Open vSwitch and 802.1Qb[gh] switches are not supported",
                          net->base.info.alias);
    if (link_get(nl, net->source.bridge, &link, err) < 0)
        return error_prefixf(err, "cannot attach '%s' to its bridge", net->target);
    if (!net->mtu.set && link_set_mtu(nl, net->target, link.mtu, err) < 0)
        return -1;
    if (!net->mtu.set && net->type == NET_NETWORK && link.mtu != ETH_DATA_LEN)
        net->mtu = (OptUint)OPT(link.mtu);
    return become_port(nl, net, err);
}

/* The kernel's share of a virtio card's work: used where it is to be had, wanted where the definition says so. */
static int
open_vhost(const NetDef *net, VirtType virt, unsigned queues, GuestFds *fds, Error *err)
{
    g_autofree char *alias = g_strconcat("vhost-", net->base.info.alias, NULL);

    if (!net_is_virtio(net) || net->driver == NET_DRIVER_QEMU || (virt != VIRT_KVM && net->driver != NET_DRIVER_VHOST))
        return 0;
    for (unsigned i = 0; i < queues; i++) {
        int fd = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);

        if (fd < 0 && (net->driver == NET_DRIVER_VHOST || i > 0))
            return error_set_errno(err, FROM_QEMU, errno, "cannot open %s for '%s'", VHOST_DEVICE, net->base.info.alias);
        if (fd < 0)
            return 0;
        guest_fds_add(fds, alias, fd);
    }
    return 0;
}

/* --- taps --- */

static int
run_script(Job *job, const NetDef *net, const char *script, Error *err)
{
    const char *const argv[] = { script, net->target, NULL };
    const ProcessSpec spec = { .argv = argv };
    ProcessOutput output = { 0 };

    if (!script)
        return 0;
    if (process_check(job, &spec, NULL, SCRIPT_TIMEOUT, &output, err) < 0)
        return error_prefixf(err, "the script of interface '%s'", net->base.info.alias);
    process_output_done(&output);
    return 0;
}

/* An interface of type ethernet is connected by its script, or by nobody. */
static int
set_up(Job *job, Netlink *nl, NetDef *net, Error *err)
{
    bool made_by_other = net->type == NET_ETHERNET && net->target_managed == TRI_NO;
    Mac mac = net->mac;

    if (made_by_other)
        return 0;
    mac.b[0] = TAP_MAC_FIRST;
    if (link_set_mac(nl, net->target, &mac, err) < 0 || (net->mtu.set && link_set_mtu(nl, net->target, (unsigned)net->mtu.v, err) < 0) ||
        (net->type != NET_ETHERNET && join_bridge(nl, net, err) < 0) || (net->type == NET_ETHERNET && run_script(job, net, net->script, err) < 0))
        return -1;
    return net->link == NET_LINK_DOWN ? 0 : link_set_up(nl, net->target, true, err);
}

static int
open_tap(Job *job, Netlink *nl, NetDef *net, VirtType virt, GuestFds *fds, Error *err)
{
    unsigned queues = queues_of(net);
    bool chosen = !net->target || (g_str_has_prefix(net->target, TAP_GENERATED_PREFIX) && net->target_managed != TRI_NO);
    g_autofree int *opened = g_new(int, queues);
    char name[IFNAMSIZ];

    if (net->type != NET_ETHERNET && (net->script || net->downscript))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "<script> of interface '%s' is for type 'ethernet' only",
                          net->base.info.alias);
    if (tap_open(chosen ? TAP_GENERATED_PREFIX "%d" : net->target, queues, net_is_virtio(net), name, opened, err) < 0)
        return error_prefixf(err, "interface '%s'", net->base.info.alias);
    add_all(fds, net, opened, queues);
    set_target(net, name);
    return set_up(job, nl, net, err) < 0 ? -1 : open_vhost(net, virt, queues, fds, err);
}

/* --- macvtaps --- */

/* The name is in the status file before the interface exists: a later life of ours then deletes it. */
static int
make_macvtap(Netlink *nl, Domain *domain, NetDef *net, Error *err)
{
    static const MacvtapMode modes[] = { [DIRECT_ABSENT] = MACVTAP_VEPA, [DIRECT_VEPA] = MACVTAP_VEPA, [DIRECT_PRIVATE] = MACVTAP_PRIVATE,
                                         [DIRECT_BRIDGE] = MACVTAP_BRIDGE, [DIRECT_PASSTHROUGH] = MACVTAP_PASSTHROUGH };
    bool chosen = !net->target || g_str_has_prefix(net->target, MACVTAP_PREFIX);
    char made[IFNAMSIZ];

    for (unsigned i = 0; i < MACVTAPS_MAX; i++) {
        g_autofree char *name = chosen ? g_strdup_printf(MACVTAP_PREFIX "%u", i) : g_strdup(net->target);
        MacvtapSpec spec = { .lower = net->source.dev, .name = name, .mode = modes[net->source.mode], .mac = net->mac };
        HostLink link;
        int r = link_find(nl, name, &link, err);

        if (r < 0)
            return -1;
        if (r > 0 && chosen)
            continue;
        if (r > 0)
            return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "interface '%s': the name '%s' is taken", net->base.info.alias, name);
        set_target(net, name);
        persist_status(domain);
        return macvtap_create(nl, &spec, made, err);
    }
    return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "interface '%s': all names are taken", net->base.info.alias);
}

static int
open_macvtap(Netlink *nl, Domain *domain, NetDef *net, GuestFds *fds, Error *err)
{
    unsigned queues = queues_of(net);
    g_autofree int *opened = g_new(int, queues);

    if (net->vport && net->vport->type != VPORT_NONE)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "interface '%s': 802.1Qb[gh] switches are not supported", net->base.info.alias);
    if (net->vlan)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "interface '%s': VLANs over macvtap are not supported", net->base.info.alias);
    if (make_macvtap(nl, domain, net, err) < 0 || (net->mtu.set && link_set_mtu(nl, net->target, (unsigned)net->mtu.v, err) < 0) ||
        (net->link != NET_LINK_DOWN && link_set_up(nl, net->target, true, err) < 0) ||
        macvtap_open(nl, net->target, queues, net_is_virtio(net), domain->run->dir, opened, err) < 0)
        return error_prefixf(err, "interface '%s'", net->base.info.alias);
    add_all(fds, net, opened, queues);
    return open_vhost(net, domain->live->virt, queues, fds, err);
}

/* --- bandwidth --- */

static QosRate
qos_rate(const Bandwidth *bandwidth)
{
    return (QosRate){ .average = bandwidth->average.v, .peak = bandwidth->peak.v, .burst = bandwidth->burst.v };
}

/* What the host sends through a tap is what the guest receives. A macvtap is the guest's own end: there it is what it sends. */
static int
limit(Netlink *nl, const NetDef *net, Error *err)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    QosRate in = qos_rate(&net->bandwidth.inbound), out = qos_rate(&net->bandwidth.outbound);
    bool guests_end = net->type == NET_DIRECT;
    int r;

    if (!net->bandwidth.present || !net->target)
        return 0;
    r = qos_set_sent(nl, net->target, guests_end ? &out : &in, warnings, err);
    if (r == 0)
        r = qos_set_received(nl, net->target, guests_end ? &in : &out, warnings, err);
    for (guint i = 0; i < warnings->len; i++)
        log_warning("interface '%s': %s", net->target, (const char *)warnings->pdata[i]);
    return r;
}

/* --- all cards of a guest --- */

static int
open_card(Job *job, Netlink *nl, Domain *domain, NetDef *net, GuestFds *fds, Error *err)
{
    switch (net->type) {
    case NET_NETWORK:
    case NET_BRIDGE:
    case NET_ETHERNET:
        return open_tap(job, nl, net, domain->live->virt, fds, err);
    case NET_DIRECT:
        return open_macvtap(nl, domain, net, fds, err);
    default:
        return 0; /* QEMU needs nothing of ours */
    }
}

int
card_open_all(Job *job, Domain *domain, GuestFds *fds, Error *err)
{
    g_autoptr(Netlink) nl = NULL;

    if (domain_def_count(domain->live, DEVICE_INTERFACE) == 0)
        return 0;
    if (netlink_open(NETLINK_ROUTE, &nl, err) < 0)
        return -1;
    DOMAIN_FOREACH_KIND(domain->live, DEVICE_INTERFACE, device)
        if (open_card(job, nl, domain, NET(device), fds, err) < 0 || limit(nl, NET(device), err) < 0)
            return -1;
    domain_texts_changed(domain);
    return 0;
}

/* A macvtap of this name on another interface is somebody else's. */
static void
delete_macvtap(Netlink *nl, const Domain *domain, const NetDef *net)
{
    _cleanup_error_ Error err = ERROR_INIT;
    HostLink link, lower;

    if (link_find(nl, net->target, &link, &err) > 0 && strcmp(link.kind, "macvtap") == 0 &&
        link_find(nl, net->source.dev, &lower, &err) > 0 && link.lower == lower.index && link_delete(nl, net->target, &err) < 0)
        log_error("%s: %s", domain->label, err.message);
}

void
card_close_all(Job *job, Domain *domain)
{
    g_autoptr(Netlink) nl = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    DOMAIN_FOREACH_KIND(domain->live, DEVICE_INTERFACE, device) {
        const NetDef *net = NET(device);

        if (!net->target)
            continue;
        if (net->type == NET_DIRECT && (nl || netlink_open(NETLINK_ROUTE, &nl, &err) == 0))
            delete_macvtap(nl, domain, net);
        if (net->bandwidth.present && (nl || netlink_open(NETLINK_ROUTE, &nl, &err) == 0) && qos_sweep(nl, &err) < 0) {
            log_error("%s: %s", domain->label, err.message);
            error_done(&err);
        }
        if (net->type == NET_ETHERNET && run_script(job, net, net->downscript, &err) < 0) {
            log_error("%s: %s", domain->label, err.message);
            error_done(&err);
        }
    }
}
