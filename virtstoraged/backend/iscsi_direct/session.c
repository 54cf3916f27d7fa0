#include "virtstoraged/backend/iscsi_direct/session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/base/loop.h"
#include "virtstoraged/secret.h"

#define DEFAULT_PORT 3260
#define GOODBYE_TIMEOUT (2 * USEC_PER_SEC)
#define TICK_MSEC 100 /* the library has no descriptor to wait for at times */

/* --- who --- */

static void
clear_login(gpointer data)
{
    IscsiLogin *login = data;

    if (login->password)
        explicit_bzero(login->password, strlen(login->password));
    g_free(login->password);
    g_free(login->portal);
    g_free(login->target);
    g_free(login->initiator);
    g_free(login->user);
}

IscsiLogin *
iscsi_login_ref(IscsiLogin *login)
{
    return g_atomic_rc_box_acquire(login);
}

void
iscsi_login_unref(IscsiLogin *login)
{
    g_atomic_rc_box_release_full(login, clear_login);
}

static char *
portal_of(const PoolHost *host)
{
    bool v6 = strchr(host->name, ':') && *host->name != '[';

    return g_strdup_printf("%s%s%s:%u", v6 ? "[" : "", host->name, v6 ? "]" : "", host->port.set ? host->port.v : DEFAULT_PORT);
}

static int
check_length(const char *what, const char *text, Error *err)
{
    if (text && strlen(text) > MAX_STRING_SIZE)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "%s has %zu bytes, libiscsi takes %d", what, strlen(text), MAX_STRING_SIZE);
    return 0;
}

static int
take_secret(Job *job, const StorageAuth *auth, IscsiLogin *login, Error *err)
{
    g_autoptr(GBytes) secret = NULL;
    const char *value;
    size_t size;

    if (storage_secret(job, auth, &secret, err) < 0)
        return -1;
    value = g_bytes_get_data(secret, &size);
    if (size == 0 || memchr(value, 0, size))
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "the secret of user '%s' is no CHAP password: it must be a text", auth->username);
    login->user = g_strdup(auth->username);
    login->password = g_strndup(value, size);
    return check_length("the user", login->user, err) < 0 || check_length("the password", login->password, err) < 0 ? -1 : 0;
}

int
iscsi_login_new(Job *job, const PoolSource *source, bool target, IscsiLogin **ret, Error *err)
{
    IscsiLogin *login;

    if (source->hosts.n != 1)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "an iSCSI source needs one <host>");
    if (target && source->devices.n != 1)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "an iSCSI source needs one <device>: the name of the target");
    if (!source->initiator)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "an iSCSI source needs an <initiator>: the name to log in with");
    login = g_atomic_rc_box_new0(IscsiLogin);
    login->portal = portal_of(source->hosts.items[0]);
    login->target = target ? g_strdup(source->devices.items[0]->path) : NULL;
    login->initiator = g_strdup(source->initiator);
    if (check_length("the portal", login->portal, err) < 0 || check_length("the target", login->target, err) < 0 ||
        check_length("the initiator", login->initiator, err) < 0 || (source->auth && take_secret(job, source->auth, login, err) < 0)) {
        iscsi_login_unref(login);
        return -1;
    }
    *ret = login;
    return 0;
}

/* --- sessions --- */

struct IscsiSession {
    IscsiLogin *login;
    struct iscsi_context *context; /* NULL: it has ended */
    uint64_t deadline;             /* usec of the monotonic clock */
    IscsiCommand connecting;       /* the library reports the end of the connection to it as well */
};

void
iscsi_session_deadline(IscsiSession *session, uint64_t timeout)
{
    session->deadline = clock_monotonic_usec() + timeout;
}

struct iscsi_context *
iscsi_context(IscsiSession *session)
{
    return session->context;
}

void
iscsi_on_done(struct iscsi_context *context, int status, void *task, void *data)
{
    IscsiCommand *command = data;

    command->status = status;
    command->done = true;
}

/* All commands that are on their way are ended by that. */
static void
end(IscsiSession *session)
{
    if (session->context)
        iscsi.iscsi_destroy_context(session->context);
    session->context = NULL;
}

static bool
all_done(const IscsiCommand *commands, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!commands[i].done)
            return false;
    return true;
}

static int
lost(IscsiSession *session, const char *what, Error *err)
{
    error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "iSCSI portal %s: %s failed: %s", session->login->portal, what,
               iscsi.iscsi_get_error(session->context));
    end(session);
    return -1;
}

static int
too_late(IscsiSession *session, const char *what, Error *err)
{
    end(session);
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_TIMEOUT, "iSCSI portal %s: %s: no answer in time", session->login->portal, what);
}

/* 1 when the portal has something for us or takes something, 0 when nothing happened for a moment. */
static int
service(IscsiSession *session, uint64_t left)
{
    int events = iscsi.iscsi_which_events(session->context);
    struct pollfd fd = { .fd = iscsi.iscsi_get_fd(session->context), .events = (short)events };
    int wait = (int)MIN(left / 1000 + 1, events ? (uint64_t)1000 : (uint64_t)TICK_MSEC);

    if (poll(&fd, events && fd.fd >= 0 ? 1 : 0, wait) < 0 && errno != EINTR)
        return -1;
    return iscsi.iscsi_service(session->context, fd.revents);
}

