#include "common/daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/base/fiber.h"
#include "common/base/file.h"
#include "common/base/loop.h"
#include "common/base/worker.h"
#include "common/daemon/options.h"
#include "common/daemon/peers.h"

#define LOG_SOURCE "daemon"
#include "common/base/log.h"

#define DRAIN_TIMEOUT (20 * USEC_PER_SEC) /* how long a stopping daemon waits for running calls */

#define KEY(name, type, preset, doc) { #name, type, G_STRUCT_OFFSET(DaemonConfig, name), preset, NULL, 0, 0, NULL, doc }
#define KEY_SESSION(name, type, preset, session, values, doc) \
    { #name, type, G_STRUCT_OFFSET(DaemonConfig, name), preset, session, 0, 0, values, doc }
#define KEY_RANGE(name, preset, min, max, doc) \
    { #name, CONFIG_INT, G_STRUCT_OFFSET(DaemonConfig, name), preset, NULL, min, max, NULL, doc }

static const ConfigKey daemon_keys[] = {
    KEY(unix_sock_group, CONFIG_STRING, NULL, "Group of the sockets this daemon binds itself"),
    KEY(unix_sock_dir, CONFIG_STRING, NULL, "Directory of the sockets this daemon binds itself"),
    KEY_SESSION(unix_sock_ro_perms, CONFIG_OCTAL, "0777", NULL, NULL, "Mode of the read-only socket"),
    KEY_SESSION(unix_sock_rw_perms, CONFIG_OCTAL, "0777", "0700", NULL, "Mode of the main socket"),
    KEY(unix_sock_admin_perms, CONFIG_OCTAL, "0700", "Mode of the admin socket"),
    KEY_SESSION(auth_unix_ro, CONFIG_STRING, "polkit", "none", "none|sasl|polkit", "Authentication on the read-only socket"),
    KEY_SESSION(auth_unix_rw, CONFIG_STRING, "polkit", "none", "none|sasl|polkit", "Authentication on the main socket"),
    { "sasl_allowed_username_list", CONFIG_IGNORED, 0, NULL, NULL, 0, 0, NULL, "Unix sockets have no SASL here" },
    KEY(access_drivers, CONFIG_LIST, NULL, "Fine-grained access control: none or polkit"),
    KEY_RANGE(min_workers, "5", 0, G_MAXINT, "Shown by virt-admin; threads are made on demand"),
    KEY_RANGE(max_workers, "20", 1, G_MAXINT, "Shown by virt-admin; threads are made on demand"),
    KEY_RANGE(prio_workers, "5", 0, G_MAXINT, "Shown by virt-admin; every call that can answer at once does"),
    KEY_RANGE(max_clients, "5000", 1, 1000000, "Connected clients"),
    KEY_RANGE(max_queued_clients, "1000", 1, 65535, "Backlog of the sockets"),
    KEY_RANGE(max_anonymous_clients, "20", 0, 1000000, "Clients that have not authenticated yet; 0: no limit"),
    KEY_RANGE(max_client_requests, "5", 1, 100000, "Calls of one client at the same time"),
    KEY_RANGE(admin_min_workers, "5", 0, G_MAXINT, "Shown by virt-admin"),
    KEY_RANGE(admin_max_workers, "20", 1, G_MAXINT, "Shown by virt-admin"),
    KEY_RANGE(admin_max_clients, "5000", 1, 1000000, "Connected admin clients"),
    KEY_RANGE(admin_max_queued_clients, "20", 1, 65535, "Backlog of the admin socket"),
    KEY_RANGE(admin_max_client_requests, "5", 1, 100000, "Calls of one admin client at the same time"),
    KEY_RANGE(log_level, "3", 1, 4, "1 debug, 2 info, 3 warning, 4 error"),
    KEY(log_filters, CONFIG_STRING, NULL, "LEVEL:MATCH ..."),
    KEY(log_outputs, CONFIG_STRING, NULL, "LEVEL:stderr|journald|syslog:NAME|file:PATH ..."),
    { "audit_level", CONFIG_IGNORED, 0, NULL, NULL, 0, 0, NULL, "Nothing is sent to the audit subsystem" },
    { "audit_logging", CONFIG_IGNORED, 0, NULL, NULL, 0, 0, NULL, "Nothing is sent to the audit subsystem" },
    KEY(keepalive_interval, CONFIG_INT, "5", "Seconds between pings; 0 or less: none"),
    KEY_RANGE(keepalive_count, "5", 0, 1000000, "Unanswered pings before a client is dropped"),
    { "keepalive_required", CONFIG_IGNORED, 0, NULL, NULL, 0, 0, NULL, "Without effect since long" },
    KEY(admin_keepalive_interval, CONFIG_INT, "5", "As keepalive_interval, of admin clients"),
    KEY_RANGE(admin_keepalive_count, "5", 0, 1000000, "As keepalive_count, of admin clients"),
    { "admin_keepalive_required", CONFIG_IGNORED, 0, NULL, NULL, 0, 0, NULL, "Without effect since long" },
    KEY(host_uuid, CONFIG_STRING, NULL, "The host's UUID in the capabilities"),
    KEY_SESSION(host_uuid_source, CONFIG_STRING, "smbios", NULL, "smbios|machine-id", "Where it comes from otherwise"),
    { "ovs_timeout", CONFIG_IGNORED, 0, NULL, NULL, 0, 0, NULL, "Open vSwitch is not used" },
    CONFIG_KEYS_END,
};

/* The three sockets of a daemon, in the order in which they are bound. */
typedef enum { SOCKET_MAIN, SOCKET_RO, SOCKET_ADMIN, SOCKET_COUNT } SocketRole;

static const struct {
    const char *unit, *file; /* appended to the daemon's name */
} sockets[SOCKET_COUNT] = {
    [SOCKET_MAIN] = { ".socket", "-sock" },
    [SOCKET_RO] = { "-ro.socket", "-sock-ro" },
    [SOCKET_ADMIN] = { "-admin.socket", "-admin-sock" },
};

typedef struct {
    Daemon daemon;
    DaemonOptions options;
    RpcServerOptions server_options;
    RpcHooks hooks;
    void (*next_activity)(void *daemon);
    uint64_t idle_since; /* 0: not idle */
    sd_event_source *idle_timer, *drain_timer;
    char *bound[SOCKET_COUNT]; /* paths we bound ourselves: removed at exit */
    bool stopping;
} Main;

static void
warn_config(const char *message, void *data)
{
    log_warning("%s", message);
}

static int
load_config(Main *m, Error *err)
{
    Daemon *d = &m->daemon;
    g_autofree char *path =
        m->options.config ? g_strdup(m->options.config) : g_strdup_printf("%s/%s.conf", d->paths.config, d->spec->name);

    config_set_defaults(daemon_keys, &d->config, d->paths.session);
    return config_load(path, m->options.config != NULL, daemon_keys, &d->config, warn_config, NULL, err);
}

/* A protection that is asked for and not there must not be passed over. */
static int
check_config(Main *m, Error *err)
{
    const Daemon *d = &m->daemon;

    for (char **driver = d->config.access_drivers; driver && *driver; driver++)
        if (strcmp(*driver, "none") != 0)
            return error_setf(err, FROM_CONF, ERR_CONFIG_UNSUPPORTED, "access_drivers '%s' is not supported yet; only 'none' is", *driver);
    if (g_strcmp0(d->config.auth_unix_rw, "sasl") == 0 || g_strcmp0(d->config.auth_unix_ro, "sasl") == 0)
        return error_setf(err, FROM_CONF, ERR_CONFIG_UNSUPPORTED, "SASL on unix sockets is not supported; use polkit or none");
    return 0;
}

static int
set_up_log(Main *m, Error *err)
{
    Daemon *d = &m->daemon;
    g_autofree char *file = g_strdup_printf("%s/%s.log", d->paths.log, d->spec->name);
    const char *filters = g_getenv("LIBVIRT_LOG_FILTERS"), *outputs = g_getenv("LIBVIRT_LOG_OUTPUTS");
    const char *level = g_getenv("LIBVIRT_DEBUG");

    if (log_set_level(level && g_ascii_isdigit(*level) ? (LogLevel)(*level - '0') : (LogLevel)d->config.log_level, err) < 0)
        return -1;
    if (m->options.verbose && d->config.log_level > LOG_LEVEL_INFO)
        log_set_level(LOG_LEVEL_INFO, NULL);
    log_set_default_outputs(m->options.background ? file : NULL);
    if (log_set_filters(filters ? filters : d->config.log_filters, err) < 0)
        return -1;
    return log_set_outputs(outputs ? outputs : d->config.log_outputs, err);
}

/* --- idle exit --- */

static bool
main_is_idle(Main *m)
{
    Daemon *d = &m->daemon;

    return rpc_server_clients(d->server) == 0 && rpc_server_running_calls(d->server) == 0 &&
           rpc_server_clients(rpc_admin_server(d->admin)) == 0 && !(d->spec->busy && d->spec->busy(d)) && worker_busy() == 0;
}

static void
main_finish(Main *m)
{
    if (m->stopping)
        return;
    m->stopping = true;
    sd_notify(0, "STOPPING=1");
    loop_exit(0);
}

/* Not re-armed by every client: it looks when it fires, and sleeps on for what is missing. */
static int
main_on_idle_timer(sd_event_source *source, uint64_t usec, void *data)
{
    Main *m = data;
    uint64_t span = (uint64_t)m->options.timeout * USEC_PER_SEC, now = loop_now();

    m->idle_timer = sd_event_source_disable_unref(m->idle_timer);
    if (!main_is_idle(m)) {
        m->idle_since = 0; /* daemon_touch() arms it again */
    } else if (now - m->idle_since >= span) {
        log_info("idle for %d s", m->options.timeout);
        main_finish(m);
    } else {
        loop_timer(&m->idle_timer, span - (now - m->idle_since), main_on_idle_timer, m, NULL);
    }
    return 0;
}

void
daemon_touch(Daemon *daemon)
{
    Main *m = (Main *)daemon;

    if (m->options.timeout <= 0 || m->stopping)
        return;
    if (!main_is_idle(m)) {
        m->idle_since = 0;
        return;
    }
    m->idle_since = loop_now();
    if (!m->idle_timer)
        loop_timer(&m->idle_timer, (uint64_t)m->options.timeout * USEC_PER_SEC, main_on_idle_timer, m, NULL);
}

static void
main_on_activity(void *data)
{
    daemon_touch(data);
}

/* --- signals --- */

/* Running calls are answered first; then out. */
static int
main_on_drain(sd_event_source *source, uint64_t usec, void *data)
{
    Main *m = data;
    uint64_t now = loop_now();

    m->drain_timer = sd_event_source_disable_unref(m->drain_timer);
    if (rpc_server_running_calls(m->daemon.server) == 0 || now - m->idle_since > DRAIN_TIMEOUT)
        loop_exit(0);
    else
        loop_timer(&m->drain_timer, 20 * USEC_PER_MSEC, main_on_drain, m, NULL);
    return 0;
}

static int
main_on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    Main *m = data;

    if (m->stopping) { /* asked twice: no more waiting */
        loop_exit(0);
        return 0;
    }
    m->stopping = true;
    sd_notify(0, "STOPPING=1");
    rpc_server_drain(m->daemon.server);
    rpc_server_drain(rpc_admin_server(m->daemon.admin));
    m->idle_since = loop_now();
    return main_on_drain(NULL, 0, m);
}

static int
main_on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    Main *m = data;
    _cleanup_error_ Error err = ERROR_INIT;

    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GUINT64_FORMAT, clock_monotonic_usec());
    log_reopen();
    if (m->daemon.spec->reload)
        m->daemon.spec->reload(&m->daemon);
    sd_notify(0, "READY=1");
    return 0;
}

