#include "virtqemud/run/hook.h"

#include "common/host/hooks.h"
#include "virtqemud/driver.h"

#define LOG_SOURCE "qemu.hook"
#include "common/base/log.h"

int
hook_domain(Job *job, Domain *domain, const char *operation, const char *sub, Error *err)
{
    const Hook hook = { domain->driver->daemon->paths.config, "qemu" };
    const HookCall call = { domain_name(domain), operation, sub, "-" };
    g_autofree char *xml = NULL;

    if (!hook_present(&hook))
        return 0;
    xml = domain_def_format(domain->live, 0);
    return hook_run(job, &hook, &call, xml, err);
}

void
hook_domain_soft(Job *job, Domain *domain, const char *operation, const char *sub)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (hook_domain(job, domain, operation, sub, &err) < 0)
        log_error("%s", err.message);
}
