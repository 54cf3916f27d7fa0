/* The table of <networkport>, and ports as values. */
#include "common/conf/network/port.h"

#include "common/conf/definition.h"
#include "common/xml/document.h"

const char *const port_plug_names[] = { NULL, "network", "bridge", "direct", "hostdev-pci", NULL };
static const char *const mac_table_names[] = { NULL, "kernel", "libvirt", NULL };

#define P NetworkPortDef
#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, P, var##_rows, "part of a port")

ONE(port_owner, E_LSTR("name", P, owner_name, "name of the guest", .flags = XR_REQUIRED),
    E_UUID("uuid", P, owner_uuid, "identity of the guest", .flags = XR_REQUIRED));
ONE(port_mac, A_MAC("address", P, mac, "address of the guest's card", .flags = XR_REQUIRED));
ONE(port_class, A_PUINT("id", P, class_id, "number of the traffic class"));
ONE(port_filters, A_YESNO("trustGuest", P, trust_guest_rx_filters, "follow the guest's filters"));
ONE(port_options, A_YESNO("isolated", P, isolated, "sees no other guest"));
ONE(port_driver, A_STR("name", P, driver_name, "kernel driver family"), A_STR("model", P, driver_model, "kernel driver"));

/* Accepted, never written: there is no other type. */
static int
address_type_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    return 0;
}
static void
address_type_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
}
static const char *const type_attribute[] = { "type", NULL };
static const XmlCustom address_type_row = {
    .parse = address_type_parse, .format = address_type_format, .attribute_phase = true, .attributes = type_attribute,
    .rng = "<optional><attribute name='type'/></optional>",
};
ONE(port_address, CUSTOM(NULL, address_type_row, "always `pci`"), PCI_FUNCTION_AT(P, pci_domain, pci_function));

#define ON_BRIDGE WHEN(P, plug, PLUG_NETWORK, PLUG_BRIDGE)
static const XmlRow plug_rows[] = {
    A_ENUM("type", P, plug, port_plug_names, "what the card is plugged into", .flags = XR_REQUIRED),
    A_YESNO("managed", P, managed, "taken from its driver by us", WHEN(P, plug, PLUG_HOSTDEV_PCI)),
    A_STR("bridge", P, bridge, "bridge", ON_BRIDGE, .flags = XR_REQUIRED),
    A_ENUM("macTableManager", P, mac_table, mac_table_names, "who knows which address is behind which port", ON_BRIDGE),
    A_STR("dev", P, linkdev, "interface of the host", WHEN(P, plug, PLUG_DIRECT), .flags = XR_REQUIRED),
    A_ENUM("mode", P, mode, direct_mode_names, "way of sharing it", WHEN(P, plug, PLUG_DIRECT), .flags = XR_REQUIRED),
    GROUP("driver", port_driver_schema, "kernel driver", WHEN(P, plug, PLUG_HOSTDEV_PCI)),
    GROUP("address", port_address_schema, "PCI function", WHEN(P, plug, PLUG_HOSTDEV_PCI), .flags = XR_REQUIRED | XR_ALWAYS),
    ROWS_END,
};
static SCHEMA(plug_schema, "portPlug", P, plug_rows, "what the card is plugged into");

/* Parts without a number for "absent" are written when they say something. */
static bool
class_shown(const void *object, unsigned flags)
{
    return ((const P *)object)->class_id != 0;
}

static const XmlRow port_rows[] = {
    E_UUID("uuid", P, uuid, "identity"),
    GROUP("owner", port_owner_schema, "guest", .flags = XR_REQUIRED),
    E_LSTR("group", P, group, "port group"),
    GROUP("mac", port_mac_schema, "address of the guest's card", .flags = XR_REQUIRED),
    PTR("virtualport", P, vport, virtual_port_schema, "port of a virtual switch"),
    GROUP_AT("bandwidth", P, bandwidth, net_bandwidth_schema, "limits"),
    GROUP("class", port_class_schema, "traffic class of the guaranteed rate", .shown = class_shown),
    GROUP("rxfilters", port_filters_schema, "the guest's filters"),
    GROUP("port", port_options_schema, "port options"),
    PTR("vlan", P, vlan, net_vlan_schema, "virtual LANs"),
    GROUP("plug", plug_schema, "what the card is plugged into"),
    ROWS_END,
};
SCHEMA(network_port_schema, "networkport", P, port_rows, "a guest's card on a network");

/* -- values -- */

DEFINITION_VALUE(NetworkPortDef, network_port_def, network_port_schema);

int
network_port_def_read(xmlNode *root, unsigned flags, NetworkPortDef **ret_def, Error *err)
{
    g_autoptr(NetworkPortDef) def = xml_new(&network_port_schema);

    def->refs = 1;
    if (definition_read(root, "networkport", &network_port_schema, flags, FROM_NETWORK, FROM_NETWORK, def, err) < 0)
        return -1;
    if (!def->uuid.set && !uuid_generate(&def->uuid))
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "no random bytes for the UUID of a network port");
    *ret_def = g_steal_pointer(&def);
    return 0;
}

int
network_port_def_parse(const char *text, unsigned flags, NetworkPortDef **ret_def, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;

    if (xml_document_load(text, "network port", FROM_NETWORK, &doc, err) < 0)
        return -1;
    return network_port_def_read(xmlDocGetRootElement(doc), flags, ret_def, err);
}

char *
network_port_def_format(const NetworkPortDef *def, unsigned flags)
{
    return xml_to_text("networkport", &network_port_schema, def, flags);
}
