#include "virtstoraged/backend/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/files.h"

#define DEFAULT_MODE 0711

typedef struct Request {
    char *path;
    StoragePermissions permissions; /* numbers only */
} Request;

static void
clear(gpointer data)
{
    g_free(((Request *)data)->path);
}

static Request *
request_new(const PoolDef *def)
{
    Request *request = g_atomic_rc_box_new0(Request);

    request->path = g_strdup(def->path);
    request->permissions = def->permissions;
    request->permissions.label = NULL;
    return request;
}

static int
run(Job *job, const char *what, WorkFn fn, const PoolDef *def, Error *err)
{
    Request *request = request_new(def);
    int r = worker_run(job, what, fn, request, clear, FILES_TIMEOUT, err);

    g_atomic_rc_box_release_full(request, clear);
    return r;
}

static int
build(void *data, Error *err)
{
    const Request *request = data;
    const StoragePermissions *p = &request->permissions;
    g_autofree char *parent = g_path_get_dirname(request->path);
    _cleanup_fd_ int fd = -1;
    bool fresh;

    if (file_mkdirs(parent, 0755, err) < 0)
        return -1;
    fault_point("mkdir", request->path);
    fresh = mkdir(request->path, DEFAULT_MODE) == 0; /* right at once: a second try after a kill finds it made */
    if (!fresh && errno != EEXIST)
        return error_set_errno(err, FROM_STORAGE, errno, "failed to create directory '%s'", request->path);
    fault_point("mode", request->path);
    fd = open(request->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open directory '%s'", request->path);
    if ((p->owner.set || p->group.set) &&
        fchown(fd, p->owner.set ? p->owner.v : (uid_t)-1, p->group.set ? p->group.v : (gid_t)-1) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot change the owner of directory '%s'", request->path);
    if ((fresh || p->mode.set) && fchmod(fd, p->mode.set ? p->mode.v : DEFAULT_MODE) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot set the mode of directory '%s'", request->path);
    return 0;
}

static int
delete(void *data, Error *err)
{
    const Request *request = data;

    fault_point("rmdir", request->path);
    if (rmdir(request->path) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "failed to remove pool '%s'", request->path);
    return 0;
}

int
directory_build(Job *job, const PoolDef *def, unsigned flags, Error *err)
{
    return run(job, "making the pool's directory", build, def, err);
}

int
directory_delete(Job *job, const PoolDef *def, const char *rest, unsigned flags, Error *err)
{
    return run(job, "removing the pool's directory", delete, def, err);
}
