#include "virtqemud/qmp/qmp.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/file.h"

#define LOG_SOURCE "qemu.monitor"
#include "common/base/log.h"

#define QMP_READ_CHUNK 65536
#define QMP_DEPTH_OF_QUEUE 4096 /* commands in flight: more is a bug of ours, not a load */

/* A command that waits for its answer. QEMU answers in order, so the oldest is the one answered. */
typedef struct Pending {
    uint64_t id;
    uint64_t sent; /* CLOCK_MONOTONIC */
    Wait *wait;    /* NULL when its caller gave up */
    json_t *reply; /* whole message */
} Pending;

struct Qmp {
    int fd;
    char *who;
    sd_event_source *source;
    QmpHandler handler;
    void *user;
    GQueue pending; /* of Pending */
    GByteArray *in;
    size_t scanned; /* bytes of in known to hold no newline */
    GByteArray *out;
    size_t out_sent;
    uint64_t first_id, next_id; /* see FIRST_ID */
    unsigned stale;             /* answers to an earlier connection's commands */
    bool greeted;
    Wait *greeting;
    Error failure; /* set once closed */
    unsigned depth; /* callbacks running: freeing is put off */
    bool free_later;
};

/*
 * A daemon that was killed may have left commands under way, and QEMU sends their answers to whoever is connected when they are done.
 * Each connection counts from a random multiple of this, so these are told from lies.
 */
#define FIRST_ID (UINT64_C(1) << 20)
#define STALE_MAX QMP_DEPTH_OF_QUEUE

static int qmp_on_io(sd_event_source *source, int fd, uint32_t revents, void *data);

