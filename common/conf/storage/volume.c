/* The table of <volume>, and definitions as values. */
#include "common/conf/storage/elements.h"

#include <string.h>

#include "common/xml/document.h"

#define V VolDef

/* -- formats: which names count is said by the kind of the pool -- */

static int
format_parse_to(XmlParse *parse, xmlNode *element, PoolType pool_type, int *format)
{
    const char *const *names = pool_kind(pool_type)->vol_formats;
    g_autofree char *type = xml_attr(element, "type");
    int value;

    if (!type || !names)
        return 0;
    value = enum_from_name(names, type);
    if (value == ENUM_INVALID)
        return xml_problem(parse, element, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED, "volumes of pools of type '%s' have no format '%s'",
                           pool_type_names[pool_type], type);
    *format = value;
    return 0;
}
static void
format_write(XmlWriter *writer, PoolType pool_type, int format)
{
    const char *const *names = pool_kind(pool_type)->vol_formats;

    xml_writer_attr(writer, "type", names ? enum_name(names, format) : NULL);
}

static int
target_format_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    V *def = object;

    return format_parse_to(parse, element, def->pool_type, &def->format);
}
static void
target_format_write(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const V *def = object;

    format_write(writer, def->pool_type, def->format);
}
static void
target_format_copy(void *dst, const void *src)
{
    ((V *)dst)->format = ((const V *)src)->format;
}

static int
backing_format_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    V *def = object;

    return format_parse_to(parse, element, def->pool_type, &def->backing.format);
}
static void
backing_format_write(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const V *def = object;

    format_write(writer, def->pool_type, def->backing.format);
}
static void
backing_format_copy(void *dst, const void *src)
{
    ((V *)dst)->backing.format = ((const V *)src)->backing.format;
}

static const char *const type_attribute[] = { "type", NULL };
#define FORMAT_ROW(var, p, w, c) \
    static const XmlCustom var = { .parse = p, .format = w, .copy = c, .attributes = type_attribute, .attribute_phase = true, \
                                   .rng = "<optional><attribute name='type'/></optional>" }
FORMAT_ROW(target_format_row, target_format_parse, target_format_write, target_format_copy);
FORMAT_ROW(backing_format_row, backing_format_parse, backing_format_write, backing_format_copy);

#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, V, var##_rows, "part of a volume")
ONE(volume_format, CUSTOM("type", target_format_row, "one of those of the pool"));
ONE(volume_backing_format, CUSTOM("type", backing_format_row, "one of those of the pool"));

/* -- <source> -- */

static const XmlRow device_rows[] = {
    A_STR("path", VolDevice, path, "device of the pool", .flags = XR_REQUIRED),
    ITEMS("extent", VolDevice, extents, pool_extent_schema, "part of it"),
    ROWS_END,
};
static SCHEMA(device_schema, "volumeDevice", VolDevice, device_rows, "where the volume lies");
ONE(volume_source, ITEMS("device", V, devices, device_schema, "a device"));

/* -- <target> -- */

static int
compat_check(XmlParse *parse, xmlNode *element, const char *compat)
{
    size_t whole = strspn(compat, "0123456789");
    size_t part = compat[whole] == '.' ? strspn(compat + whole + 1, "0123456789") : 0;

    if (whole && part && !compat[whole + 1 + part])
        return 0;
    return xml_problem(parse, element, FROM_STORAGE, ERR_XML_ERROR, "<compat> is '%s', but must be two numbers with a point: 1.1", compat);
}

/* Features that are not known must not be lost silently: the image would lack them. */
static int
features_check(XmlParse *parse, xmlNode *element, const V *def)
{
    const xmlNode *features = xml_child(element, "features");

    for (const xmlNode *child = features ? features->children : NULL; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && !xml_is(child, "lazy_refcounts", NULL) && !xml_is(child, "extended_l2", NULL))
            return xml_problem(parse, child, FROM_STORAGE, ERR_CONFIG_UNSUPPORTED,
                               "the feature '%s' is not known; there are lazy_refcounts and extended_l2", (const char *)child->name);
    return 0;
}

static int
target_check(XmlParse *parse, xmlNode *element, void *object)
{
    V *def = object;

    if (def->cluster_size.set && !def->cluster_size.v)
        def->cluster_size.set = false;
    if (def->compat && compat_check(parse, element, def->compat) < 0)
        return -1;
    if (def->has_features && !def->compat)
        def->compat = g_strdup("1.1");
    return features_check(parse, element, def);
}

ONE(volume_features, PRESENT(V, has_features), FLAG("lazy_refcounts", V, lazy_refcounts, "counts of clusters are written late"),
    FLAG("extended_l2", V, extended_l2, "clusters have parts"));
