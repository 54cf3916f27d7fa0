/*
 * A network port: the <networkport> document. One guest's card on one network: what it asked for, and what it got (the plug).
 */
#pragma once

#include "common/conf/network/network.h"

typedef enum PortPlug {
    PLUG_NONE = 0,
    PLUG_NETWORK,  /* our bridge: tap on plug.bridge */
    PLUG_BRIDGE,   /* a host bridge */
    PLUG_DIRECT,   /* macvtap on plug.linkdev */
    PLUG_HOSTDEV_PCI,
} PortPlug;
extern const char *const port_plug_names[]; /* NULL, "network", "bridge", "direct", "hostdev-pci" */

typedef struct NetworkPortDef {
    unsigned refs;
    Uuid uuid;                   /* generated when not written */
    char *owner_name; Uuid owner_uuid;
    char *group;                 /* port group */
    Mac mac;
    VirtualPort *vport;
    NetVlan *vlan;
    NetBandwidth bandwidth;
    unsigned class_id;           /* of the traffic class of <inbound floor=>; 0 none; <class id=> */
    Tri trust_guest_rx_filters, isolated;
    PortPlug plug;
    char *bridge; MacTableManager mac_table; /* network, bridge */
    char *linkdev; int mode;     /* direct: DirectMode of parts.h */
    Tri managed;                 /* hostdev-pci */
    char *driver_name, *driver_model;
    unsigned pci_domain, pci_bus, pci_slot, pci_function;
} NetworkPortDef;

extern const XmlSchema network_port_schema;

int network_port_def_parse(const char *text, unsigned flags, NetworkPortDef **ret_def, Error *err);
int network_port_def_read(xmlNode *root, unsigned flags, NetworkPortDef **ret_def, Error *err);
char *network_port_def_format(const NetworkPortDef *def, unsigned flags);
NetworkPortDef *network_port_def_copy(const NetworkPortDef *def);
NetworkPortDef *network_port_def_ref(const NetworkPortDef *def);
void network_port_def_unref(NetworkPortDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkPortDef, network_port_def_unref)
