#include "virtnetworkd/dnsmasq/leasefile.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

int
leasefile_read(const char *path, json_t **ret, Error *err)
{
    g_autofree char *text = NULL;
    json_error_t why;
    size_t size;
    json_t *root;

    if (access(path, F_OK) < 0 && errno == ENOENT) {
        *ret = json_array();
        return 0;
    }
    if (file_read(path, LEASEFILE_MAX, &text, &size, err) < 0)
        return -1;
    if (size == 0) { /* libvirt begins with an empty file */
        *ret = json_array();
        return 0;
    }
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED, "the lease file '%s' is damaged at line %d: %s", path, why.line, why.text);
    if (!json_is_array(root)) {
        json_decref(root);
        return error_setf(err, FROM_NETWORK, ERR_OPERATION_FAILED, "the lease file '%s' is damaged: it is no array", path);
    }
    *ret = root;
    return 0;
}

int
leasefile_write(const char *path, const json_t *leases, Error *err)
{
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);
    _cleanup_fd_ int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_set_errno(err, FROM_NETWORK, errno, "cannot create '%s'", temporary);
    if (json_dumpfd(leases, fd, JSON_INDENT(2)) < 0 || fdatasync(fd) < 0 || rename(temporary, path) < 0) {
        int why = errno;

        unlink(temporary);
        return error_set_errno(err, FROM_NETWORK, why, "cannot write '%s'", path);
    }
    return 0;
}

const char *
leasefile_text(const json_t *lease, const char *key)
{
    return json_string_value(json_object_get(lease, key));
}