static int
set_up_signals(Main *m, Error *err)
{
    static const struct {
        int sig;
        sd_event_signal_handler_t fn;
    } handlers[] = { { SIGTERM, main_on_terminate }, { SIGINT, main_on_terminate }, { SIGHUP, main_on_reload } };
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    for (size_t i = 0; i < G_N_ELEMENTS(handlers); i++)
        sigaddset(&set, handlers[i].sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(handlers); i++) {
        int r = sd_event_add_signal(loop_event(), NULL, handlers[i].sig, handlers[i].fn, m);

        if (r < 0)
            return error_set_errno(err, FROM_NONE, -r, "cannot watch signal %d", handlers[i].sig);
    }
    return 0;
}

/* --- sockets --- */

static RpcAuth
auth_of(const char *text)
{
    return g_strcmp0(text, "polkit") == 0 ? RPC_AUTH_POLKIT : g_strcmp0(text, "sasl") == 0 ? RPC_AUTH_SASL : RPC_AUTH_NONE;
}

static int
serve_socket(Main *m, SocketRole role, int fd, Error *err)
{
    Daemon *d = &m->daemon;
    RpcServiceOptions options = {
        .readonly = role == SOCKET_RO,
        .auth = role == SOCKET_ADMIN ? RPC_AUTH_NONE : auth_of(role == SOCKET_RO ? d->config.auth_unix_ro : d->config.auth_unix_rw),
        .same_uid = role == SOCKET_ADMIN,
    };
    RpcServer *server = role == SOCKET_ADMIN ? rpc_admin_server(d->admin) : d->server;

    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return rpc_server_listen(server, fd, &options, err);
}

