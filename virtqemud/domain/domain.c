#include "virtqemud/domain/domain.h"

#include <string.h>

#include "common/base/file.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.domain"
#include "common/base/log.h"

#define DOMAIN_PARSED_MAX 128

Domain *
domain_new(Driver *driver, const char *name, const uint8_t *uuid)
{
    Domain *d = g_new0(Domain, 1);

    d->base.references = 1;
    d->base.id = -1;
    d->base.name = g_strdup(name);
    memcpy(d->base.uuid, uuid, UUID_SIZE);
    d->label = g_strdup_printf("domain '%s'", name);
    d->driver = driver;
    d->state = VIR_DOMAIN_SHUTOFF;
    return d;
}

void
domain_unref(Domain *domain)
{
    if (domain)
        store_unref(&domain->driver->domains, domain);
}

void
domain_free(Domain *domain)
{
    if (domain->parsed_link.data)
        g_queue_unlink(&domain->driver->parsed, &domain->parsed_link);
    run_free(domain->run);
    domain_def_unref(domain->live);
    domain_def_unref(domain->config);
    for (int i = 0; i < DOMAIN_XML_COUNT; i++)
        g_clear_pointer(&domain->xml[i], g_ref_string_release);
    g_free(domain->label);
    g_free(domain->base.name);
    g_free(domain);
}

void
domain_rename(Domain *domain, const char *name)
{
    store_rename(&domain->driver->domains, &domain->base, name);
    g_free(domain->label);
    domain->label = g_strdup_printf("domain '%s'", name);
}

const DomainDef *
domain_config(Domain *domain, Error *err)
{
    if (!domain->persistent) {
        error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s is transient: it has no persistent definition", domain->label);
        return NULL;
    }
    if (!domain->config && persist_load(domain, err) < 0)
        return NULL;
    return domain->config;
}

const DomainDef *
domain_definition(Domain *domain, Error *err)
{
    return domain->live ? domain->live : domain_config(domain, err);
}

void
domain_texts_changed(Domain *domain)
{
    for (int i = 0; i < DOMAIN_XML_COUNT; i++)
        g_clear_pointer(&domain->xml[i], g_ref_string_release);
}

/* Which of the kept texts; DOMAIN_XML_COUNT for none. */
static DomainXml
xml_slot(const Domain *domain, unsigned flags)
{
    bool live = domain->live && !(flags & VIR_DOMAIN_XML_INACTIVE);
    bool secure = flags & VIR_DOMAIN_XML_SECURE;

    if (flags & VIR_DOMAIN_XML_MIGRATABLE)
        return DOMAIN_XML_COUNT;
    return live ? (secure ? DOMAIN_XML_LIVE_SECURE : DOMAIN_XML_LIVE) : secure ? DOMAIN_XML_CONFIG_SECURE : DOMAIN_XML_CONFIG;
}

const char *
domain_xml(const Domain *domain, unsigned flags)
{
    DomainXml slot = xml_slot(domain, flags);

    return slot == DOMAIN_XML_COUNT ? NULL : domain->xml[slot];
}

const char *
domain_keep_xml(Domain *domain, unsigned flags, const char *text)
{
    DomainXml slot = xml_slot(domain, flags);

    if (slot == DOMAIN_XML_COUNT)
        return NULL;
    domain->xml[slot] = g_ref_string_new(text);
    return domain->xml[slot];
}

/*
 * Ten thousand definitions would cost a hundred megabytes parsed: only the ones used last stay so. The others are read
 * again from their files when somebody asks.
 */
static void
forget_oldest(Driver *driver)
{
    while (driver->parsed.length > DOMAIN_PARSED_MAX) {
        GList *link = g_queue_pop_tail_link(&driver->parsed);
        Domain *oldest = link->data;

        link->data = NULL;
        g_clear_pointer(&oldest->config, domain_def_unref);
        domain_texts_changed(oldest);
    }
}

