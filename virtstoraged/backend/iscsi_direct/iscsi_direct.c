/* Pools that are the units of an iSCSI target, without the kernel: each call logs in for itself, and out again. */
#include "virtstoraged/backend/iscsi_direct/iscsi_direct.h"

#include <stdio.h>
#include <string.h>

#include "common/base/worker.h"
#include "virtstoraged/backend/iscsi_direct/unit.h"
#include "virtstoraged/backend/turns.h"

#define LOG_SOURCE "storage.iscsi"
#include "common/base/log.h"

#define NAME_PREFIX "unit:0:0:"
/* Sessions end earlier by themselves, and say better what was not answered; resolving names takes its time. */
#define WORK_TIMEOUT (ISCSI_LOOK_TIMEOUT + 10 * USEC_PER_SEC)
#define PROBE_TIMEOUT (ISCSI_PROBE_TIMEOUT + 3 * USEC_PER_SEC)

int
iscsi_unit_of(const char *name)
{
    unsigned number;
    int end;

    if (sscanf(name, NAME_PREFIX "%5u%n", &number, &end) != 1 || name[end])
        return -1;
    return (int)number;
}

/* --- calls --- */

typedef struct Call {
    IscsiLogin *login;
    IscsiFn fn;
    void *data;
    GDestroyNotify clear;
} Call;

static void
clear_call(gpointer data)
{
    Call *call = data;

    iscsi_login_unref(call->login);
    if (call->clear)
        g_atomic_rc_box_release_full(call->data, call->clear);
    else
        g_atomic_rc_box_release(call->data);
}

static int
work(void *data, Error *err)
{
    const Call *call = data;

    return call->fn(call->login, call->data, err);
}

static int
run_with(Job *job, IscsiLogin *login, const char *what, IscsiFn fn, void *data, GDestroyNotify clear, uint64_t timeout, Error *err)
{
    Call *call = g_atomic_rc_box_new0(Call);
    int r;

    *call = (Call){ iscsi_login_ref(login), fn, g_atomic_rc_box_acquire(data), clear };
    r = worker_run(job, what, work, call, clear_call, timeout, err);
    g_atomic_rc_box_release_full(call, clear_call);
    return r;
}

int
iscsi_run(Job *job, const PoolDef *pool, bool probe, const char *what, IscsiFn fn, void *data, GDestroyNotify clear, Error *err)
{
    _cleanup_error_ Error failed = ERROR_INIT;
    IscsiLogin *login;
    Turn turn;
    int r;

    if (iscsi_login_new(job, &pool->source, true, &login, err) < 0)
        return -1;
    r = probe ? 0 : turn_begin(job, pool->name, false, &turn, &failed);
    if (r == 0) {
        r = run_with(job, login, what, fn, data, clear, probe ? PROBE_TIMEOUT : WORK_TIMEOUT, &failed);
        if (!probe)
            turn_end(job, &turn, r < 0 && failed.code == ERR_OPERATION_TIMEOUT);
    }
    iscsi_login_unref(login);
    return r < 0 ? error_move(err, &failed) : r;
}

/* --- what is there --- */

static void
vol_name(const PoolDef *def, VolDef *volume)
{
    const PoolHost *host = def->source.hosts.items[0];
    int unit = iscsi_unit_of(volume->name);

    volume->type = VOL_NETWORK;
    g_free(volume->key);
    g_free(volume->path);
    volume->path = g_strdup_printf("ip-%s:%u-iscsi-%s-lun-%d", host->name, host->port.set ? host->port.v : 3260, def->source.devices.items[0]->path, unit);
    volume->key = g_strdup(volume->path);
}

static Found *
found_new(const PoolDef *pool, const IscsiUnit *unit)
{
    Found *found = g_new0(Found, 1);
    VolDef *def = found->def = vol_def_new(POOL_ISCSI_DIRECT);

    def->name = g_strdup_printf(NAME_PREFIX "%u", unit->number);
    vol_name(pool, def);
    def->capacity = def->allocation = def->physical = (OptU64){ true, unit->size };
    return found;
}

typedef struct Look {
    int only;      /* the unit to look at; -1: all */
    GArray *units; /* of IscsiUnit: disks that are there */
    GString *unreadable;
} Look;

static void
clear_look(gpointer data)
{
    Look *look = data;

    g_array_unref(look->units);
    g_string_free(look->unreadable, TRUE);
}

static Look *
look_new(int only)
{
    Look *look = g_atomic_rc_box_new0(Look);

    look->only = only;
    look->units = g_array_new(FALSE, FALSE, sizeof(IscsiUnit));
    look->unreadable = g_string_new(NULL);
    return look;
}

/* One that can't be read is nothing that the others suffer from, as long as the session lives. */
static int
look_at(IscsiSession *session, Look *look, unsigned number, Error *err)
{
    _cleanup_error_ Error failed = ERROR_INIT;
    IscsiUnit unit;

    if (iscsi_unit_read(session, number, &unit, &failed) == 0) {
        if (unit.is_disk)
            g_array_append_val(look->units, unit);
        return 0;
    }
    if (!iscsi_context(session) || look->only >= 0)
        return error_move(err, &failed);
    g_string_append_printf(look->unreadable, "%s%s", look->unreadable->len ? "; " : "", failed.message);
    return 0;
}