/* Descriptors from the activator, known by name; one without a known name by its path. */
/* Where the sockets are, ours and with them those of the other daemons: an activator may have put them anywhere. g_free. */
static char *
find_socket_dir(const Daemon *d)
{
    struct sockaddr_un addr;
    socklen_t size = sizeof(addr);

    if (sd_listen_fds(0) > 0 && getsockname(SD_LISTEN_FDS_START, (struct sockaddr *)&addr, &size) == 0 && addr.sun_family == AF_UNIX &&
        size > offsetof(struct sockaddr_un, sun_path) && addr.sun_path[0] == '/')
        return g_path_get_dirname(addr.sun_path);
    return g_strdup(d->config.unix_sock_dir ? d->config.unix_sock_dir : d->paths.run);
}

static int
take_sockets(Main *m, Error *err)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names), r = 0;

    for (int i = 0; i < n && r == 0; i++) {
        int fd = SD_LISTEN_FDS_START + i, role;

        for (role = 0; role < SOCKET_COUNT; role++) {
            g_autofree char *unit = g_strconcat(m->daemon.spec->name, sockets[role].unit, NULL);
            g_autofree char *path = g_strconcat(m->daemon.paths.run, "/", m->daemon.spec->name, sockets[role].file, NULL);

            if (strcmp(names[i], unit) == 0 || sd_is_socket_unix(fd, SOCK_STREAM, 1, path, 0) > 0)
                break;
        }
        if (role == SOCKET_COUNT)
            log_warning("the activator passed a descriptor named '%s', which is none of ours", names[i]);
        else
            r = serve_socket(m, (SocketRole)role, fd, err);
    }
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return r < 0 ? r : n;
}

