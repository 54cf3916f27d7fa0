#include "virtnetworkd/network/persist.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/xml/document.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"

#define LOG_SOURCE "network.persist"
#include "common/base/log.h"

#define STATUS_ELEMENT "networkstatus"

/* --- definitions --- */

/* What is made of a file whose head does not tell name and UUID. */
typedef struct Parsed {
    NetworkDef *def;
    bool unsettled; /* it names no UUID */
} Parsed;

static int
parse_file(void *user, const char *text, char **ret_name, uint8_t *ret_uuid, void **ret_def, Error *err)
{
    NetworkDef *def = NULL;
    Parsed *parsed;

    if (network_def_parse(text, XML_INACTIVE | XML_STATUS, &def, err) < 0)
        return -1;
    *ret_name = g_strdup(def->name);
    memcpy(ret_uuid, def->uuid.b, UUID_SIZE);
    *ret_def = parsed = g_new(Parsed, 1);
    *parsed = (Parsed){ def, !strstr(text, "<uuid") };
    return 0;
}

static void
add_network(void *user, const char *name, const uint8_t *uuid, bool autostart, void *data)
{
    Driver *driver = user;
    Network *network = network_new(driver, name, uuid);
    Parsed *parsed = data;

    network->persistent = true;
    network->autostart = autostart;
    store_add(&driver->networks, &network->base);
    if (parsed) {
        network_set_config(network, parsed->def);
        if (parsed->unsettled)
            network_settle_soon(network);
        g_free(parsed);
    }
    network_unref(network);
}

static void
discard(void *data)
{
    Parsed *parsed = data;

    network_def_unref(parsed->def);
    g_free(parsed);
}

static void
left_alone(const char *path, const char *why)
{
    log_error("the definition '%s' is left alone: %s", path, why);
}

int
persist_index(Driver *driver, Error *err)
{
    const DefinitionsIndex index = { &driver->networks, driver, parse_file, add_network, discard, left_alone };

    file_sweep(driver->state_dir);
    return definitions_index(&driver->definitions, &index, err);
}

int
persist_load(Network *network, Error *err)
{
    g_autofree char *text = NULL;
    NetworkDef *def = NULL;

    if (definitions_read(&network->driver->definitions, network_name(network), &text, err) < 0 ||
        network_def_parse(text, XML_INACTIVE | XML_STATUS, &def, err) < 0)
        return error_prefixf(err, "cannot read the definition of %s", network->label);
    network_set_config(network, def);
    return 0;
}

int
persist_write_config(Job *job, Driver *driver, const NetworkDef *def, Error *err)
{
    g_autofree char *xml = network_def_format(def, XML_INACTIVE);

    return definitions_write(job, &driver->definitions, def->name, xml, err);
}

int
persist_remove_config(Job *job, Network *network, Error *err)
{
    return definitions_remove(job, &network->driver->definitions, network_name(network), network->autostart, err);
}

int
persist_set_autostart(Job *job, Network *network, bool autostart, Error *err)
{
    if (definitions_set_autostart(job, &network->driver->definitions, network_name(network), autostart, err) < 0)
        return -1;
    network_set_autostart(network, autostart);
    return 0;
}

/* --- status --- */

int
persist_status(Network *network, Error *err)
{
    g_autofree char *path = driver_status_path(network->driver, network_name(network));
    g_autofree char *xml = network_def_format(network->live, XML_STATUS), *text = NULL;

    text = g_strdup_printf("<" STATUS_ELEMENT " phase='%s'>\n%s</" STATUS_ELEMENT ">\n", network_phase_names[network->run->phase], xml);
    if (file_replace(path, text, strlen(text), 0600, err) < 0)
        return error_prefixf(err, "cannot write the status of %s", network->label);
    return 0;
}

void
persist_status_soft(Network *network)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (persist_status(network, &err) < 0)
        log_error("%s", err.message);
}

void
persist_remove_status(Network *network)
{
    g_autofree char *path = driver_status_path(network->driver, network_name(network));

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

/* libvirt's own file has no phase: it writes none before the network is active. */
static int
read_phase(xmlNode *root, PersistedStatus *status, Error *err)
{
    g_autofree char *name = xml_attr(root, "phase");

    status->libvirts = !name;
    for (status->phase = 0; name && network_phase_names[status->phase]; status->phase++)
        if (strcmp(name, network_phase_names[status->phase]) == 0)
            return 0;
    return name ? error_setf(err, FROM_NETWORK, ERR_XML_ERROR, "<" STATUS_ELEMENT "> has the unknown phase '%s'", name) : 0;
}

int
persist_read_status(Driver *driver, const char *name, PersistedStatus *ret, Error *err)
{
    g_autofree char *path = driver_status_path(driver, name), *text = NULL;
    _cleanup_doc_ xmlDoc *doc = NULL;
    xmlNode *root, *element;

    if (file_read(path, DEFINITION_MAX, &text, NULL, err) < 0 || xml_document_load(text, "network status", FROM_NETWORK, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    element = xml_is(root, STATUS_ELEMENT, NULL) ? xml_child(root, "network") : NULL;
    if (!element)
        return error_setf(err, FROM_NETWORK, ERR_XML_ERROR, "no <" STATUS_ELEMENT "> with a <network> in it");
    if (read_phase(root, ret, err) < 0 || network_def_read(element, XML_STATUS, &ret->live, err) < 0)
        return -1;
    if (strcmp(ret->live->name, name) != 0) {
        network_def_unref(g_steal_pointer(&ret->live));
        return error_setf(err, FROM_NETWORK, ERR_XML_ERROR, "the network in it has another name than the file");
    }
    return 0;
}