const char *
qmp_string(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t
qmp_int(json_t *object, const char *key, int64_t fallback)
{
    json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : json_is_real(value) ? (int64_t)json_real_value(value) : fallback;
}

bool
qmp_bool(json_t *object, const char *key, bool fallback)
{
    json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static void
pending_free(Pending *pending)
{
    json_decref(pending->reply);
    g_free(pending);
}

/* The connection is over: everybody who waits learns why. */
static void
qmp_close(Qmp *qmp, ErrorCode code, const char *format, ...)
{
    GQueue pending = qmp->pending;
    Pending *p;
    va_list args;

    if (error_is_set(&qmp->failure))
        return;
    va_start(args, format);
    error_setv(&qmp->failure, FROM_QEMU, code, format, args);
    va_end(args);
    error_prefixf(&qmp->failure, "lost the monitor of %s", qmp->who);
    qmp->source = sd_event_source_disable_unref(qmp->source);
    fd_close(&qmp->fd);
    g_queue_init(&qmp->pending);
    while ((p = g_queue_pop_head(&pending))) {
        if (p->wait)
            wait_done(p->wait, -1); /* its caller owns and frees it */
        else
            pending_free(p);
    }
    if (qmp->greeting)
        wait_done(qmp->greeting, -1);
    if (qmp->greeted && qmp->handler.closed)
        qmp->handler.closed(qmp, &qmp->failure, qmp->user);
}

static int
qmp_watch(Qmp *qmp)
{
    return sd_event_source_set_io_events(qmp->source, EPOLLIN | (qmp->out_sent < qmp->out->len ? EPOLLOUT : 0));
}

static void
qmp_flush(Qmp *qmp)
{
    while (qmp->out_sent < qmp->out->len) {
        ssize_t n = send(qmp->fd, qmp->out->data + qmp->out_sent, qmp->out->len - qmp->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            qmp_close(qmp, ERR_OPERATION_FAILED, "cannot write to it: %s", g_strerror(errno));
            return;
        }
        qmp->out_sent += (size_t)n;
    }
    if (qmp->out_sent == qmp->out->len) {
        g_byte_array_set_size(qmp->out, 0);
        qmp->out_sent = 0;
    }
    qmp_watch(qmp);
}

static bool
is_stale(Qmp *qmp, int64_t id)
{
    return id >= (int64_t)FIRST_ID && (uint64_t)id / FIRST_ID != qmp->first_id / FIRST_ID && ++qmp->stale <= STALE_MAX;
}

static void
qmp_on_reply(Qmp *qmp, json_t *message)
{
    Pending *p = g_queue_peek_head(&qmp->pending);

    if (is_stale(qmp, qmp_int(message, "id", -1))) {
        log_debug("%s: an answer to an earlier connection", qmp->who);
        return;
    }
    if (!p || qmp_int(message, "id", -1) != (int64_t)p->id) {
        qmp_close(qmp, ERR_INTERNAL_ERROR, "it answered a command that was not the one asked");
        return;
    }
    g_queue_pop_head(&qmp->pending);
    if (!p->wait) {
        pending_free(p);
        return;
    }
    p->reply = json_incref(message);
    wait_done(p->wait, 0);
}

static void
qmp_on_event(Qmp *qmp, const char *name, json_t *message)
{
    json_t *stamp = json_object_get(message, "timestamp");
    uint64_t usec = (uint64_t)qmp_int(stamp, "seconds", 0) * USEC_PER_SEC + (uint64_t)qmp_int(stamp, "microseconds", 0);

    log_debug("%s: event %s", qmp->who, name);
    if (qmp->handler.event)
        qmp->handler.event(qmp, name, json_object_get(message, "data"), usec, qmp->user);
}

static void
qmp_on_message(Qmp *qmp, const char *text, size_t size)
{
    _cleanup_json_ json_t *message = NULL;
    json_error_t why;
    const char *event;

    message = json_loadb(text, size, 0, &why);
    /* CPU properties may exceed a signed 64 bit integer; such a message keeps 53 bits of its numbers. */
    if (!message && json_error_code(&why) == json_error_numeric_overflow)
        message = json_loadb(text, size, JSON_DECODE_INT_AS_REAL, &why);
    if (!json_is_object(message)) {
        qmp_close(qmp, ERR_INTERNAL_ERROR, "it sent something that is not QMP (%s): '%.*s'", message ? "no object" : why.text,
                  (int)MIN(size, 80), text);
        return;
    }
    event = qmp_string(message, "event");
    if (event) {
        qmp_on_event(qmp, event, message);
    } else if (json_object_get(message, "QMP")) {
        if (qmp->greeting)
            wait_done(qmp->greeting, 0);
        qmp->greeted = true;
    } else if (json_object_get(message, "return") || json_object_get(message, "error")) {
        qmp_on_reply(qmp, message);
    } else {
        qmp_close(qmp, ERR_INTERNAL_ERROR, "it sent a message that is neither answer nor event: '%.*s'", (int)MIN(size, 80),
                  text);
    }
}

/* Hand over every complete line. */
static void
qmp_split(Qmp *qmp)
{
    size_t start = 0;

    while (!error_is_set(&qmp->failure)) {
        size_t from = start + qmp->scanned;
        guint8 *newline = from < qmp->in->len ? memchr(qmp->in->data + from, '\n', qmp->in->len - from) : NULL;
        size_t size;

        if (!newline) {
            qmp->scanned = qmp->in->len - start;
            break;
        }
        size = (size_t)(newline - (qmp->in->data + start));
        qmp->scanned = 0;
        if (size > 1) /* an empty line is nothing */
            qmp_on_message(qmp, (const char *)qmp->in->data + start, size);
        start += size + 1;
    }
    if (start > 0)
        g_byte_array_remove_range(qmp->in, 0, (guint)MIN(start, qmp->in->len));
    if (qmp->in->len > QMP_LINE_MAX)
        qmp_close(qmp, ERR_INTERNAL_ERROR, "it sent a message of more than %d MiB", QMP_LINE_MAX / 1024 / 1024);
}

static void
qmp_read(Qmp *qmp)
{
    guint had = qmp->in->len;
    ssize_t n;

    g_byte_array_set_size(qmp->in, had + QMP_READ_CHUNK);
    n = recv(qmp->fd, qmp->in->data + had, QMP_READ_CHUNK, MSG_DONTWAIT);
    g_byte_array_set_size(qmp->in, had + (guint)MAX(n, 0));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        qmp_close(qmp, ERR_OPERATION_FAILED, n < 0 ? "cannot read from it: %s" : "QEMU closed it%s",
                  n < 0 ? g_strerror(errno) : "");
        return;
    }
    qmp_split(qmp);
}

static void
qmp_destroy(Qmp *qmp)
{
    g_byte_array_unref(qmp->in);
    g_byte_array_unref(qmp->out);
    error_done(&qmp->failure);
    g_free(qmp->who);
    g_free(qmp);
}

static int
qmp_on_io(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    Qmp *qmp = data;

    qmp->depth++;
    if (revents & EPOLLOUT)
        qmp_flush(qmp);
    if (!error_is_set(&qmp->failure) && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        qmp_read(qmp);
    if (--qmp->depth == 0 && qmp->free_later)
        qmp_destroy(qmp);
    return 0;
}

void
qmp_free(Qmp *qmp)
{
    if (!qmp)
        return;
    qmp->handler = (QmpHandler){ 0 };
    qmp_close(qmp, ERR_OPERATION_ABORTED, "the connection is given up");
    if (qmp->depth > 0)
        qmp->free_later = true;
    else
        qmp_destroy(qmp);
}

void
qmp_end(Qmp *qmp, const char *why)
{
    qmp_close(qmp, ERR_OPERATION_FAILED, "%s", why);
}

bool
qmp_is_open(const Qmp *qmp)
{
    return qmp && !error_is_set(&qmp->failure);
}

uint64_t
qmp_overdue_since(const Qmp *qmp, uint64_t age)
{
    const Pending *oldest = qmp ? g_queue_peek_head((GQueue *)&qmp->pending) : NULL;

    return oldest && oldest->sent + age <= loop_now() ? oldest->sent : 0;
}

/* Descriptors travel with the first byte of their command, so what is queued goes out first. */
static int
qmp_send_fd(Qmp *qmp, const char *text, size_t size, int fd, Error *err)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = (char *)text, .iov_len = 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                          .msg_controllen = sizeof(control.space) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

    *header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    if (qmp->out_sent < qmp->out->len)
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "cannot pass a descriptor to %s: its monitor is busy", qmp->who);
    if (sendmsg(qmp->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        return error_set_errno(err, FROM_QEMU, errno, "cannot pass a descriptor to %s", qmp->who);
    g_byte_array_append(qmp->out, (const guint8 *)text + 1, (guint)size - 1);
    return 0;
}

static Pending *
qmp_send(Qmp *qmp, const char *command, json_t *args, int fd, Wait *wait, Error *err)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *encoded = args ? json_dumps(args, JSON_COMPACT) : NULL;
    Pending *p;

    json_decref(args);
    if (error_is_set(&qmp->failure)) {
        if (err && !error_is_set(err))
            error_copy(err, &qmp->failure);
        return NULL;
    }
    if (qmp->pending.length >= QMP_DEPTH_OF_QUEUE) {
        error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "%s has %u unanswered monitor commands", qmp->who,
                   qmp->pending.length);
        return NULL;
    }
    g_string_printf(text, "{\"execute\":\"%s\"%s%s,\"id\":%" G_GUINT64_FORMAT "}\n", command, encoded ? ",\"arguments\":" : "",
                    encoded ? encoded : "", qmp->next_id);
    log_debug("%s: %s", qmp->who, command);
    if (fd < 0)
        g_byte_array_append(qmp->out, (const guint8 *)text->str, (guint)text->len);
    else if (qmp_send_fd(qmp, text->str, text->len, fd, err) < 0)
        return NULL;
    p = g_new0(Pending, 1);
    *p = (Pending){ .id = qmp->next_id++, .sent = loop_now(), .wait = wait };
    g_queue_push_tail(&qmp->pending, p);
    return p;
}

