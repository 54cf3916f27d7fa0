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

/* Of a record of udev's: "P: path", then lines "E: NAME=VALUE". */
static char *
property(const char *record, const char *name)
{
    g_autofree char *start = g_strdup_printf("\nE: %s=", name);
    const char *at = strstr(record, start);

    return at ? g_strndup(at + strlen(start), strcspn(at + strlen(start), "\n")) : NULL;
}

/* Names do for keys where nobody knows better. */
int
lun_keys(Job *job, GPtrArray *found, Error *err)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GHashTable) serials = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) records = NULL;
    g_autofree char *out = NULL;
    ToolCall call = { .also_fine = UINT32_MAX };

    if (found->len == 0)
        return 0;
    g_ptr_array_add(argv, (char *)"udevadm");
    g_ptr_array_add(argv, (char *)"info");
    for (guint i = 0; i < found->len; i++)
        g_ptr_array_add(argv, ((Found *)found->pdata[i])->def->path);
    g_ptr_array_add(argv, NULL);
    call.argv = (const char *const *)argv->pdata;
    if (tool_call(job, &call, &out, err) < 0)
        return -1;
    records = g_strsplit(out, "\n\n", -1);
    for (char **record = records; *record; record++) {
        char *node = property(*record, "DEVNAME"), *serial = property(*record, "ID_SERIAL");

        if (node && serial && *serial)
            g_hash_table_insert(serials, node, serial);
    }
    for (guint i = 0; i < found->len; i++) {
        VolDef *def = ((Found *)found->pdata[i])->def;

        def->key = g_strdup(g_hash_table_lookup(serials, def->path));
    }
    return 0;
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
    if (r == 0)
        r = lun_keys(job, units->found, err);
    if (r == 0) {
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
