#include "virtstoraged/backend/rbd/connection.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "common/base/worker.h"
#include "virtstoraged/backend/turns.h"
#include "virtstoraged/secret.h"

/* --- one connection --- */

typedef struct Ending {
    rados_t cluster;
    rados_ioctx_t io;
} Ending;

static void *
end(void *data)
{
    Ending *ending = data;

    if (ending->io)
        ceph.rados_ioctx_destroy(ending->io);
    ceph.rados_shutdown(ending->cluster);
    g_free(ending);
    return NULL;
}

/* Saying goodbye to a cluster that is dead takes its time, and whoever has the last reference may be the loop. */
static void
clear_connection(gpointer data)
{
    RbdConnection *connection = data;
    Ending *ending;
    sigset_t all, old;
    pthread_t thread;

    g_free(connection->pool);
    if (!connection->cluster)
        return;
    ending = g_new(Ending, 1);
    *ending = (Ending){ connection->cluster, connection->io };
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the loop's thread */
    if (pthread_create(&thread, NULL, end, ending) == 0)
        pthread_detach(thread);
    else
        g_free(ending);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

RbdConnection *
rbd_connection_ref(RbdConnection *connection)
{
    return g_atomic_rc_box_acquire(connection);
}

void
rbd_connection_unref(RbdConnection *connection)
{
    g_atomic_rc_box_release_full(connection, clear_connection);
}

int
(rbd_failed)(Error *err, int r, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    return error_set_errno(err, FROM_STORAGE, -r, "%s", what);
}

/* --- making one --- */

/* What a worker needs to know for it; its own. */
typedef struct Connecting {
    char *monitors, *user, *pool;
    char *key;       /* as Ceph writes it; never shown */
    GPtrArray *options; /* name, value, name, ... */
    RbdConnection *made;
} Connecting;

static void
clear_connecting(gpointer data)
{
    Connecting *connecting = data;

    if (connecting->key)
        explicit_bzero(connecting->key, strlen(connecting->key));
    g_free(connecting->key);
    g_free(connecting->monitors);
    g_free(connecting->user);
    g_free(connecting->pool);
    g_ptr_array_unref(connecting->options);
    if (connecting->made)
        rbd_connection_unref(connecting->made);
}

static void
option(Connecting *connecting, const char *name, const char *value)
{
    g_ptr_array_add(connecting->options, g_strdup(name));
    g_ptr_array_add(connecting->options, g_strdup(value));
}

static char *
monitors_of(const PoolDef *pool)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (size_t i = 0; i < pool->source.hosts.n; i++) {
        const PoolHost *host = pool->source.hosts.items[i];
        bool v6 = strchr(host->name, ':') && *host->name != '[';

        g_string_append_printf(all, "%s%s%s%s", i ? "," : "", v6 ? "[" : "", host->name, v6 ? "]" : "");
        if (host->port.set)
            g_string_append_printf(all, ":%u", host->port.v);
    }
    return g_string_free(g_steal_pointer(&all), FALSE);
}

/* The pool's options come last: they may be the reason why somebody wrote them. */
static void
fill_options(Connecting *connecting, const PoolDef *pool)
{
    static const char *const ours[][2] = {
        { "client_mount_timeout", RBD_OPERATION_SECONDS },
        { "rados_mon_op_timeout", RBD_OPERATION_SECONDS },
        { "rados_osd_op_timeout", RBD_OPERATION_SECONDS },
        { "log_to_stderr", "false" },
        { "err_to_stderr", "false" },
    };

    option(connecting, "mon_host", connecting->monitors);
    option(connecting, "auth_supported", connecting->user ? "cephx" : "none");
    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++)
        option(connecting, ours[i][0], ours[i][1]);
    for (size_t i = 0; i < pool->config_options.n; i++)
        option(connecting, pool->config_options.items[i]->name, pool->config_options.items[i]->value);
}

static int
connecting_new(Job *job, const PoolDef *pool, Connecting **ret, Error *err)
{
    const StorageAuth *auth = pool->source.auth;
    g_autoptr(GBytes) secret = NULL;
    Connecting *connecting;

    if (auth && storage_secret(job, auth, &secret, err) < 0)
        return -1;
    connecting = g_atomic_rc_box_new0(Connecting);
    connecting->monitors = monitors_of(pool);
    connecting->pool = g_strdup(pool->source.name);
    connecting->options = g_ptr_array_new_with_free_func(g_free);
    if (auth) {
        connecting->user = g_strdup(auth->username);
        /* The value of the secret is the key itself; Ceph writes keys in base64. */
        connecting->key = g_base64_encode(g_bytes_get_data(secret, NULL), g_bytes_get_size(secret));
    }
    fill_options(connecting, pool);
    *ret = connecting;
    return 0;
}

