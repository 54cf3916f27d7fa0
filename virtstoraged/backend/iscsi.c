/*
 * Pools that are the units of an iSCSI target, by open-iscsi: a session while the pool is active. Whether there is one is read
 * from sysfs. The password goes into open-iscsi's record, which is root's alone, never into arguments.
 */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/blocks.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/lun.h"
#include "virtstoraged/backend/tool.h"
#include "virtstoraged/secret.h"

#define SESSIONS "/sys/class/iscsi_session"
#define DEFAULT_PORT 3260
#define LOGIN_TIMEOUT (90 * USEC_PER_SEC)
#define NOT_FOUND 21 /* of iscsiadm: no record, or no session */
#define EXISTS 15
#define RECORD_MAX (64 * 1024)
#define PASSWORD_SETTING "node.session.auth.password"
#define STARTUP_SETTING "node.startup"

#define MODULE "iscsi_tcp"

/* Where the versions of open-iscsi keep their records, and below which names: records of discovered targets know their group. */
static const char *const databases[] = { "/etc/iscsi/nodes", "/var/lib/iscsi/nodes" };
static const char *const record_names[] = { "", ",*/" };

/* What every call of iscsiadm about a pool's target is made of. */
typedef struct Target {
    const char *name;
    char *portal;
    char *interface; /* who we are to it; "default" is iscsid's own name */
} Target;

static void
target_done(Target *target)
{
    g_free(target->portal);
    g_free(target->interface);
}
#define _cleanup_target_ __attribute__((cleanup(target_done)))

/* One interface per name of ours, so that pools share it. */
static int
target_init(Target *target, const PoolSource *source, Error *err)
{
    const PoolHost *host;
    bool numeric;

    *target = (Target){ 0 };
    if (source->hosts.n != 1)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "hostname must be specified for iscsi sources: one <host> in the <source>");
    host = source->hosts.items[0];
    if (strpbrk(host->name, "/*?\\"))
        return error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "'%s' is no name or address of an iSCSI server", host->name);
    numeric = strchr(host->name, ':') && *host->name != '[';
    target->name = source->devices.n ? source->devices.items[0]->path : NULL;
    target->portal = g_strdup_printf("%s%s%s:%u", numeric ? "[" : "", host->name, numeric ? "]" : "", host->port.set ? host->port.v : DEFAULT_PORT);
    if (source->initiator) {
        g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, source->initiator, -1);

        target->interface = g_strdup_printf("libvirt-iface-%.8s", sum);
    } else {
        target->interface = g_strdup("default");
    }
    return 0;
}

static int
target_of(Target *target, const PoolDef *def, Error *err)
{
    if (def->source.devices.n != 1)
        return error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "the <source> of pool '%s' needs one <device>: the name of the target", def->name);
    if (strpbrk(def->source.devices.items[0]->path, "/*?[\\"))
        return error_setf(err, FROM_STORAGE, ERR_XML_ERROR, "'%s' is no name of an iSCSI target", def->source.devices.items[0]->path);
    return target_init(target, &def->source, err);
}

/* --- sessions --- */

typedef struct Session {
    char *target, *initiator; /* wanted */
    bool there;
    unsigned host;            /* the adapter the session is */
    char *state;              /* "LOGGED_IN" */
} Session;

static void
session_clear(gpointer data)
{
    Session *session = data;

    g_free(session->target);
    g_free(session->initiator);
    g_free(session->state);
}

static bool
says(const char *name, const char *member, const char *wanted)
{
    g_autofree char *path = g_build_filename(SESSIONS, name, member, NULL), *text = file_read_line(path);

    return !wanted || g_strcmp0(text, wanted) == 0;
}

static int
look(void *data, Error *err)
{
    Session *session = data;
    DIR *dir = opendir(SESSIONS);
    const struct dirent *entry;

    while (dir && !session->there && (entry = readdir(dir))) {
        g_autofree char *link = g_build_filename(SESSIONS, entry->d_name, NULL);
        char real[PATH_MAX];
        const char *host;

        if (*entry->d_name == '.' || !says(entry->d_name, "targetname", session->target) ||
            !says(entry->d_name, "initiatorname", session->initiator) || !realpath(link, real))
            continue;
        host = strstr(real, "/host");
        session->there = host && sscanf(host, "/host%u/", &session->host) == 1;
        if (session->there) {
            g_autofree char *state = g_build_filename(SESSIONS, entry->d_name, "state", NULL);

            session->state = file_read_line(state);
        }
    }
    if (dir)
        closedir(dir);
    return 0;
}