/* Wait for one answer; the Pending is consumed unless its caller gives up. */
static int
qmp_await(Job *job, Qmp *qmp, Pending *p, Wait *wait, const char *command, uint64_t timeout, json_t **ret, Error *err)
{
    _cleanup_error_ Error local = ERROR_INIT;
    bool late;

    if (job_wait(job, wait, "an answer of QEMU", timeout, &local) < 0) {
        late = local.code == ERR_OPERATION_TIMEOUT;
        p->wait = NULL;
        if (!late)
            return error_move(err, &local);
        return error_setf(err, FROM_QEMU, ERR_OPERATION_TIMEOUT,
                          "%s did not answer '%s' of job '%s' within %.0f s; its QEMU is stopped, overloaded or hung", qmp->who,
                          command, job_name(job), (double)timeout / USEC_PER_SEC);
    }
    if (wait->result < 0) {
        if (err && !error_is_set(err)) {
            if (error_is_set(&qmp->failure))
                error_copy(err, &qmp->failure);
            else
                error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "lost the monitor of %s", qmp->who);
        }
        pending_free(p);
        return -1;
    }
    *ret = json_incref(p->reply);
    pending_free(p);
    return 0;
}

static uint64_t
qmp_bound(const Qmp *qmp, uint64_t timeout)
{
    return qmp_overdue_since(qmp, QMP_OVERDUE) ? MIN(timeout, QMP_TIMEOUT_OVERDUE) : timeout;
}

/* QEMU's own error as ours. */
static int
qmp_reply_error(const Qmp *qmp, const char *command, json_t *error, Error *err)
{
    const char *class = qmp_string(error, "class"), *desc = qmp_string(error, "desc");
    bool fresh = err && !error_is_set(err);

    error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "QEMU of %s refused '%s': %s", qmp->who, command,
               desc ? desc : "it gave no reason");
    if (fresh)
        err->str1 = g_strdup(class);
    return -1;
}

/* A guest that starts or ends has none, nor one that did not answer when it was taken hold of. */
static int
qmp_missing(Error *err)
{
    return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "QEMU's monitor is not connected: no command can be given");
}