static int
configure(const Connecting *connecting, rados_t cluster, Error *err)
{
    const GPtrArray *options = connecting->options;
    int r;

    if (connecting->key && (r = ceph.rados_conf_set(cluster, "key", connecting->key)) < 0)
        return rbd_failed(err, r, "failed to set RADOS option: key");
    for (guint i = 0; i < options->len; i += 2) {
        r = ceph.rados_conf_set(cluster, options->pdata[i], options->pdata[i + 1]);
        if (r == -ENOENT)
            return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "failed to set RADOS option: %s: librados has no such option",
                              (char *)options->pdata[i]);
        if (r < 0)
            return rbd_failed(err, r, "failed to set RADOS option: %s to '%s'", (char *)options->pdata[i], (char *)options->pdata[i + 1]);
    }
    return 0;
}

static int
cannot_connect(const Connecting *connecting, int r, Error *err)
{
    if (r == -EACCES || r == -EPERM)
        return error_setf(err, FROM_STORAGE, ERR_AUTH_FAILED, "failed to connect to the RADOS monitor on: %s: user '%s' or its key is refused",
                          connecting->monitors, connecting->user ? connecting->user : "(none)");
    return rbd_failed(err, r, "failed to connect to the RADOS monitor on: %s", connecting->monitors);
}

static int
make_connection(void *data, Error *err)
{
    Connecting *connecting = data;
    RbdConnection *made;
    rados_t cluster;
    int r;

    if (ceph_load(err) < 0)
        return -1;
    r = ceph.rados_create(&cluster, connecting->user);
    if (r < 0)
        return rbd_failed(err, r, "failed to initialize RADOS");
    made = connecting->made = g_atomic_rc_box_new0(RbdConnection);
    made->cluster = cluster;
    made->pool = g_strdup(connecting->pool);
    if (configure(connecting, cluster, err) < 0)
        return -1;
    r = ceph.rados_connect(cluster);
    if (r < 0)
        return cannot_connect(connecting, r, err);
    r = ceph.rados_ioctx_create(cluster, made->pool, &made->io);
    return r < 0 ? rbd_failed(err, r, "failed to create the RBD IoCTX. Does the pool '%s' exist?", made->pool) : 0;
}

/* --- the pools that have one --- */

typedef struct Slot {
    RbdConnection *connection; /* NULL: none */
    JobQueue connecting;
    unsigned users;            /* jobs that have a pointer to this */
    bool forgotten;            /* the last of them frees it */
} Slot;

static GHashTable *slots; /* name of the pool -> Slot; the loop thread's */

static void
slot_drop(Slot *slot, const RbdConnection *which)
{
    if (slot->connection && (!which || slot->connection == which))
        rbd_connection_unref(g_steal_pointer(&slot->connection));
}

static void
slot_leave(Slot *slot)
{
    if (--slot->users > 0 || !slot->forgotten)
        return;
    slot_drop(slot, NULL);
    g_free(slot);
}

static Slot *
slot_enter(const PoolDef *pool)
{
    Slot *slot;

    if (!slots)
        slots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    slot = g_hash_table_lookup(slots, pool->name);
    if (!slot) {
        slot = g_new0(Slot, 1);
        g_hash_table_insert(slots, g_strdup(pool->name), slot);
    }
    slot->users++;
    return slot;
}

void
rbd_forget(const PoolDef *pool)
{
    Slot *slot = slots ? g_hash_table_lookup(slots, pool->name) : NULL;

    if (!slot)
        return;
    g_hash_table_remove(slots, pool->name);
    slot->forgotten = true;
    slot->users++;
    slot_leave(slot);
}

/* --- calls --- */

typedef struct Call {
    RbdConnection *connection;
    RbdFn fn;
    void *data;
    GDestroyNotify clear;
} Call;

