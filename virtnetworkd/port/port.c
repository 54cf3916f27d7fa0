#include "virtnetworkd/port/port.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/hook.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/port/bandwidth.h"
#include "virtnetworkd/dnsmasq/macs.h"
#include "virtnetworkd/port/plug.h"

#define LOG_SOURCE "network.port"
#include "common/base/log.h"

#define PORT_FILE_MAX (1024 * 1024)

/* --- in memory --- */

Port *
port_ref(Port *port)
{
    port->references++;
    return port;
}

void
port_unref(Port *port)
{
    if (!port || --port->references > 0)
        return;
    network_port_def_unref(port->def);
    network_unref(port->network);
    g_free(port);
}

static void
drop(void *port)
{
    port_unref(port);
}

GHashTable *
port_table_new(void)
{
    return g_hash_table_new_full(uuid_hash, uuid_equal, NULL, drop);
}

Port *
port_find(const Network *network, const uint8_t *uuid)
{
    return network->run ? g_hash_table_lookup(network->run->ports, uuid) : NULL;
}

unsigned
port_count(const Network *network)
{
    return network->run ? g_hash_table_size(network->run->ports) : 0;
}

static Port *
add(Network *network, NetworkPortDef *def)
{
    Port *port = g_new0(Port, 1);

    port->references = 1;
    port->network = network_ref(network);
    port->def = def;
    g_hash_table_insert(network->run->ports, def->uuid.b, port);
    network_texts_changed(network);
    return port;
}

static void
forget(Port *port)
{
    Network *network = port->network;

    g_hash_table_remove(network->run->ports, port->def->uuid.b);
    network_texts_changed(network);
}

/* --- on disk --- */

static char *
port_path(const Network *network, const NetworkPortDef *def)
{
    g_autofree char *dir = driver_ports_dir(network->driver, network_name(network));
    char uuid[UUID_TEXT_SIZE];

    uuid_to_text(def->uuid.b, uuid);
    return g_strconcat(dir, "/", uuid, ".xml", NULL);
}

static int
write_port(const Network *network, const NetworkPortDef *def, Error *err)
{
    g_autofree char *dir = driver_ports_dir(network->driver, network_name(network));
    g_autofree char *path = port_path(network, def), *xml = network_port_def_format(def, XML_STATUS);

    return file_mkdirs(dir, 0700, err) < 0 || file_replace(path, xml, strlen(xml), 0600, err) < 0 ? -1 : 0;
}

static void
remove_file(const Network *network, const NetworkPortDef *def)
{
    g_autofree char *path = port_path(network, def);

    if (unlink(path) < 0 && errno != ENOENT)
        log_error("cannot remove '%s': %s", path, g_strerror(errno));
}

static void
load_one(Network *network, const char *path)
{
    g_autofree char *text = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    NetworkPortDef *def = NULL;

    if (file_read(path, PORT_FILE_MAX, &text, NULL, &err) < 0 || network_port_def_parse(text, XML_STATUS, &def, &err) < 0)
        log_error("the port file '%s' is left alone: %s", path, err.message);
    else if (port_find(network, def->uuid.b))
        network_port_def_unref(def);
    else
        add(network, def);
}

void
port_load_all(Network *network)
{
    g_autofree char *path = driver_ports_dir(network->driver, network_name(network));
    g_autoptr(GDir) dir = NULL;
    const char *file;

    file_sweep(path);
    dir = g_dir_open(path, 0, NULL);
    while (dir && (file = g_dir_read_name(dir))) {
        g_autofree char *full = g_build_filename(path, file, NULL);

        if (g_str_has_suffix(file, ".xml"))
            load_one(network, full);
    }
}

void
port_delete_all(Network *network)
{
    g_autofree char *dir = driver_ports_dir(network->driver, network_name(network));
    GHashTableIter iter;
    void *port;

    g_hash_table_iter_init(&iter, network->run->ports);
    while (g_hash_table_iter_next(&iter, NULL, &port))
        remove_file(network, ((Port *)port)->def);
    g_hash_table_remove_all(network->run->ports);
    rmdir(dir);
    macs_write(network);
    network_texts_changed(network);
}

/* --- made, changed, ended --- */

static void
take_back(Port *port)
{
    Network *network = port->network;

    if (port_find(network, port->def->uuid.b) != port)
        return; /* the network ended meanwhile, and all its ports with it */
    remove_file(network, port->def);
    bandwidth_remove(network, port->def);
    forget(port);
    macs_write(network);
}

int
port_create(Job *job, Network *network, NetworkPortDef *taken, bool reclaim, Port **ret, Error *err)
{
    g_autoptr(NetworkPortDef) def = taken;
    g_autoptr(Port) port = NULL;
    char uuid[UUID_TEXT_SIZE];

    if (network_check_active(network, err) < 0)
        return -1;
    if (port_find(network, def->uuid.b)) {
        uuid_to_text(def->uuid.b, uuid);
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED, "%s has a port with UUID %s already", network->label, uuid);
    }
    if ((reclaim ? plug_reclaim(network, def, err) : plug_choose(network, def, err)) < 0 || bandwidth_admit(network, def, err) < 0 ||
        write_port(network, def, err) < 0)
        return -1;
    port = port_ref(add(network, g_steal_pointer(&def)));
    if (bandwidth_add(network, port->def, err) < 0 || hook_port(job, network, port, "port-created", "begin", err) < 0) {
        take_back(port);
        return -1;
    }
    macs_write(network);
    *ret = g_steal_pointer(&port);
    return 0;
}

int
port_delete(Job *job, Port *port, Error *err)
{
    _cleanup_error_ Error refused = ERROR_INIT;

    /* Too late for a script to object: the guest is gone. */
    if (hook_port(job, port->network, port, "port-deleted", "begin", &refused) < 0)
        log_error("%s", refused.message);
    take_back(port);
    return 0;
}

int
port_change(Port *port, NetworkPortDef *taken, Error *err)
{
    Network *network = port->network;
    g_autoptr(NetworkPortDef) def = taken;
    NetworkPortDef *old = port->def;

    if (bandwidth_change(network, old, def, err) < 0)
        return -1;
    if (write_port(network, def, err) < 0) {
        if (bandwidth_change(network, def, old, NULL) < 0)
            log_error("the bandwidth of a port of %s could not be set back", network->label);
        return -1;
    }
    /* The key of the table lies in the definition. */
    g_hash_table_steal(network->run->ports, old->uuid.b);
    port->def = g_steal_pointer(&def);
    g_hash_table_insert(network->run->ports, port->def->uuid.b, port);
    network_port_def_unref(old);
    return 0;
}

void
port_count_connections(const Network *network, NetworkDef *def)
{
    GHashTableIter iter;
    void *port;

    if (port_count(network) == 0)
        return;
    def->connections = (OptUint)OPT(port_count(network));
    g_hash_table_iter_init(&iter, network->run->ports);
    while (g_hash_table_iter_next(&iter, NULL, &port)) {
        LIST_FOREACH(ForwardInterface, interface, &def->forward.interfaces) {
            if (!plug_uses(((Port *)port)->def, interface))
                continue;
            interface->connections = (OptUint)OPT(interface->connections.v + 1);
            break;
        }
    }
}
