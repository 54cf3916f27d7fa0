/* Persistent definitions: made, removed, renamed, started with the host. */
#include <string.h>
#include <unistd.h>

#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/run/run.h"

/* Put a new definition beside or in the place of an old one. The job of the domain is held. */
static int
install(Job *job, Domain *d, DomainDef *def, Error *err)
{
    bool added = !d->persistent;

    if (persist_write_config(job, d->driver, def, err) < 0)
        return -1;
    domain_set_persistent(d, true);
    domain_set_config(d, domain_def_ref(def));
    d->updated = d->live != NULL;
    if (d->run)
        persist_status(d);
    event_lifecycle(d, VIR_DOMAIN_EVENT_DEFINED, added ? VIR_DOMAIN_EVENT_DEFINED_ADDED : VIR_DOMAIN_EVENT_DEFINED_UPDATED);
    return 0;
}

static int
define(Job *job, RpcCall *call, const char *xml, unsigned flags, remote_nonnull_domain *ret, Error *err)
{
    Driver *driver = api_driver(call);
    g_autoptr(DomainDef) def = NULL;
    g_autoptr(Domain) d = NULL;
    int r;

    if (rpc_call_check_flags(call, flags, VIR_DOMAIN_DEFINE_VALIDATE, err) < 0 ||
        define_parse(job, driver, xml, XML_INACTIVE | (flags & VIR_DOMAIN_DEFINE_VALIDATE ? XML_VALIDATE : 0), &def, err) < 0 ||
        define_claim(job, driver, def, false, &d, err) < 0)
        return -1;
    r = install(job, d, def, err);
    define_release(job, d);
    if (r < 0)
        return -1;
    *ret = api_wire_domain(d);
    ret->name = arena_strdup(rpc_call_arena(call), ret->name);
    return 0;
}

static int
define_xml(Job *job, RpcCall *call, const remote_domain_define_xml_args *args, remote_domain_define_xml_ret *ret, Error *err)
{
    return define(job, call, args->xml, 0, &ret->dom, err);
}

static int
define_xml_flags(Job *job, RpcCall *call, const remote_domain_define_xml_flags_args *args, remote_domain_define_xml_flags_ret *ret,
                 Error *err)
{
    return define(job, call, args->xml, args->flags, &ret->dom, err);
}

#define UNDEFINE_FLAGS \
    (VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM | \
     VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_TPM | VIR_DOMAIN_UNDEFINE_KEEP_TPM)

/* The guest's firmware variables that undefining would leave behind; NULL. */
static const char *
nvram_of(const DomainDef *def)
{
    const char *path = !def->os.nvram ? NULL : def->os.nvram->path ? def->os.nvram->path : def->os.nvram->source.path;

    return path && access(path, F_OK) == 0 ? path : NULL;
}

static int
check_leftovers(Domain *d, const DomainDef *def, unsigned flags, const char *image, Error *err)
{
    if (access(image, F_OK) == 0 && !(flags & VIR_DOMAIN_UNDEFINE_MANAGED_SAVE))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID,
                          "refusing to undefine %s while its managed save image exists (--managed-save removes it)", d->label);
    if ((flags & VIR_DOMAIN_UNDEFINE_NVRAM) && (flags & VIR_DOMAIN_UNDEFINE_KEEP_NVRAM))
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "firmware variables can't be both removed and kept");
    if (def && nvram_of(def) && !(flags & (VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM)))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID,
                          "cannot undefine %s with firmware variables in '%s' (--nvram removes, --keep-nvram keeps them)", d->label,
                          nvram_of(def));
    return 0;
}

