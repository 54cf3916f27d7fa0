#include "virtqemud/domain/persist.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/run.h"
#include "virtqemud/run/status.h"

#define LOG_SOURCE "qemu.persist"
#include "common/base/log.h"

static int
parse_file(void *user, const char *text, char **ret_name, uint8_t *ret_uuid, void **ret_def, Error *err)
{
    DomainDef *def = NULL;

    if (define_parse_stored(user, text, &def, err) < 0)
        return -1;
    *ret_name = g_strdup(def->name);
    memcpy(ret_uuid, def->uuid.b, UUID_SIZE);
    *ret_def = def;
    return 0;
}

static void
add_domain(void *user, const char *name, const uint8_t *uuid, bool autostart, void *def)
{
    Driver *driver = user;
    Domain *domain = domain_new(driver, name, uuid);

    domain->persistent = true;
    domain->autostart = autostart;
    store_add(&driver->domains, &domain->base);
    if (def)
        domain_set_config(domain, def);
    domain_unref(domain);
}

static void
discard(void *def)
{
    domain_def_unref(def);
}

static void
left_alone(const char *path, const char *why)
{
    log_error("the definition '%s' is left alone: %s", path, why);
}

static void
index_saved(Driver *driver)
{
    g_autoptr(GDir) dir = g_dir_open(driver->save_dir, 0, NULL);
    const char *file;

    while (dir && (file = g_dir_read_name(dir))) {
        g_autofree char *name = g_str_has_suffix(file, ".save") ? g_strndup(file, strlen(file) - 5) : NULL;
        Domain *domain = name ? (Domain *)store_by_name(&driver->domains, name) : NULL;

        if (domain)
            domain->managed_save = true;
    }
}

int
persist_index(Driver *driver, Error *err)
{
    const DefinitionsIndex index = { &driver->domains, driver, parse_file, add_domain, discard, left_alone };

    file_sweep(driver->status_dir);
    if (definitions_index(&driver->definitions, &index, err) < 0)
        return -1;
    index_saved(driver);
    return 0;
}

int
persist_load(Domain *domain, Error *err)
{
    g_autofree char *text = NULL;
    DomainDef *def = NULL;

    if (definitions_read(&domain->driver->definitions, domain_name(domain), &text, err) < 0 ||
        define_parse_stored(domain->driver, text, &def, err) < 0)
        return error_prefixf(err, "cannot read the definition of %s", domain->label);
    domain_set_config(domain, def);
    return 0;
}

int
persist_write_config(Job *job, Driver *driver, const DomainDef *def, Error *err)
{
    g_autofree char *xml = domain_def_format(def, XML_SECURE | XML_INACTIVE);

    return definitions_write(job, &driver->definitions, def->name, xml, err);
}

int
persist_remove_config(Job *job, Domain *domain, Error *err)
{
    return definitions_remove(job, &domain->driver->definitions, domain_name(domain), domain->autostart, err);
}

int
persist_set_autostart(Job *job, Domain *domain, bool autostart, Error *err)
{
    if (definitions_set_autostart(job, &domain->driver->definitions, domain_name(domain), autostart, err) < 0)
        return -1;
    domain_set_autostart(domain, autostart);
    return 0;
}

void
persist_status(Domain *domain)
{
    g_autofree char *path = driver_status_path(domain->driver, domain_name(domain)), *text = status_encode(domain);
    _cleanup_error_ Error err = ERROR_INIT;

    if (file_replace(path, text, strlen(text), 0600, &err) < 0)
        log_error("cannot write the status of %s: %s", domain->label, err.message);
}

void
persist_remove_status(Domain *domain)
{
    g_autofree char *path = driver_status_path(domain->driver, domain_name(domain));

    unlink(path);
}

GPtrArray *
persist_status_names(Driver *driver)
{
    g_autoptr(GDir) dir = g_dir_open(driver->status_dir, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *file;

    while (dir && (file = g_dir_read_name(dir)))
        if (g_str_has_suffix(file, ".status"))
            g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(".status")));
    return names;
}
