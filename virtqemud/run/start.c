/*
 * Starting a guest. The order is what makes a crash of ours harmless at any point: the status file says "starting" and
 * names the process before QEMU exists (the child waits for that), and says "running" only when vCPUs were let go.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/undo.h"
#include "virtqemud/caps/hostmodel.h"
#include "virtqemud/command/command.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/domain/event.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/net/card.h"
#include "virtqemud/net/netport.h"
#include "virtqemud/qmp/listen.h"
#include "virtqemud/run/affinity.h"
#include "virtqemud/run/guestlog.h"
#include "virtqemud/run/hook.h"
#include "virtqemud/run/ownership.h"
#include "virtqemud/run/prepare.h"
#include "virtqemud/run/run.h"
#include "virtqemud/run/secrets.h"
#include "virtqemud/run/throttle.h"

#define LOG_SOURCE "qemu.run"
#include "common/base/log.h"

#define START_TIMEOUT (60 * USEC_PER_SEC) /* for QEMU's greeting; it allocates the guest's memory before */
#define MONITOR_FD 3

static void
undo_cleanup(Job *job, void *data)
{
    Domain *domain = data;

    if (domain->run->process.pidfd >= 0) {
        domain->run->exit_source = sd_event_source_disable_unref(domain->run->exit_source);
        process_kill(&domain->run->process, SIGKILL);
        if (process_wait(job, &domain->run->process, RUN_STOP_GRACE, NULL, NULL) < 0)
            log_error("process %d of %s does not die", (int)domain->run->process.pid, domain->label);
    }
    run_cleanup(job, domain);
}

/* lib/qemu/domain-3-name, with the monitor socket in it. */
static int
start_directory(Domain *domain, Error *err)
{
    Driver *driver = domain->driver;
    DomainRun *run = domain->run;
    g_autofree char *name = prepare_short_name(domain->base.id, domain_name(domain));

    run->dir = g_strdup_printf("%s/domain-%s", driver->lib_dir, name);
    run->monitor_path = g_strdup_printf("%s/monitor.sock", run->dir);
    if (file_mkdirs(run->dir, 0700, err) < 0)
        return -1;
    if (driver->config.set_identity && chown(run->dir, driver->config.uid, driver->config.gid) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot give '%s' to the guests' user", run->dir);
    return 0;
}

static int
note_process(pid_t pid, void *data, Error *err)
{
    Domain *domain = data;

    domain->run->process.pid = pid;
    domain->run->start_time = process_start_time(pid);
    persist_status(domain);
    return 0;
}

/* Arguments and environment: what QEMU gets. */
typedef struct {
    GPtrArray *argv; /* of char *, NULL at the end once complete */
    char **env;
    int monitor, log; /* descriptors, borrowed */
    GuestFds fds;     /* of its devices */
} StartCommand;

static void
start_command_done(StartCommand *command)
{
    g_clear_pointer(&command->argv, g_ptr_array_unref);
    g_clear_pointer(&command->env, g_strfreev);
    guest_fds_done(&command->fds);
}

static int
start_process(Domain *domain, const StartCommand *command, Error *err)
{
    const QemuConfig *config = &domain->driver->config;
    const ProcessFd own[] = { { command->log, 1 }, { command->log, 2 }, { command->monitor, MONITOR_FD } };
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(ProcessFd));
    ProcessSpec spec = {
        .argv = (const char *const *)command->argv->pdata,
        .envp = (const char *const *)command->env,
        .n_fds = G_N_ELEMENTS(own) + command->fds.passed->len,
        .set_identity = config->set_identity,
        .uid = config->uid,
        .gid = config->gid,
        .user = config->groups_of,
        .detach = true,
        .no_new_privs = true,
        .before_exec = note_process,
        .before_exec_data = domain,
        .limit_nofile = (uint64_t)config->max_files,
        .limit_nproc = (uint64_t)config->max_processes,
    };

    g_array_append_vals(fds, own, G_N_ELEMENTS(own));
    g_array_append_vals(fds, command->fds.passed->data, command->fds.passed->len);
    spec.fds = (const ProcessFd *)(void *)fds->data;
    return process_spawn(&spec, &domain->run->process, err);
}

static int
start_build(Job *job, Domain *domain, StartCommand *command, Error *err)
{
    const DomainRun *run = domain->run;
    g_autofree char *channel_dir = prepare_channel_dir(domain);
    g_autofree char *ram_dir = prepare_ram_dir(domain->driver, domain->base.id, domain_name(domain));
    QemuBuildOptions options = prepare_build_options(domain->driver, run->dir, channel_dir, ram_dir);
    g_autoptr(QemuSecrets) secrets = NULL;
    __attribute__((cleanup(qemu_build_done))) QemuBuild build = { 0 };
    int r;

    guest_fds_init(&command->fds, MONITOR_FD + 1);
    if (secrets_init(domain, &secrets, err) < 0 || secrets_fetch_all(job, domain, domain->live, secrets, err) < 0 ||
        card_open_all(job, domain, &command->fds, err) < 0)
        return -1;
    options.secrets = secrets;
    options.fds = command->fds.by_alias;
    options.monitor_fd = MONITOR_FD;
    options.paused = true;
    qemu_build_init(&build, domain->live, run->caps, &options);
    r = qemu_command_build(&build, err);
    if (r < 0)
        return r;
    command->argv = qemu_build_argv(&build);
    g_ptr_array_set_free_func(command->argv, g_free);
    g_ptr_array_insert(command->argv, 0, g_strdup(domain->live->devices.emulator));
    command->env = qemu_command_environment(domain->live, run->dir);
    return 0;
}

