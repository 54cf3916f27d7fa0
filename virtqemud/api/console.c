/* What a person reaches a guest by: serial consoles, channels, the screen. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "common/conf/domain/device/char.h"
#include "protocol/constants.h"
#include "virtqemud/api/api.h"
#include "virtqemud/run/run.h"

/* The first console, else serial port; or the one with this alias. */
static CharDef *
find_console(const DomainDef *def, const char *alias)
{
    static const DeviceKind kinds[] = { DEVICE_CONSOLE, DEVICE_SERIAL, DEVICE_PARALLEL };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        DOMAIN_FOREACH_KIND(def, kinds[i], device)
            if (!alias || g_strcmp0(device->info.alias, alias) == 0)
                return CHARDEV(device);
    return NULL;
}

static CharDef *
find_channel(const DomainDef *def, const char *name)
{
    DOMAIN_FOREACH_KIND(def, DEVICE_CHANNEL, device) {
        CharDef *c = CHARDEV(device);

        if (!name || g_strcmp0(c->name, name) == 0 || g_strcmp0(device->info.alias, name) == 0)
            return c;
    }
    return NULL;
}

static int
connect_unix(const char *path, int *ret, Error *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    _cleanup_fd_ int fd = -1;

    if (strlen(path) >= sizeof(addr.sun_path))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the socket path '%s' is too long", path);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot connect to '%s'", path);
    *ret = fd_take(&fd);
    return 0;
}

/* --- a terminal has one reader: of two streams the newer gets it by force, or is refused --- */

typedef struct {
    char *path;
    RpcStream *stream;
} Session;

static GHashTable *sessions; /* path -> Session, while the stream is open */

static void
session_closed(void *data)
{
    Session *session = data;

    if (g_hash_table_lookup(sessions, session->path) == session)
        g_hash_table_remove(sessions, session->path);
    g_free(session->path);
    g_free(session);
}

static int
session_claim(const Domain *d, const char *path, bool force, Error *err)
{
    Session *old = sessions ? g_hash_table_lookup(sessions, path) : NULL;
    _cleanup_error_ Error why = ERROR_INIT;

    if (!old)
        return 0;
    if (!force)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "Active console session exists for %s (--force takes it over)", d->label);
    error_setf(&why, FROM_QEMU, ERR_OPERATION_ABORTED, "the console was taken over by another client");
    rpc_stream_fail(old->stream, &why);
    return 0;
}

static int
session_open(RpcCall *call, const char *path, int fd, Error *err)
{
    Session *session = g_new0(Session, 1);

    session->path = g_strdup(path);
    if (rpc_stream_open_fd_watched(call, fd, RPC_STREAM_FD_READ | RPC_STREAM_FD_WRITE, session_closed, session, &session->stream,
                                   err) < 0) {
        g_free(session->path);
        g_free(session);
        return -1;
    }
    if (!sessions)
        sessions = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_replace(sessions, session->path, session);
    return 0;
}

static int
open_source(RpcCall *call, Domain *d, const CharDef *c, const char *what, bool force, Error *err)
{
    const CharSource *source = &c->source;
    _cleanup_fd_ int fd = -1;

    if (!source->path || (source->type != CHAR_PTY && source->type != CHAR_UNIX))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "%s '%s' of %s is neither a terminal (pty) nor a unix socket", what,
                          c->base.info.alias ? c->base.info.alias : "?", d->label);
    if (session_claim(d, source->path, force, err) < 0)
        return -1;
    if (source->type == CHAR_UNIX) {
        if (connect_unix(source->path, &fd, err) < 0)
            return -1;
    } else {
        fd = open(source->path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            return error_set_errno(err, FROM_QEMU, errno, "cannot open the terminal '%s'", source->path);
    }
    return session_open(call, source->path, fd_take(&fd), err);
}

static int
open_console(Job *job, RpcCall *call, const remote_domain_open_console_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    const CharDef *c;

    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_CONSOLE_SAFE | VIR_DOMAIN_CONSOLE_FORCE, err) < 0 ||
        domain_check_active(d, err) < 0)
        return -1;
    c = find_console(d->live, args->dev_name);
    if (!c)
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "%s has no console%s%s", d->label, args->dev_name ? " named " : "",
                          args->dev_name ? args->dev_name : "");
    return open_source(call, d, c, "console", args->flags & VIR_DOMAIN_CONSOLE_FORCE, err);
}

static int
open_channel(Job *job, RpcCall *call, const remote_domain_open_channel_args *args, void *ret, Error *err)
{
    Domain *d = api_domain(call);
    const CharDef *c;

    if (rpc_call_check_flags(call, args->flags, VIR_DOMAIN_CHANNEL_FORCE, err) < 0 || domain_check_active(d, err) < 0)
        return -1;
    c = find_channel(d->live, args->name);
    if (!c)
        return error_setf(err, FROM_QEMU, ERR_INTERNAL_ERROR, "%s has no channel%s%s", d->label, args->name ? " named " : "",
                          args->name ? args->name : "");
    return open_source(call, d, c, "channel", args->flags & VIR_DOMAIN_CHANNEL_FORCE, err);
}

/* --- screenshot --- */

typedef struct {
    char *path;
    int fd;
} Shot;

static void
shot_clear(void *data)
{
    Shot *shot = data;

    g_free(shot->path);
    fd_close(&shot->fd);
}

static int
shot_open(void *data, Error *err)
{
    Shot *shot = data;

    shot->fd = open(shot->path, O_RDONLY | O_CLOEXEC);
    unlink(shot->path);
    return shot->fd < 0 ? error_set_errno(err, FROM_QEMU, errno, "QEMU made no screenshot at '%s'", shot->path) : 0;
}

/* QEMU writes it into its own directory, as its own user. */
static int
screenshot(Job *job, RpcCall *call, const remote_domain_screenshot_args *args, remote_domain_screenshot_ret *ret, Error *err)
{
    Domain *d = api_domain(call);
    g_autofree char *path = NULL;
    Shot *shot;
    int r;

    if (rpc_call_check_flags(call, args->flags, 0, err) < 0 || run_check_monitor(d, err) < 0)
        return -1;
    if (args->screen != 0)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_UNSUPPORTED, "only screen 0 can be captured");
    if (domain_def_count(d->live, DEVICE_VIDEO) == 0)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "%s has no video device", d->label);
    path = g_strdup_printf("%s/screenshot-%p.ppm", d->run->dir, (void *)job);
    if (qmp_call(job, d->run->qmp, "screendump", json_pack("{s:s}", "filename", path), NULL, err) < 0)
        return -1;
    shot = g_atomic_rc_box_new0(Shot);
    shot->path = g_steal_pointer(&path);
    shot->fd = -1;
    r = worker_run(job, "the screenshot", shot_open, shot, shot_clear, QMP_TIMEOUT, err);
    if (r == 0)
        r = rpc_stream_open_fd(call, fd_take(&shot->fd), RPC_STREAM_FD_READ, NULL, err);
    g_atomic_rc_box_release_full(shot, shot_clear);
    ret->mime = "image/x-portable-pixmap";
    return r;
}

API_TABLE(api_console,
    REMOTE_BIND(DOMAIN_OPEN_CONSOLE, open_console),
    REMOTE_BIND(DOMAIN_OPEN_CHANNEL, open_channel),
    REMOTE_BIND(DOMAIN_SCREENSHOT, screenshot));
