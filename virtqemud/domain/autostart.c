#include "virtqemud/domain/autostart.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/file.h"
#include "virtqemud/domain/domain.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"
#include "virtqemud/run/boot.h"
#include "virtqemud/run/run.h"

#define LOG_SOURCE "qemu.autostart"
#include "common/base/log.h"

/* One at a time, with the configured pause between: a host that has just booted is busy enough. */
static char *
marker_path(const Driver *driver)
{
    return g_build_filename(driver->status_dir, "autostarted", NULL);
}

/* Last: a daemon killed in the middle begins again, and passes over what runs. */
static void
mark_done(const Driver *driver)
{
    g_autofree char *marker = marker_path(driver);
    _cleanup_fd_ int fd = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        log_error("cannot make '%s': guests would be started again by the next life of this daemon", marker);
}

typedef struct Starting {
    Domain *domain;
    Wait done;
} Starting;

static void
start_one(Job *job, void *data)
{
    Starting *starting = data;
    Domain *domain = starting->domain;
    _cleanup_error_ Error err = ERROR_INIT;

    if (job_acquire(job, &domain->queue, domain->label, LOOP_NEVER, &err) == 0) {
        if (domain->base.stored && !domain_active(domain) && boot_domain(job, domain, 0, &err) < 0)
            log_error("cannot autostart: %s", err.message);
        job_release(job, &domain->queue);
    }
    wait_done(&starting->done, 0);
}

static void
start_all(Job *job, void *data)
{
    Driver *driver = data;
    g_autoptr(GPtrArray) all = store_list(driver_domains(driver));

    for (guint i = 0; i < all->len; i++) {
        Starting starting = { .domain = all->pdata[i] };

        if (!starting.domain->autostart || domain_active(starting.domain))
            continue;
        job_spawn("autostart", NULL, start_one, &starting); /* a job of its own: who destroys this guest ends only that */
        if (job_wait(job, &starting.done, "a guest that starts", LOOP_NEVER, NULL) < 0)
            break;
        if (driver->config.auto_start_delay > 0 && job_sleep(job, (uint64_t)driver->config.auto_start_delay * USEC_PER_MSEC, NULL) < 0)
            break;
    }
    for (guint i = 0; i < all->len; i++)
        domain_unref(all->pdata[i]);
    mark_done(driver);
    driver->starting--;
    daemon_touch(driver->daemon);
}

static bool
directory_is_empty(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    return !dir || !g_dir_read_name(dir);
}

void
autostart_run(Driver *driver)
{
    g_autofree char *marker = marker_path(driver);
    g_autoptr(GPtrArray) running = persist_status_names(driver);

    if (running->len > 0)
        driver_domains(driver); /* indexes, and takes hold of what runs */
    if (access(marker, F_OK) == 0)
        return; /* done since the machine booted */
    if (directory_is_empty(driver->definitions.autostart_dir)) {
        mark_done(driver);
        return;
    }
    driver->starting++;
    job_spawn("autostart", NULL, start_all, driver);
}