static void
clear_call(gpointer data)
{
    Call *call = data;

    rbd_connection_unref(call->connection);
    if (call->clear)
        g_atomic_rc_box_release_full(call->data, call->clear);
    else
        g_atomic_rc_box_release(call->data);
}

static int
work(void *data, Error *err)
{
    const Call *call = data;

    return call->fn(call->connection, call->data, err);
}

static int
work_later(void *data, Error *err)
{
    const Call *call = data;
    int r = call->fn(call->connection, call->data, err);

    g_atomic_int_set(&call->connection->later, 0);
    return r;
}

/* With references of its own. */
static Call *
call_new(RbdConnection *connection, RbdFn fn, void *data, GDestroyNotify clear)
{
    Call *call = g_atomic_rc_box_new0(Call);

    *call = (Call){ rbd_connection_ref(connection), fn, g_atomic_rc_box_acquire(data), clear };
    return call;
}

static int
be_connected(Job *job, const PoolDef *pool, Slot *slot, uint64_t timeout, Error *err)
{
    Connecting *connecting;
    int r;

    if (slot->connection)
        return 0;
    if (job_acquire(job, &slot->connecting, pool->name, timeout, err) < 0)
        return -1;
    r = slot->connection ? 0 : connecting_new(job, pool, &connecting, err);
    if (r == 0 && !slot->connection) {
        r = worker_run(job, "connecting to Ceph", make_connection, connecting, clear_connecting, timeout, err);
        if (r == 0)
            slot->connection = g_steal_pointer(&connecting->made);
        g_atomic_rc_box_release_full(connecting, clear_connecting);
    }
    job_release(job, &slot->connecting);
    return r;
}

/* The errors of a cluster that is gone, or that has shut us out. */
static bool
is_lost(const Error *err)
{
    return err->code == ERR_OPERATION_TIMEOUT ||
           (err->code == ERR_SYSTEM_ERROR && (err->int1 == ETIMEDOUT || err->int1 == ENOTCONN || err->int1 == ESHUTDOWN));
}

static int
run_connected(Job *job, const PoolDef *pool, Slot *slot, const char *what, const Call *wanted, uint64_t timeout, bool *ret_lost,
              Error *err)
{
    _cleanup_error_ Error failed = ERROR_INIT;
    Call *call = NULL;
    int r = be_connected(job, pool, slot, MIN(timeout, RBD_TIMEOUT), &failed);

    if (r == 0) {
        call = call_new(slot->connection, wanted->fn, wanted->data, wanted->clear);
        r = worker_run(job, what, work, call, clear_call, timeout, &failed);
    }
    *ret_lost = r < 0 && is_lost(&failed);
    if (*ret_lost)
        slot_drop(slot, call ? call->connection : NULL);
    if (call)
        g_atomic_rc_box_release_full(call, clear_call);
    return r < 0 ? error_move(err, &failed) : r;
}

int
rbd_run(Job *job, const PoolDef *pool, const char *what, RbdFn fn, void *data, GDestroyNotify clear, uint64_t timeout, Error *err)
{
    const Call call = { .fn = fn, .data = data, .clear = clear };
    bool lost = false;
    Turn turn;
    Slot *slot;
    int r;

    if (turn_begin(job, pool->name, timeout > RBD_TIMEOUT, &turn, err) < 0)
        return -1;
    slot = slot_enter(pool);
    r = run_connected(job, pool, slot, what, &call, timeout, &lost, err);
    slot_leave(slot);
    turn_end(job, &turn, lost);
    return r;
}

int
rbd_probe(Job *job, const PoolDef *pool, const char *what, RbdFn fn, void *data, GDestroyNotify clear, Error *err)
{
    const Call call = { .fn = fn, .data = data, .clear = clear };
    Slot *slot = slot_enter(pool);
    bool lost;
    int r = run_connected(job, pool, slot, what, &call, RBD_PROBE_TIMEOUT, &lost, err);

    slot_leave(slot);
    return r;
}

void
rbd_run_later(const PoolDef *pool, const char *what, RbdFn fn, void *data, GDestroyNotify clear)
{
    Slot *slot = slot_enter(pool);

    if (slot->connection && g_atomic_int_compare_and_exchange(&slot->connection->later, 0, 1)) {
        Call *call = call_new(slot->connection, fn, data, clear);

        worker_detach(what, work_later, call, clear_call);
        g_atomic_rc_box_release_full(call, clear_call);
    }
    slot_leave(slot);
}