/* A socket file somebody still listens on belongs to another instance. */
static int
refuse_live_socket(const struct sockaddr_un *addr, Error *err)
{
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
        return error_setf(err, FROM_RPC, ERR_OPERATION_FAILED, "another daemon already serves '%s'", addr->sun_path);
    return 0;
}

static int
bind_socket(Main *m, SocketRole role, Error *err)
{
    Daemon *d = &m->daemon;
    const unsigned modes[SOCKET_COUNT] = { d->config.unix_sock_rw_perms, d->config.unix_sock_ro_perms, d->config.unix_sock_admin_perms };
    const char *dir = d->config.unix_sock_dir ? d->config.unix_sock_dir : d->paths.run;
    g_autofree char *path = g_strconcat(dir, "/", d->spec->name, sockets[role].file, NULL);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct group *group = d->config.unix_sock_group ? getgrnam(d->config.unix_sock_group) : NULL;
    _cleanup_fd_ int fd = -1;
    mode_t mask;
    int r;

    if (strlen(path) >= sizeof(addr.sun_path))
        return error_setf(err, FROM_RPC, ERR_OPERATION_FAILED, "the socket path '%s' is too long", path);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    if (file_mkdirs(dir, 0755, err) < 0 || refuse_live_socket(&addr, err) < 0)
        return -1;
    if (d->config.unix_sock_group && !group)
        return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX, "unix_sock_group '%s' does not exist", d->config.unix_sock_group);
    unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mask = umask(0777 & ~modes[role]);
    r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    umask(mask);
    if (r < 0 || (group && chown(path, (uid_t)-1, group->gr_gid) < 0) || listen(fd, (int)d->config.max_queued_clients) < 0)
        return error_set_errno(err, FROM_RPC, errno, "cannot listen at '%s'", path);
    m->bound[role] = g_steal_pointer(&path);
    return serve_socket(m, role, fd_take(&fd), err);
}