/* 1 with *ret_host, 0: there is none. One whose server does not answer is there all the same. */
static int
session_find(Job *job, const PoolDef *def, unsigned *ret_host, char **ret_state, Error *err)
{
    Session *session = g_atomic_rc_box_new0(Session);
    int r;

    session->target = g_strdup(def->source.devices.n ? def->source.devices.items[0]->path : "");
    session->initiator = g_strdup(def->source.initiator);
    r = worker_run(job, "looking for the iSCSI session", look, session, session_clear, FILES_TIMEOUT, err);
    if (r == 0 && session->there) {
        *ret_host = session->host;
        if (ret_state)
            *ret_state = g_steal_pointer(&session->state);
        r = 1;
    }
    g_atomic_rc_box_release_full(session, session_clear);
    return r;
}

/* A session whose target does not answer is kept by the kernel, and comes back by itself. */
static int
check(Job *job, const PoolDef *def, Error *err)
{
    g_autofree char *state = NULL;
    unsigned host;
    int r = session_find(job, def, &host, &state, err);

    if (r == 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "there is no session with the iSCSI target of pool '%s'", def->name);
    if (r > 0 && g_strcmp0(state, "LOGGED_IN") != 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "the session with the iSCSI target of pool '%s' is in state %s", def->name,
                          state ? state : "unknown");
    return r < 0 ? -1 : 0;
}

/* --- records --- */

typedef struct Record {
    char *target, *portal, *interface; /* portal: HOST,PORT */
    char *path;    /* NULL: there is none */
    bool automatic; /* iscsid logs in by itself: it is an administrator's, not ours */
    GBytes *password;
} Record;

static void
record_clear(gpointer data)
{
    Record *record = data;

    g_free(record->target);
    g_free(record->portal);
    g_free(record->interface);
    g_free(record->path);
    g_clear_pointer(&record->password, g_bytes_unref);
}

/* The portal of records is HOST,PORT; addresses in brackets are without them. */
static Record *
record_new(const Target *target, const PoolHost *host)
{
    Record *record = g_atomic_rc_box_new0(Record);

    record->target = g_strdup(target->name);
    record->portal = g_strdup_printf("%s,%u", host->name, host->port.set ? host->port.v : DEFAULT_PORT);
    record->interface = g_strdup(target->interface);
    return record;
}

/* The value of a line "NAME = VALUE"; NULL: there is none. */
static char *
setting_of(const char *text, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    size_t length = strlen(name);

    for (char **line = lines; *line; line++)
        if (strncmp(*line, name, length) == 0 && g_str_has_prefix(*line + length, " = "))
            return g_strdup(*line + length + 3);
    return NULL;
}

/* The first path of that pattern; NULL: there is none. */
static char *
first_of(const char *pattern)
{
    glob_t found = { 0 };
    char *path = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0 ? g_strdup(found.gl_pathv[0]) : NULL;

    globfree(&found);
    return path;
}

static int
record_read(void *data, Error *err)
{
    Record *record = data;
    g_autofree char *text = NULL, *startup = NULL;

    for (size_t i = 0; !record->path && i < G_N_ELEMENTS(databases); i++)
        for (size_t n = 0; !record->path && n < G_N_ELEMENTS(record_names); n++) {
            g_autofree char *pattern = g_strdup_printf("%s/%s/%s%s%s", databases[i], record->target, record->portal, record_names[n],
                                                       *record_names[n] ? record->interface : "");

            record->path = first_of(pattern);
        }
    if (!record->path)
        return 0;
    if (file_read(record->path, RECORD_MAX, &text, NULL, err) < 0)
        return -1;
    startup = setting_of(text, STARTUP_SETTING);
    record->automatic = startup && strcmp(startup, "manual") != 0;
    return 0;
}

