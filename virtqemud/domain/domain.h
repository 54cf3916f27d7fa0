/*
 * A guest: its definitions, its state, and, while it runs, its QEMU.
 *
 * Owned by the loop thread; reference counted (domain_ref). Parsed definitions are immutable values: `live` is what the
 * running guest has, `config` what it will have at the next start. A definition read from disk is parsed when first
 * needed: use domain_config(), domain_definition(), not the members. Modifying jobs hold `queue`; readers never wait.
 *
 * All changes of state go through domain_set_state(): it checks the transition, stamps it, drops cached texts, writes the
 * status file and sends the event.
 */
#pragma once

#include <glib.h>

#include "common/base/job.h"
#include "common/conf/domain/domain.h"
#include "common/store/store.h"
#include "protocol/constants.h"

typedef struct Domain Domain;
typedef struct DomainRun DomainRun;
typedef struct Driver Driver;

/* The texts kept until something they depend on changes. */
typedef enum { DOMAIN_XML_LIVE, DOMAIN_XML_LIVE_SECURE, DOMAIN_XML_CONFIG, DOMAIN_XML_CONFIG_SECURE, DOMAIN_XML_COUNT } DomainXml;

struct Domain {
    StoreObject base; /* name, uuid, id */
    Driver *driver;
    char *label;      /* "domain 'NAME'", for errors and job queues */
    JobQueue queue;
    bool persistent, autostart;
    bool updated;     /* the configuration changed while running: live and config differ */
    virDomainState state;
    int reason;       /* of the state, virDomain<State>Reason */
    DomainDef *live;  /* NULL when inactive */
    DomainDef *config;   /* NULL when transient, or not yet parsed */
    GRefString *xml[DOMAIN_XML_COUNT];
    GList parsed_link;   /* in driver->parsed while config is set; data NULL otherwise */
    DomainRun *run;   /* NULL when inactive */
    bool managed_save; /* there is a managed save image */
    bool dying;        /* asked to end: what happens next is not a crash */
};

Domain *domain_new(Driver *driver, const char *name, const uint8_t *uuid);
static inline Domain *domain_ref(Domain *domain) { return store_ref(domain); }
void domain_unref(Domain *domain);
void domain_free(Domain *domain); /* by the store, with the last reference */
void domain_rename(Domain *domain, const char *name);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Domain, domain_unref)

static inline const char *domain_name(const Domain *d) { return d->base.name; }
static inline bool domain_active(const Domain *d) { return d->base.id >= 0; }

/*
 * The persistent definition, parsed now if it was not. Borrowed until something waits: take a reference to keep it. NULL with err
 * when it has none or its file is broken.
 */
const DomainDef *domain_config(Domain *domain, Error *err);
/* What is shown without flags: live when active, else config. */
const DomainDef *domain_definition(Domain *domain, Error *err);
/* Install new definitions (references are taken over); drops cached texts. */
void domain_set_config(Domain *domain, DomainDef *config);
void domain_set_live(Domain *domain, DomainDef *live);
void domain_texts_changed(Domain *domain);
/* The kept text for these flags (virDomainXMLFlags), borrowed until something changes; NULL when there is none. */
const char *domain_xml(const Domain *domain, unsigned flags);
/* Keep text, if texts of these flags are kept; the kept copy, or NULL. */
const char *domain_keep_xml(Domain *domain, unsigned flags, const char *text);

/*
 * Change state. event and detail are of virDomainEventType (event -1: none). An impossible transition is a bug of ours:
 * it is logged and refused.
 */
void domain_set_state(Domain *domain, virDomainState state, int reason, int event, int detail);
const char *domain_state_name(virDomainState state);

/* What lists are filtered by. */
void domain_set_persistent(Domain *domain, bool persistent);
void domain_set_managed_save(Domain *domain, bool managed_save);
void domain_set_autostart(Domain *domain, bool autostart);

/* 0, or -1 with ERR_OPERATION_INVALID. */
int domain_check_active(const Domain *domain, Error *err);
