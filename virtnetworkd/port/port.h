/*
 * Ports: who is on a network, with which card, and what was given to it. A port is of one active network, and is a file in
 * the runtime directory (NAME.ports/UUID.xml, libvirt's), so it survives us. It ends when its owner says so, or with the network.
 */
#pragma once

#include "common/conf/network/port.h"
#include "virtnetworkd/network/network.h"

typedef struct Port {
    unsigned references;
    Network *network;     /* a reference */
    NetworkPortDef *def;
} Port;

Port *port_ref(Port *port);
void port_unref(Port *port); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Port, port_unref)

GHashTable *port_table_new(void); /* UUID -> Port */
Port *port_find(const Network *network, const uint8_t *uuid); /* borrowed; NULL when there is none */
unsigned port_count(const Network *network);

/*
 * A new port of an active network: what def asks for is found (plug.h), the file is written, the hook is asked. def is taken
 * over. reclaim: def says what it has already (its owner lived longer than the network), so nothing is chosen. The queue is
 * held. ERR_OPERATION_FAILED when the UUID is taken, when nothing is free.
 */
int port_create(Job *job, Network *network, NetworkPortDef *def, bool reclaim, Port **ret, Error *err) _must_check_;
int port_delete(Job *job, Port *port, Error *err) _must_check_;
/* Another definition for the port (a reference is taken over): on disk, and in the kernel. */
int port_change(Port *port, NetworkPortDef *def, Error *err);

void port_delete_all(Network *network); /* the network ends */
void port_load_all(Network *network);   /* after a restart; a file that makes no sense is logged and left alone */

/* Write into def, a copy of the live definition, how many ports there are: in all, and by interface. */
void port_count_connections(const Network *network, NetworkDef *def);
