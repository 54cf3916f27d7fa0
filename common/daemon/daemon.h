/*
 * main() of a daemon: options, paths, configuration, log, sockets, signals, idle exit, notification.
 *
 * A daemon describes itself with a DaemonSpec and calls daemon_main(). The order: options, NAME.conf, log, spec->start()
 * (register what is served; nothing slow), sockets from the activator (LISTEN_FDS with the names NAME.socket,
 * NAME-ro.socket, NAME-admin.socket) or bound by itself, READY=1, loop. SIGTERM and SIGINT drain: running calls are
 * answered, then spec->stop() and exit 0. SIGHUP reloads logs and calls spec->reload(). With --timeout N the daemon
 * exits when for N seconds there was no client and spec->busy() said no.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/daemon/config.h"
#include "common/daemon/paths.h"
#include "common/rpc/admin.h"
#include "common/rpc/server.h"

typedef struct DaemonConfig {
    char *unix_sock_group, *unix_sock_dir, *auth_unix_ro, *auth_unix_rw;
    unsigned unix_sock_ro_perms, unix_sock_rw_perms, unix_sock_admin_perms;
    char **access_drivers;
    int64_t min_workers, max_workers, prio_workers, max_clients, max_queued_clients, max_anonymous_clients;
    int64_t max_client_requests;
    int64_t admin_min_workers, admin_max_workers, admin_max_clients, admin_max_queued_clients, admin_max_client_requests;
    int64_t log_level;
    char *log_filters, *log_outputs;
    int64_t keepalive_interval, keepalive_count, admin_keepalive_interval, admin_keepalive_count;
    char *host_uuid, *host_uuid_source;
} DaemonConfig;

typedef struct Daemon Daemon;
typedef struct DaemonPeers DaemonPeers;

typedef struct DaemonSpec {
    const char *name;    /* "virtqemud" */
    const char *summary; /* for --help */
    RpcServerOptions server; /* name, session, limits and daemon are filled in by daemon_main() */
    /* Bind handlers to daemon->server, index what is on disk. */
    int (*start)(Daemon *daemon, Error *err);
    /* Once the sockets are served: re-adopt what runs, autostart. May spawn jobs. */
    void (*ready)(Daemon *daemon);
    bool (*busy)(Daemon *daemon); /* something needs us to stay; NULL: never */
    void (*reload)(Daemon *daemon);
    void (*stop)(Daemon *daemon); /* after the last call was answered */
} DaemonSpec;

struct Daemon {
    const DaemonSpec *spec;
    Paths paths;
    DaemonConfig config;
    RpcServer *server;
    RpcAdmin *admin;
    DaemonPeers *peers; /* the other daemons: peers.h */
    void *user; /* the daemon's own state, set by start() */
};

int daemon_main(const DaemonSpec *spec, int argc, char **argv);
void daemon_touch(Daemon *daemon); /* something that matters for idle exit changed */
