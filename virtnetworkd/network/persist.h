/*
 * What of a network is on disk: its definition and autostart link (durable), and its status while it is active (in the
 * runtime directory). The places and formats are libvirt's: a host that moves over keeps its active networks.
 */
#pragma once

#include "virtnetworkd/network/network.h"

/* Index the definitions: name and UUID only. A file that makes no sense is logged and left alone. Doesn't suspend. */
int persist_index(Driver *driver, Error *err);
/* Parse the definition of an indexed network. */
int persist_load(Network *network, Error *err);
int persist_write_config(Job *job, Driver *driver, const NetworkDef *def, Error *err) _must_check_;
int persist_remove_config(Job *job, Network *network, Error *err) _must_check_;
int persist_set_autostart(Job *job, Network *network, bool autostart, Error *err) _must_check_;

/* Write the status of a network that has a run. */
int persist_status(Network *network, Error *err);
/* The same; a failure is logged: the network goes on. */
void persist_status_soft(Network *network);
void persist_remove_status(Network *network);
/* Names of the networks with status files. */
GPtrArray *persist_status_names(Driver *driver);
/* What a status file says: the live definition, the phase it was in, and whether libvirt's daemon wrote it. */
typedef struct PersistedStatus {
    NetworkDef *live; /* a reference */
    unsigned phase;
    bool libvirts;
} PersistedStatus;

int persist_read_status(Driver *driver, const char *name, PersistedStatus *ret, Error *err);
