/* <source> of a pool: where its storage comes from. Which parts it has depends on the type of the pool. */
#include "common/conf/storage/elements.h"

#include "common/xml/document.h"

/* -- servers, devices -- */

static int
host_check(XmlParse *parse, xmlNode *element, void *object)
{
    PoolHost *host = object;

    /* No port is the protocol's own. */
    if (host->port.set && !host->port.v)
        host->port.set = false;
    return 0;
}
static const XmlRow host_rows[] = {
    A_STR("name", PoolHost, name, "name or address", .flags = XR_REQUIRED),
    A_UINT("port", PoolHost, port, "port; the protocol's own when missing", .max = 65535),
    ROWS_END,
};
static SCHEMA(host_schema, "poolHost", PoolHost, host_rows, "server of the pool", .check = host_check);

static const XmlRow extent_rows[] = {
    A_U64("start", PoolExtent, start, "first byte", .flags = XR_REQUIRED),
    A_U64("end", PoolExtent, end, "byte after the last", .flags = XR_REQUIRED),
    ROWS_END,
};
SCHEMA(pool_extent_schema, "poolExtent", PoolExtent, extent_rows, "part of a device");
static const XmlRow device_rows[] = {
    A_STR("path", PoolDevice, path, "block device, or name of the iSCSI target", .flags = XR_REQUIRED),
    A_YESNO("part_separator", PoolDevice, part_separator, "whether a `p` stands between device and number of a partition"),
    ITEMS("freeExtent", PoolDevice, extents, pool_extent_schema, "what is free", .flags = XR_LIVE),
    ROWS_END,
};
static SCHEMA(device_schema, "poolDevice", PoolDevice, device_rows, "device of the pool");

/* -- <source> -- */

#define S PoolSource
#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, S, var##_rows, "part of a pool's source")
ONE(pool_directory, A_LSTR("path", S, dir, "directory on the server"));
ONE(pool_iqn, A_LSTR("name", S, initiator, "qualified name"));
ONE(pool_initiator, GROUP("iqn", pool_iqn_schema, "its name"));
ONE(pool_vendor, A_STR("name", S, vendor, "name"));
ONE(pool_product, A_STR("name", S, product, "name"));
ONE(pool_protocol, A_LSTR("ver", S, protocol_version, "version of NFS"));

#define FORMAT(n, pool) \
    A_CHOICE("type", S, format, n, "name of the format", WHEN(S, type, pool), .code = ERR_CONFIG_UNSUPPORTED)
ONE(pool_format, FORMAT(fs_format_names, POOL_FS), FORMAT(netfs_format_names, POOL_NETFS),
    FORMAT(logical_format_names, POOL_LOGICAL), FORMAT(disk_label_names, POOL_DISK));

static const XmlRow source_rows[] = {
    { .kind = ROW_INTERNAL, .type = &xt_enum, .offset = FIELD_ENUM(S, type), .names = pool_type_names },
    ITEMS("host", S, hosts, host_schema, "a server",
          WHEN(S, type, POOL_NETFS, POOL_ISCSI, POOL_ISCSI_DIRECT, POOL_RBD, POOL_SHEEPDOG, POOL_GLUSTER)),
    ITEMS("device", S, devices, device_schema, "a device",
          WHEN(S, type, POOL_FS, POOL_LOGICAL, POOL_DISK, POOL_ISCSI, POOL_ISCSI_DIRECT, POOL_ZFS)),
    GROUP("dir", pool_directory_schema, "directory on the server", WHEN(S, type, POOL_NETFS, POOL_GLUSTER)),
    GROUP_AT("adapter", S, adapter, pool_adapter_schema, "adapter of the host", WHEN(S, type, POOL_SCSI)),
    E_LSTR("name", S, name, "volume group, pool or volume on the server",
           WHEN(S, type, POOL_LOGICAL, POOL_RBD, POOL_SHEEPDOG, POOL_GLUSTER, POOL_ZFS, POOL_VSTORAGE)),
    GROUP("initiator", pool_initiator_schema, "who we are to the server", WHEN(S, type, POOL_ISCSI, POOL_ISCSI_DIRECT)),
    GROUP("format", pool_format_schema, "format of the source", WHEN(S, type, POOL_FS, POOL_NETFS, POOL_LOGICAL, POOL_DISK)),
    PTR("auth", S, auth, storage_auth_schema, "credentials"),
    GROUP("protocol", pool_protocol_schema, "version of the protocol", WHEN(S, type, POOL_NETFS)),
    GROUP("vendor", pool_vendor_schema, "maker of the storage, for people"),
    GROUP("product", pool_product_schema, "product's name, for people"),
    ROWS_END,
};
SCHEMA(pool_source_schema, "poolSource", S, source_rows, "where the storage comes from");

void
pool_source_complete(PoolSource *source)
{
    const PoolKind *kind = pool_kind(source->type);
    char *dir = source->dir;

    if (!source->format)
        source->format = kind->default_format;
    if (dir) {
        source->dir = storage_path_clean(dir);
        g_free(dir);
    } else if (source->type == POOL_GLUSTER) {
        source->dir = g_strdup("/");
    }
}

/* -- sources on their own -- */

PoolSource *
pool_source_new(PoolType type)
{
    PoolSource *source = xml_new(&pool_source_schema);

    source->type = type;
    return source;
}

void
pool_source_free(PoolSource *source)
{
    xml_free(&pool_source_schema, source);
}

int
pool_source_parse(const char *text, PoolType type, PoolSource **ret_source, Error *err)
{
    g_autoptr(PoolSource) source = pool_source_new(type);
    _cleanup_doc_ xmlDoc *doc = NULL;

    if (text) {
        if (xml_document_load(text, "storage source specification", FROM_STORAGE, &doc, err) < 0)
            return -1;
        if (definition_read(xmlDocGetRootElement(doc), "source", &pool_source_schema, XML_INACTIVE, FROM_STORAGE, FROM_XML, source,
                            err) < 0)
            return -1;
        if (pool_source_validate(source, err) < 0)
            return -1;
    }
    *ret_source = g_steal_pointer(&source);
    return 0;
}

char *
pool_sources_format(PoolSource *const *sources, size_t n)
{
    XmlWriter writer;

    xml_writer_init(&writer);
    xml_writer_start(&writer, "sources");
    for (size_t i = 0; i < n; i++)
        xml_write(&writer, "source", &pool_source_schema, sources[i], XML_INACTIVE);
    xml_writer_end(&writer, "sources");
    return xml_writer_steal(&writer);
}
