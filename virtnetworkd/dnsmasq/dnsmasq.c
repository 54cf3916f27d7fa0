#include "virtnetworkd/dnsmasq/dnsmasq.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtnetworkd/dnsmasq/conf.h"
#include "virtnetworkd/dnsmasq/forget.h"
#include "virtnetworkd/dnsmasq/lease.h"
#include "virtnetworkd/driver.h"
#include "virtnetworkd/network/run.h"

#define LOG_SOURCE "network.dnsmasq"
#include "common/base/log.h"

#define START_TIMEOUT (30 * USEC_PER_SEC)
#define STOP_TIMEOUT (5 * USEC_PER_SEC)
#define FILE_MAX (16 * 1024 * 1024)
#define SETTLED (60 * USEC_PER_SEC)   /* who lived this long did not fail at its start */
#define RETRY_FIRST (USEC_PER_SEC / 4)
#define RETRY_MAX (60 * USEC_PER_SEC)

/* --- files --- */

typedef struct Files {
    char *conf, *hosts, *addn, *pid;
} Files;

static void
files_done(Files *files)
{
    g_free(files->conf);
    g_free(files->hosts);
    g_free(files->addn);
    g_free(files->pid);
}
#define _cleanup_files_ __attribute__((cleanup(files_done)))

static Files
files_of(const Network *network)
{
    const Driver *driver = network->driver;
    const char *name = network_name(network);

    return (Files){
        .conf = g_strconcat(driver->dnsmasq_dir, "/", name, ".conf", NULL),
        .hosts = g_strconcat(driver->dnsmasq_dir, "/", name, ".hostsfile", NULL),
        .addn = g_strconcat(driver->dnsmasq_dir, "/", name, ".addnhosts", NULL),
        .pid = g_strconcat(driver->state_dir, "/", name, ".pid", NULL),
    };
}

/* Whom it becomes once its ports are open: the first of these that the host has. Asked once: the answer takes milliseconds. */
static const char *
choose_user(void)
{
    static const char *const users[] = { "libvirt-dnsmasq", "dnsmasq", "nobody" };
    static const char *chosen;

    for (size_t i = 0; !chosen && i < G_N_ELEMENTS(users); i++)
        if (getpwnam(users[i]))
            chosen = users[i];
    return chosen;
}

/* 1 when it had to be written. */
static int
write_if_changed(const char *path, const char *text, Error *err)
{
    g_autofree char *old = NULL;

    if (access(path, F_OK) == 0 && file_read(path, FILE_MAX, &old, NULL, NULL) == 0 && strcmp(old, text) == 0)
        return 0;
    return file_replace(path, text, strlen(text), 0644, err) < 0 ? -1 : 1;
}

typedef enum { CHANGED_NOTHING, CHANGED_RECORDS, CHANGED_CONF } Changed;

typedef struct Change {
    Changed what;
    char *old_hosts, *new_hosts; /* the fixed hosts; owned */
} Change;

static void
change_done(Change *change)
{
    g_free(change->old_hosts);
    g_free(change->new_hosts);
}
#define _cleanup_change_ __attribute__((cleanup(change_done)))

/* The files as the definition wants them, and what of them was different. */
static int
write_files(Network *network, const Files *files, Change *ret, Error *err)
{
    const DnsmasqPaths paths = { .hosts = files->hosts, .addn = files->addn, .pid = files->pid,
                                 .lease_helper = network->driver->lease_helper, .user = choose_user() };
    g_autoptr(DnsmasqConf) text = NULL;
    int conf, hosts, addn;

    if (access(files->hosts, F_OK) == 0 && file_read(files->hosts, FILE_MAX, &ret->old_hosts, NULL, err) < 0)
        return -1;
    if (dnsmasq_conf_generate(network->live, &paths, &text, err) < 0 || (hosts = write_if_changed(files->hosts, text->hosts, err)) < 0 ||
        (addn = write_if_changed(files->addn, text->addn, err)) < 0 || (conf = write_if_changed(files->conf, text->conf, err)) < 0)
        return -1;
    ret->what = conf ? CHANGED_CONF : hosts || addn ? CHANGED_RECORDS : CHANGED_NOTHING;
    ret->new_hosts = g_steal_pointer(&text->hosts);
    return 0;
}

