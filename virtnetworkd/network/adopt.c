/*
 * Taking hold of the networks that were there when the last life of this daemon ended, and starting those that start with
 * the host. What can be known without waiting is known before the first call is answered; jobs do the rest.
 */
#include <fcntl.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/define.h"
#include "virtnetworkd/network/persist.h"
#include "virtnetworkd/network/rules.h"
#include "virtnetworkd/network/run.h"
#include "virtnetworkd/port/port.h"
#include "virtnetworkd/watch.h"

#define LOG_SOURCE "network.adopt"
#include "common/base/log.h"

static void
spawn(Driver *driver, const char *name, JobFn fn, void *data)
{
    driver->starting++;
    job_spawn(name, NULL, fn, data);
}

static void
ended(Driver *driver)
{
    driver->starting--;
    daemon_touch(driver->daemon);
}

/* --- many --- */

/* Waiting for dnsmasq is most of a start, and the others' time. */
#define AT_ONCE 8

typedef void (*NetworkFn)(Job *job, Network *network); /* the queue is held */

/* Networks something is done with, some at once, the others later: calls of clients come between. */
typedef struct Many {
    Driver *driver;
    NetworkFn fn;
    void (*done)(Driver *driver); /* after the last one; NULL: nothing */
    GPtrArray *left; /* in order, each with a reference */
} Many;

static void
many_clear(void *data)
{
    Many *many = data;

    g_ptr_array_unref(many->left);
    if (many->done)
        many->done(many->driver);
}

static void
many_job(Job *job, void *data)
{
    Many *many = data;
    Driver *driver = many->driver;

    while (many->left->len > 0) {
        g_autoptr(Network) network = g_ptr_array_steal_index(many->left, 0);

        if (job_acquire(job, &network->queue, network->label, LOOP_NEVER, NULL) < 0)
            continue;
        many->fn(job, network);
        job_release(job, &network->queue);
        job_yield(job);
    }
    g_rc_box_release_full(many, many_clear);
    ended(driver);
}

/* networks is taken over. */
static void
for_each(Driver *driver, const char *name, GPtrArray *networks, NetworkFn fn, void (*done)(Driver *driver))
{
    Many *many = g_rc_box_new0(Many);
    guint n = MIN(networks->len, AT_ONCE);

    *many = (Many){ driver, fn, done, networks };
    for (guint i = 0; i < n; i++)
        spawn(driver, name, many_job, g_rc_box_acquire(many));
    g_rc_box_release_full(many, many_clear);
}

/* --- adoption --- */

/* It runs as ours: what libvirt's daemon had of it goes, and its status says so. */
static void
make_ours(Network *network)
{
    log_info("%s was started by libvirt's daemon: it is taken over", network->label);
    rules_drop_libvirt(network->driver);
    network->run->libvirts = false;
    persist_status_soft(network);
}

static void
adopt(Job *job, Network *network)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (!network->run)
        return; /* somebody stopped it before */
    if (network->run->phase != PHASE_ACTIVE) {
        log_info("%s was %s when the daemon ended: that is undone", network->label, network_phase_names[network->run->phase]);
        network_unmake(job, network);
    } else {
        network_check_bridge(job, network);
        if (network->run && network_apply(job, network, &err) < 0)
            log_error("%s: %s", network->label, err.message);
        else if (network->run && network->run->libvirts)
            make_ours(network);
        if (network->run)
            watch_begin(network->driver);
    }
    if (network->base.stored && !network->persistent && !network->run)
        store_remove(&network->driver->networks, &network->base);
}

/* The network of the persistent definition, or a new transient one. Borrowed from the store; NULL on a clash. */
static Network *
network_of(Driver *driver, const NetworkDef *live)
{
    Store *store = &driver->networks;
    Network *network;
    StoreObject *same;

    if (store_match(store, "network", FROM_NETWORK, live->name, live->uuid.b, &same, NULL) < 0)
        return NULL;
    if (same)
        return (Network *)same;
    network = network_new(driver, live->name, live->uuid.b);
    store_add(store, &network->base);
    network_unref(network);
    return network;
}