/* The password is one line of the record; what was there before goes. */
static int
record_set_password(void *data, Error *err)
{
    const Record *record = data;
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GString) fresh = g_string_new(NULL);
    gsize size;
    const char *password = g_bytes_get_data(record->password, &size);
    int r;

    if (!record->path)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_FAILED, "open-iscsi has no record of target '%s' to put the password into", record->target);
    if (file_read(record->path, RECORD_MAX, &text, NULL, err) < 0)
        return -1;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (strcmp(*line, "# END RECORD") == 0)
            g_string_append_printf(fresh, PASSWORD_SETTING " = %.*s\n", (int)size, password);
        if (!g_str_has_prefix(*line, PASSWORD_SETTING " = ") && (**line || line[1]))
            g_string_append_printf(fresh, "%s\n", *line);
    }
    r = file_replace(record->path, fresh->str, fresh->len, 0600, err);
    explicit_bzero(fresh->str, fresh->len);
    explicit_bzero(text, strlen(text));
    return r;
}

/* --- logging in --- */

#define NODE(target) "iscsiadm", "--mode", "node", "--targetname", (target)->name, "--portal", (target)->portal, "--interface", (target)->interface

static int
set(Job *job, const Target *target, const char *name, const char *value, Error *err)
{
    return tool_run(job, TOOL(NODE(target), "--op", "update", "--name", name, "--value", value), NULL, err) < 0 ? -1 : 0;
}

static int
make_interface(Job *job, const Target *target, const char *initiator, Error *err)
{
    const ToolCall call = { .argv = TOOL("iscsiadm", "--mode", "iface", "--interface", target->interface, "--op", "new"), .also_fine = 1u << EXISTS };

    if (!initiator)
        return 0;
    if (tool_call(job, &call, NULL, err) < 0 ||
        tool_run(job,
                 TOOL("iscsiadm", "--mode", "iface", "--interface", target->interface, "--op", "update", "--name", "iface.initiatorname", "--value",
                      initiator),
                 NULL, err) < 0)
        return error_prefixf(err, "cannot make an interface of initiator '%s'", initiator);
    return 0;
}

static int
check_password(const PoolDef *def, GBytes *password, Error *err)
{
    gsize size;
    const char *bytes = g_bytes_get_data(password, &size);

    for (gsize i = 0; i < size; i++)
        if ((unsigned char)bytes[i] < ' ')
            return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "the secret of pool '%s' is no password: it has control characters", def->name);
    return 0;
}

static int
set_credentials(Job *job, const PoolDef *def, const Target *target, Error *err)
{
    const StorageAuth *auth = def->source.auth;
    Record *record;
    int r;

    if (!auth)
        return 0;
    if (g_strcmp0(auth->type, "chap") != 0)
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "pools of type 'iscsi' only know authentication of type 'chap', not '%s'", auth->type);
    if (set(job, target, "node.session.auth.authmethod", "CHAP", err) < 0 ||
        set(job, target, "node.session.auth.username", auth->username ? auth->username : "", err) < 0)
        return -1;
    record = record_new(target, def->source.hosts.items[0]);
    r = storage_secret(job, auth, &record->password, err);
    if (r == 0)
        r = check_password(def, record->password, err);
    if (r == 0)
        r = worker_run(job, "reading the iSCSI record", record_read, record, record_clear, FILES_TIMEOUT, err);
    if (r == 0)
        r = worker_run(job, "writing the iSCSI record", record_set_password, record, record_clear, FILES_TIMEOUT, err);
    g_atomic_rc_box_release_full(record, record_clear);
    return r;
}

/* A record of ours is not for iscsid to log in by itself, and gives up soon: who waits is told. */
static int
make_record(Job *job, const PoolDef *def, const Target *target, Error *err)
{
    Record *record = record_new(target, def->source.hosts.items[0]);
    int r = worker_run(job, "reading the iSCSI record", record_read, record, record_clear, FILES_TIMEOUT, err);

    if (r == 0 && !record->path)
        r = tool_run(job, TOOL(NODE(target), "--op", "new"), NULL, err) < 0 || set(job, target, STARTUP_SETTING, "manual", err) < 0 ||
                    set(job, target, "node.session.initial_login_retry_max", "2", err) < 0
                ? -1
                : 0;
    g_atomic_rc_box_release_full(record, record_clear);
    return r;
}

static int
log_in(Job *job, const PoolDef *def, const Target *target, Error *err)
{
    const ToolCall call = { .argv = TOOL(NODE(target), "--login"), .timeout = LOGIN_TIMEOUT };

    tool_load(job, MODULE);
    if (make_interface(job, target, def->source.initiator, err) < 0 || make_record(job, def, target, err) < 0 ||
        set_credentials(job, def, target, err) < 0 || tool_call(job, &call, NULL, err) < 0)
        return error_prefixf(err, "cannot log in to iSCSI target '%s' at '%s'", target->name, target->portal);
    return 0;
}

