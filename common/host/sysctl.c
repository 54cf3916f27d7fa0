/* See sysctl.h. */
#include "common/host/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#include "common/base/file.h"

#define ROOT "/proc/sys/net/"
#define VALUE_MAX 4096

int
sysctl_read(const char *name, char **ret_value, Error *err)
{
    g_autofree char *path = g_strconcat(ROOT, name, NULL);
    char *value;

    if (file_read(path, VALUE_MAX, &value, NULL, err) < 0)
        return -1;
    *ret_value = g_strchomp(value);
    return 0;
}

int
sysctl_write(const char *name, const char *value, Error *err)
{
    g_autofree char *path = g_strconcat(ROOT, name, NULL), *is = NULL;
    _cleanup_fd_ int fd = -1;
    ssize_t n;

    if (sysctl_read(name, &is, err) < 0)
        return -1;
    if (strcmp(is, value) == 0)
        return SYSCTL_KEPT;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : write(fd, value, strlen(value));
    if (n < 0)
        return error_set_errno(err, FROM_NET, errno, "cannot set %s to %s, it is %s", path, value, is);
    return SYSCTL_WRITTEN;
}
