#include "virtqemud/run/ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtqemud/device/kind.h"
#include "virtqemud/domain/persist.h"
#include "virtqemud/driver.h"

#define LOG_SOURCE "qemu.security"
#include "common/base/log.h"

#define OWNERSHIP_TIMEOUT (30 * USEC_PER_SEC)

typedef struct PassFile {
    RunOwnership owner; /* in: whom to give it to; out of a look: whose it is */
    mode_t mode;        /* out of a look */
    bool create;        /* of a look: make what is missing */
} PassFile;

/* One pass over some files in a worker. */
typedef struct {
    GArray *files; /* of PassFile */
    bool change;
} Pass;

static void
pass_clear(void *data)
{
    g_clear_pointer(&((Pass *)data)->files, g_array_unref);
}

static void
file_clear(void *data)
{
    g_free(((PassFile *)data)->owner.path);
}

static Pass *
pass_new(bool change)
{
    Pass *pass = g_atomic_rc_box_new0(Pass);

    pass->files = g_array_new(FALSE, TRUE, sizeof(PassFile));
    g_array_set_clear_func(pass->files, file_clear);
    pass->change = change;
    return pass;
}

static void
pass_unref(Pass *pass)
{
    g_atomic_rc_box_release_full(pass, pass_clear);
}

static void
pass_add(Pass *pass, const char *path, bool create, uid_t uid, gid_t gid)
{
    PassFile file = { .owner = { .path = g_strdup(path), .uid = uid, .gid = gid }, .create = create };

    g_array_append_val(pass->files, file);
}

/* Opened first: what is changed is what was looked at, however the path is redirected meanwhile. */
static int
pass_one(PassFile *entry, bool change, Error *err)
{
    RunOwnership *file = &entry->owner;
    _cleanup_fd_ int fd = open(file->path, O_PATH | O_CLOEXEC);
    g_autofree char *self = NULL;
    struct stat st;

    if (fd < 0 && errno == ENOENT && entry->create)
        fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot access '%s'", file->path);
    if (!change) {
        file->uid = st.st_uid;
        file->gid = st.st_gid;
        entry->mode = st.st_mode;
        return 0;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return 0;
    self = g_strdup_printf("/proc/self/fd/%d", fd);
    if ((st.st_uid != file->uid || st.st_gid != file->gid) && chown(self, file->uid, file->gid) < 0 && errno != EROFS &&
        errno != EPERM && errno != EOPNOTSUPP)
        return error_set_errno(err, FROM_QEMU, errno, "cannot give '%s' to user %u", file->path, (unsigned)file->uid);
    return 0;
}

static int
pass_run(void *data, Error *err)
{
    Pass *pass = data;
    int r = 0;

    for (guint i = 0; i < pass->files->len; i++)
        if (pass_one(&g_array_index(pass->files, PassFile, i), pass->change, r == 0 ? err : NULL) < 0)
            r = -1;
    return r;
}

/* Can the guests' user use it as it is? Root needs no permission. */
static bool
is_usable(const QemuConfig *config, const PassFile *file, bool write)
{
    mode_t want = write ? 06 : 04;

    if (config->uid == 0)
        return true;
    if (file->owner.uid == config->uid)
        want <<= 6;
    else if (file->owner.gid == config->gid)
        want <<= 3;
    return (file->mode & want) == want;
}

/*
 * What one guest alone writes is its user's while it runs, and goes back. What is shared or only read (a backing file, a CD) may
 * be another guest's too: it is left alone when it can be used as it is, and else given to the user for good, as nobody could
 * say when to give it back.
 */
static void
choose_gifts(Domain *domain, const GPtrArray *resources, const Pass *look, Pass *give)
{
    const QemuConfig *config = &domain->driver->config;

    for (guint i = 0; i < look->files->len; i++) {
        const PassFile *file = &g_array_index(look->files, PassFile, i);
        const QemuResource *resource = resources->pdata[i];
        RunOwnership keep = file->owner;
        bool own = resource->write && !resource->shared;

        if ((keep.uid == config->uid && keep.gid == config->gid) || (!own && is_usable(config, file, resource->write)))
            continue;
        pass_add(give, keep.path, false, config->uid, config->gid);
        if (!own)
            continue;
        if (!config->remember_owner)
            keep.uid = keep.gid = 0;
        keep.path = g_strdup(keep.path);
        g_array_append_val(domain->run->owned, keep);
    }
}

int
ownership_take(Job *job, Domain *domain, const GPtrArray *resources, Error *err)
{
    const QemuConfig *config = &domain->driver->config;
    Pass *look, *give;
    int r;

    if (!config->set_identity || !config->dynamic_ownership || resources->len == 0)
        return 0;
    look = pass_new(false);
    for (guint i = 0; i < resources->len; i++) {
        const QemuResource *resource = resources->pdata[i];

        pass_add(look, resource->path, resource->create, 0, 0);
    }
    r = worker_run(job, "the owners of the guest's files", pass_run, look, pass_clear, OWNERSHIP_TIMEOUT, err);
    if (r < 0) {
        pass_unref(look);
        return r;
    }
    give = pass_new(true);
    choose_gifts(domain, resources, look, give);
    pass_unref(look);
    persist_status(domain);
    /* Whoever cancels the start waits for this: it would go on behind the undoing, and give away what had just come back. */
    job_shield(job);
    if (give->files->len > 0)
        r = worker_run(job, "the owners of the guest's files", pass_run, give, pass_clear, OWNERSHIP_TIMEOUT, err);
    job_unshield(job);
    pass_unref(give);
    return r;
}

/* Give back what this gives, and forget it. */
static void
give_back(Job *job, Domain *domain, Pass *give)
{
    _cleanup_error_ Error err = ERROR_INIT;

    if (give->files->len > 0 &&
        worker_run(job, "the owners of the guest's files", pass_run, give, pass_clear, OWNERSHIP_TIMEOUT, &err) < 0)
        log_warning("%s: %s", domain->label, err.message);
    pass_unref(give);
}

void
ownership_restore(Job *job, Domain *domain)
{
    GArray *owned = domain->run->owned;
    Pass *give = pass_new(true);

    for (guint i = 0; i < owned->len; i++) {
        RunOwnership *o = &g_array_index(owned, RunOwnership, i);

        pass_add(give, o->path, false, o->uid, o->gid);
    }
    give_back(job, domain, give);
    g_array_set_size(owned, 0);
}

static bool
names(const GPtrArray *resources, const char *path)
{
    for (guint i = 0; i < resources->len; i++)
        if (g_strcmp0(((QemuResource *)resources->pdata[i])->path, path) == 0)
            return true;
    return false;
}

void
ownership_restore_unused(Job *job, Domain *domain, const DomainDef *def, const GPtrArray *resources)
{
    g_autoptr(GPtrArray) used = qemu_device_resources(def);
    GArray *owned = domain->run->owned;
    Pass *give = pass_new(true);

    for (guint i = owned->len; i-- > 0;) {
        RunOwnership *o = &g_array_index(owned, RunOwnership, i);

        if (!names(resources, o->path) || names(used, o->path))
            continue;
        pass_add(give, o->path, false, o->uid, o->gid);
        g_array_remove_index(owned, i);
    }
    give_back(job, domain, give);
}