static int
set_up_sockets(Main *m, Error *err)
{
    int n = take_sockets(m, err);

    if (n != 0)
        return n < 0 ? n : 0;
    for (int role = 0; role < SOCKET_COUNT; role++) {
        if (role == SOCKET_RO && m->daemon.paths.session)
            continue;
        if (bind_socket(m, (SocketRole)role, err) < 0)
            return -1;
    }
    return 0;
}

/* --- life --- */

static int
main_set_timeout(void *data, unsigned seconds, Error *err)
{
    Main *m = data;

    m->options.timeout = (int)MIN(seconds, (unsigned)G_MAXINT / 1000);
    m->idle_timer = sd_event_source_disable_unref(m->idle_timer);
    daemon_touch(&m->daemon);
    return 0;
}

static int
main_shutdown(void *data, unsigned flags, Error *err)
{
    return main_on_terminate(NULL, NULL, data);
}

static void
set_up_server(Main *m)
{
    Daemon *d = &m->daemon;
    g_autofree char *socket_dir = find_socket_dir(d);

    m->server_options = d->spec->server;
    m->hooks = d->spec->server.hooks ? *d->spec->server.hooks : (RpcHooks){ 0 };
    m->hooks.activity = main_on_activity;
    m->server_options.name = d->spec->name;
    m->server_options.session = d->paths.session;
    m->server_options.token_path = d->paths.token;
    m->server_options.max_clients = (unsigned)d->config.max_clients;
    m->server_options.max_anonymous_clients = (unsigned)d->config.max_anonymous_clients;
    m->server_options.max_client_requests = (unsigned)d->config.max_client_requests;
    m->server_options.keepalive_interval = (int)d->config.keepalive_interval;
    m->server_options.keepalive_count = (unsigned)d->config.keepalive_count;
    m->server_options.daemon = d;
    m->server_options.hooks = &m->hooks;
    d->peers = daemon_peers_new(&d->paths, socket_dir, d->paths.session && !m->options.root); /* a private host has its activator */
    d->server = rpc_server_new(&m->server_options);
    d->admin = rpc_admin_new(&(RpcAdminOptions){
        .max_clients = (unsigned)d->config.admin_max_clients,
        .max_client_requests = (unsigned)d->config.admin_max_client_requests,
        .keepalive_interval = (int)d->config.admin_keepalive_interval,
        .keepalive_count = (unsigned)d->config.admin_keepalive_count,
        .set_timeout = main_set_timeout,
        .shutdown = main_shutdown,
        .data = m,
    });
    rpc_admin_add(d->admin, d->server);
}

