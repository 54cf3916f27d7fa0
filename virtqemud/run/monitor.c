/* What QEMU reports by itself, and what follows: one row per event. */
#include <string.h>

#include "common/conf/domain/device/char.h"
#include "common/conf/domain/device/disk.h"
#include "common/rpc/event.h"
#include "protocol/qemu.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/plug/removal.h"
#include "virtqemud/run/run.h"
#include "virtqemud/run/shutdown.h"

#define LOG_SOURCE "qemu.monitor"
#include "common/base/log.h"

static int
name_index(const char *const *names, const char *name, int fallback)
{
    for (int i = 0; name && names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return fallback;
}

/* --- states --- */

static void
on_stop(Domain *d, json_t *data)
{
    int reason = d->run->pause_reason >= 0 ? d->run->pause_reason : VIR_DOMAIN_PAUSED_UNKNOWN;
    int detail = d->run->pause_reason >= 0 ? d->run->pause_detail : VIR_DOMAIN_EVENT_SUSPENDED_PAUSED;

    d->run->pause_reason = -1;
    if (d->state == VIR_DOMAIN_RUNNING)
        domain_set_state(d, VIR_DOMAIN_PAUSED, reason, VIR_DOMAIN_EVENT_SUSPENDED, detail);
}

static void
on_resume(Domain *d, json_t *data)
{
    int reason = d->run->resume_reason ? d->run->resume_reason : VIR_DOMAIN_RUNNING_UNPAUSED;

    if (d->state == VIR_DOMAIN_PAUSED)
        domain_set_state(d, VIR_DOMAIN_RUNNING, reason, VIR_DOMAIN_EVENT_RESUMED, d->run->resume_detail);
    d->run->resume_reason = d->run->resume_detail = 0;
}

static void
on_shutdown(Domain *d, json_t *data)
{
    bool guest = qmp_bool(data, "guest", false);

    if (d->dying || d->state == VIR_DOMAIN_SHUTDOWN)
        return;
    domain_set_state(d, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_UNKNOWN, VIR_DOMAIN_EVENT_SHUTDOWN,
                     guest ? VIR_DOMAIN_EVENT_SHUTDOWN_GUEST : VIR_DOMAIN_EVENT_SHUTDOWN_HOST);
    shutdown_finish(d);
}

static void
on_reset(Domain *d, json_t *data)
{
    if (!d->run->starting)
        event_reboot(d);
}

static void
on_suspend(Domain *d, json_t *data)
{
    if (d->state == VIR_DOMAIN_RUNNING)
        domain_set_state(d, VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED_UNKNOWN, VIR_DOMAIN_EVENT_PMSUSPENDED,
                         VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY);
    event_pmsuspend(d);
}

static void
on_wakeup(Domain *d, json_t *data)
{
    if (d->state == VIR_DOMAIN_PMSUSPENDED)
        domain_set_state(d, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_WAKEUP, VIR_DOMAIN_EVENT_STARTED,
                         VIR_DOMAIN_EVENT_STARTED_WAKEUP);
    event_pmwakeup(d);
}

static void
on_guest_panicked(Domain *d, json_t *data)
{
    domain_set_state(d, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED, VIR_DOMAIN_EVENT_CRASHED,
                     VIR_DOMAIN_EVENT_CRASHED_PANICKED);
    shutdown_panicked(d);
}

/* --- what only has an event --- */

static void
on_watchdog(Domain *d, json_t *data)
{
    static const char *const actions[] = { "none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi", NULL };
    int action = name_index(actions, qmp_string(data, "action"), VIR_DOMAIN_EVENT_WATCHDOG_NONE);

    if (action == VIR_DOMAIN_EVENT_WATCHDOG_PAUSE) {
        d->run->pause_reason = VIR_DOMAIN_PAUSED_WATCHDOG; /* the STOP that follows */
        d->run->pause_detail = VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG;
    }
    event_watchdog(d, action);
}

static void
on_block_io_error(Domain *d, json_t *data)
{
    static const char *const actions[] = { "ignore", "stop", "report", NULL };
    int action = name_index(actions, qmp_string(data, "action"), VIR_DOMAIN_EVENT_IO_ERROR_NONE);
    const char *device = qmp_string(data, "device"), *node = qmp_string(data, "node-name");

    if (action == VIR_DOMAIN_EVENT_IO_ERROR_PAUSE) {
        d->run->pause_reason = VIR_DOMAIN_PAUSED_IOERROR;
        d->run->pause_detail = VIR_DOMAIN_EVENT_SUSPENDED_IOERROR;
    }
    event_io_error(d, node ? node : "", device ? device : "", action, qmp_bool(data, "nospace", false) ? "enospc" : "");
}

static void
on_rtc_change(Domain *d, json_t *data)
{
    event_rtc_change(d, qmp_int(data, "offset", 0));
}

static void
on_balloon_change(Domain *d, json_t *data)
{
    d->run->balloon_kib = (uint64_t)qmp_int(data, "actual", 0) / 1024;
    event_balloon_change(d, d->run->balloon_kib);
}

/* The running definition says whether a tray is open; not while a start is still making it. */
static void
show_tray(Domain *d, const char *alias, DiskTray tray)
{
    const Device *device = domain_def_find_alias(d->live, alias);
    DomainDef *def;

    if (d->run->starting || !device || device->kind != DEVICE_DISK || DISK(device)->tray == tray)
        return;
    def = domain_def_copy(d->live);
    DISK(domain_def_find_alias(def, alias))->tray = tray;
    domain_set_live(d, def);
    persist_status(d);
}

static void
on_tray_moved(Domain *d, json_t *data)
{
    const char *id = qmp_string(data, "id");
    bool open = qmp_bool(data, "tray-open", false);

    if (!id)
        return;
    show_tray(d, id, open ? DISK_TRAY_OPEN : DISK_TRAY_CLOSED);
    event_tray_change(d, id, open ? VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN : VIR_DOMAIN_EVENT_TRAY_CHANGE_CLOSE);
}

static bool
is_agent_channel(const Domain *domain, const char *alias)
{
    Device *device = domain_def_find_alias(domain->live, alias);

    return device && device->kind == DEVICE_CHANNEL && g_strcmp0(CHARDEV(device)->name, "org.qemu.guest_agent.0") == 0;
}

static void
on_serial_port(Domain *d, json_t *data)
{
    const char *id = qmp_string(data, "id");

    if (id && is_agent_channel(d, id))
        event_agent_lifecycle(d,
                              qmp_bool(data, "open", false) ? VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
                                                            : VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED,
                              VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL);
}

static void
graphics(Domain *d, json_t *data, int phase)
{
    static const char *const families[] = { "ipv4", "ipv6", "unix", NULL };
    json_t *server = json_object_get(data, "server"), *client = json_object_get(data, "client");
    const char *text[4] = { qmp_string(server, "host"), qmp_string(server, "service"), qmp_string(client, "host"),
                            qmp_string(client, "service") };
    const char *auth = qmp_string(server, "auth");

    if (!text[1])
        text[1] = qmp_string(server, "port");
    if (!text[3])
        text[3] = qmp_string(client, "port");
    event_graphics(d, phase, name_index(families, qmp_string(server, "family"), 0), text[0] ? text[0] : "",
                   text[1] ? text[1] : "", name_index(families, qmp_string(client, "family"), 0), text[2] ? text[2] : "",
                   text[3] ? text[3] : "", auth ? auth : "");
}

static void
on_graphics_connected(Domain *d, json_t *data)
{
    graphics(d, data, VIR_DOMAIN_EVENT_GRAPHICS_CONNECT);
}

static void
on_graphics_initialized(Domain *d, json_t *data)
{
    graphics(d, data, VIR_DOMAIN_EVENT_GRAPHICS_INITIALIZE);
}

static void
on_graphics_disconnected(Domain *d, json_t *data)
{
    graphics(d, data, VIR_DOMAIN_EVENT_GRAPHICS_DISCONNECT);
}

static void
on_memory_failure(Domain *d, json_t *data)
{
    static const char *const recipients[] = { "hypervisor", "guest", NULL };
    static const char *const actions[] = { "ignore", "inject", "fatal", "reset", NULL };
    json_t *flags = json_object_get(data, "flags");
    unsigned bits = 0;

    if (qmp_bool(flags, "action-required", false))
        bits |= VIR_DOMAIN_MEMORY_FAILURE_ACTION_REQUIRED;
    if (qmp_bool(flags, "recursive", false))
        bits |= VIR_DOMAIN_MEMORY_FAILURE_RECURSIVE;
    event_memory_failure(d, name_index(recipients, qmp_string(data, "recipient"), 0),
                         name_index(actions, qmp_string(data, "action"), 0), bits);
}

static void
on_migration(Domain *d, json_t *data)
{
    const char *status = qmp_string(data, "status");
    bool done = g_strcmp0(status, "completed") == 0;

    if (g_strcmp0(status, "setup") == 0 || g_strcmp0(status, "active") == 0)
        d->run->migrating = true;
    if (d->run->migration && d->run->migrating && (done || g_strcmp0(status, "failed") == 0 || g_strcmp0(status, "cancelled") == 0))
        wait_done(g_steal_pointer(&d->run->migration), done ? 0 : -1);
}

static void
on_device_deleted(Domain *d, json_t *data)
{
    const char *alias = qmp_string(data, "device");

    if (alias)
        removal_done(d, alias);
}

static void
on_unplug_error(Domain *d, json_t *data)
{
    const char *alias = qmp_string(data, "device");

    if (alias)
        removal_refused(d, alias);
}

static const struct {
    const char *name;
    void (*handle)(Domain *d, json_t *data);
} rows[] = {
    { "STOP", on_stop },
    { "RESUME", on_resume },
    { "SHUTDOWN", on_shutdown },
    { "RESET", on_reset },
    { "SUSPEND", on_suspend },
    { "WAKEUP", on_wakeup },
    { "GUEST_PANICKED", on_guest_panicked },
    { "WATCHDOG", on_watchdog },
    { "BLOCK_IO_ERROR", on_block_io_error },
    { "RTC_CHANGE", on_rtc_change },
    { "BALLOON_CHANGE", on_balloon_change },
    { "DEVICE_TRAY_MOVED", on_tray_moved },
    { "VSERPORT_CHANGE", on_serial_port },
    { "VNC_CONNECTED", on_graphics_connected },
    { "VNC_INITIALIZED", on_graphics_initialized },
    { "VNC_DISCONNECTED", on_graphics_disconnected },
    { "SPICE_CONNECTED", on_graphics_connected },
    { "SPICE_INITIALIZED", on_graphics_initialized },
    { "SPICE_DISCONNECTED", on_graphics_disconnected },
    { "MEMORY_FAILURE", on_memory_failure },
    { "MIGRATION", on_migration },
    { "DEVICE_DELETED", on_device_deleted },
    { "DEVICE_UNPLUG_GUEST_ERROR", on_unplug_error },
};

static void
on_event(Qmp *qmp, const char *name, json_t *data, uint64_t usec, void *user)
{
    Domain *domain = user;

    if (rpc_event_wanted(domain->driver->server, RPC_PROGRAM_QEMU, QEMU_PROC_DOMAIN_MONITOR_EVENT)) {
        char *details = data ? json_dumps(data, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

        event_monitor(domain, name, usec, details);
        free(details);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            rows[i].handle(domain, data);
}

/*
 * The monitor ended. Mostly QEMU is ending too, and its pidfd will say so. One that goes on without a monitor can't be
 * managed: that is said, and every call that needs it fails.
 */
static void
on_closed(Qmp *qmp, const Error *err, void *user)
{
    Domain *domain = user;

    if (domain->run->migration)
        wait_done(g_steal_pointer(&domain->run->migration), -1);
    removal_ended(domain);
    if (process_alive(&domain->run->process) && !domain->dying) {
        log_warning("%s", err->message);
        event_control_error(domain);
    }
}

const QmpHandler run_qmp_handler = { .event = on_event, .closed = on_closed };

int
run_connect(Job *job, Domain *domain, uint64_t timeout, Error *err)
{
    QmpCommand commands[] = {
        { .command = "migrate-set-capabilities",
          .args = json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", "events", "state", 1) },
    };
    int r;

    if (qmp_connect(job, domain->run->monitor_path, domain->label, &run_qmp_handler, domain, timeout, &domain->run->qmp, err) < 0) {
        qmp_commands_done(commands, G_N_ELEMENTS(commands));
        return -1;
    }
    r = qmp_call_many(job, domain->run->qmp, commands, G_N_ELEMENTS(commands), QMP_TIMEOUT, err);
    qmp_commands_done(commands, G_N_ELEMENTS(commands));
    return r;
}
