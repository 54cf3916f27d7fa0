#include "virtqemud/plug/plug.h"

#include "common/base/undo.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/plug/config.h"
#include "virtqemud/plug/live.h"

/* One change, as it is made in a definition and in the running guest. */
typedef struct Change {
    int (*config)(Job *job, Domain *domain, const DomainDef *from, const Device *device, DomainDef **ret, Error *err);
    int (*live)(Job *job, Domain *domain, const Device *device, bool force, Error *err);
} Change;

typedef struct Old {
    Domain *domain;
    DomainDef *def;
} Old;

static void
restore_config(Job *job, void *data)
{
    Old *old = data;
    _cleanup_error_ Error err = ERROR_INIT;

    if (persist_write_config(job, old->domain->driver, old->def, &err) == 0)
        domain_set_config(old->domain, domain_def_ref(old->def));
}

static int
write_config(Job *job, Domain *domain, DomainDef *def, Error *err)
{
    if (persist_write_config(job, domain->driver, def, err) < 0)
        return -1;
    domain_set_config(domain, domain_def_ref(def));
    domain->updated = domain->live != NULL;
    return 0;
}

/* The definition first: that can be taken back by us alone. */
static int
change(Job *job, Domain *domain, const Change *how, const Device *device, unsigned where, bool force, Error *err)
{
    g_autoptr(DomainDef) was = NULL, def = NULL;
    Old old;
    _cleanup_undo_ Undo undo = UNDO_INIT(job); /* the last, as it uses the others */

    if (where & VIR_DOMAIN_AFFECT_CONFIG) {
        const DomainDef *config = domain_config(domain, err);

        if (!config)
            return -1;
        was = domain_def_ref(config);
        if (how->config(job, domain, was, device, &def, err) < 0 || write_config(job, domain, def, err) < 0)
            return -1;
        old = (Old){ domain, was };
        undo_push(&undo, restore_config, &old);
    }
    if ((where & VIR_DOMAIN_AFFECT_LIVE) && (domain_check_active(domain, err) < 0 || how->live(job, domain, device, force, err) < 0))
        return -1;
    undo_commit(&undo);
    return 0;
}

static int
attach_live(Job *job, Domain *domain, const Device *device, bool force, Error *err)
{
    return live_attach(job, domain, device, err);
}

static int
detach_live(Job *job, Domain *domain, const Device *device, bool force, Error *err)
{
    return live_detach(job, domain, device, err);
}

static int
update_live(Job *job, Domain *domain, const Device *device, bool force, Error *err)
{
    if (device->kind != DEVICE_DISK)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "a <%s> of a running guest cannot be changed", device_ops(device->kind)->element);
    return live_change_medium(job, domain, device, force, err);
}

static const Change attaching = { config_attach, attach_live };
static const Change detaching = { config_detach, detach_live };
static const Change updating = { config_update, update_live };

int
plug_attach(Job *job, Domain *domain, const char *xml, unsigned where, Error *err)
{
    g_autoptr(Device) device = NULL;

    return device_parse(xml, XML_INACTIVE, &device, err) < 0 ? -1 : change(job, domain, &attaching, device, where, false, err);
}

int
plug_detach(Job *job, Domain *domain, const char *xml, unsigned where, Error *err)
{
    g_autoptr(Device) device = NULL;

    return device_parse(xml, XML_INACTIVE, &device, err) < 0 ? -1 : change(job, domain, &detaching, device, where, false, err);
}

int
plug_update(Job *job, Domain *domain, const char *xml, unsigned where, bool force, Error *err)
{
    g_autoptr(Device) device = NULL;

    return device_parse(xml, XML_INACTIVE, &device, err) < 0 ? -1 : change(job, domain, &updating, device, where, force, err);
}

/* The definition has an alias only where the user chose one. */
int
plug_detach_alias(Job *job, Domain *domain, const char *alias, unsigned where, Error *err)
{
    const DomainDef *def = where & VIR_DOMAIN_AFFECT_LIVE ? domain->live : domain_config(domain, err);
    g_autoptr(Device) device = NULL;
    const Device *found;

    if (!def)
        return -1;
    found = domain_def_find_alias(def, alias);
    if (!found)
        return error_setf(err, FROM_QEMU, ERR_DEVICE_MISSING, "%s has no device with alias '%s'", domain->label, alias);
    device = device_copy(found);
    return change(job, domain, &detaching, device, where, false, err);
}