static const XmlRow target_rows[] = {
    E_LSTR("path", V, path, "where the volume is"),
    GROUP("format", volume_format_schema, "format of the volume"),
    GROUP_AT("permissions", V, permissions, storage_permissions_schema, "of the file or device"),
    GROUP_AT("timestamps", V, times, storage_times_schema, "of the file"),
    PTR("encryption", V, encryption, storage_encryption_schema, "encryption of the volume"),
    E_LSTR("compat", V, compat, "qcow2: the oldest version that can read it, 0.10 or 1.1"),
    FLAG("nocow", V, nocow, "btrfs: the file is written in place", .flags = XR_NO_FORMAT),
    SIZE("clusterSize", V, cluster_size, 1, "qcow2: size of a cluster"),
    GROUP("features", volume_features_schema, "qcow2: features"),
    ROWS_END,
};
static SCHEMA(target_schema, "volumeTarget", V, target_rows, "what the volume is", .check = target_check);

/* -- <backingStore> -- */

static const XmlRow backing_rows[] = {
    E_LSTR("path", V, backing.path, "the image below"),
    GROUP("format", volume_backing_format_schema, "its format"),
    GROUP_AT("permissions", V, backing.permissions, storage_permissions_schema, "of its file"),
    GROUP_AT("timestamps", V, backing.times, storage_times_schema, "of its file"),
    ROWS_END,
};
static SCHEMA(backing_schema, "volumeBacking", V, backing_rows, "what the image lies upon");
static bool
backing_shown(const void *object, unsigned flags)
{
    return ((const V *)object)->backing.path != NULL;
}

/* -- <volume> -- */

static const XmlRow volume_rows[] = {
    { .kind = ROW_INTERNAL, .type = &xt_enum, .offset = FIELD_ENUM(V, pool_type), .names = pool_type_names },
    INTERNAL(V, has_allocation, bool, xt_flag),
    A_CHOICE("type", V, type, vol_type_names, "what it is; decided by the pool", .code = ERR_CONFIG_UNSUPPORTED),
    E_LSTR("name", V, name, "name, unique in the pool"),
    E_LSTR("key", V, key, "lasting identity"),
    GROUP("source", volume_source_schema, "where it lies"),
    SIZE("capacity", V, capacity, 1, "bytes that a guest sees", .unit = "bytes"),
    SIZE("allocation", V, allocation, 1, "bytes used", .unit = "bytes"),
    SIZE("physical", V, physical, 1, "bytes of the file or device", .unit = "bytes"),
    GROUP("target", target_schema, "what the volume is"),
    GROUP("backingStore", backing_schema, "what the image lies upon", .shown = backing_shown),
    ROWS_END,
};
SCHEMA(volume_schema, "volume", V, volume_rows, "a storage volume");

/* -- values -- */

VolDef *
vol_def_new(PoolType pool_type)
{
    VolDef *def = xml_new(&volume_schema);

    def->refs = 1;
    def->pool_type = pool_type;
    def->type = pool_kind(pool_type)->vol_type;
    def->format = pool_kind(pool_type)->default_vol_format;
    return def;
}

DEFINITION_VALUE(VolDef, vol_def, volume_schema);

/* -- reading -- */

static bool
formats_are_files(PoolType pool_type)
{
    return pool_kind(pool_type)->default_vol_format == FORMAT_RAW && pool_type != POOL_DISK;
}

static void
complete(VolDef *def)
{
    const PoolKind *kind = pool_kind(def->pool_type);

    def->type = kind->vol_type;
    if (formats_are_files(def->pool_type) && def->format == FORMAT_DIR)
        def->type = kind->vol_type == VOL_NETWORK ? VOL_NETDIR : VOL_DIR;
    if (formats_are_files(def->pool_type) && def->format == FORMAT_PLOOP && kind->vol_type == VOL_FILE)
        def->type = VOL_PLOOP;
    def->has_allocation = def->allocation.set;
    if (!def->allocation.set)
        def->allocation = def->capacity;
    if (def->backing.path && !def->backing.format)
        def->backing.format = kind->default_vol_format;
}

static int
validate(const VolDef *def, unsigned flags, Error *err)
{
    if (!def->name)
        return REFUSE_XML("the volume needs a <name>");
    if (!def->capacity.set && !def->backing.path && !(flags & VOL_NO_CAPACITY))
        return REFUSE_XML("volume '%s' needs a <capacity>", def->name);
    return flags & XML_STATUS ? 0 : vol_name_check(def->name, def->pool_type, err);
}

int
vol_def_read(xmlNode *root, PoolType pool_type, unsigned flags, VolDef **ret_def, Error *err)
{
    g_autoptr(VolDef) def = vol_def_new(pool_type);

    if (definition_read(root, "volume", &volume_schema, flags, FROM_STORAGE, FROM_XML, def, err) < 0)
        return -1;
    complete(def);
    if (validate(def, flags, err) < 0)
        return -1;
    *ret_def = g_steal_pointer(&def);
    return 0;
}

int
vol_def_parse(const char *text, PoolType pool_type, unsigned flags, VolDef **ret_def, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;

    if (xml_document_load(text, "storage volume definition", FROM_STORAGE, &doc, err) < 0)
        return -1;
    return vol_def_read(xmlDocGetRootElement(doc), pool_type, flags, ret_def, err);
}

char *
vol_def_format(const VolDef *def)
{
    return xml_to_text("volume", &volume_schema, def, 0);
}
