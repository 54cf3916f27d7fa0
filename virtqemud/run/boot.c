#include "virtqemud/run/boot.h"

#include <string.h>
#include <unistd.h>

#include "virtqemud/domain/define.h"
#include "virtqemud/driver.h"

#define LOG_SOURCE "qemu.run"
#include "common/base/log.h"

int
boot_from_image(Job *job, Domain *domain, SaveImage *image, const DomainDef *def, int running, Error *err)
{
    RunStart how = {
        .paused = running >= 0 ? !running : !image->running,
        .incoming_fd = image->fd,
        .running_reason = VIR_DOMAIN_RUNNING_RESTORED,
        .started_detail = VIR_DOMAIN_EVENT_STARTED_RESTORED,
    };

    return run_start(job, domain, def, &how, err);
}

static int
boot_managed(Job *job, Domain *domain, const char *path, unsigned flags, Error *err)
{
    __attribute__((cleanup(saveimage_done))) SaveImage image = { .fd = -1 };
    g_autoptr(DomainDef) def = NULL;

    if (saveimage_open(job, path, &image, err) < 0 || define_parse_stored(domain->driver, image.xml, &def, err) < 0 ||
        boot_from_image(job, domain, &image, def, flags & VIR_DOMAIN_START_PAUSED ? 0 : -1, err) < 0)
        return -1;
    /* It runs: what it was saved as is history, and must not be restored again. */
    unlink(path);
    domain_set_managed_save(domain, false);
    return 0;
}

int
boot_domain(Job *job, Domain *domain, unsigned flags, Error *err)
{
    g_autofree char *image = driver_save_path(domain->driver, domain_name(domain));
    const DomainDef *config = domain_config(domain, err);
    g_autoptr(DomainDef) def = NULL;
    RunStart how = {
        .paused = flags & VIR_DOMAIN_START_PAUSED,
        .autodestroy = flags & VIR_DOMAIN_START_AUTODESTROY,
        .incoming_fd = -1,
        .running_reason = VIR_DOMAIN_RUNNING_BOOTED,
        .started_detail = VIR_DOMAIN_EVENT_STARTED_BOOTED,
    };

    if (!config)
        return -1;
    def = domain_def_ref(config); /* read again, or changed, while an image is tried: that is for the next start */
    if (domain->managed_save && (flags & VIR_DOMAIN_START_FORCE_BOOT)) {
        unlink(image);
        domain_set_managed_save(domain, false);
    }
    if (domain->managed_save && access(image, F_OK) == 0) {
        _cleanup_error_ Error local = ERROR_INIT;

        if (boot_managed(job, domain, image, flags, &local) == 0)
            return 0;
        /* Only an image that can never be restored gives way to a fresh boot. */
        if (!strstr(local.message, "is incomplete"))
            return error_move(err, &local);
        log_warning("%s: %s; booting instead", domain->label, local.message);
        unlink(image);
        domain_set_managed_save(domain, false);
    }
    return run_start(job, domain, def, &how, err);
}
