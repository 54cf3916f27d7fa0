#include "virtqemud/domain/persist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/domain/define.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/run.h"
#include "virtqemud/run/status.h"

#define LOG_SOURCE "qemu.persist"
#include "common/base/log.h"

#define DEFINITION_MAX (10 * 1024 * 1024)
#define HEAD_SIZE 2048 /* name and UUID are the first elements of a definition we or libvirt wrote */

/* The text of <element>...</element> in the head of a definition, when it is plain. */
static char *
head_element(const char *head, const char *element)
{
    g_autofree char *open = g_strdup_printf("\n  <%s>", element), *close = g_strdup_printf("</%s>", element);
    const char *start = strstr(head, open), *end = start ? strstr(start, close) : NULL;

    if (!end)
        return NULL;
    start += strlen(open);
    return memchr(start, '&', (size_t)(end - start)) || memchr(start, '<', (size_t)(end - start))
               ? NULL
               : g_strndup(start, (gsize)(end - start));
}

/* The whole file, when its head was not plain. */
static DomainDef *
parse_file(Driver *driver, const char *path, Error *err)
{
    g_autofree char *text = NULL;
    DomainDef *def = NULL;

    if (file_read(path, DEFINITION_MAX, &text, NULL, err) < 0 || define_parse_stored(driver, text, &def, err) < 0)
        return NULL;
    return def;
}

static int
index_head(const char *path, char **ret_name, uint8_t *uuid)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    g_autofree char *uuid_text = NULL;
    char head[HEAD_SIZE + 1];
    ssize_t n = fd < 0 ? -1 : read(fd, head, HEAD_SIZE);

    if (n <= 0)
        return -1;
    head[n] = '\0';
    uuid_text = head_element(head, "uuid");
    if (!uuid_text || !uuid_from_text(uuid_text, uuid))
        return -1;
    *ret_name = head_element(head, "name");
    return *ret_name ? 0 : -1;
}

static void
index_one(Driver *driver, const char *file)
{
    g_autofree char *path = g_build_filename(driver->config_dir, file, NULL), *name = NULL;
    g_autofree char *expected = g_strndup(file, strlen(file) - strlen(".xml")), *link = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    uint8_t uuid[UUID_SIZE];
    DomainDef *def = NULL;
    Domain *domain;

    if (index_head(path, &name, uuid) < 0) {
        def = parse_file(driver, path, &err);
        if (!def) {
            log_error("the definition '%s' is left alone: %s", path, err.message);
            return;
        }
        name = g_strdup(def->name);
        memcpy(uuid, def->uuid.b, UUID_SIZE);
    }
    if (strcmp(name, expected) != 0 || store_by_name(&driver->domains, name) || store_by_uuid(&driver->domains, uuid)) {
        log_error("the definition '%s' is left alone: %s", path,
                  strcmp(name, expected) != 0 ? "its name is not that of the file" : "another guest has its name or UUID");
        domain_def_unref(def);
        return;
    }
    domain = domain_new(driver, name, uuid);
    domain->persistent = true;
    link = driver_autostart_path(driver, name);
    domain->autostart = access(link, F_OK) == 0;
    store_add(&driver->domains, &domain->base);
    if (def)
        domain_set_config(domain, def);
    domain_unref(domain);
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
    g_autoptr(GDir) dir = NULL;
    g_autoptr(GError) error = NULL;
    const char *file;

    file_sweep(driver->config_dir);
    file_sweep(driver->autostart_dir);
    file_sweep(driver->status_dir);
    dir = g_dir_open(driver->config_dir, 0, &error);
    if (!dir)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "cannot read the definitions: %s", error->message);
    while ((file = g_dir_read_name(dir)))
        if (file[0] != '.' && g_str_has_suffix(file, ".xml"))
            index_one(driver, file);
    index_saved(driver);
    return 0;
}

int
persist_load(Domain *domain, Error *err)
{
    g_autofree char *path = driver_config_path(domain->driver, domain_name(domain));
    DomainDef *def = parse_file(domain->driver, path, err);

    if (!def)
        return error_prefixf(err, "cannot read the definition of %s", domain->label);
    domain_set_config(domain, def);
    return 0;
}

static const char banner[] =
    "<!--\n"
    "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
    "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
    "  virsh edit %s\n"
    "or other application using the libvirt API.\n"
    "-->\n\n";

int
persist_write_config(Job *job, Driver *driver, const DomainDef *def, Error *err)
{
    g_autofree char *path = driver_config_path(driver, def->name), *xml = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    bool comment_safe = !strstr(def->name, "--");

    xml = domain_def_format(def, XML_SECURE | XML_INACTIVE);
    if (comment_safe)
        g_string_printf(text, banner, def->name);
    g_string_append(text, xml);
    return file_commit_write(job, path, text->str, text->len, 0600, err);
}

int
persist_remove_config(Job *job, Domain *domain, Error *err)
{
    g_autofree char *path = driver_config_path(domain->driver, domain_name(domain));
    g_autofree char *link = driver_autostart_path(domain->driver, domain_name(domain));

    /* The link first: a link to nothing is harmless, a definition that comes back without its link is not. */
    if (domain->autostart && file_commit_unlink(job, link, err) < 0)
        return -1;
    return file_commit_unlink(job, path, err);
}

int
persist_set_autostart(Job *job, Domain *domain, bool autostart, Error *err)
{
    g_autofree char *path = driver_config_path(domain->driver, domain_name(domain));
    g_autofree char *link = driver_autostart_path(domain->driver, domain_name(domain));

    if ((autostart ? file_commit_symlink(job, path, link, err) : file_commit_unlink(job, link, err)) < 0)
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
        if (file[0] != '.' && g_str_has_suffix(file, ".status"))
            g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(".status")));
    return names;
}
