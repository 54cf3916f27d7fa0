/*
 * Pools that are the units behind a SCSI host adapter: one that is named, one at an address, or a virtual one (NPIV) that
 * is made of a Fibre Channel adapter when the pool starts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/worker.h"
#include "virtstoraged/backend/blocks.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/lun.h"

#define SCSI_HOSTS "/sys/class/scsi_host"
#define FC_HOSTS "/sys/class/fc_host"
#define VPORT_TIMEOUT (60 * USEC_PER_SEC)

/* The virtual adapters this life of the daemon made: "WWPN:WWNN". */
static GHashTable *made;

typedef struct Adapter {
    PoolDef *def;
    char *names;   /* "WWPN:WWNN" of a virtual one */
    bool there;
    unsigned host; /* its number, when it is there */
} Adapter;

static void
adapter_clear(gpointer data)
{
    Adapter *adapter = data;

    pool_def_unref(adapter->def);
    g_free(adapter->names);
}

static Adapter *
adapter_new(const PoolDef *def)
{
    Adapter *adapter = g_atomic_rc_box_new0(Adapter);
    const PoolAdapter *a = &def->source.adapter;

    adapter->def = pool_def_copy(def);
    if (a->type == ADAPTER_FC_HOST)
        adapter->names = g_strdup_printf("%s:%s", a->wwpn, a->wwnn);
    return adapter;
}

/* --- looking, in workers --- */

static bool
attribute_is(const char *class, const char *host, const char *name, const char *wanted)
{
    g_autofree char *path = g_build_filename(class, host, name, NULL), *text = file_read_line(path);

    return text && g_ascii_strcasecmp(g_str_has_prefix(text, "0x") ? text + 2 : text, wanted) == 0;
}

typedef bool (*MatchFn)(const Adapter *adapter, const char *host);

/* The first adapter of a class that fits: 1 with *ret. */
static int
search(const Adapter *adapter, const char *class, MatchFn fits, unsigned *ret)
{
    DIR *dir = opendir(class);
    const struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir)))
        found = sscanf(entry->d_name, "host%u", ret) == 1 && fits(adapter, entry->d_name);
    if (dir)
        closedir(dir);
    return found;
}

/* "host3" and "scsi_host3" are the same. */
static bool
fits_name(const Adapter *adapter, const char *host)
{
    const char *name = adapter->def->source.adapter.name;

    return strcmp(g_str_has_prefix(name, "scsi_") ? name + strlen("scsi_") : name, host) == 0;
}

static bool
fits_address(const Adapter *adapter, const char *host)
{
    const PoolAdapter *a = &adapter->def->source.adapter;
    g_autofree char *address = g_strdup_printf("/%04x:%02x:%02x.%x/", a->domain, a->bus, a->slot, a->function);
    g_autofree char *link = g_build_filename(SCSI_HOSTS, host, NULL), *id = g_strdup_printf("%u", a->unique_id.v);
    char real[PATH_MAX];

    return realpath(link, real) && strstr(real, address) && (!a->unique_id.set || attribute_is(SCSI_HOSTS, host, "unique_id", id));
}

static bool
fits_names(const Adapter *adapter, const char *host)
{
    const PoolAdapter *a = &adapter->def->source.adapter;

    return attribute_is(FC_HOSTS, host, "port_name", a->wwpn) && attribute_is(FC_HOSTS, host, "node_name", a->wwnn);
}

static int
look(void *data, Error *err)
{
    Adapter *adapter = data;
    const PoolAdapter *a = &adapter->def->source.adapter;

    if (a->type == ADAPTER_FC_HOST)
        adapter->there = search(adapter, FC_HOSTS, fits_names, &adapter->host);
    else
        adapter->there = search(adapter, SCSI_HOSTS, a->by_address ? fits_address : fits_name, &adapter->host);
    return 0;
}

static int
absent(const PoolDef *def, Error *err)
{
    const PoolAdapter *a = &def->source.adapter;

    if (a->type == ADAPTER_FC_HOST)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "pool '%s': there is no adapter with wwnn '%s' and wwpn '%s'", def->name, a->wwnn,
                          a->wwpn);
    if (!a->by_address)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "pool '%s': there is no SCSI host adapter '%s'", def->name, a->name);
    return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "pool '%s': there is no SCSI host adapter at PCI address %04x:%02x:%02x.%x", def->name,
                      a->domain, a->bus, a->slot, a->function);
}

/* --- virtual adapters, in workers --- */

static bool
can_have_children(const char *host)
{
    g_autofree char *create = g_build_filename(FC_HOSTS, host, "vport_create", NULL);

    return access(create, W_OK) == 0;
}

