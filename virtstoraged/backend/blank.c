#include "virtstoraged/backend/blank.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/tool.h"

#define SECTOR 512
#define FOUND_NOTHING 2
#define FOUND_MANY 8

typedef struct Device {
    char *path;
} Device;

static void
clear(gpointer data)
{
    g_free(((Device *)data)->path);
}

static int
look(void *data, Error *err)
{
    const Device *device = data;
    _cleanup_fd_ int fd = -1;
    char first[SECTOR];
    struct stat st;

    if (stat(device->path, &st) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot stat device '%s'", device->path);
    if (!S_ISBLK(st.st_mode))
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "'%s' is no block device", device->path);
    /* To blkid, one that can't be read is one on which nothing is found. */
    fd = open(device->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || pread(fd, first, sizeof(first), 0) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot read device '%s'", device->path);
    return 0;
}

int
blank_is_device(Job *job, const char *path, Error *err)
{
    Device *device = g_atomic_rc_box_new0(Device);
    int r;

    device->path = g_strdup(path);
    r = worker_run(job, "looking at the device", look, device, clear, FILES_TIMEOUT, err);
    g_atomic_rc_box_release_full(device, clear);
    return r;
}

/* The value of a line NAME=VALUE of an export; NULL: there is none. */
static char *
value_of(const char *out, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    size_t length = strlen(name);

    for (char **line = lines; *line; line++)
        if (strncmp(*line, name, length) == 0 && (*line)[length] == '=')
            return g_strdup(*line + length + 1);
    return NULL;
}

int
blank_check(Job *job, const char *device, Error *err)
{
    const char *const *argv = TOOL("blkid", "--probe", "--output", "export", "--", device);
    const ToolCall call = { .argv = argv, .also_fine = 1u << FOUND_NOTHING | 1u << FOUND_MANY };
    g_autofree char *out = NULL, *type = NULL, *table = NULL;
    int status;

    if (blank_is_device(job, device, err) < 0)
        return -1;
    status = tool_call(job, &call, &out, err);
    if (status < 0)
        return error_prefixf(err, "cannot tell whether device '%s' is empty", device);
    if (status == FOUND_NOTHING)
        return 0;
    type = value_of(out, "TYPE");
    table = value_of(out, "PTTYPE");
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "device '%s' is not empty: %s '%s' was found on it; only building with the overwrite flag loses it",
                      device, type ? "a" : table ? "a partition table" : "something", type ? type : table ? table : "of several kinds");
}
