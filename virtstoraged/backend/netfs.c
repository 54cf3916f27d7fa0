/* Pools that are a directory of a server: NFS and CIFS, mounted while the pool is active. Volumes are its files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/file.h"
#include "virtstoraged/backend/backend.h"
#include "virtstoraged/backend/directory.h"
#include "virtstoraged/backend/files.h"
#include "virtstoraged/backend/mount.h"
#include "virtstoraged/backend/tool.h"
#include "virtstoraged/secret.h"

#define MOUNT_TIMEOUT (60 * USEC_PER_SEC) /* a server that did not answer by then is said to be dead */

/* A protocol: what its mounts look like. */
typedef struct Protocol {
    NetfsFormat format;
    const char *type, *helper;
    bool share; /* //HOST/SHARE, not HOST:DIRECTORY */
} Protocol;

static const Protocol protocols[] = {
    { NETFS_AUTO, "nfs", "mount.nfs", false },
    { NETFS_NFS, "nfs", "mount.nfs", false },
    { NETFS_GLUSTERFS, "glusterfs", NULL, false },
    { NETFS_CIFS, "cifs", "mount.cifs", true },
};

static const Protocol *
protocol_of(const PoolSource *source)
{
    for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++)
        if (protocols[i].format == (NetfsFormat)source->format)
            return &protocols[i];
    return &protocols[0];
}

/* As the kernel's table has it. */
static char *
name_of(const PoolSource *source)
{
    const char *host = source->hosts.items[0]->name, *dir = source->dir;
    bool numeric = strchr(host, ':') && *host != '[';

    if (protocol_of(source)->share)
        return g_strdup_printf("//%s/%s", host, dir + strspn(dir, "/"));
    return g_strdup_printf("%s%s%s:%s", numeric ? "[" : "", host, numeric ? "]" : "", dir);
}

static int
check(Job *job, const PoolDef *def, Error *err)
{
    g_autofree char *name = name_of(&def->source);

    return mount_check(job, def, name, err) < 0 ? -1 : files_check(job, def, err);
}

/* The credentials of a share are read from a file that has no name, by the one who inherits it. */
static int
credentials_file(Job *job, const PoolDef *def, int *ret, Error *err)
{
    const StorageAuth *auth = def->source.auth;
    g_autoptr(GBytes) password = NULL;
    _cleanup_fd_ int fd = -1;
    const char *bytes;
    gsize size;

    if (storage_secret(job, auth, &password, err) < 0)
        return -1;
    bytes = g_bytes_get_data(password, &size);
    if (memchr(bytes, '\n', size) || memchr(bytes, '\0', size))
        return error_setf(err, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "the secret of pool '%s' is no password: it has more than one line", def->name);
    fd = memfd_create("credentials", MFD_CLOEXEC);
    if (fd < 0 || dprintf(fd, "username=%s\npassword=%.*s\n", auth->username ? auth->username : "", (int)size, bytes) < 0)
        return error_set_errno(err, FROM_STORAGE, errno, "cannot hand the credentials of pool '%s' on", def->name);
    *ret = fd_take(&fd);
    return 0;
}

static int
add_options(Job *job, const PoolDef *def, Mounting *mounting, Error *err)
{
    const PoolSource *source = &def->source;

    if (source->protocol_version) {
        g_autofree char *version = g_strdup_printf("nfsvers=%s", source->protocol_version);

        mounting_option(mounting, version);
    }
    if (!protocol_of(source)->share)
        return 0;
    if (!source->auth) {
        mounting_option(mounting, "guest");
        return 0;
    }
    mounting_option(mounting, "credentials=" MOUNT_CREDENTIALS);
    return credentials_file(job, def, &mounting->credentials, err);
}

static int
start(Job *job, const PoolDef *def, Error *err)
{
    const Protocol *protocol = protocol_of(&def->source);
    Mounting mounting;
    int r;

    mounting_init(&mounting, def);
    mounting.source = name_of(&def->source);
    mounting.type = protocol->type;
    mounting.helper = protocol->helper;
    r = add_options(job, def, &mounting, err) < 0 ? -1 : mount_start(job, def, &mounting, MOUNT_TIMEOUT, err);
    mounting_done(&mounting);
    return r;
}

static int
stop(Job *job, const PoolDef *def, Error *err)
{
    g_autofree char *name = name_of(&def->source);

    return mount_stop(job, def, name, err);
}

/* --- sources --- */

/* "/export client,client" */
static PoolSource *
export_of(const char *line, const char *host)
{
    PoolSource *source;
    PoolHost *from;
    size_t length = strcspn(line, " \t");

    if (*line != '/')
        return NULL;
    source = pool_source_new(POOL_NETFS);
    from = g_new0(PoolHost, 1);
    from->name = g_strdup(host);
    LIST_ADD(&source->hosts, from);
    source->dir = g_strndup(line, length);
    source->format = NETFS_NFS;
    return source;
}

static int
find(Job *job, const PoolSource *wanted, GPtrArray *found, Error *err)
{
    g_autofree char *out = NULL;
    g_auto(GStrv) lines = NULL;
    const char *host;

    if (wanted->hosts.n != 1)
        return error_setf(err, FROM_STORAGE, ERR_INVALID_ARG, "hostname must be specified for netfs sources: one <host> in the <source>");
    host = wanted->hosts.items[0]->name;
    if (tool_run(job, TOOL("showmount", "--no-headers", "--exports", "--", host), &out, err) < 0)
        return error_prefixf(err, "cannot ask host '%s' for its exports", host);
    lines = g_strsplit(out, "\n", -1);
    for (char **line = lines; *line; line++) {
        PoolSource *source = export_of(*line, host);

        if (source)
            g_ptr_array_add(found, source);
    }
    return 0;
}

const Backend backend_netfs = {
    .type = POOL_NETFS,
    .remote = true,
    .find = find,
    .check = check,
    .start = start,
    .sweep = files_sweep,
    .stop = stop,
    .build = directory_build,
    .delete = directory_delete,
    .refresh = files_refresh,
    FILES_VOLUMES,
};