int
qmp_call_full(Job *job, Qmp *qmp, const char *command, json_t *args, int fd, uint64_t timeout, json_t **ret, Error *err)
{
    _cleanup_json_ json_t *reply = NULL;
    Wait wait = { 0 };
    Pending *p;
    json_t *error;

    if (!qmp) {
        json_decref(args);
        return qmp_missing(err);
    }
    timeout = qmp_bound(qmp, timeout);
    p = qmp_send(qmp, command, args, fd, &wait, err);
    if (!p)
        return -1;
    qmp->depth++;
    qmp_flush(qmp);
    int r = qmp_await(job, qmp, p, &wait, command, timeout, &reply, err);
    if (--qmp->depth == 0 && qmp->free_later) {
        qmp_destroy(qmp);
        return r < 0 ? r : error_setf(err, FROM_QEMU, ERR_OPERATION_ABORTED, "the monitor was given up");
    }
    if (r < 0)
        return r;
    error = json_object_get(reply, "error");
    if (error)
        return qmp_reply_error(qmp, command, error, err);
    if (ret)
        *ret = json_incref(json_object_get(reply, "return"));
    return 0;
}

int
qmp_call(Job *job, Qmp *qmp, const char *command, json_t *args, json_t **ret, Error *err)
{
    return qmp_call_full(job, qmp, command, args, -1, QMP_TIMEOUT, ret, err);
}

int
qmp_call_many(Job *job, Qmp *qmp, QmpCommand *commands, size_t n, uint64_t timeout, Error *err)
{
    g_autofree Wait *waits = g_new0(Wait, n);
    g_autofree Pending **pending = g_new0(Pending *, n);
    int r = 0;

    if (!qmp)
        return qmp_missing(err);
    timeout = qmp_bound(qmp, timeout);
    for (size_t i = 0; i < n; i++) {
        pending[i] = qmp_send(qmp, commands[i].command, g_steal_pointer(&commands[i].args), -1, &waits[i], err);
        if (!pending[i])
            r = -1;
    }
    qmp->depth++;
    if (r == 0)
        qmp_flush(qmp);
    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *reply = NULL;
        json_t *error;

        if (!pending[i])
            continue;
        if (r < 0 && !waits[i].done) { /* an earlier one failed: nobody waits for this one any more */
            pending[i]->wait = NULL;
            continue;
        }
        if (qmp_await(job, qmp, pending[i], &waits[i], commands[i].command, timeout, &reply, r < 0 ? NULL : err) < 0) {
            r = -1;
            continue;
        }
        error = json_object_get(reply, "error");
        if (error)
            commands[i].failure = g_strdup(qmp_string(error, "desc") ? qmp_string(error, "desc") : "no reason given");
        else
            commands[i].ret = json_incref(json_object_get(reply, "return"));
    }
    if (--qmp->depth == 0 && qmp->free_later)
        qmp_destroy(qmp);
    return r;
}

void
qmp_commands_done(QmpCommand *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_decref(commands[i].args);
        json_decref(commands[i].ret);
        g_free(commands[i].failure);
        commands[i] = (QmpCommand){ 0 };
    }
}

static int
qmp_socket(const char *path, const char *who, int *ret, Error *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    _cleanup_fd_ int fd = -1;

    if (strlen(path) >= sizeof(addr.sun_path))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the path of the monitor socket '%s' is too long", path);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot connect to the monitor of %s at '%s'", who, path);
    *ret = fd_take(&fd);
    return 0;
}

int
qmp_connect(Job *job, const char *path, const char *who, const QmpHandler *handler, void *user, uint64_t timeout, Qmp **ret,
            Error *err)
{
    Wait greeting = { 0 };
    Qmp *qmp;
    int fd = -1, r;

    if (qmp_socket(path, who, &fd, err) < 0)
        return -1;
    qmp = g_new0(Qmp, 1);
    *qmp = (Qmp){ .fd = fd, .who = g_strdup(who), .handler = *handler, .user = user, .in = g_byte_array_new(),
                  .out = g_byte_array_new(), .greeting = &greeting };
    qmp->first_id = qmp->next_id = ((uint64_t)g_random_int() / 2 + 1) * FIRST_ID;
    g_queue_init(&qmp->pending);
    r = sd_event_add_io(loop_event(), &qmp->source, fd, EPOLLIN, qmp_on_io, qmp);
    if (r < 0)
        r = error_set_errno(err, FROM_QEMU, -r, "cannot watch the monitor of %s", who);
    else
        r = job_wait(job, &greeting, "the greeting of QEMU", timeout, err);
    qmp->greeting = NULL;
    if (r == 0 && greeting.result < 0) {
        if (err)
            error_copy(err, &qmp->failure);
        r = -1;
    }
    if (r == 0)
        r = qmp_call_full(job, qmp, "qmp_capabilities", NULL, -1, timeout, NULL, err);
    if (r < 0) {
        qmp_free(qmp);
        return -1;
    }
    *ret = qmp;
    return 0;
}
