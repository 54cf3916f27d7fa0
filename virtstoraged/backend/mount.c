#include "virtstoraged/backend/mount.h"

#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/tool.h"

#define TABLE "/proc/self/mounts"
#define TABLE_LINE_MAX 16384
#define LOOK_TIMEOUT (30 * USEC_PER_SEC)
#define UNMOUNT_TIMEOUT (15 * USEC_PER_SEC) /* a server that has not answered by then is taken for dead */

/* As libvirt mounts: what lies in a pool are images, not programs of this host. */
static const char *const always[] = { "nodev", "nosuid", "noexec" };

void
mounting_init(Mounting *mounting, const PoolDef *def)
{
    *mounting = (Mounting){ .options = g_string_new(NULL), .credentials = -1 };
    for (size_t i = 0; i < G_N_ELEMENTS(always); i++)
        mounting_option(mounting, always[i]);
    LIST_FOREACH(PoolOption, option, &def->mount_options)
        mounting_option(mounting, option->name);
}

void
mounting_option(Mounting *mounting, const char *option)
{
    g_string_append_printf(mounting->options, "%s%s", mounting->options->len ? "," : "", option);
}

void
mounting_done(Mounting *mounting)
{
    g_free(mounting->source);
    g_string_free(mounting->options, TRUE);
    fd_close(&mounting->credentials);
}

/* --- what is mounted --- */

typedef struct Place {
    char *target, *source; /* source NULL: nothing is expected */
    char *real;            /* the target as the kernel's table has it */
    char *found;           /* what is mounted there, NULL: nothing */
    bool ours;
} Place;

static void
place_clear(gpointer data)
{
    Place *place = data;

    g_free(place->target);
    g_free(place->source);
    g_free(place->real);
    g_free(place->found);
}

static Place *
place_new(const PoolDef *def, const char *source)
{
    Place *place = g_atomic_rc_box_new0(Place);

    place->target = g_strdup(def->path);
    place->source = g_strdup(source);
    return place;
}

/* The last part of the target is the mount point, which may hang when it is looked at. */
static char *
real_target(const char *target)
{
    g_autofree char *parent = g_path_get_dirname(target), *name = g_path_get_basename(target);
    char real[PATH_MAX];

    return realpath(parent, real) ? g_build_filename(real, name, NULL) : g_strdup(target);
}

static bool
same_source(const char *a, const char *b)
{
    struct stat sa, sb;

    if (strcmp(a, b) == 0)
        return true;
    return g_str_has_prefix(a, "/dev/") && *b == '/' && b[1] != '/' && stat(a, &sa) == 0 && stat(b, &sb) == 0 && S_ISBLK(sa.st_mode) &&
           S_ISBLK(sb.st_mode) && sa.st_rdev == sb.st_rdev;
}

/* The last line about a target is the one that is seen. */
static int
look(void *data, Error *err)
{
    Place *place = data;
    g_autofree char *line = g_malloc(TABLE_LINE_MAX);
    FILE *table = setmntent(TABLE, "re");
    struct mntent entry;

    if (!table)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot read " TABLE);
    place->real = real_target(place->target);
    while (getmntent_r(table, &entry, line, TABLE_LINE_MAX))
        if (strcmp(entry.mnt_dir, place->real) == 0) {
            g_free(place->found);
            place->found = g_strdup(entry.mnt_fsname);
        }
    endmntent(table);
    place->ours = place->found && place->source && same_source(place->found, place->source);
    return 0;
}

static int
place_look(Job *job, Place *place, Error *err)
{
    return worker_run(job, "looking for the mount", look, place, place_clear, LOOK_TIMEOUT, err);
}

int
mount_check(Job *job, const PoolDef *def, const char *source, Error *err)
{
    Place *place = place_new(def, source);
    int r = place_look(job, place, err);

    if (r == 0 && !place->ours)
        r = error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "'%s' is not mounted at '%s'%s%s", source, def->path,
                       place->found ? ", but something else: " : "", place->found ? place->found : "");
    g_atomic_rc_box_release_full(place, place_clear);
    return r;
}

/* --- mounting --- */

static int
do_mount(Job *job, const PoolDef *def, const Mounting *m, uint64_t timeout, Error *err)
{
    const char *const *by_mount = TOOL("mount", "-t", m->type ? m->type : "auto", "-o", m->options->str, "--", m->source, def->path);
    const char *const *by_helper = TOOL(m->helper, m->source, def->path, "-o", m->options->str);
    const ProcessFd fds[] = { { m->credentials, 3 } };
    const ToolCall call = { .argv = m->helper ? by_helper : by_mount, .fds = fds, .n_fds = m->credentials >= 0, .timeout = timeout };

    if (tool_call(job, &call, NULL, err) < 0)
        return error_prefixf(err, "cannot mount '%s' at '%s'", m->source, def->path);
    return 0;
}

int
mount_start(Job *job, const PoolDef *def, const Mounting *mounting, uint64_t timeout, Error *err)
{
    Place *place = place_new(def, mounting->source);
    int r = place_look(job, place, err);

    if (r == 0 && place->found && !place->ours)
        r = error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "cannot mount '%s' at '%s': '%s' is mounted there", mounting->source, def->path,
                       place->found);
    else if (r == 0 && !place->found)
        r = do_mount(job, def, mounting, timeout, err);
    g_atomic_rc_box_release_full(place, place_clear);
    return r;
}

/* --- unmounting --- */

static int
detach(void *data, Error *err)
{
    const Place *place = data;

    if (umount2(place->real, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot unmount '%s'", place->target);
    return 0;
}

/* Without looking at the mount point, and without programs of its type: both may wait for the server for ever. */
static int
do_unmount(Job *job, const PoolDef *def, Place *place, Error *err)
{
    const char *const *argv = TOOL("umount", "--no-canonicalize", "--internal-only", "--", place->real);
    const ToolCall call = { .argv = argv, .timeout = UNMOUNT_TIMEOUT };
    _cleanup_error_ Error why = ERROR_INIT;
    int r = tool_call(job, &call, NULL, &why);

    if (r >= 0)
        return 0;
    if (why.code != ERR_OPERATION_TIMEOUT && files_check(job, def, NULL) == 0)
        return error_move(err, &why);
    return worker_run(job, "detaching the mount", detach, place, place_clear, UNMOUNT_TIMEOUT, err);
}

int
mount_stop(Job *job, const PoolDef *def, const char *source, Error *err)
{
    Place *place = place_new(def, source);
    int r = place_look(job, place, err);

    if (r == 0 && place->ours)
        r = do_unmount(job, def, place, err);
    g_atomic_rc_box_release_full(place, place_clear);
    return r;
}