/* --- taking hold --- */

void
dnsmasq_init(Dnsmasq *dnsmasq)
{
    *dnsmasq = (Dnsmasq){ .process = { .pidfd = -1 } };
}

void
dnsmasq_done(Dnsmasq *dnsmasq)
{
    dnsmasq->watch = sd_event_source_disable_unref(dnsmasq->watch);
    dnsmasq->retry = sd_event_source_disable_unref(dnsmasq->retry);
    if (dnsmasq->process.pidfd >= 0)
        process_done(&dnsmasq->process);
    dnsmasq->process.pidfd = -1;
}

static bool
runs(const Dnsmasq *dnsmasq)
{
    return dnsmasq->process.pidfd >= 0 && process_alive(&dnsmasq->process);
}

/* The process is a dnsmasq that was started with our configuration file. */
static bool
is_ours(pid_t pid, const char *conf)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid), *expected = g_strconcat("--conf-file=", conf, NULL);
    g_autofree char *line = NULL, *program = NULL;
    size_t size;

    if (file_read(path, 1024 * 1024, &line, &size, NULL) < 0 || size == 0)
        return false;
    program = g_path_get_basename(line);
    if (strcmp(program, "dnsmasq") != 0)
        return false;
    for (const char *word = line; word < line + size; word += strlen(word) + 1)
        if (strcmp(word, expected) == 0)
            return true;
    return false;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *data);

/* Watch the process of the pid file, if it is ours. The start time makes sure that the pid is not another's meanwhile. */
static bool
take_hold(Network *network, const Files *files)
{
    Dnsmasq *dnsmasq = &network->run->dnsmasq;
    g_autofree char *text = file_read_line(files->pid);
    pid_t pid = text ? (pid_t)strtol(text, NULL, 10) : 0;
    uint64_t started = pid > 1 ? process_start_time(pid) : 0;

    if (!started || !is_ours(pid, files->conf) || process_adopt(pid, started, &dnsmasq->process, NULL) != 0)
        return false;
    dnsmasq->started = loop_now();
    if (sd_event_add_io(loop_event(), &dnsmasq->watch, dnsmasq->process.pidfd, EPOLLIN, on_end, network) < 0)
        log_warning("the end of dnsmasq of %s would go unnoticed", network->label);
    return true;
}

/* On this host, not in a container of it, where the same path is another file. */
static bool
is_beside_us(pid_t pid)
{
    static const char *const kinds[] = { "net", "pid" };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *ours = g_strdup_printf("/proc/self/ns/%s", kinds[i]), *its = g_strdup_printf("/proc/%d/ns/%s", (int)pid, kinds[i]);
        struct stat a, b;

        if (stat(ours, &a) < 0 || stat(its, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
            return false;
    }
    return true;
}

/* Some were found, and are gone. */
static int
end_some(Job *job, const char *conf, Error *err)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;
    int n = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        pid_t pid = (pid_t)strtol(name, NULL, 10);
        uint64_t started = pid > 1 && is_ours(pid, conf) && is_beside_us(pid) ? process_start_time(pid) : 0;
        Process process = { .pidfd = -1 };
        int status, r;

        if (!started || process_adopt(pid, started, &process, NULL) != 0)
            continue;
        process_kill(&process, SIGKILL); /* not its group, which may be of who else started it */
        r = process_wait(job, &process, STOP_TIMEOUT, &status, err);
        process_done(&process);
        if (r < 0)
            return -1;
        n++;
    }
    return n;
}

