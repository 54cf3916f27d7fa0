#include "virtqemud/qmp/listen.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/file.h"

int
qmp_listen(const char *path, uid_t uid, gid_t gid, int *ret_fd, Error *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    _cleanup_fd_ int fd = -1;
    mode_t mask;
    int r;

    if (strlen(path) >= sizeof(addr.sun_path))
        return error_setf(err, FROM_QEMU, ERR_OPERATION_FAILED, "the path of the monitor socket '%s' is too long", path);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot create a monitor socket");
    mask = umask(0077); /* no moment with wider permissions; one thread, so nobody else creates files now */
    r = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    umask(mask);
    if (r < 0 || ((uid != (uid_t)-1 || gid != (gid_t)-1) && chown(path, uid, gid) < 0) || listen(fd, 8) < 0)
        return error_set_errno(err, FROM_QEMU, errno, "cannot listen at '%s' for a monitor", path);
    *ret_fd = fd_take(&fd);
    return 0;
}