static bool
fits_parent(const Adapter *adapter, const char *host)
{
    const PoolAdapter *a = &adapter->def->source.adapter;
    const char *parent = a->parent;

    if (!can_have_children(host))
        return false;
    if (parent)
        return strcmp(g_str_has_prefix(parent, "scsi_") ? parent + strlen("scsi_") : parent, host) == 0;
    if (a->parent_wwnn && a->parent_wwpn)
        return attribute_is(FC_HOSTS, host, "node_name", a->parent_wwnn) && attribute_is(FC_HOSTS, host, "port_name", a->parent_wwpn);
    if (a->parent_fabric_wwn)
        return attribute_is(FC_HOSTS, host, "fabric_name", a->parent_fabric_wwn);
    return attribute_is(FC_HOSTS, host, "port_state", "Online");
}

static int
write_port(const char *file, const Adapter *adapter, unsigned parent, Error *err)
{
    g_autofree char *path = g_strdup_printf(FC_HOSTS "/host%u/%s", parent, file);
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, adapter->names, strlen(adapter->names)) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "pool '%s': cannot write '%s' into '%s'", adapter->def->name, adapter->names, path);
    return 0;
}

static int
create_port(void *data, Error *err)
{
    const Adapter *adapter = data;
    unsigned parent;

    if (!search(adapter, FC_HOSTS, fits_parent, &parent))
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "pool '%s': there is no Fibre Channel adapter as asked for that can have virtual ones",
                          adapter->def->name);
    return write_port("vport_create", adapter, parent, err);
}

/* A virtual adapter is found below its parent's: ".../host3/vport-3:0-0/host5". */
static int
delete_port(void *data, Error *err)
{
    const Adapter *adapter = data;
    g_autofree char *link = g_strdup_printf(FC_HOSTS "/host%u", adapter->host);
    char real[PATH_MAX];
    const char *port;
    unsigned parent;

    if (!realpath(link, real))
        return 0;
    port = strstr(real, "/vport-");
    if (!port || sscanf(port, "/vport-%u:", &parent) != 1)
        return error_setf(err, FROM_STORAGE, ERR_OPERATION_INVALID, "pool '%s': adapter host%u is no virtual one and can't be removed",
                          adapter->def->name, adapter->host);
    return write_port("vport_delete", adapter, parent, err);
}

/* --- slots --- */

/* 1 with *ret_host, 0: it is not there. */
static int
adapter_find(Job *job, const PoolDef *def, unsigned *ret_host, Error *err)
{
    Adapter *adapter = adapter_new(def);
    int r = worker_run(job, "looking for the adapter", look, adapter, adapter_clear, FILES_TIMEOUT, err);

    if (r == 0 && adapter->there) {
        *ret_host = adapter->host;
        r = 1;
    }
    g_atomic_rc_box_release_full(adapter, adapter_clear);
    return r;
}

static int
check(Job *job, const PoolDef *def, Error *err)
{
    unsigned host;
    int r = adapter_find(job, def, &host, err);

    return r == 0 ? absent(def, err) : MIN(r, 0);
}

static int
start(Job *job, const PoolDef *def, Error *err)
{
    Adapter *adapter;
    unsigned host;
    int r = adapter_find(job, def, &host, err);

    if (r != 0)
        return MIN(r, 0);
    if (def->source.adapter.type != ADAPTER_FC_HOST)
        return absent(def, err);
    adapter = adapter_new(def);
    r = worker_run(job, "making a virtual adapter", create_port, adapter, adapter_clear, VPORT_TIMEOUT, err);
    if (r == 0) {
        if (!made)
            made = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_add(made, g_strdup(adapter->names));
    }
    g_atomic_rc_box_release_full(adapter, adapter_clear);
    return r;
}

/* A virtual adapter goes when it is said to be the pool's, or when we made it; others have it from somebody else. */
static int
stop(Job *job, const PoolDef *def, Error *err)
{
    const PoolAdapter *a = &def->source.adapter;
    Adapter *adapter;
    int r = 0;

    if (a->type != ADAPTER_FC_HOST || a->managed == TRI_NO)
        return 0;
    adapter = adapter_new(def);
    if (a->managed == TRI_YES || (made && g_hash_table_contains(made, adapter->names)))
        r = worker_run(job, "looking for the adapter", look, adapter, adapter_clear, FILES_TIMEOUT, err);
    if (r == 0 && adapter->there)
        r = worker_run(job, "removing the virtual adapter", delete_port, adapter, adapter_clear, VPORT_TIMEOUT, err);
    if (made)
        g_hash_table_remove(made, adapter->names);
    g_atomic_rc_box_release_full(adapter, adapter_clear);
    return r;
}

static int
refresh(Job *job, PoolDef *live, Listing *listing, Error *err)
{
    unsigned host = 0;
    int r = adapter_find(job, live, &host, err);

    if (r == 0)
        return absent(live, err);
    return r < 0 ? -1 : lun_refresh(job, live, host, listing, err);
}

const Backend backend_scsi = {
    .type = POOL_SCSI,
    .check = check,
    .start = start,
    .stop = stop,
    .refresh = refresh,
    .vol_look = blocks_vol_look,
    .vol_open = blocks_vol_open,
};
