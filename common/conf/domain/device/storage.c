#include "common/conf/domain/device/storage.h"

#include <string.h>

const char *const storage_type_names[] = {
    NULL, "file", "block", "dir", "network", "volume", "nvme", "vhostuser", "vhostvdpa", NULL,
};
const char *const storage_protocol_names[] = {
    NULL, "nbd", "rbd", "sheepdog", "gluster", "iscsi", "http", "https", "ftp", "ftps", "tftp", "ssh", "vxhs", "nfs", NULL,
};
static const char *const transport_names[] = { NULL, "tcp", "unix", "rdma", NULL };
static const char *const volume_mode_names[] = { NULL, "host", "direct", NULL };
static const char *const startup_names[] = { NULL, "mandatory", "requisite", "optional", NULL };

#define S StorageSource

static const XmlRow type_rows[] = {
    A_ENUM("type", S, type, storage_type_names, "where the data is"),
    ROWS_END,
};
SCHEMA(storage_type_schema, "storageType", S, type_rows, "kind of a storage source");

/* -- parts of <source> -- */

static int
host_check(XmlParse *parse, xmlNode *element, void *object)
{
    StorageHost *host = object;

    if (host->transport == TRANSPORT_UNIX && !host->socket)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_XML_ERROR,
                           "a <host> with transport 'unix' needs a 'socket'");
    if (host->transport != TRANSPORT_UNIX && host->socket)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_XML_ERROR,
                           "a <host> may have a 'socket' only with transport 'unix'");
    if (host->transport != TRANSPORT_UNIX && !host->name)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_XML_ERROR, "a <host> needs a 'name'");
    if (host->transport == TRANSPORT_TCP)
        host->transport = TRANSPORT_ABSENT;
    return 0;
}

static const XmlRow host_rows[] = {
    A_ENUM("transport", StorageHost, transport, transport_names, "how the host is reached"),
    A_LSTR("name", StorageHost, name, "host name or address"),
    A_LSTR("port", StorageHost, port, "port"),
    A_LSTR("socket", StorageHost, socket, "path of a unix socket"),
    ROWS_END,
};
static SCHEMA(host_schema, "storageHost", StorageHost, host_rows, "server of a network source", .check = host_check);

static const XmlRow cookie_rows[] = {
    A_STR("name", StorageCookie, name, "name of the cookie", .flags = XR_REQUIRED),
    T_STR(StorageCookie, value, "its value", .flags = XR_SECURE),
    ROWS_END,
};
static SCHEMA(cookie_schema, "storageCookie", StorageCookie, cookie_rows, "HTTP cookie");
static const XmlRow cookies_rows[] = { ITEMS("cookie", S, cookies, cookie_schema, "a cookie"), ROWS_END };
static SCHEMA(cookies_schema, "storageCookies", S, cookies_rows, "HTTP cookies");