static int
write_pid_file(Main *m, Error *err)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    g_autofree char *dir = NULL;

    if (!m->options.pid_file)
        return 0;
    dir = g_path_get_dirname(m->options.pid_file);
    if (file_mkdirs(dir, 0755, err) < 0)
        return -1;
    return file_replace(m->options.pid_file, text, strlen(text), 0644, err);
}

/*
 * Calls that did not end in time hold their clients; their fibers never run again, so nothing of theirs is taken away.
 * Streams and other things of a client refer to the daemon's own objects, so this comes before its stop().
 */
static void
free_servers(Main *m)
{
    Daemon *d = &m->daemon;
    size_t running = (d->server ? rpc_server_running_calls(d->server) : 0) +
                     (d->admin ? rpc_server_running_calls(rpc_admin_server(d->admin)) : 0);

    if (running) {
        log_warning("ending with %zu calls that were not answered", running);
        return;
    }
    if (d->admin)
        d->admin = rpc_admin_free(d->admin);
    d->server = rpc_server_free(d->server);
    d->peers = daemon_peers_free(d->peers);
}

static int
main_run(Main *m, Error *err)
{
    Daemon *d = &m->daemon;
    int r;

    if (load_config(m, err) < 0 || check_config(m, err) < 0 || set_up_log(m, err) < 0)
        return -1;
    if (m->options.background && daemon(0, 0) < 0) /* before the loop: its descriptors don't survive a fork */
        return error_set_errno(err, FROM_NONE, errno, "cannot go to the background");
    if (loop_init(err) < 0 || set_up_signals(m, err) < 0)
        return -1;
    set_up_server(m);
    if (file_mkdirs(d->paths.run, 0755, err) < 0 || d->spec->start(d, err) < 0 || set_up_sockets(m, err) < 0 ||
        write_pid_file(m, err) < 0)
        return -1;
    sd_notify(0, "READY=1");
    log_info("%s %s is ready", d->spec->name, VIRTD_VERSION);
    if (d->spec->ready)
        d->spec->ready(d);
    daemon_touch(d);
    r = loop_run(err);
    free_servers(m);
    if (d->spec->stop)
        d->spec->stop(d);
    return r;
}

static void
main_done(Main *m)
{
    m->idle_timer = sd_event_source_disable_unref(m->idle_timer);
    m->drain_timer = sd_event_source_disable_unref(m->drain_timer);
    if (!m->stopping) /* a start that failed */
        free_servers(m);
    for (int i = 0; i < SOCKET_COUNT; i++) {
        if (m->bound[i])
            unlink(m->bound[i]);
        g_free(m->bound[i]);
    }
    if (m->options.pid_file)
        unlink(m->options.pid_file);
    worker_pool_done();
    fiber_pool_trim();
    config_done(daemon_keys, &m->daemon.config);
    paths_done(&m->daemon.paths);
    daemon_options_done(&m->options);
    loop_done();
    log_done();
}

int
daemon_main(const DaemonSpec *spec, int argc, char **argv)
{
    Main m = { .daemon.spec = spec };
    _cleanup_error_ Error err = ERROR_INIT;
    int r;

    log_init(spec->name);
    if (daemon_options_parse(&m.options, spec->name, argc, argv) < 0)
        return 2;
    if (m.options.help || m.options.version) {
        if (m.options.help)
            daemon_options_help(spec->name, spec->summary);
        else
            printf("%s %s\n", spec->name, VIRTD_VERSION);
        daemon_options_done(&m.options);
        return 0;
    }
    umask(0022);
    paths_init(&m.daemon.paths, geteuid() != 0, m.options.root);
    r = main_run(&m, &err);
    if (r < 0)
        log_error("%s", err.message ? err.message : "cannot start");
    main_done(&m);
    return r < 0 ? 1 : r;
}
