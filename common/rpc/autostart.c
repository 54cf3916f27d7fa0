/* See autostart.h. */
#include "common/rpc/autostart.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/file.h"
#include "common/base/process.h"

#define PAUSE (10 * USEC_PER_MSEC)
#define PATIENCE (10 * USEC_PER_SEC) /* for the lock, the daemon's start, and its socket, each */

bool
autostart_possible(const RpcTarget *target)
{
    return target->program && g_strcmp0(g_getenv("LIBVIRT_AUTOSTART"), "0") != 0 && access(target->program, X_OK) == 0;
}

static int
lock(Job *job, const char *socket, const char *daemon, int *ret_fd, Error *err)
{
    g_autofree char *directory = g_path_get_dirname(socket), *path = g_strdup_printf("%s/%s.lock", directory, daemon);
    uint64_t end = loop_now() + PATIENCE;
    _cleanup_fd_ int fd = -1;

    if (file_mkdirs(directory, 0755, err) < 0)
        return -1;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(err, FROM_RPC, errno, "cannot open '%s' to start %s", path, daemon);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || loop_now() > end)
            return error_set_errno(err, FROM_RPC, errno, "cannot lock '%s' to start %s", path, daemon);
        if (job_sleep(job, PAUSE, err) < 0)
            return -1;
    }
    *ret_fd = fd_take(&fd);
    return 0;
}

static int
run_program(Job *job, const RpcTarget *target, Error *err)
{
    const char *const argv[] = { target->program, "--timeout=120", "--daemon", NULL };
    ProcessOutput output = { 0 };
    ProcessSpec spec = { .argv = argv, .envp = (const char *const *)environ };
    int r = process_check(job, &spec, NULL, PATIENCE, &output, err);

    process_output_done(&output);
    return r;
}

int
autostart_connect(Job *job, const RpcTarget *target, const char *path, RpcPeer **ret, Error *err)
{
    uint64_t end;
    _cleanup_fd_ int fd = -1;

    if (lock(job, path, target->daemon, &fd, err) < 0)
        return -1;
    if (rpc_peer_connect(job, path, target->daemon, ret, NULL) >= 0)
        return 0;
    if (run_program(job, target, err) < 0)
        return error_prefixf(err, "cannot start %s", target->daemon);
    end = loop_now() + PATIENCE;
    while (rpc_peer_connect(job, path, target->daemon, ret, NULL) < 0) {
        if (loop_now() > end)
            return error_setf(err, FROM_RPC, ERR_NO_CONNECT, "'%s' was started, but does not listen at '%s'", target->program, path);
        if (job_sleep(job, PAUSE, err) < 0)
            return -1;
    }
    return 0;
}
