/* Can a volume be made as it is asked for? What needs no host to know. */
#include "common/conf/storage/elements.h"

#include <string.h>

/* -- names -- */

#define FILE_NAME_MAX_BYTES 255
#define LVM_NAME_MAX_BYTES 127
#define ZFS_NAME_MAX_BYTES 255

#define WORD_CHARACTERS G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.-"

typedef struct NameRule {
    const char *only;      /* characters it is made of; NULL: any that can be seen */
    const char *never;     /* characters it has not */
    size_t max;            /* bytes */
    bool no_option;        /* does not begin with '-' */
    const char *const *reserved_prefixes, *const *reserved_parts; /* of the tool; NULL: none */
} NameRule;

static const char *const lvm_prefixes[] = { "snapshot", "pvmove", NULL };
static const char *const lvm_parts[] = {
    "_cdata", "_cmeta", "_corig", "_imeta", "_iorig", "_mimage", "_mlog", "_pmspare", "_rimage", "_rmeta", "_tdata", "_tmeta",
    "_vdata", "_vorigin", NULL,
};

static const NameRule file_rule = { .never = "/", .max = FILE_NAME_MAX_BYTES };
static const NameRule image_rule = { .never = "/@", .max = FILE_NAME_MAX_BYTES, .no_option = true };
static const NameRule lvm_rule = { .only = WORD_CHARACTERS "+", .max = LVM_NAME_MAX_BYTES, .no_option = true,
                                   .reserved_prefixes = lvm_prefixes, .reserved_parts = lvm_parts };
static const NameRule zfs_rule = { .only = WORD_CHARACTERS ": ", .max = ZFS_NAME_MAX_BYTES, .no_option = true };

static const NameRule *const name_rules[POOL_TYPES] = {
    [POOL_LOGICAL] = &lvm_rule, [POOL_RBD] = &image_rule, [POOL_SHEEPDOG] = &image_rule, [POOL_ISCSI_DIRECT] = &image_rule,
    [POOL_ZFS] = &zfs_rule,
};

static int
check_reserved(const NameRule *rule, const char *name, Error *err)
{
    for (size_t i = 0; rule->reserved_prefixes && rule->reserved_prefixes[i]; i++)
        if (g_str_has_prefix(name, rule->reserved_prefixes[i]))
            return REFUSE_XML("volume name '%s' begins with '%s', which LVM keeps for itself", name, rule->reserved_prefixes[i]);
    for (size_t i = 0; rule->reserved_parts && rule->reserved_parts[i]; i++)
        if (strstr(name, rule->reserved_parts[i]))
            return REFUSE_XML("volume name '%s' contains '%s', which LVM keeps for itself", name, rule->reserved_parts[i]);
    return 0;
}

int
vol_name_check(const char *name, PoolType pool_type, Error *err)
{
    const NameRule *rule = pool_type < POOL_TYPES && name_rules[pool_type] ? name_rules[pool_type] : &file_rule;

    if (!*name || !text_is_one_line(name))
        return REFUSE_XML("the name of a volume must not be empty or have control characters");
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return REFUSE_INVALID("'%s' is no name of a volume", name);
    if (g_str_has_prefix(name, VOL_HIDDEN_PREFIX))
        return REFUSE_INVALID("volume name '%s' begins with '" VOL_HIDDEN_PREFIX "', which is for volumes that are being made", name);
    if (strlen(name) > rule->max)
        return REFUSE_XML("volume name '%.32s...' is longer than %zu bytes", name, rule->max);
    if (rule->never && strpbrk(name, rule->never))
        return REFUSE_INVALID("volume name '%s' must not have a '%c'",
                              name, *strpbrk(name, rule->never));
    if (rule->only && strspn(name, rule->only) != strlen(name))
        return REFUSE_XML("volume name '%s' must be made of letters, digits and '%s' in a pool of type '%s'", name,
                          rule->only + strlen(G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS), pool_kind(pool_type)->name);
    if (rule->no_option && *name == '-')
        return REFUSE_XML("volume name '%s' begins with '-', which tools take for an option", name);
    return check_reserved(rule, name, err);
}

/* -- formats -- */

/* What is said of a format of files. */
typedef struct FormatRule {
    bool made;       /* can be made, not only read */
    bool plain;      /* no image: options of images mean nothing to it */
    bool backing;    /* can lie upon another image */
    bool encryption; /* LUKS inside */
} FormatRule;

static const FormatRule format_rules[FORMAT_AUTO] = {
    [FORMAT_RAW] = { .made = true, .plain = true, .encryption = true },
    [FORMAT_DIR] = { .made = true, .plain = true },
    [FORMAT_ISO] = { .made = true, .plain = true }, /* a raw file that will hold one */
    [FORMAT_VPC] = { .made = true },
    [FORMAT_VDI] = { .made = true },
    [FORMAT_QCOW] = { .made = true, .backing = true },
    [FORMAT_QCOW2] = { .made = true, .backing = true, .encryption = true },
    [FORMAT_QED] = { .made = true, .backing = true },
    [FORMAT_VMDK] = { .made = true, .backing = true },
};

static bool
holds_files(const VolDef *def)
{
    return pool_kind(def->pool_type)->vol_formats && def->pool_type != POOL_DISK;
}