static int
undefine(Job *job, RpcCall *call, unsigned flags, Error *err)
{
    Domain *d = api_domain(call);
    Driver *driver = d->driver;
    g_autofree char *image = driver_save_path(driver, domain_name(d));
    g_autofree char *nvram = NULL;
    const DomainDef *def;

    if (rpc_call_check_flags(call, flags, UNDEFINE_FLAGS, err) < 0)
        return -1;
    if (!d->persistent)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "cannot undefine %s: it is transient", d->label);
    def = domain_config(d, NULL); /* a broken definition can be undefined too */
    if (check_leftovers(d, def, flags, image, err) < 0)
        return -1;
    nvram = def && (flags & VIR_DOMAIN_UNDEFINE_NVRAM) ? g_strdup(nvram_of(def)) : NULL;
    if (persist_remove_config(job, d, err) < 0)
        return -1;
    if (flags & VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
        unlink(image);
    if (nvram)
        unlink(nvram);
    domain_set_persistent(d, false);
    domain_set_autostart(d, false);
    domain_set_managed_save(d, false);
    event_lifecycle(d, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);
    domain_set_config(d, NULL);
    if (d->run)
        persist_status(d); /* goes on as a transient guest */
    else
        store_remove(&driver->domains, &d->base);
    return 0;
}

static int
undefine_plain(Job *job, RpcCall *call, const remote_domain_undefine_args *args, void *ret, Error *err)
{
    return undefine(job, call, 0, err);
}

static int
undefine_flags(Job *job, RpcCall *call, const remote_domain_undefine_flags_args *args, void *ret, Error *err)
{
    return undefine(job, call, args->flags, err);
}

static int
set_autostart(Job *job, RpcCall *call, const remote_domain_set_autostart_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);

    if (!d->persistent)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "cannot set autostart: %s is transient", d->label);
    if (d->autostart == (args->autostart != 0))
        return 0;
    return persist_set_autostart(job, d, args->autostart != 0, err);
}

/* The new file first; between the two steps the index takes the first of the same UUID. */
static int
give_name(Job *job, Domain *d, DomainDef *def, Error *err)
{
    g_autofree char *old_path = definitions_path(&d->driver->definitions, domain_name(d));
    bool autostart = d->autostart;

    if (persist_write_config(job, d->driver, def, err) < 0)
        return -1;
    if (autostart && persist_set_autostart(job, d, false, err) < 0) {
        if (definitions_remove(job, &d->driver->definitions, def->name, false, NULL) < 0)
            error_prefixf(err, "the definition stays as '%s' too", def->name);
        return -1;
    }
    event_lifecycle(d, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_UNDEFINED_RENAMED);
    domain_rename(d, def->name);
    domain_set_config(d, domain_def_ref(def));
    event_lifecycle(d, VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_RENAMED);
    unlink(old_path);
    return autostart ? persist_set_autostart(job, d, true, err) : 0;
}

static int
rename_domain(Job *job, RpcCall *call, const remote_domain_rename_args *args, remote_domain_rename_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    const DomainDef *config = domain_config(d, err);
    g_autoptr(DomainDef) def = NULL;
    int r;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || !config)
        return -1;
    if (domain_active(d) || d->managed_save)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "cannot rename %s while it is %s", d->label,
                          domain_active(d) ? "active" : "saved");
    if (!args->new_name || !*args->new_name || strchr(args->new_name, '/') || strchr(args->new_name, '\n'))
        return error_setf(err, FROM_QEMU, ERR_INVALID_ARG, "'%s' can't be the name of a domain", args->new_name ? args->new_name : "");
    if (!store_reserve(driver_domains(d->driver), args->new_name)) /* while it is written, nobody else may take it */
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "domain with name '%s' already exists", args->new_name);
    def = domain_def_copy(config);
    g_free(def->name);
    def->name = g_strdup(args->new_name);
    r = give_name(job, d, def, err);
    store_unreserve(driver_domains(d->driver), args->new_name);
    return r;
}

API_TABLE(api_define,
    REMOTE_BIND(DOMAIN_DEFINE_XML, define_xml),
    REMOTE_BIND(DOMAIN_DEFINE_XML_FLAGS, define_xml_flags),
    REMOTE_BIND(DOMAIN_UNDEFINE, undefine_plain),
    REMOTE_BIND(DOMAIN_UNDEFINE_FLAGS, undefine_flags),
    REMOTE_BIND(DOMAIN_SET_AUTOSTART, set_autostart),
    REMOTE_BIND(DOMAIN_RENAME, rename_domain));