/* The network, which is to be adopted; a reference. NULL when there is none. */
static Network *
recall(Driver *driver, const char *name)
{
    g_autofree char *path = driver_status_path(driver, name);
    _cleanup_error_ Error err = ERROR_INIT;
    g_autoptr(NetworkDef) live = NULL;
    PersistedStatus status = { 0 };
    Network *network;

    if (persist_read_status(driver, name, &status, &err) < 0) {
        log_error("the status file '%s' is left alone: %s", path, err.message);
        return NULL;
    }
    live = status.live;
    network = network_of(driver, live);
    if (!network || network->run) {
        log_error("the status file '%s' is left alone: its network has another UUID now", path);
        return NULL;
    }
    network_set_live(network, g_steal_pointer(&live));
    network->run = network_run_new(status.phase);
    network->run->dnsmasq.strays = true;
    network->run->libvirts = status.libvirts;
    if (status.phase == PHASE_ACTIVE)
        network_set_active(network, true);
    port_load_all(network);
    return network_ref(network);
}

void
network_adopt_all(Driver *driver)
{
    g_autoptr(GPtrArray) names = persist_status_names(driver);
    GPtrArray *networks = g_ptr_array_new();

    for (guint i = 0; i < names->len; i++) {
        Network *network = recall(driver, names->pdata[i]);

        if (network)
            g_ptr_array_add(networks, network);
    }
    for_each(driver, "adopt", networks, adopt, NULL);
}

/* --- definitions that came with the package --- */

static void
settle_job(Job *job, void *data)
{
    g_autoptr(Network) network = data;
    _cleanup_error_ Error err = ERROR_INIT;

    if (job_acquire(job, &network->queue, network->label, LOOP_NEVER, NULL) == 0) {
        if (network->base.stored && define_settle_installed(job, network, &err) < 0)
            log_error("%s: %s", network->label, err.message);
        job_release(job, &network->queue);
    }
    ended(network->driver);
}

void
network_settle_soon(Network *network)
{
    spawn(network->driver, "settle", settle_job, network_ref(network));
}

/* --- autostart --- */

static void
start_one(Job *job, Network *network)
{
    _cleanup_error_ Error err = ERROR_INIT;
    const NetworkDef *config;

    if (!network->base.stored || network->run)
        return;
    config = network_config(network, &err);
    if (!config || network_start(job, network, config, &err) < 0)
        log_error("cannot autostart: %s", err.message);
}

static char *
marker_path(const Driver *driver)
{
    return g_build_filename(driver->state_dir, "autostarted", NULL);
}

/* Last: a daemon killed in the middle begins again, and passes over what is active. */
static void
autostart_done(Driver *driver)
{
    g_autofree char *marker = marker_path(driver);
    _cleanup_fd_ int fd = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    driver->autostarting = false;
    if (fd < 0)
        log_error("cannot make '%s': networks would be started again by the next life of this daemon", marker);
}

static void
start_all(Driver *driver)
{
    g_autoptr(GPtrArray) all = store_list(driver_networks(driver));
    GPtrArray *networks = g_ptr_array_new();

    for (guint i = 0; i < all->len; i++) {
        Network *network = all->pdata[i];

        if (network->autostart && !network->run)
            g_ptr_array_add(networks, network);
        else
            network_unref(network);
    }
    for_each(driver, "autostart", networks, start_one, autostart_done);
}

void
network_autostart(Driver *driver)
{
    g_autoptr(GPtrArray) active = persist_status_names(driver);
    g_autofree char *marker = marker_path(driver);
    g_autoptr(GDir) links = NULL;

    if (active->len > 0)
        driver_networks(driver); /* indexes, and takes hold of what is active */
    if (access(marker, F_OK) == 0)
        return; /* done since the machine booted */
    driver->autostarting = true;
    links = g_dir_open(driver->definitions.autostart_dir, 0, NULL);
    if (links && g_dir_read_name(links))
        start_all(driver);
    else
        autostart_done(driver);
}

int
network_start_early(Job *job, Network *network, Error *err)
{
    const NetworkDef *config;

    if (network->run || !network->autostart || !network->driver->autostarting)
        return 0;
    config = network_config(network, err);
    return config ? network_start(job, network, config, err) : -1;
}