static int
start(Job *job, const PoolDef *def, Error *err)
{
    _cleanup_target_ Target target = { 0 };
    unsigned host;
    int r;

    if (target_of(&target, def, err) < 0)
        return -1;
    r = session_find(job, def, &host, NULL, err);
    return r == 0 ? log_in(job, def, &target, err) : MIN(r, 0);
}

/* Our record has the password: it goes. One that iscsid uses by itself stays. */
static int
forget(Job *job, const PoolDef *def, const Target *target, Error *err)
{
    Record *record = record_new(target, def->source.hosts.items[0]);
    const ToolCall call = { .argv = TOOL(NODE(target), "--op", "delete"), .also_fine = 1u << NOT_FOUND };
    int r = worker_run(job, "reading the iSCSI record", record_read, record, record_clear, FILES_TIMEOUT, err);

    if (r == 0 && record->path && !record->automatic)
        r = tool_call(job, &call, NULL, err) < 0 ? -1 : 0;
    g_atomic_rc_box_release_full(record, record_clear);
    return r;
}

static int
stop(Job *job, const PoolDef *def, Error *err)
{
    _cleanup_target_ Target target = { 0 };
    ToolCall call = { .timeout = LOGIN_TIMEOUT, .also_fine = 1u << NOT_FOUND };
    const char *const *argv;

    if (target_of(&target, def, err) < 0)
        return -1;
    argv = TOOL(NODE(&target), "--logout");
    call.argv = argv;
    if (tool_call(job, &call, NULL, err) < 0)
        return error_prefixf(err, "cannot log out of iSCSI target '%s'", target.name);
    return forget(job, def, &target, err);
}

static int
refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    unsigned host = 0;
    int r = session_find(job, live, &host, NULL, err);

    if (r == 0)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "there is no session with the iSCSI target of pool '%s'", live->name);
    return r < 0 ? -1 : lun_refresh(job, live, host, listing, err);
}

/* --- sources --- */

/* "127.0.0.1:3260,1 iqn.2024-01.org.example:disks" */
static PoolSource *
source_of(const char *line, const PoolSource *wanted)
{
    const char *name = strrchr(line, ' ');
    PoolSource *source;
    PoolDevice *device;
    PoolHost *host;

    if (!name || !name[1])
        return NULL;
    source = pool_source_new(POOL_ISCSI);
    host = g_new0(PoolHost, 1);
    host->name = g_strdup(wanted->hosts.items[0]->name);
    host->port = wanted->hosts.items[0]->port;
    device = g_new0(PoolDevice, 1);
    device->path = g_strdup(name + 1);
    LIST_ADD(&source->hosts, host);
    LIST_ADD(&source->devices, device);
    source->initiator = g_strdup(wanted->initiator);
    return source;
}

static int
find(Job *job, const PoolSource *wanted, GPtrArray *found, Error *err)
{
    _cleanup_target_ Target target = { 0 };
    ToolCall call = { .timeout = LOGIN_TIMEOUT };
    g_autofree char *out = NULL;
    g_auto(GStrv) lines = NULL;
    const char *const *argv;

    tool_load(job, MODULE);
    if (target_init(&target, wanted, err) < 0 || make_interface(job, &target, wanted->initiator, err) < 0)
        return -1;
    argv = TOOL("iscsiadm", "--mode", "discovery", "--type", "sendtargets", "--portal", target.portal, "--interface", target.interface, "--op",
                "nonpersistent");
    call.argv = argv;
    if (tool_call(job, &call, &out, err) < 0)
        return error_prefixf(err, "cannot ask '%s' for its iSCSI targets", target.portal);
    lines = g_strsplit(out, "\n", -1);
    for (char **line = lines; *line; line++) {
        PoolSource *source = source_of(*line, wanted);

        if (source)
            g_ptr_array_add(found, source);
    }
    return 0;
}

const Backend backend_iscsi = {
    .type = POOL_ISCSI,
    .remote = true,
    .find = find,
    .check = check,
    .start = start,
    .stop = stop,
    .refresh = refresh,
    .vol_look = blocks_vol_look,
    .vol_open = blocks_vol_open,
};