static const XmlRow slice_rows[] = {
    A_STR("type", StorageSlice, type, "always storage"),
    A_U64("offset", StorageSlice, offset, "first byte used", .flags = XR_REQUIRED),
    A_U64("size", StorageSlice, size, "bytes used", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(slice_schema, "storageSlice", StorageSlice, slice_rows, "part of the source that is used");
static const XmlRow slices_rows[] = { ITEMS("slice", S, slices, slice_schema, "a part"), ROWS_END };
static SCHEMA(slices_schema, "storageSlices", S, slices_rows, "parts of the source that are used");

/* One attribute of a child element, on the source itself */
#define ONE(var, rowmacro) \
    static const XmlRow var##_rows[] = { rowmacro, ROWS_END }; \
    static SCHEMA(var##_schema, #var, S, var##_rows, "part of a storage source")
ONE(snapshot, A_STR("name", S, snapshot, "snapshot of the image"));
ONE(config, A_STR("file", S, config, "configuration file of the client"));
ONE(iqn, A_STR("name", S, initiator, "qualified name of the initiator"));
ONE(ssl, A_YESNO("verify", S, ssl_verify, "whether certificates are checked"));
ONE(readahead, A_U64("size", S, readahead, "bytes"));
ONE(timeout, A_U64("seconds", S, timeout, "seconds"));
ONE(known_hosts, A_STR("path", S, known_hosts, "file with known hosts"));
static const XmlRow initiator_rows[] = { GROUP("iqn", iqn_schema, "its name"), ROWS_END };
static SCHEMA(initiator_schema, "initiator", S, initiator_rows, "iSCSI initiator");
static const XmlRow identity_rows[] = {
    A_STR("user", S, nfs_user, "user on the server", WHEN(S, protocol, PROTOCOL_NFS)),
    A_STR("group", S, nfs_group, "group on the server", WHEN(S, protocol, PROTOCOL_NFS)),
    A_STR("username", S, ssh_user, "name to log in with", WHEN(S, protocol, PROTOCOL_SSH)),
    A_STR("keyfile", S, ssh_key, "private key", WHEN(S, protocol, PROTOCOL_SSH)),
    A_STR("agentsock", S, ssh_agent, "socket of an ssh agent", WHEN(S, protocol, PROTOCOL_SSH)),
    ROWS_END,
};
static SCHEMA(identity_schema, "identity", S, identity_rows, "who we are to the server");

#define R StorageReservations
static const XmlRow reservations_source_rows[] = {
    A_STR("type", R, type, "always unix"),
    A_STR("path", R, path, "socket of the helper"),
    A_STR("mode", R, mode, "always client"),
    ROWS_END,
};
static SCHEMA(reservations_source_schema, "reservationsSource", R, reservations_source_rows, "helper of reservations");

static bool
unmanaged(const void *object, unsigned flags)
{
    return ((const R *)object)->managed != TRI_YES || !(flags & XML_INACTIVE);
}

static const XmlRow reservations_rows[] = {
    PRESENT(R, present),
    A_YESNO("managed", R, managed, "whether the helper is started by us", .flags = XR_REQUIRED),
    GROUP("source", reservations_source_schema, "the helper", .shown = unmanaged),
    ROWS_END,
};
static SCHEMA(reservations_schema, "reservations", R, reservations_rows, "persistent reservations");
#undef R

static int
nvme_init_type(XmlParse *parse, xmlNode *element, void *object)
{
    S *source = object;

    if (source->type != STORAGE_NVME)
        return 0;
    if (!source->nvme_namespace.set || !source->nvme_namespace.v)
        return xml_problem(parse, element, FROM_XML, ERR_XML_ERROR,
                           "<source> of an nvme disk needs a 'namespace' from 1");
    return 0;
}

static const XmlRow nvme_pci_rows[] = {
    A_PHEX("domain", PciAddress, domain, "PCI segment", .digits = 4, .def = "0"),
    A_PHEX("bus", PciAddress, bus, "bus", .digits = 2, .def = "0"),
    A_PHEX("slot", PciAddress, slot, "slot", .digits = 2, .def = "0"),
    A_PHEX("function", PciAddress, function, "function", .digits = 1, .def = "0"),
    ROWS_END,
};
static SCHEMA(nvme_pci_schema, "nvmeAddress", PciAddress, nvme_pci_rows, "PCI address of the controller on the host");

/* -- what a volume is, for a later life of the daemon -- */

static int
resolved_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    S *source = object;
    xmlNode *child;

    if (!(parse->flags & XML_STATUS))
        return 0;
    if (xml_only_child(parse, element, row->name, &child) < 0)
        return -1;
    return !child || (source->resolved = xml_read_new(parse, child, &storage_chain_schema)) ? 0 : -1;
}

static void
resolved_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const S *source = object;

    if (source->resolved && (flags & XML_STATUS))
        xml_write(writer, row->name, &storage_chain_schema, source->resolved, flags);
}

static void
resolved_copy(void *dst, const void *src)
{
    ((S *)dst)->resolved = xml_copy(&storage_chain_schema, ((const S *)src)->resolved);
}

static void
resolved_clear(void *object)
{
    xml_free(&storage_chain_schema, g_steal_pointer(&((S *)object)->resolved));
}

static const XmlCustom resolved_row = {
    .parse = resolved_parse, .format = resolved_format, .copy = resolved_copy, .clear = resolved_clear, .rng = "",
};

#define NET WHEN(S, type, STORAGE_NETWORK)
#define PATHS WHEN(S, type, STORAGE_FILE, STORAGE_BLOCK, STORAGE_DIR)
static const XmlRow source_rows[] = {
    A_LSTR("file", S, path, "path of the image", WHEN(S, type, STORAGE_FILE)),
    A_LSTR("dev", S, path, "path of the device", WHEN(S, type, STORAGE_BLOCK, STORAGE_VHOST_VDPA)),
    A_LSTR("dir", S, path, "path of the directory", WHEN(S, type, STORAGE_DIR)),
    A_STR("fdgroup", S, fdgroup, "descriptors passed before", PATHS),
    A_ENUM("protocol", S, protocol, storage_protocol_names, "what the server speaks", NET, .flags = XR_REQUIRED),
    A_LSTR("name", S, path, "image on the server", NET),
    A_STR("query", S, query, "query part of the address", NET),
    A_YESNO("tls", S, tls, "encrypt the connection", NET),
    A_STR("tlsHostname", S, tls_hostname, "name in the server's certificate", NET),
    A_STR("pool", S, pool, "storage pool", WHEN(S, type, STORAGE_VOLUME), .flags = XR_REQUIRED),
    A_STR("volume", S, volume, "storage volume", WHEN(S, type, STORAGE_VOLUME), .flags = XR_REQUIRED),
    A_ENUM("mode", S, volume_mode, volume_mode_names, "how an iSCSI volume is reached", WHEN(S, type, STORAGE_VOLUME)),
    A_STR("type", S, nvme_type, "always pci", WHEN(S, type, STORAGE_NVME)),
    A_YESNO("managed", S, nvme_managed, "whether we unbind the host's driver", WHEN(S, type, STORAGE_NVME)),
    A_U64("namespace", S, nvme_namespace, "namespace of the controller", WHEN(S, type, STORAGE_NVME)),
    GROUP_AT("address", S, nvme_address, nvme_pci_schema, "the controller", WHEN(S, type, STORAGE_NVME)),
    INLINE_AT(S, vhost_user, char_type_schema, WHEN(S, type, STORAGE_VHOST_USER)),
    A_LSTR("path", S, vhost_user.path, "socket of the back-end", WHEN(S, type, STORAGE_VHOST_USER),
           .flags = XR_REQUIRED),
    GROUP_AT("reconnect", S, vhost_user.reconnect, char_reconnect_schema, "what if it goes away",
             WHEN(S, type, STORAGE_VHOST_USER)),
    A_ENUM("startupPolicy", S, startup_policy, startup_names, "what if it is missing at start"),
    A_UINT("index", S, index, "identity in the chain", .flags = XR_LIVE),
    ITEMS("seclabel", S, seclabels, source_seclabel_schema, "label of the source",
          WHEN(S, type, STORAGE_FILE, STORAGE_BLOCK, STORAGE_DIR, STORAGE_VOLUME)),
    ITEMS("host", S, hosts, host_schema, "a server", NET),
    GROUP("snapshot", snapshot_schema, "snapshot of the image", NET),
    GROUP("config", config_schema, "configuration of the client", NET),
    GROUP("initiator", initiator_schema, "iSCSI initiator", NET),
    GROUP("ssl", ssl_schema, "certificates", NET),
    GROUP("cookies", cookies_schema, "HTTP cookies", NET),
    GROUP("readahead", readahead_schema, "read ahead", NET),
    GROUP("timeout", timeout_schema, "time limit of the server", NET),
    GROUP("knownHosts", known_hosts_schema, "known hosts", NET),
    GROUP("identity", identity_schema, "who we are", NET),
    PTR("auth", S, auth, storage_auth_schema, "credentials"),
    PTR("encryption", S, encryption, storage_encryption_schema, "encryption"),
    GROUP_AT("reservations", S, reservations, reservations_schema, "persistent reservations"),
    GROUP("slices", slices_schema, "parts that are used"),
    CUSTOM("resolved", resolved_row, "what a volume is", .flags = XR_HIDDEN),
    ROWS_END,
};
#undef NET

SCHEMA(storage_source_schema, "storageSource", S, source_rows, "where the data is", .check = nvme_init_type);

/* -- format, chain -- */

static const XmlRow max_size_rows[] = {
    SIZE("max_size", S, metadata_cache, 1, "upper bound of the cache", .unit = "bytes"),
    ROWS_END,
};
SCHEMA(metadata_cache_schema, "metadataCache", S, max_size_rows, "cache of a qcow2 image's tables");

static const XmlRow format_rows[] = {
    A_ENUM("type", S, format, storage_format_names, "format of the image"),
    GROUP("metadata_cache", metadata_cache_schema, "cache of its tables"),
    ROWS_END,
};
SCHEMA(storage_format_schema, "storageFormat", S, format_rows, "format of an image");

static int
chain_check(XmlParse *parse, xmlNode *element, void *object)
{
    S *source = object;

    return source->type ? storage_source_check(parse, element, source) : 0;
}

static const XmlRow chain_index_rows[] = {
    A_ENUM("type", S, type, storage_type_names, "where the data is"),
    A_UINT("index", S, index, "identity in the chain", .flags = XR_LIVE | XR_NO_COPY),
    GROUP("format", storage_format_schema, "format of the image"),
    GROUP("source", storage_source_schema, "where the data is"),
    PTR("backingStore", S, backing, storage_chain_schema, "what lies behind; empty: nothing"),
    ROWS_END,
};
SCHEMA(storage_chain_schema, "backingStore", S, chain_index_rows, "image behind an image", .check = chain_check);

bool
storage_source_is_empty(const StorageSource *source)
{
    switch (source->type) {
    case STORAGE_NETWORK:
        return source->protocol == PROTOCOL_ABSENT;
    case STORAGE_VOLUME: case STORAGE_NVME: case STORAGE_VHOST_USER: case STORAGE_VHOST_VDPA:
        return false;
    default:
        return !source->path && !source->fdgroup;
    }
}

/* rbd:pool/image and gluster volume names carry no leading slash; NBD over a unix socket needs no name. */
static int
check_network(XmlParse *parse, xmlNode *element, StorageSource *source)
{
    if (source->protocol == PROTOCOL_SHEEPDOG)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                           "no hypervisor supports the protocol 'sheepdog' any more");
    if (!source->path && source->protocol != PROTOCOL_NBD)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_XML_ERROR, "<source> of protocol '%s' needs a 'name'",
                           storage_protocol_names[source->protocol]);
    return 0;
}

int
storage_source_check(XmlParse *parse, xmlNode *element, StorageSource *source)
{
    if (source->type == STORAGE_NETWORK && source->protocol && check_network(parse, element, source) < 0)
        return -1;
    if (source->auth && source->auth->secret && source->type == STORAGE_NETWORK) {
        const char *type = source->auth->secret->type;

        if (type && ((source->protocol == PROTOCOL_ISCSI && strcmp(type, "iscsi") != 0) ||
                     (source->protocol == PROTOCOL_RBD && strcmp(type, "ceph") != 0)))
            return xml_problem(parse, element, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                               "a secret of type '%s' cannot log in to protocol '%s'", type,
                               storage_protocol_names[source->protocol]);
    }
    return 0;
}