/* What the guest looks like now that QEMU made it: paths of ptys, threads of vCPUs, the real balloon. */
static int
start_inquire(Job *job, Domain *domain, Error *err)
{
    QmpCommand commands[] = { { .command = "query-chardev" }, { .command = "query-cpus-fast" }, { .command = "query-status" } };
    json_t *item;
    size_t i;
    int r;

    r = qmp_call_many(job, domain->run->qmp, commands, G_N_ELEMENTS(commands), QMP_TIMEOUT, err);
    if (r == 0) {
        prepare_note_ptys(domain, commands[0].ret);
        json_array_foreach(commands[1].ret, i, item) {
            pid_t tid = (pid_t)qmp_int(item, "thread-id", 0);

            g_array_append_val(domain->run->vcpu_tids, tid);
        }
    }
    qmp_commands_done(commands, G_N_ELEMENTS(commands));
    return r;
}

/* What the devices open, and the firmware's variables. */
static GPtrArray *
start_resources(const DomainDef *def)
{
    GPtrArray *resources = qemu_device_resources(def);

    if (def->os.nvram)
        resource_add(resources, prepare_nvram_path(def->os.nvram), true, false);
    return resources;
}

static int
start_qemu(Job *job, Domain *domain, const RunStart *how, Error *err)
{
    DomainRun *run = domain->run;
    __attribute__((cleanup(start_command_done))) StartCommand command = { 0 };
    g_autoptr(GPtrArray) resources = start_resources(domain->live);
    _cleanup_fd_ int monitor = -1, log_fd = -1;
    off_t log_start;
    int r;

    if (start_build(job, domain, &command, err) < 0 || hook_domain(job, domain, "start", "begin", err) < 0)
        return -1;
    if (how->incoming_fd >= 0) {
        g_ptr_array_add(command.argv, g_strdup("-incoming"));
        g_ptr_array_add(command.argv, g_strdup("defer"));
    }
    if (guestlog_open(domain, command.argv, &log_fd, &log_start, err) < 0 ||
        qmp_listen(run->monitor_path, (uid_t)-1, (gid_t)-1, &monitor, err) < 0 || ownership_take(job, domain, resources, err) < 0)
        return -1;
    g_ptr_array_add(command.argv, NULL);
    command.monitor = monitor;
    command.log = log_fd;
    if (start_process(domain, &command, err) < 0 || run_watch(domain, err) < 0)
        return -1;
    fd_close(&monitor);
    r = run_connect(job, domain, START_TIMEOUT, err);
    if (r == 0)
        r = start_inquire(job, domain, err);
    if (r == 0)
        r = prepare_running(job, domain, err);
    if (r == 0)
        r = throttle_apply(job, domain, err);
    if (r == 0)
        r = affinity_apply(domain, err);
    if (r == 0)
        r = hook_domain(job, domain, "started", "begin", err);
    if (r == 0 && how->incoming_fd >= 0)
        r = run_load(job, domain, how->incoming_fd, err);
    if (r < 0)
        guestlog_last_words(domain, log_start, err);
    return r;
}

static int
start_run(Job *job, Domain *domain, const RunStart *how, Error *err)
{
    DomainRun *run = domain->run;

    if (how->paused) {
        run->starting = false;
        domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, VIR_DOMAIN_EVENT_STARTED, how->started_detail);
        domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, VIR_DOMAIN_EVENT_SUSPENDED,
                         VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
        return 0;
    }
    domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, VIR_DOMAIN_EVENT_STARTED, how->started_detail);
    if (run_resume(job, domain, how->running_reason, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, err) < 0)
        return -1;
    run->starting = false;
    persist_status(domain);
    return 0;
}

int
run_start(Job *job, Domain *domain, const DomainDef *def, const RunStart *how, Error *err)
{
    _cleanup_undo_ Undo undo = UNDO_INIT(job);
    QemuCaps *caps = NULL;
    DomainDef *live;

    if (!def->devices.emulator)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "%s has no emulator", domain->label);
    if (qemu_caps_get(job, def->devices.emulator, &caps, err) < 0)
        return -1;
    live = domain_def_copy(def);
    host_model_resolve(&live->cpu, caps, live->virt == VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG);
    domain->run = run_new();
    domain->run->caps = caps;
    domain->run->starting = true;
    domain->run->starter = job;
    domain->run->autodestroy = how->autodestroy;
    domain_set_live(domain, live);
    store_set_id(&domain->driver->domains, &domain->base, domain->driver->next_id++);
    undo_push(&undo, undo_cleanup, domain);
    domain->run->stop_reason = VIR_DOMAIN_SHUTOFF_FAILED;
    if (start_directory(domain, err) < 0 || prepare_definition(job, domain, live, err) < 0 ||
        hook_domain(job, domain, "prepare", "begin", err) < 0 || netport_acquire_all(job, domain, err) < 0 ||
        start_qemu(job, domain, how, err) < 0 || start_run(job, domain, how, err) < 0)
        return error_prefixf(err, "cannot start %s", domain->label);
    if (domain->dying) /* too late for any wait of ours to fail */
        return error_setf(err, FROM_QEMU, ERR_OPERATION_ABORTED, "%s was destroyed while it started", domain->label);
    domain->run->starter = NULL;
    domain->run->stop_reason = VIR_DOMAIN_SHUTOFF_CRASHED;
    domain->run->stop_detail = VIR_DOMAIN_EVENT_STOPPED_FAILED;
    undo_commit(&undo);
    daemon_touch(domain->driver->daemon);
    return 0;
}
