/* The table of <pool>, and definitions as values. */
#include "common/conf/storage/elements.h"

#include "common/xml/document.h"

#define P PoolDef

/* -- what a running pool holds: written, never read -- */

static int
size_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    xmlNode *child;

    return xml_only_child(parse, element, row->name, &child);
}
static void
size_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const OptU64 *size = (const OptU64 *)(const void *)((const char *)object + row->offset);
    g_autofree char *text = g_strdup_printf("%llu", size->v);

    if (!size->set)
        return;
    xml_writer_start(writer, row->name);
    xml_writer_attr(writer, "unit", "bytes");
    xml_writer_end_text(writer, row->name, text);
}
static const char *const size_children[] = { "capacity", "allocation", "available", NULL };
static const XmlCustom size_row = { .parse = size_parse, .format = size_format, .children = size_children };
#define POOL_SIZE(n, f, d) { .kind = ROW_CUSTOM, .name = (n), .custom = &size_row, .offset = FIELD_IS(P, f, OptU64), .doc = (d) }

/* -- parts -- */

static const char *const refresh_names[] = { NULL, "default", "capacity", NULL };

#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, P, var##_rows, "part of a pool")
ONE(pool_cow, A_YESNO("state", P, cow, "whether files are copied on write"));
ONE(pool_features, GROUP("cow", pool_cow_schema, "copy on write of the file system"));
ONE(pool_target, E_LSTR("path", P, path, "directory"),
    GROUP_AT("permissions", P, permissions, storage_permissions_schema, "of the directory, when it is made"));
ONE(pool_refresh_volume, A_CHOICE("allocation", P, refresh_allocation, refresh_names,
                                  "how the used bytes of volumes are found out: asked for, or taken to be the capacity",
                                  .code = ERR_CONFIG_UNSUPPORTED));
ONE(pool_refresh, GROUP("volume", pool_refresh_volume_schema, "of each volume"));

/* -- namespaces: options for tools and libraries -- */

#define FS_NS .ns = "http://libvirt.org/schemas/storagepool/fs/1.0", .prefix = "fs"
#define RBD_NS .ns = "http://libvirt.org/schemas/storagepool/rbd/1.0", .prefix = "rbd"
static const XmlRow mount_option_rows[] = {
    A_STR("name", PoolOption, name, "as given to mount", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(mount_option_schema, "poolMountOption", PoolOption, mount_option_rows, "option of mount");
static const XmlRow config_option_rows[] = {
    A_STR("name", PoolOption, name, "name", .flags = XR_REQUIRED), A_STR("value", PoolOption, value, "value", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(config_option_schema, "poolConfigOption", PoolOption, config_option_rows, "option of librados");
ONE(pool_mount_options, ITEMS("option", P, mount_options, mount_option_schema, "an option", FS_NS));
ONE(pool_config_options, ITEMS("option", P, config_options, config_option_schema, "an option", RBD_NS));

static int
namespace_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    return 0;
}
static void
namespace_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const P *def = object;

    xml_writer_attr(writer, "xmlns:fs", def->mount_options.n ? "http://libvirt.org/schemas/storagepool/fs/1.0" : NULL);
    xml_writer_attr(writer, "xmlns:rbd", def->config_options.n ? "http://libvirt.org/schemas/storagepool/rbd/1.0" : NULL);
}
static const XmlCustom namespace_row = { .parse = namespace_parse, .format = namespace_format, .attribute_phase = true, .rng = "" };

/* -- <pool> -- */

static const XmlRow pool_rows[] = {
    A_ENUM("type", P, type, pool_type_names, "kind of storage", .flags = XR_REQUIRED),
    CUSTOM(NULL, namespace_row, "the namespaces, where they are used"),
    E_LSTR("name", P, name, "name, unique on the host"),
    E_UUID("uuid", P, uuid, "identity"),
    POOL_SIZE("capacity", capacity, "bytes there are; written only"),
    POOL_SIZE("allocation", allocation, "bytes used; written only"),
    POOL_SIZE("available", available, "bytes free; written only"),
    GROUP("features", pool_features_schema, "features of the pool"),
    GROUP_AT("source", P, source, pool_source_schema, "where the storage comes from", .flags = XR_ALWAYS),
    GROUP("target", pool_target_schema, "where it is on the host",
          WHEN_ALL_BUT(P, type, POOL_ISCSI_DIRECT, POOL_RBD, POOL_SHEEPDOG, POOL_GLUSTER)),
    GROUP("refresh", pool_refresh_schema, "how the pool is refreshed"),
    GROUP("mount_opts", pool_mount_options_schema, "options of mount", FS_NS, WHEN(P, type, POOL_FS, POOL_NETFS)),
    GROUP("config_opts", pool_config_options_schema, "options of librados", RBD_NS, WHEN(P, type, POOL_RBD)),
    ROWS_END,
};
SCHEMA(pool_schema, "pool", P, pool_rows, "a storage pool");

/* -- values -- */

DEFINITION_VALUE(PoolDef, pool_def, pool_schema);

int
pool_def_read(xmlNode *root, unsigned flags, PoolDef **ret_def, Error *err)
{
    g_autoptr(PoolDef) def = xml_new(&pool_schema);

    def->refs = 1;
    /* Without a type nothing else makes sense. */
    if (xml_is(root, "pool", NULL) && !xmlHasProp(root, BAD_CAST "type"))
        return error_setf(err, FROM_XML, ERR_XML_ERROR, "XML error: element <pool> needs an attribute 'type'");
    if (definition_read(root, "pool", &pool_schema, flags, FROM_STORAGE, FROM_XML, def, err) < 0 ||
        pool_def_complete(def, err) < 0)
        return -1;
    if (!(flags & XML_STATUS) && pool_def_validate(def, err) < 0)
        return -1;
    *ret_def = g_steal_pointer(&def);
    return 0;
}

int
pool_def_parse(const char *text, unsigned flags, PoolDef **ret_def, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;

    if (xml_document_load(text, "storage pool definition", FROM_STORAGE, &doc, err) < 0)
        return -1;
    return pool_def_read(xmlDocGetRootElement(doc), flags, ret_def, err);
}

char *
pool_def_format(const PoolDef *def, unsigned flags, const PoolSizes *sizes)
{
    const PoolSizes none = { 0 };
    PoolDef shown = *def;

    if (!sizes)
        sizes = &none;
    shown.capacity = (OptU64)OPT(sizes->capacity);
    shown.allocation = (OptU64)OPT(sizes->allocation);
    shown.available = (OptU64)OPT(sizes->available);
    return xml_to_text("pool", &pool_schema, &shown, flags);
}