static int
look_into(IscsiLogin *login, void *data, Error *err)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(unsigned));
    Look *look = data;
    IscsiSession *session;
    int r;

    if (iscsi_session_open(login, ISCSI_LOOK_TIMEOUT, &session, err) < 0)
        return -1;
    r = iscsi_units(session, numbers, err);
    for (guint i = 0; r == 0 && i < numbers->len; i++)
        if (look->only < 0 || g_array_index(numbers, unsigned, i) == (unsigned)look->only)
            r = look_at(session, look, g_array_index(numbers, unsigned, i), err);
    iscsi_session_close(session);
    return r;
}

static int
refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    Look *look = look_new(-1);
    int r = iscsi_run(job, live, false, "reading the target's units", look_into, look, clear_look, err);

    for (guint i = 0; r == 0 && i < look->units->len; i++) {
        const IscsiUnit *unit = &g_array_index(look->units, IscsiUnit, i);

        g_ptr_array_add(listing->found, found_new(live, unit));
        listing->sizes.capacity += unit->size;
        listing->sizes.allocation += unit->size;
    }
    if (r == 0 && look->unreadable->len)
        log_warning("storage pool '%s': units that can't be read are left out: %s", live->name, look->unreadable->str);
    g_atomic_rc_box_release_full(look, clear_look);
    return r;
}

static int
vol_look(Job *job, const PoolDef *pool, const VolDef *def, const FileStamp *known, ImageInfo *image, Found **ret, Error *err)
{
    int unit = iscsi_unit_of(def->name), r;
    Look *look;

    if (unit < 0)
        return error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "Storage volume not found: '%s' is no name of an iSCSI unit", def->name);
    look = look_new(unit);
    r = iscsi_run(job, pool, false, "reading a unit", look_into, look, clear_look, err);
    if (r == 0 && look->units->len == 0)
        r = error_setf(err, FROM_STORAGE, ERR_NO_STORAGE_VOL, "Storage volume not found: the target has no disk '%s'", def->name);
    else if (r == 0)
        *ret = found_new(pool, &g_array_index(look->units, IscsiUnit, 0));
    g_atomic_rc_box_release_full(look, clear_look);
    return r;
}

static int
log_in(IscsiLogin *login, void *data, Error *err)
{
    IscsiSession *session;

    if (iscsi_session_open(login, ISCSI_PROBE_TIMEOUT, &session, err) < 0)
        return -1;
    iscsi_session_close(session);
    return 0;
}

static int
check(Job *job, const PoolDef *def, Error *err)
{
    int *nothing = g_atomic_rc_box_new0(int);
    int r = iscsi_run(job, def, true, "logging in to the target", log_in, nothing, NULL, err);

    g_atomic_rc_box_release(nothing);
    return r;
}

/* --- what could be --- */

typedef struct Find {
    GPtrArray *targets; /* names */
} Find;

static void
clear_find(gpointer data)
{
    g_ptr_array_unref(((Find *)data)->targets);
}

static void
add_target(const char *target, void *data)
{
    Find *find = data;

    if (g_utf8_validate(target, -1, NULL))
        g_ptr_array_add(find->targets, g_strdup(target));
}

static int
discover(IscsiLogin *login, void *data, Error *err)
{
    IscsiSession *session;
    int r;

    if (iscsi_session_open(login, ISCSI_LOOK_TIMEOUT, &session, err) < 0)
        return -1;
    r = iscsi_discover(session, add_target, data, err);
    iscsi_session_close(session);
    return r;
}

static PoolSource *
source_of(const PoolSource *wanted, const char *target)
{
    PoolSource *source = pool_source_new(POOL_ISCSI_DIRECT);
    PoolHost *host = g_new0(PoolHost, 1);
    PoolDevice *device = g_new0(PoolDevice, 1);

    *host = *(const PoolHost *)wanted->hosts.items[0];
    host->name = g_strdup(host->name);
    device->path = g_strdup(target);
    LIST_ADD(&source->hosts, host);
    LIST_ADD(&source->devices, device);
    source->initiator = g_strdup(wanted->initiator);
    return source;
}

static int
find(Job *job, const PoolSource *wanted, GPtrArray *found, Error *err)
{
    IscsiLogin *login;
    Find *list;
    int r;

    if (iscsi_login_new(job, wanted, false, &login, err) < 0)
        return -1;
    list = g_atomic_rc_box_new0(Find);
    list->targets = g_ptr_array_new_with_free_func(g_free);
    r = run_with(job, login, "asking for iSCSI targets", discover, list, clear_find, WORK_TIMEOUT, err);
    for (guint i = 0; r == 0 && i < list->targets->len; i++)
        g_ptr_array_add(found, source_of(wanted, list->targets->pdata[i]));
    g_atomic_rc_box_release_full(list, clear_find);
    iscsi_login_unref(login);
    return r;
}

const Backend backend_iscsi_direct = {
    .type = POOL_ISCSI_DIRECT,
    .remote = true,
    .check = check,
    .find = find,
    .refresh = refresh,
    .vol_name = vol_name,
    .vol_look = vol_look,
    .vol_open = iscsi_direct_vol_open,
};