static int
check_encryption(const VolDef *def, Error *err)
{
    const StorageEncryption *encryption = def->encryption;
    const char *format = storage_format_names[def->format];

    if (!encryption)
        return 0;
    if (def->format != FORMAT_DIR && encryption->secrets.n != 1)
        return definition_refuse(err, FROM_STORAGE, ERR_INVALID_ARG, "volume '%s': encryption takes a single <secret type='passphrase'>, "
                              "not %zu", def->name, encryption->secrets.n);
    if (!format_rules[def->format].encryption)
        return REFUSE_UNSUPPORTED("volume '%s': encryption is not supported with format '%s'", def->name, format);
    if (strcmp(encryption->format, "luks") != 0)
        return REFUSE_UNSUPPORTED("volume '%s': creation of %s images with encryption '%s' is not supported, only with 'luks'",
                                  def->name, format, encryption->format);
    return 0;
}

#define CLUSTER_MIN 512
#define CLUSTER_MAX (2 * 1024 * 1024)
#define EXTENDED_CLUSTER_MIN (16 * 1024)

static int
check_qcow2(const VolDef *def, Error *err)
{
    unsigned long long size = def->cluster_size.v;
    bool old = def->compat && strcmp(def->compat, "0.10") == 0;

    if (def->compat && !old && strcmp(def->compat, "1.1") != 0)
        return REFUSE_UNSUPPORTED("volume '%s': qcow2 has no compat level '%s', but 0.10 and 1.1", def->name, def->compat);
    if (old && def->lazy_refcounts)
        return REFUSE_UNSUPPORTED("volume '%s': lazy_refcounts not supported with compat level 0.10", def->name);
    if (old && def->extended_l2)
        return REFUSE_UNSUPPORTED("volume '%s': extended_l2 not supported with compat level 0.10", def->name);
    if (!def->cluster_size.set)
        return 0;
    if (size < CLUSTER_MIN || size > CLUSTER_MAX || size & (size - 1))
        return REFUSE_UNSUPPORTED("volume '%s': clusterSize %llu must be a power of two from %d to %d", def->name, size, CLUSTER_MIN,
                                  CLUSTER_MAX);
    if (def->extended_l2 && size < EXTENDED_CLUSTER_MIN)
        return REFUSE_UNSUPPORTED("volume '%s': extended_l2 needs a clusterSize of at least %d", def->name, EXTENDED_CLUSTER_MIN);
    return 0;
}

/* Raw files ignore what is for qcow2, as libvirt lets them. */
static int
check_options(const VolDef *def, Error *err)
{
    if (def->format == FORMAT_QCOW2)
        return check_qcow2(def, err);
    if (!format_rules[def->format].plain && (def->compat || def->cluster_size.set))
        return REFUSE_UNSUPPORTED("volume '%s': %s is only available with qcow2, not with '%s'", def->name,
                                  def->compat ? "<compat>" : "<clusterSize>", storage_format_names[def->format]);
    return 0;
}

/* QEMU reads nothing but a VMDK below a VMDK. */
static int
check_backing_format(const VolDef *def, Error *err)
{
    const FormatRule *rule = &format_rules[def->format];
    const char *format = storage_format_names[def->format], *below = storage_format_names[def->backing.format];

    if (!def->backing.path)
        return 0;
    if (def->format == FORMAT_RAW || def->format == FORMAT_DIR)
        return REFUSE_NO_SUPPORT("backing storage not supported for %s volumes: '%s'", format, def->name);
    if (!rule->backing)
        return REFUSE_UNSUPPORTED("volume '%s': backing storage not supported for format '%s'", def->name, format);
    if (def->format == FORMAT_VMDK && def->backing.format != FORMAT_VMDK)
        return REFUSE_UNSUPPORTED("volume '%s': an image of format 'vmdk' can only lie upon another, not upon one of format '%s'", def->name,
                                  below);
    if (def->backing.format == FORMAT_DIR)
        return REFUSE_UNSUPPORTED("volume '%s' can't lie upon a directory", def->name);
    return 0;
}

static int
check_file(const VolDef *def, Error *err)
{
    if (!format_rules[def->format].made)
        return REFUSE_UNSUPPORTED("volume '%s': images of format '%s' can be used, but not made", def->name,
                                  storage_format_names[def->format]);
    if (check_backing_format(def, err) < 0 || check_encryption(def, err) < 0)
        return -1;
    return check_options(def, err);
}

/*
 * A path that QEMU would not take for one: "json:{...}", "nbd://..." and the like reach beyond what the pool's user may see.
 * Relative ones are relative to the image.
 */
static int
check_backing(const VolDef *def, Error *err)
{
    const char *path = def->backing.path;
    const char *colon, *slash;

    if (!path)
        return 0;
    colon = strchr(path, ':');
    slash = strchr(path, '/');
    if (colon && (!slash || colon < slash))
        return REFUSE_UNSUPPORTED("backing store '%s' of volume '%s' is not a path", path, def->name);
    if (!text_is_one_line(path))
        return REFUSE_XML("the backing store of volume '%s' must be one line", def->name);
    return 0;
}

int
vol_def_check_create(const VolDef *def, Error *err)
{
    if (vol_name_check(def->name, def->pool_type, err) < 0 || check_backing(def, err) < 0)
        return -1;
    if (holds_files(def))
        return check_file(def, err);
    if (def->encryption && def->pool_type != POOL_LOGICAL)
        return REFUSE_UNSUPPORTED("storage pools of type '%s' do not support encrypted volumes", pool_kind(def->pool_type)->name);
    return 0;
}
