/* What libvirt fills in when a pool is defined, and the rules across its elements. */
#include "common/conf/storage/elements.h"

#include <string.h>

/* A pool's name is part of file names, with at most this much around it. */
#define NAME_MAX_BYTES 200
/* Names and options go to tools and libraries. */
#define TEXT_MAX_BYTES 1024
#define PATH_MAX_BYTES 4095
#define LVM_NAME_MAX_BYTES 127

/* -- what is filled in -- */

int
pool_def_complete(PoolDef *def, Error *err)
{
    const PoolKind *kind = pool_kind(def->type);
    char *path = def->path;

    if (!def->name && kind->name_from_source)
        def->name = g_strdup(def->source.name);
    if (!def->name)
        return REFUSE_XML("the pool needs a <name>%s", kind->name_from_source ? ", or a <name> of its <source>" : "");
    if (!def->uuid.set && !uuid_generate(&def->uuid))
        return error_setf(err, FROM_STORAGE, ERR_INTERNAL_ERROR, "no random bytes for the UUID of pool '%s'", def->name);
    if (!def->source.name && kind->source_from_name)
        def->source.name = g_strdup(def->name);
    pool_source_complete(&def->source);
    if (kind->target_root)
        def->path = g_strconcat(kind->target_root, def->source.name, NULL);
    else if (path)
        def->path = storage_path_clean(path);
    else
        return 0;
    g_free(path);
    return 0;
}

/* -- texts for tools -- */

/* A text that a tool or a library gets as one word. */
static int
check_text(const char *what, const char *text, Error *err)
{
    if (!text)
        return 0;
    if (!text_is_one_line(text))
        return REFUSE_XML("%s has control characters; it must be one line", what);
    if (strlen(text) > TEXT_MAX_BYTES)
        return REFUSE_XML("%s is longer than %d bytes", what, TEXT_MAX_BYTES);
    return 0;
}

/* The same, and it must not look like an option of the tool. */
static int
check_argument(const char *what, const char *text, Error *err)
{
    if (text && *text == '-')
        return REFUSE_XML("%s '%s' begins with '-', which tools take for an option", what, text);
    return check_text(what, text, err);
}

static bool
has_step_up(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    return g_strv_contains((const char *const *)parts, "..");
}

