/* Binding threads to processors: see affinity.h. */
#include "virtqemud/run/affinity.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

static int
bind_thread(const Domain *domain, pid_t thread, const Bitmap *where, const char *what, Error *err)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    for (int cpu = -1; (cpu = bitmap_next(where, cpu)) >= 0 && cpu < CPU_SETSIZE;)
        CPU_SET(cpu, &set);
    if (sched_setaffinity(thread, sizeof(set), &set) == 0 || errno == ESRCH) /* a worker of QEMU's that ended meanwhile */
        return 0;
    if (errno == EINVAL) {
        g_autofree char *cpus = bitmap_format(where);

        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "%s of %s is bound to processors %s, which this host does not have",
                          what, domain->label, cpus);
    }
    return error_set_errno(err, FROM_QEMU, errno, "cannot bind %s of %s", what, domain->label);
}

static const Bitmap *
vcpu_place(const DomainDef *def, unsigned vcpu)
{
    for (size_t i = 0; i < def->cputune.vcpupins.n; i++)
        if (def->cputune.vcpupins.items[i]->vcpu.v == vcpu)
            return def->cputune.vcpupins.items[i]->cpuset;
    return def->vcpu_cpuset;
}

/* The vCPU a thread is; -1: it is one of the emulator's. */
static int
vcpu_of(const DomainRun *run, pid_t thread)
{
    for (guint i = 0; i < run->vcpu_tids->len; i++)
        if (g_array_index(run->vcpu_tids, pid_t, i) == thread)
            return (int)i;
    return -1;
}

int
affinity_apply(Domain *domain, Error *err)
{
    const DomainDef *def = domain->live;
    const Bitmap *emulator = def->cputune.emulatorpin ? def->cputune.emulatorpin : def->vcpu_cpuset;
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)domain->run->process.pid);
    g_autoptr(GDir) tasks = NULL;
    const char *name;

    if (!emulator && def->cputune.vcpupins.n == 0)
        return 0;
    tasks = g_dir_open(path, 0, NULL);
    while (tasks && (name = g_dir_read_name(tasks))) {
        pid_t thread = atoi(name);
        int vcpu = vcpu_of(domain->run, thread);
        const Bitmap *where = vcpu >= 0 ? vcpu_place(def, (unsigned)vcpu) : emulator;
        g_autofree char *what = vcpu >= 0 ? g_strdup_printf("vCPU %d", vcpu) : g_strdup("the emulator");

        if (where && bind_thread(domain, thread, where, what, err) < 0)
            return -1;
    }
    return 0;
}