/* The link is part of the domain, so that nothing is allocated and removal is immediate. */
static void
note_parsed(Domain *domain)
{
    Driver *driver = domain->driver;

    if (domain->parsed_link.data)
        g_queue_unlink(&driver->parsed, &domain->parsed_link);
    domain->parsed_link.data = domain->config ? domain : NULL;
    if (!domain->config)
        return;
    g_queue_push_head_link(&driver->parsed, &domain->parsed_link);
    forget_oldest(driver);
}

void
domain_set_config(Domain *domain, DomainDef *config)
{
    domain_def_unref(domain->config);
    domain->config = config;
    domain_texts_changed(domain);
    note_parsed(domain);
}

void
domain_set_live(Domain *domain, DomainDef *live)
{
    domain_def_unref(domain->live);
    domain->live = live;
    domain_texts_changed(domain);
}

static const char *const state_names[] = {
    [VIR_DOMAIN_NOSTATE] = "no state",   [VIR_DOMAIN_RUNNING] = "running", [VIR_DOMAIN_BLOCKED] = "blocked",
    [VIR_DOMAIN_PAUSED] = "paused",      [VIR_DOMAIN_SHUTDOWN] = "in shutdown", [VIR_DOMAIN_SHUTOFF] = "shut off",
    [VIR_DOMAIN_CRASHED] = "crashed",    [VIR_DOMAIN_PMSUSPENDED] = "suspended by itself",
};

const char *
domain_state_name(virDomainState state)
{
    return state_names[state];
}

#define TO(state) (1u << VIR_DOMAIN_##state)

/* Where a guest may go from a state; the state itself (a new reason) is always allowed. */
static const unsigned transitions[] = {
    [VIR_DOMAIN_SHUTOFF] = TO(RUNNING) | TO(PAUSED) | TO(CRASHED),
    [VIR_DOMAIN_RUNNING] = TO(PAUSED) | TO(SHUTDOWN) | TO(SHUTOFF) | TO(CRASHED) | TO(PMSUSPENDED),
    [VIR_DOMAIN_PAUSED] = TO(RUNNING) | TO(SHUTDOWN) | TO(SHUTOFF) | TO(CRASHED),
    [VIR_DOMAIN_SHUTDOWN] = TO(SHUTOFF) | TO(RUNNING) | TO(PAUSED) | TO(CRASHED), /* running: a faked reboot */
    [VIR_DOMAIN_CRASHED] = TO(SHUTOFF) | TO(RUNNING) | TO(PAUSED),
    [VIR_DOMAIN_PMSUSPENDED] = TO(RUNNING) | TO(PAUSED) | TO(SHUTDOWN) | TO(SHUTOFF) | TO(CRASHED),
};

void
domain_set_state(Domain *domain, virDomainState state, int reason, int event, int detail)
{
    if (state != domain->state && !(transitions[domain->state] & (1u << state))) {
        log_error("%s cannot go from '%s' to '%s': kept as it is", domain->label, state_names[domain->state],
                  state_names[state]);
        return;
    }
    log_info("%s is %s (reason %d)", domain->label, state_names[state], reason);
    domain->state = state;
    domain->reason = reason;
    store_changed(&domain->driver->domains);
    if (domain->run)
        persist_status(domain);
    if (event >= 0)
        event_lifecycle(domain, event, detail);
}

void
domain_set_persistent(Domain *domain, bool persistent)
{
    domain->persistent = persistent;
    store_changed(&domain->driver->domains);
}

void
domain_set_managed_save(Domain *domain, bool managed_save)
{
    domain->managed_save = managed_save;
    store_changed(&domain->driver->domains);
}

void
domain_set_autostart(Domain *domain, bool autostart)
{
    domain->autostart = autostart;
    store_changed(&domain->driver->domains);
}

int
domain_check_active(const Domain *domain, Error *err)
{
    if (!domain_active(domain))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s is not running", domain->label);
    return 0;
}