static int
check_group_name(const char *name, Error *err)
{
    if (strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.+-") != strlen(name) || strlen(name) > LVM_NAME_MAX_BYTES ||
        strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return REFUSE_XML("'%s' is no name of a volume group: up to %d letters, digits, '_', '.', '+' and '-'", name, LVM_NAME_MAX_BYTES);
    return 0;
}

static int
check_source_name(const PoolSource *source, Error *err)
{
    const char *name = source->name;

    if (!name)
        return 0;
    if (check_argument("<name> of the <source>", name, err) < 0)
        return -1;
    if (source->type == POOL_LOGICAL)
        return check_group_name(name, err);
    if (source->type == POOL_ZFS && (*name == '/' || has_step_up(name)))
        return REFUSE_XML("'%s' is no name of a ZFS dataset", name);
    return 0;
}

int
pool_source_validate(const PoolSource *source, Error *err)
{
    LIST_FOREACH(PoolHost, host, &source->hosts)
        if (check_argument("'name' of <host>", host->name, err) < 0)
            return -1;
    LIST_FOREACH(PoolDevice, device, &source->devices) {
        if (check_argument("'path' of <device>", device->path, err) < 0)
            return -1;
        LIST_FOREACH(PoolExtent, extent, &device->extents)
            if (extent->start.v > extent->end.v)
                return REFUSE_XML("<freeExtent> of device '%s' ends before it starts", device->path);
    }
    if (check_argument("'path' of <dir>", source->dir, err) < 0 || check_source_name(source, err) < 0 ||
        check_argument("'name' of <iqn>", source->initiator, err) < 0 ||
        check_argument("'ver' of <protocol>", source->protocol_version, err) < 0 ||
        check_text("'name' of <vendor>", source->vendor, err) < 0 || check_text("'name' of <product>", source->product, err) < 0)
        return -1;
    if (check_argument("'name' of <adapter>", source->adapter.name, err) < 0 ||
        check_argument("'parent' of <adapter>", source->adapter.parent, err) < 0)
        return -1;
    if (source->adapter.name && strchr(source->adapter.name, '/'))
        return REFUSE_XML("'name' of <adapter> is '%s', which is no name of an adapter", source->adapter.name);
    if (source->auth && check_text("'username' of <auth>", source->auth->username, err) < 0)
        return -1;
    return 0;
}

/* -- rules -- */

static int
validate_identity(const PoolDef *def, Error *err)
{
    if (strchr(def->name, '/'))
        return REFUSE_XML("name '%s' of the pool must not have a '/'", def->name);
    if (!text_is_one_line(def->name) || strspn(def->name, " ") == strlen(def->name))
        return error_setf(err, FROM_XML, ERR_XML_DETAIL, "the name of the pool must be one line that is not blank");
    if (strlen(def->name) > NAME_MAX_BYTES || strcmp(def->name, ".") == 0 || strcmp(def->name, "..") == 0)
        return REFUSE_XML("name '%s' of the pool can't be part of a file's name; at most %d bytes", def->name, NAME_MAX_BYTES);
    if (def->cow && def->type != POOL_DIR && def->type != POOL_FS)
        return definition_refuse(err, FROM_STORAGE, ERR_NO_SUPPORT, "<cow> of pool '%s' "
                              "is for pools of type 'dir' and 'fs'", def->name);
    return 0;
}

static int
validate_auth(const PoolDef *def, Error *err)
{
    const StorageAuth *auth = def->source.auth;

    if (!auth)
        return 0;
    if (!auth->secret)
        return REFUSE_XML("<auth> of pool '%s' needs a <secret>", def->name);
    if (!auth->type)
        return REFUSE_UNSUPPORTED("<auth> of pool '%s' needs a 'type': chap or ceph", def->name);
    return 0;
}

/* What a type of pool can't be without. */
static int
validate_needs(const PoolDef *def, Error *err)
{
    const PoolSource *source = &def->source;
    const struct { unsigned part; bool missing; ErrorCode code; const char *what; } needs[] = {
        { SOURCE_HOST, !source->hosts.n, ERR_XML_ERROR, "<host>" },
        { SOURCE_DEVICE, !source->devices.n, ERR_XML_ERROR, "<device>" },
        { SOURCE_DIR, !source->dir, ERR_XML_ERROR, "<dir>" },
        { SOURCE_ADAPTER, !source->adapter.type, ERR_XML_ERROR, "<adapter>" },
        { SOURCE_NAME, !source->name, ERR_XML_ERROR, "<name>" },
        { SOURCE_INITIATOR, !source->initiator, ERR_CONFIG_UNSUPPORTED, "<initiator> with an <iqn>" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++)
        if (pool_kind(def->type)->needs & needs[i].part && needs[i].missing)
            return definition_refuse(err, FROM_STORAGE, needs[i].code, "the <source> of pool '%s', which is of type '%s', needs a %s", def->name,
                                  pool_type_names[def->type], needs[i].what);
    return 0;
}

static int
validate_source(const PoolDef *def, Error *err)
{
    const PoolSource *source = &def->source;

    if (validate_auth(def, err) < 0 || validate_needs(def, err) < 0)
        return -1;
    if (source->protocol_version && source->format != NETFS_NFS && source->format != NETFS_AUTO)
        return REFUSE_UNSUPPORTED("<protocol ver='%s'> of pool '%s' is for NFS", source->protocol_version, def->name);
    return pool_source_validate(source, err);
}

static int
validate_target(const PoolDef *def, Error *err)
{
    const char *label = def->permissions.label;

    if (!pool_kind(def->type)->has_target)
        return 0;
    if (!def->path)
        return REFUSE_XML("the <target> of pool '%s' needs a <path>", def->name);
    if (*def->path != '/' || has_step_up(def->path))
        return REFUSE_XML("the <path> '%s' of pool '%s' must be absolute, without '..'", def->path, def->name);
    if (!text_is_one_line(def->path) || strlen(def->path) > PATH_MAX_BYTES)
        return REFUSE_XML("the <path> of pool '%s' must be one line of at most %d bytes", def->name, PATH_MAX_BYTES);
    return label ? check_text("<label>", label, err) : 0;
}

/* mount takes one list with commas; the library takes names. */
static int
validate_options(const PoolDef *def, Error *err)
{
    LIST_FOREACH(PoolOption, option, &def->mount_options)
        if (check_text("<fs:option>", option->name, err) < 0)
            return -1;
    LIST_FOREACH(PoolOption, option, &def->config_options)
        if (check_text("<rbd:option>", option->name, err) < 0 || check_text("<rbd:option>", option->value, err) < 0)
            return -1;
    return 0;
}

int
pool_def_validate(const PoolDef *def, Error *err)
{
    if (validate_identity(def, err) < 0 || validate_source(def, err) < 0 || validate_target(def, err) < 0)
        return -1;
    return validate_options(def, err);
}
