#include "virtstoraged/backend/lun.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/blocks.h"
#include "virtstoraged/backend/tool.h"

#define DEVICES "/sys/bus/scsi/devices"
#define SCAN_TIMEOUT (60 * USEC_PER_SEC)
#define LIST_TIMEOUT (30 * USEC_PER_SEC)
#define KEY_TIMEOUT (10 * USEC_PER_SEC)

typedef struct Units {
    PoolType type;
    unsigned host;
    GPtrArray *found; /* of Found; paths are nodes */
} Units;

static void
free_found(gpointer data)
{
    found_free(data);
}

static void
units_clear(gpointer data)
{
    g_ptr_array_unref(((Units *)data)->found);
}

/* An adapter that can't look for units has none that are new. */
static int
scan(void *data, Error *err)
{
    const Units *units = data;
    g_autofree char *path = g_strdup_printf("/sys/class/scsi_host/host%u/scan", units->host);
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open '%s': is the adapter there?", path);
    if (write(fd, "- - -", 5) < 0 && errno != EINVAL && errno != EPERM)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot make adapter host%u look for units", units->host);
    return 0;
}

/* The kernel's name of the unit's disk; NULL: it has none. */
static char *
disk_of(const char *unit)
{
    g_autofree char *path = g_build_filename(DEVICES, unit, "block", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name = dir ? g_dir_read_name(dir) : NULL;

    return name ? g_build_filename("/dev", name, NULL) : NULL;
}

static int
list(void *data, Error *err)
{
    Units *units = data;
    DIR *dir = opendir(DEVICES);
    const struct dirent *entry;

    if (!dir)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot open '" DEVICES "': the kernel has no SCSI");
    while ((entry = readdir(dir))) {
        unsigned host, bus, target;
        unsigned long long unit;
        g_autofree char *name = NULL, *node = NULL;

        if (sscanf(entry->d_name, "%u:%u:%u:%llu", &host, &bus, &target, &unit) != 4 || host != units->host)
            continue;
        node = disk_of(entry->d_name);
        if (!node)
            continue;
        name = g_strdup_printf("unit:%u:%u:%llu", bus, target, unit);
        g_ptr_array_add(units->found, blocks_found(units->type, name, node, NULL));
    }
    closedir(dir);
    return 0;
}

/* --- keys --- */

/* The identity the unit itself tells; NULL: it tells none, or does not answer. */
static char *
ask_key(Job *job, const char *node)
{
    const ToolCall call = { .argv = TOOL("scsi_id", "--replace-whitespace", "--whitelisted", "--device", node), .timeout = KEY_TIMEOUT };
    g_autofree char *out = NULL;

    if (tool_call(job, &call, &out, NULL) < 0)
        return NULL;
    g_strstrip(out);
    return *out ? g_steal_pointer(&out) : NULL;
}

/* Names do for keys where nobody knows better. */
void
lun_keys(Job *job, const Listing *listing, GPtrArray *found)
{
    for (guint i = 0; i < found->len; i++) {
        VolDef *def = ((Found *)found->pdata[i])->def;
        const Volume *known = g_hash_table_lookup(listing->known->by_name, def->name);

        def->key = known ? g_strdup(known->def->key) : ask_key(job, def->path);
    }
}

/* Two paths to one disk have one serial number: the second one's key is its path. */
static void
make_unique(GPtrArray *found)
{
    g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < found->len; i++) {
        VolDef *def = ((Found *)found->pdata[i])->def;

        if (def->key && g_hash_table_contains(keys, def->key))
            g_clear_pointer(&def->key, g_free);
        else if (def->key)
            g_hash_table_add(keys, def->key);
    }
}

int
lun_refresh(Job *job, const PoolDef *def, unsigned host, Listing *listing, Error *err)
{
    Units *units = g_atomic_rc_box_new0(Units);
    int r;

    *units = (Units){ def->type, host, g_ptr_array_new_with_free_func(free_found) };
    r = worker_run(job, "looking for SCSI units", scan, units, units_clear, SCAN_TIMEOUT, err);
    if (r == 0)
        r = tool_settle(job, err);
    if (r == 0)
        r = worker_run(job, "listing SCSI units", list, units, units_clear, LIST_TIMEOUT, err);
    if (r == 0) {
        lun_keys(job, listing, units->found);
        make_unique(units->found);
        r = blocks_complete(job, def->path, units->found, err);
    }
    for (guint i = 0; r == 0 && i < units->found->len; i++)
        listing->sizes.capacity += ((Found *)units->found->pdata[i])->def->capacity.v;
    listing->sizes.allocation = listing->sizes.capacity;
    while (r == 0 && units->found->len > 0)
        g_ptr_array_add(listing->found, g_ptr_array_steal_index(units->found, units->found->len - 1));
    g_atomic_rc_box_release_full(units, units_clear);
    return r;
}