int
iscsi_await(IscsiSession *session, IscsiCommand *commands, size_t n, const char *what, Error *err)
{
    if (!session->context)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "iSCSI portal %s: %s: the session has ended", session->login->portal, what);
    for (size_t i = 0; i < n; i++)
        if (!commands[i].task && !commands[i].done)
            return lost(session, what, err);
    while (!all_done(commands, n)) {
        uint64_t now = clock_monotonic_usec();

        if (now >= session->deadline)
            return too_late(session, what, err);
        if (service(session, session->deadline - now) < 0)
            return lost(session, what, err);
    }
    for (size_t i = 0; i < n; i++)
        if (commands[i].status == SCSI_STATUS_CANCELLED || commands[i].status == SCSI_STATUS_TIMEOUT || commands[i].status == SCSI_STATUS_ERROR)
            return lost(session, what, err);
    return 0;
}

int
iscsi_check(const IscsiSession *session, const IscsiCommand *command, const char *what, Error *err)
{
    if (command->status == SCSI_STATUS_GOOD)
        return 0;
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "iSCSI target '%s': %s failed: %s", session->login->target, what,
                      iscsi.iscsi_get_error(session->context));
}

bool
iscsi_is_refused(const IscsiCommand *command)
{
    return command->status == SCSI_STATUS_CHECK_CONDITION && command->task->sense.key == SCSI_SENSE_ILLEGAL_REQUEST;
}

void
iscsi_command_done(IscsiCommand *command)
{
    if (command->task)
        iscsi.scsi_free_scsi_task(command->task);
    command->task = NULL;
}

/* What has no task of its own. started: what the library said to it. */
static int
await_plain(IscsiSession *session, IscsiCommand *command, int started, const char *what, Error *err)
{
    command->done = started < 0; /* nobody will say so */
    command->status = started < 0 ? SCSI_STATUS_ERROR : 0;
    while (!command->done) {
        uint64_t now = clock_monotonic_usec();

        if (now >= session->deadline)
            return too_late(session, what, err);
        if (service(session, session->deadline - now) < 0)
            return lost(session, what, err);
    }
    return command->status == SCSI_STATUS_GOOD ? 0 : lost(session, what, err);
}

static int
configure(IscsiSession *session, Error *err)
{
    const IscsiLogin *login = session->login;
    struct iscsi_context *context = session->context;

    iscsi.iscsi_set_noautoreconnect(context, 1);
    if (iscsi.iscsi_set_session_type(context, login->target ? ISCSI_SESSION_NORMAL : ISCSI_SESSION_DISCOVERY) < 0 ||
        iscsi.iscsi_set_header_digest(context, ISCSI_HEADER_DIGEST_NONE_CRC32C) < 0 ||
        (login->target && iscsi.iscsi_set_targetname(context, login->target) < 0) ||
        (login->user && iscsi.iscsi_set_initiator_username_pwd(context, login->user, login->password) < 0))
        return lost(session, "preparing a session", err);
    return 0;
}

static int
log_in(IscsiSession *session, Error *err)
{
    IscsiCommand command = { 0 };

    if (configure(session, err) < 0 ||
        await_plain(session, &session->connecting,
                    iscsi.iscsi_connect_async(session->context, session->login->portal, iscsi_on_done, &session->connecting), "connecting", err) < 0)
        return -1;
    if (await_plain(session, &command, iscsi.iscsi_login_async(session->context, iscsi_on_done, &command), "logging in", err) == 0)
        return 0;
    if (error_is_set(err) && strstr(err->message, "uthenti"))
        err->code = ERR_AUTH_FAILED;
    return -1;
}

int
iscsi_session_open(IscsiLogin *login, uint64_t timeout, IscsiSession **ret, Error *err)
{
    IscsiSession *session;

    if (iscsi_load(err) < 0)
        return -1;
    session = g_new0(IscsiSession, 1);
    session->login = iscsi_login_ref(login);
    session->context = iscsi.iscsi_create_context(login->initiator);
    iscsi_session_deadline(session, timeout);
    if (!session->context || log_in(session, err) < 0) {
        iscsi_session_close(session);
        return error_is_set(err) ? -1 : error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "iSCSI portal %s: no session", login->portal);
    }
    *ret = session;
    return 0;
}

void
iscsi_session_close(IscsiSession *session)
{
    IscsiCommand command = { 0 };

    if (!session)
        return;
    if (session->context) {
        iscsi_session_deadline(session, GOODBYE_TIMEOUT);
        await_plain(session, &command, iscsi.iscsi_logout_async(session->context, iscsi_on_done, &command), "logging out", NULL);
    }
    end(session);
    iscsi_login_unref(session->login);
    g_free(session);
}

/* --- discovery --- */

typedef struct Discovery {
    IscsiCommand command; /* first */
    void (*found)(const char *target, void *data);
    void *data;
} Discovery;

/* The list is gone when this returns. */
static void
on_discovered(struct iscsi_context *context, int status, void *list, void *data)
{
    Discovery *discovery = data;

    for (const struct iscsi_discovery_address *one = status == SCSI_STATUS_GOOD ? list : NULL; one; one = one->next)
        discovery->found(one->target_name, discovery->data);
    iscsi_on_done(context, status, NULL, &discovery->command);
}

int
iscsi_discover(IscsiSession *session, void (*found)(const char *target, void *data), void *data, Error *err)
{
    Discovery discovery = { .found = found, .data = data };

    return await_plain(session, &discovery.command, iscsi.iscsi_discovery_async(session->context, on_discovered, &discovery), "asking for targets", err);
}
