/*
 * A network: its definitions and, while it is active, what was made of it.
 *
 * Owned by the loop thread; reference counted. Definitions are immutable values: `live` is what the active network has,
 * `config` what it will have at the next start. A definition read from disk is parsed when first needed: use
 * network_config(), network_definition(). Modifying jobs hold `queue`; readers never wait.
 */
#pragma once

#include <glib.h>

#include "common/base/job.h"
#include "common/conf/network/network.h"
#include "common/store/store.h"

typedef struct Driver Driver;
typedef struct Network Network;
typedef struct NetworkRun NetworkRun;

typedef enum { NETWORK_XML_LIVE, NETWORK_XML_CONFIG, NETWORK_XML_COUNT } NetworkXml;

struct Network {
    StoreObject base; /* name, uuid; id while active */
    Driver *driver;
    char *label;      /* "network 'NAME'", for errors and job queues */
    JobQueue queue;
    bool persistent, autostart;
    NetworkDef *live;   /* NULL when inactive */
    NetworkDef *config; /* NULL when transient, or not yet parsed */
    GRefString *xml[NETWORK_XML_COUNT]; /* texts kept until something they depend on changes */
    NetworkRun *run;    /* NULL when nothing of it is in the kernel; set while it starts and stops too */
};

Network *network_new(Driver *driver, const char *name, const uint8_t *uuid);
static inline Network *network_ref(Network *network) { return store_ref(network); }
void network_unref(Network *network);
void network_free(Network *network); /* by the store, with the last reference */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, network_unref)

static inline const char *network_name(const Network *n) { return n->base.name; }
static inline bool network_active(const Network *n) { return n->base.id >= 0; }
void network_set_active(Network *network, bool active); /* what lists and look-ups show; sends no event */

/*
 * The persistent definition, parsed now if it was not. Borrowed: take a reference to keep it over a wait. NULL with err when
 * it has none or its file is broken.
 */
const NetworkDef *network_config(Network *network, Error *err);
const NetworkDef *network_definition(Network *network, Error *err); /* live when active, else config */
/* Install new definitions (references are taken over); drops the kept texts. */
void network_set_config(Network *network, NetworkDef *config);
void network_set_live(Network *network, NetworkDef *live);
void network_texts_changed(Network *network);
/* Kept text for these flags (virNetworkXMLFlags); NULL when there is no such definition. Borrowed until something changes. */
const char *network_xml(Network *network, unsigned flags, Error *err);

void network_set_persistent(Network *network, bool persistent);
void network_set_autostart(Network *network, bool autostart);

/* 0, or -1 with ERR_OPERATION_INVALID. */
int network_check_active(const Network *network, Error *err);
