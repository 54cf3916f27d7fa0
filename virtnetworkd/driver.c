#include "virtnetworkd/driver.h"

#include <errno.h>
#include <glib.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/host/firewalld.h"
#include "virtnetworkd/firewall/firewall.h"
#include "virtnetworkd/network/foreign.h"
#include "virtnetworkd/network/network.h"
#include "virtnetworkd/network/persist.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/watch.h"

#define LOG_SOURCE "network.driver"
#include "common/base/log.h"

char *
driver_status_path(const Driver *driver, const char *name)
{
    return g_strconcat(driver->state_dir, "/", name, ".xml", NULL);
}

char *
driver_ports_dir(const Driver *driver, const char *name)
{
    return g_strconcat(driver->state_dir, "/", name, ".ports", NULL);
}

static void
set_directories(Driver *driver, const Paths *p)
{
    g_autofree char *definitions = g_build_filename(p->config, "qemu", "networks", NULL);

    definitions_init(&driver->definitions, definitions, "net-edit");
    driver->state_dir = p->session ? g_build_filename(p->run, "network", "lib", NULL) : g_build_filename(p->run, "network", NULL);
    driver->dnsmasq_dir = p->session ? g_build_filename(p->run, "dnsmasq", "lib", NULL) : g_build_filename(p->lib, "dnsmasq", NULL);
}

static int
make_directories(Driver *driver, Error *err)
{
    if (file_mkdirs(driver->definitions.dir, 0700, err) < 0 || file_mkdirs(driver->definitions.autostart_dir, 0700, err) < 0 ||
        file_mkdirs(driver->state_dir, 0755, err) < 0 || file_mkdirs(driver->dnsmasq_dir, 0755, err) < 0)
        return -1;
    return 0;
}

/* In a build tree the helper lies beside us. */
static char *
find_lease_helper(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = self ? g_path_get_dirname(self) : NULL;
    g_autofree char *beside = dir ? g_build_filename(dir, "libvirt_leaseshelper", NULL) : NULL;

    return beside && access(beside, X_OK) == 0 ? g_steal_pointer(&beside)
                                               : g_build_filename(VIRTD_LIBEXECDIR, "libvirt_leaseshelper", NULL);
}

/* --- network.conf --- */

static const ConfigKey keys[] = {
    { "firewall_backend", CONFIG_STRING, 0, NULL, NULL, 0, 0, "nftables|iptables|none", "Who filters; none: nobody" },
    CONFIG_KEYS_END,
};

static void
config_warning(const char *message, void *data)
{
    log_warning("%s", message);
}

static int
load_config(Driver *driver, const Paths *paths, Error *err)
{
    g_autofree char *path = g_build_filename(paths->config, "network.conf", NULL);
    char *backend = NULL;

    if (config_load(path, false, keys, &backend, config_warning, NULL, err) < 0)
        return -1;
    if (g_strcmp0(backend, "iptables") == 0)
        log_warning("%s: firewall_backend 'iptables' is not there; nftables is used", path);
    driver->firewall_enabled = !paths->session && g_strcmp0(backend, "none") != 0;
    config_done(keys, &backend);
    return 0;
}

/* --- life --- */

static void
free_network(StoreObject *object)
{
    network_free((Network *)object);
}

Store *
driver_networks(Driver *driver)
{
    if (!driver->indexed) {
        _cleanup_error_ Error err = ERROR_INIT;

        driver->indexed = true;
        if (definitions_open_journal(&driver->definitions, "virtnetworkd", &err) < 0) {
            log_warning("%s; definitions are written without it, more slowly", err.message);
            error_done(&err);
        }
        if (persist_index(driver, &err) < 0)
            log_error("%s", err.message);
        network_adopt_all(driver);
    }
    return &driver->networks;
}

int
driver_init(Driver *driver, Daemon *daemon, Error *err)
{
    driver->daemon = daemon;
    driver->server = daemon->server;
    driver->warned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    driver->foreign = foreign_new();
    store_init(&driver->networks, free_network);
    set_directories(driver, &daemon->paths);
    driver->lease_helper = find_lease_helper();
    if (load_config(driver, &daemon->paths, err) < 0 || make_directories(driver, err) < 0 ||
        netlink_open(NETLINK_ROUTE, &driver->netlink, err) < 0)
        return -1;
    return 0;
}

void
driver_done(Driver *driver)
{
    driver->watch = watch_free(driver->watch);
    rpc_kept_done(&driver->list);
    file_journal_close();
    store_done(&driver->networks);
    firewalld_close(driver->firewalld);
    firewall_close(driver->firewall);
    g_hash_table_unref(driver->warned);
    sd_event_source_disable_unref(driver->foreign_timer);
    g_hash_table_unref(driver->foreign);
    netlink_close(driver->netlink);
    definitions_done(&driver->definitions);
    g_free(driver->state_dir);
    g_free(driver->dnsmasq_dir);
    g_free(driver->lease_helper);
}