/* We were killed while it started: it would go on, unknown. Until none is found, as it may be about to fork. */
static int
end_strays(Job *job, Network *network, const Files *files, Error *err)
{
    int n = 0;

    if (access(files->conf, F_OK) < 0) /* none was started: networks without one are not worth a look at all processes */
        network->run->dnsmasq.strays = false;
    while (network->run->dnsmasq.strays && (n = end_some(job, files->conf, err)) > 0)
        log_info("a dnsmasq of %s that an earlier life of this daemon was starting is ended", network->label);
    network->run->dnsmasq.strays = n < 0;
    return n < 0 ? error_prefixf(err, "dnsmasq of %s does not end", network->label) : 0;
}

/* --- start and stop --- */

static char *
find_program(void)
{
    static const char *const places[] = { "/usr/sbin/dnsmasq", "/usr/bin/dnsmasq", "/usr/local/sbin/dnsmasq", "/sbin/dnsmasq" };

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        if (access(places[i], X_OK) == 0)
            return g_strdup(places[i]);
    return NULL;
}

/* Each dnsmasq takes one of root's inotify instances, of which most kernels give 128. */
static int
explain(const Network *network, Error *err)
{
    bool inotify = err && err->message && strstr(err->message, "inotify");

    return error_prefixf(err, inotify ? "cannot start DHCP and DNS of %s (the host runs out of inotify instances: raise the sysctl "
                                        "fs.inotify.max_user_instances)"
                                      : "cannot start DHCP and DNS of %s", network->label);
}

/* It goes to the background when it serves: a bad configuration or an address in use is its exit status and last words. */
static int
start(Job *job, Network *network, const Files *files, Error *err)
{
    g_autofree char *program = find_program(), *option = g_strconcat("--conf-file=", files->conf, NULL);
    g_autofree char *leases = lease_path(network->driver, network->live);
    g_autofree char *leases_variable = g_strconcat("VIRTD_LEASE_FILE=", leases, NULL);
    g_autofree char *lock_variable = g_strdup_printf("VIRTD_LEASE_LOCK=%s/leaseshelper.pid", network->driver->daemon->paths.pid);
    const char *const argv[] = { program, option, NULL };
    const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", leases_variable, lock_variable, NULL };
    const ProcessSpec spec = { .argv = argv, .envp = envp, .detach = true };
    ProcessOutput output = { 0 };

    if (!program)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED,
                          "cannot start DHCP and DNS of %s: dnsmasq is not installed (package dnsmasq-base)", network->label);
    unlink(files->pid);
    if (process_check(job, &spec, NULL, START_TIMEOUT, &output, err) < 0)
        return explain(network, err);
    process_output_done(&output);
    if (!take_hold(network, files))
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED, "dnsmasq of %s ended as soon as it had started", network->label);
    log_info("dnsmasq of %s runs as process %d", network->label, (int)network->run->dnsmasq.process.pid);
    return 0;
}

/* With the process that it keeps for calling its script: one that was stopped by a signal does not see that it is alone. */
static void
kill_all(const Process *process)
{
    pid_t group = getpgid(process->pid);

    if (group > 1 && group != getpgrp() && process_alive(process))
        kill(-group, SIGKILL);
    process_kill(process, SIGKILL);
}

int
dnsmasq_stop(Job *job, Network *network, Error *err)
{
    _cleanup_files_ Files files = files_of(network);
    Dnsmasq *dnsmasq = &network->run->dnsmasq;
    int r = 0, status;

    if (!runs(dnsmasq)) {
        dnsmasq_done(dnsmasq);
        if (!take_hold(network, &files) && end_strays(job, network, &files, err) < 0)
            return -1;
    }
    dnsmasq->watch = sd_event_source_disable_unref(dnsmasq->watch);
    if (runs(dnsmasq)) {
        process_kill(&dnsmasq->process, SIGTERM);
        r = process_wait(job, &dnsmasq->process, STOP_TIMEOUT, &status, NULL);
        if (r < 0) {
            kill_all(&dnsmasq->process);
            r = process_wait(job, &dnsmasq->process, STOP_TIMEOUT, &status, err);
        }
    }
    dnsmasq_done(dnsmasq);
    unlink(files.pid);
    return r < 0 ? error_prefixf(err, "dnsmasq of %s does not end", network->label) : 0;
}

static void retry_later(Network *network);

