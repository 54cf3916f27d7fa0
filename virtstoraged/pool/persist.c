#include "virtstoraged/pool/persist.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/xml/document.h"
#include "virtstoraged/driver.h"

#define LOG_SOURCE "storage.persist"
#include "common/base/log.h"

#define STATUS_ELEMENT "poolstate"

/* --- definitions --- */

static int
parse_file(void *user, const char *text, char **ret_name, uint8_t *ret_uuid, void **ret_def, Error *err)
{
    PoolDef *def = NULL;

    if (pool_def_parse(text, XML_INACTIVE | XML_STATUS, &def, err) < 0)
        return -1;
    *ret_name = g_strdup(def->name);
    memcpy(ret_uuid, def->uuid.b, UUID_SIZE);
    *ret_def = def;
    return 0;
}

static void
add_pool(void *user, const char *name, const uint8_t *uuid, bool autostart, void *def)
{
    Driver *driver = user;
    g_autoptr(Pool) pool = pool_new(driver, name, uuid);

    pool->persistent = true;
    pool->autostart = autostart;
    pool->config = def;
    store_add(&driver->pools, &pool->base);
}

static void
discard(void *def)
{
    pool_def_unref(def);
}

static void
left_alone(const char *path, const char *why)
{
    log_error("the definition '%s' is left alone: %s", path, why);
}

int
persist_index(Driver *driver, Error *err)
{
    const DefinitionsIndex index = { &driver->pools, driver, parse_file, add_pool, discard, left_alone };

    file_sweep(driver->state_dir);
    file_sweep(driver->unfinished_dir);
    return definitions_index(&driver->definitions, &index, err);
}

int
persist_load(Pool *pool, Error *err)
{
    g_autofree char *text = NULL;
    PoolDef *def = NULL;

    if (definitions_read(&pool->driver->definitions, pool_name(pool), &text, err) < 0 ||
        pool_def_parse(text, XML_INACTIVE | XML_STATUS, &def, err) < 0)
        return error_prefixf(err, "cannot read the definition of %s", pool->label);
    pool_set_config(pool, def);
    return 0;
}

int
persist_write_config(Job *job, Driver *driver, const PoolDef *def, Error *err)
{
    g_autofree char *xml = pool_def_format(def, XML_INACTIVE, NULL);

    return definitions_write(job, &driver->definitions, def->name, xml, err);
}

/* --- status --- */

int
persist_status(Pool *pool, Error *err)
{
    g_autofree char *path = driver_status_path(pool->driver, pool_name(pool));
    g_autofree char *xml = pool_def_format(pool->live, XML_STATUS, &pool->sizes), *text = NULL;

    text = g_strdup_printf("<" STATUS_ELEMENT " phase='%s'>\n%s</" STATUS_ELEMENT ">\n", pool_phase_names[pool->phase], xml);
    if (file_replace(path, text, strlen(text), 0600, err) < 0)
        return error_prefixf(err, "cannot write the status of %s", pool->label);
    return 0;
}

void
persist_remove_status(Pool *pool)
{
    g_autofree char *path = driver_status_path(pool->driver, pool_name(pool));

    unlink(path);
}

GPtrArray *
persist_status_names(Driver *driver)
{
    g_autoptr(GDir) dir = g_dir_open(driver->state_dir, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *file;

    while (dir && (file = g_dir_read_name(dir)))
        if (g_str_has_suffix(file, ".xml"))
            g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(".xml")));
    return names;
}

/* libvirt's own file has no phase: it writes none before the pool is active. */
static int
read_phase(xmlNode *root, PoolPhase *ret_phase, Error *err)
{
    g_autofree char *name = xml_attr(root, "phase");

    *ret_phase = PHASE_ACTIVE;
    for (unsigned i = PHASE_ACTIVE; name && pool_phase_names[i]; i++)
        if (strcmp(name, pool_phase_names[i]) == 0) {
            *ret_phase = i;
            return 0;
        }
    return name ? error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "<" STATUS_ELEMENT "> has the unknown phase '%s'", name) : 0;
}

int
persist_read_status(Driver *driver, const char *name, PoolDef **ret_live, PoolPhase *ret_phase, Error *err)
{
    g_autofree char *path = driver_status_path(driver, name), *text = NULL;
    _cleanup_doc_ xmlDoc *doc = NULL;
    g_autoptr(PoolDef) live = NULL;
    xmlNode *root, *element;

    if (file_read(path, DEFINITION_MAX, &text, NULL, err) < 0 || xml_document_load(text, "pool status", FROM_STORAGE, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    element = xml_is(root, STATUS_ELEMENT, NULL) ? xml_child(root, "pool") : NULL;
    if (!element)
        return error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "no <" STATUS_ELEMENT "> with a <pool> in it");
    if (read_phase(root, ret_phase, err) < 0 || pool_def_read(element, XML_STATUS, &live, err) < 0)
        return -1;
    if (strcmp(live->name, name) != 0)
        return error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "the pool in it has another name than the file");
    *ret_live = g_steal_pointer(&live);
    return 0;
}
