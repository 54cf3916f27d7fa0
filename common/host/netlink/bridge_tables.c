/* See bridge.h: what a bridge knows about its ports, forwarding entries and VLANs. */
#include "common/host/netlink/bridge.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/neighbour.h>

#include "common/host/netlink/internal.h"

static int
change_entry(Netlink *nl, const char *port, const Mac *mac, uint16_t type, uint16_t flags, Error *err)
{
    /* NUD_NOARP is what the bridge calls static; NUD_PERMANENT would be an address of the bridge itself. */
    struct ndmsg header = { .ndm_family = PF_BRIDGE, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER };
    int index = link_index(nl, port, err);
    struct nlmsghdr *request;

    if (index < 0)
        return -1;
    header.ndm_ifindex = index;
    request = netlink_begin(nl, type, flags, &header, sizeof(header));
    mnl_attr_put(request, NDA_LLADDR, sizeof(mac->b), mac->b);
    return netlink_exchange(nl, request, NULL, NULL);
}

static int
entry_failed(Netlink *nl, int r, const char *verb, const char *port, const Mac *mac, Error *err)
{
    g_autofree char *text = mac_format(mac);

    return error_is_set(err) ? -1 : netlink_fail(nl, r, err, "cannot %s the entry of bridge port '%s' for %s", verb, port, text);
}

int
bridge_fdb_add(Netlink *nl, const char *port, const Mac *mac, Error *err)
{
    int r = change_entry(nl, port, mac, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, err);

    return r < 0 ? entry_failed(nl, r, "add", port, mac, err) : 0;
}

int
bridge_fdb_delete(Netlink *nl, const char *port, const Mac *mac, Error *err)
{
    int r = change_entry(nl, port, mac, RTM_DELNEIGH, 0, err);

    return r < 0 && r != -ENOENT ? entry_failed(nl, r, "delete", port, mac, err) : 0;
}

/* All VLANs of all ports, as the dump tells them: which port, which flags. */
typedef struct PortVlan { int index; struct bridge_vlan_info info; } PortVlan;

static int
on_vlans(const struct nlmsghdr *message, void *data)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attr, *inner;
    PortVlan vlan = { .index = header->ifi_index };

    mnl_attr_for_each(attr, message, sizeof(*header)) {
        if (mnl_attr_get_type(attr) != IFLA_AF_SPEC)
            continue;
        mnl_attr_for_each_nested(inner, attr) {
            if (mnl_attr_get_type(inner) != IFLA_BRIDGE_VLAN_INFO || mnl_attr_get_payload_len(inner) < sizeof(vlan.info))
                continue;
            memcpy(&vlan.info, mnl_attr_get_payload(inner), sizeof(vlan.info));
            g_array_append_val((GArray *)data, vlan);
        }
    }
    return 0;
}

static int
change_vlan(Netlink *nl, int index, uint16_t type, uint16_t id, uint16_t flags)
{
    struct bridge_vlan_info vlan = { .flags = flags, .vid = id };
    struct ifinfomsg header = { .ifi_family = PF_BRIDGE, .ifi_index = index };
    struct nlmsghdr *request = netlink_begin(nl, type, 0, &header, sizeof(header));
    struct nlattr *spec = mnl_attr_nest_start(request, IFLA_AF_SPEC);

    mnl_attr_put(request, IFLA_BRIDGE_VLAN_INFO, sizeof(vlan), &vlan);
    mnl_attr_nest_end(request, spec);
    return netlink_exchange(nl, request, NULL, NULL);
}

static uint16_t
vlan_flags(const BridgeVlan *vlan)
{
    return (uint16_t)((vlan->pvid ? BRIDGE_VLAN_INFO_PVID : 0) | (vlan->untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0));
}

static const PortVlan *
carried(const GArray *all, int index, uint16_t id)
{
    for (guint i = 0; i < all->len; i++) {
        const PortVlan *vlan = &g_array_index(all, PortVlan, i);

        if (vlan->index == index && vlan->info.vid == id)
            return vlan;
    }
    return NULL;
}

static bool
is_wanted(const BridgeVlan *vlans, size_t n, uint16_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (vlans[i].id == id)
            return true;
    }
    return false;
}

int
bridge_vlan_set(Netlink *nl, const char *port, const BridgeVlan *vlans, size_t n, Error *err)
{
    struct ifinfomsg header = { .ifi_family = PF_BRIDGE };
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(PortVlan));
    int index = link_index(nl, port, err), r;
    struct nlmsghdr *request;

    if (index < 0)
        return -1;
    request = netlink_begin(nl, RTM_GETLINK, NLM_F_DUMP, &header, sizeof(header));
    mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
    r = netlink_dump(nl, request, on_vlans, all);
    for (guint i = 0; r == 0 && i < all->len; i++) {
        const PortVlan *vlan = &g_array_index(all, PortVlan, i);

        if (vlan->index == index && !is_wanted(vlans, n, vlan->info.vid))
            r = change_vlan(nl, index, RTM_DELLINK, vlan->info.vid, 0);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        const PortVlan *vlan = carried(all, index, vlans[i].id);

        if (!vlan || vlan->info.flags != vlan_flags(&vlans[i]))
            r = change_vlan(nl, index, RTM_SETLINK, vlans[i].id, vlan_flags(&vlans[i]));
    }
    if (r == -EOPNOTSUPP)
        return error_setf(err, FROM_NET, ERR_CONFIG_UNSUPPORTED,
                          "bridge port '%s' cannot have VLANs: this kernel is built without CONFIG_BRIDGE_VLAN_FILTERING, or the "
                          "interface is in no bridge", port);
    return r < 0 ? netlink_fail(nl, r, err, "cannot set the VLANs of bridge port '%s'", port) : 0;
}