static int
apply(Job *job, Network *network, Error *err)
{
    _cleanup_files_ Files files = files_of(network);
    g_autofree char *leases = network->live->bridge.name ? lease_path(network->driver, network->live) : NULL;
    Dnsmasq *dnsmasq = &network->run->dnsmasq;
    _cleanup_change_ Change change = { 0 };
    int forget = 0;

    if (!dnsmasq_conf_needed(network->live))
        return dnsmasq_stop(job, network, err);
    if (write_files(network, &files, &change, err) < 0)
        return -1;
    if (change.old_hosts && (forget = forget_leases(leases, change.old_hosts, change.new_hosts, true, err)) < 0)
        return -1;
    if (!runs(dnsmasq)) {
        dnsmasq_done(dnsmasq);
        if (!take_hold(network, &files) && end_strays(job, network, &files, err) < 0)
            return -1;
    }
    dnsmasq->retry = sd_event_source_disable_unref(dnsmasq->retry);
    if (runs(dnsmasq) && change.what == CHANGED_NOTHING)
        return 0;
    if (runs(dnsmasq) && change.what == CHANGED_RECORDS && !forget) {
        process_kill(&dnsmasq->process, SIGHUP);
        return 0;
    }
    if (dnsmasq_stop(job, network, err) < 0 || (forget && forget_leases(leases, change.old_hosts, change.new_hosts, false, err) < 0))
        return -1;
    return start(job, network, &files, err);
}

/* An active network that goes on without one gets it as soon as it can be had. */
int
dnsmasq_apply(Job *job, Network *network, Error *err)
{
    int r = apply(job, network, err);

    if (r < 0 && network->run->phase == PHASE_ACTIVE && !runs(&network->run->dnsmasq))
        retry_later(network);
    return r;
}

void
dnsmasq_forget(Network *network, const NetworkDef *def)
{
    _cleanup_files_ Files files = files_of(network);
    g_autofree char *leases = def && def->bridge.name ? lease_path(network->driver, def) : NULL;
    g_autofree char *macs = def && def->bridge.name ? lease_macs_path(network->driver, def) : NULL;
    const char *const paths[] = { files.conf, files.hosts, files.addn, files.pid, leases, macs };

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
        if (paths[i])
            unlink(paths[i]);
}

/* --- when it dies --- */

static void
restart_job(Job *job, void *data)
{
    g_autoptr(Network) network = data;
    _cleanup_error_ Error err = ERROR_INIT;

    if (job_acquire(job, &network->queue, network->label, LOOP_NEVER, &err) < 0)
        return;
    if (network->run && network->run->phase == PHASE_ACTIVE && dnsmasq_apply(job, network, &err) < 0)
        log_error("%s", err.message);
    job_release(job, &network->queue);
}

static int
on_retry(sd_event_source *source, uint64_t usec, void *data)
{
    Network *network = data;

    network->run->dnsmasq.retry = sd_event_source_disable_unref(network->run->dnsmasq.retry);
    job_spawn("dnsmasq restart", NULL, restart_job, network_ref(network));
    return 0;
}

static void
retry_later(Network *network)
{
    Dnsmasq *dnsmasq = &network->run->dnsmasq;
    uint64_t pause = MIN(RETRY_FIRST << MIN(dnsmasq->failures, 16), RETRY_MAX);

    dnsmasq->failures++;
    dnsmasq->retry = sd_event_source_disable_unref(dnsmasq->retry);
    if (loop_timer(&dnsmasq->retry, pause, on_retry, network, NULL) < 0)
        log_error("dnsmasq of %s is not started again: no timer", network->label);
}

static int
on_end(sd_event_source *source, int fd, uint32_t events, void *data)
{
    Network *network = data;
    Dnsmasq *dnsmasq = &network->run->dnsmasq;

    if (loop_now() - dnsmasq->started > SETTLED)
        dnsmasq->failures = 0;
    dnsmasq_done(dnsmasq);
    log_error("dnsmasq of %s has died; it is started again", network->label);
    retry_later(network);
    return 0;
}
