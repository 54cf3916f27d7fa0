/* Images on servers: one function per protocol, giving the node that reaches the bytes. */
#include "virtqemud/device/protocol.h"

typedef struct ProtocolNode {
    int (*build)(const StorageSource *source, const char *prefix, json_t **ret, Error *err);
    bool password, cookies; /* what of them it can use */
} ProtocolNode;

static void put_secret(json_t *props, const char *key, const char *prefix, const char *what)
{
    prop_strf(props, key, "%s-storage-%s-secret0", prefix, what);
}

static json_t *host_object(const StorageHost *host, const char *default_port)
{
    json_t *object = json_object();

    prop_str(object, "host", host->name);
    prop_str(object, "port", host->port ? host->port : default_port);
    return object;
}

/* Protocols whose address is a URL with the port always in it. */
static int curl_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err)
{
    static const char *const ports[] = {
        [PROTOCOL_HTTP] = "80", [PROTOCOL_HTTPS] = "443", [PROTOCOL_FTP] = "21", [PROTOCOL_FTPS] = "990", [PROTOCOL_TFTP] = "69",
    };
    const char *scheme = storage_protocol_names[source->protocol];
    const char *path = source->path ? source->path : "";
    const StorageHost *host;

    if (source->hosts.n != 1)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a disk by protocol '%s' needs exactly one <host>", scheme);
    host = source->hosts.items[0];
    *ret = props_device(scheme);
    prop_strf(*ret, "url", "%s://%s:%s%s%s%s%s", scheme, host->name, host->port ? host->port : ports[source->protocol],
              g_str_has_prefix(path, "/") ? "" : "/", path, source->query ? "?" : "", source->query ? source->query : "");
    if (source->auth) {
        prop_str(*ret, "username", source->auth->username);
        put_secret(*ret, "password-secret", prefix, "auth");
    }
    if (source->ssl_verify != TRI_ABSENT)
        prop_bool(*ret, "sslverify", source->ssl_verify == TRI_YES);
    if (source->cookies.n)
        put_secret(*ret, "cookie-secret", prefix, "httpcookie");
    prop_u64(*ret, "readahead", source->readahead);
    prop_u64(*ret, "timeout", source->timeout);
    return 0;
}

static int nbd_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err)
{
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;
    json_t *server = json_object();

    *ret = props_device("nbd");
    if (host && host->transport == TRANSPORT_UNIX) {
        prop_str(server, "type", "unix");
        prop_str(server, "path", host->socket);
    } else {
        prop_str(server, "type", "inet");
        prop_str(server, "host", host ? host->name : NULL);
        prop_str(server, "port", host && host->port ? host->port : "10809");
    }
    json_object_set_new(*ret, "server", server);
    prop_str(*ret, "export", source->path);
    return 0;
}

/* The image is decrypted by the client's library: a format per layer of clones, the innermost last. */
static void rbd_encrypt(const StorageSource *source, const char *prefix, json_t *props)
{
    const StorageEncryption *encryption = source->encryption;
    json_t *encrypt = NULL;

    if (!encryption || g_strcmp0(encryption->engine, "librbd") != 0)
        return;
    for (size_t i = encryption->secrets.n; i-- > 0;) {
        json_t *layer = json_object();

        prop_str(layer, "format", encryption->format);
        prop_strf(layer, "key-secret", "%s-format-encryption-secret%zu", prefix, i);
        if (encrypt)
            json_object_set_new(layer, "parent", encrypt);
        encrypt = layer;
    }
    if (encrypt)
        json_object_set_new(props, "encrypt", encrypt);
}

static int rbd_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err)
{
    g_auto(GStrv) parts = g_strsplit(source->path ? source->path : "", "/", 2);

    if (g_strv_length(parts) != 2)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "an RBD image is named POOL/IMAGE, not '%s'", source->path);
    *ret = props_device("rbd");
    prop_str(*ret, "pool", parts[0]);
    prop_str(*ret, "image", parts[1]);
    prop_str(*ret, "snapshot", source->snapshot);
    prop_str(*ret, "conf", source->config);
    if (source->hosts.n) {
        json_t *servers = json_array();

        for (size_t i = 0; i < source->hosts.n; i++)
            json_array_append_new(servers, host_object(source->hosts.items[i], "6789"));
        json_object_set_new(*ret, "server", servers);
    }
    rbd_encrypt(source, prefix, *ret);
    if (source->auth) {
        prop_str(*ret, "user", source->auth->username);
        json_object_set_new(*ret, "auth-client-required", json_pack("[s, s]", "cephx", "none"));
        put_secret(*ret, "key-secret", prefix, "auth");
    }
    return 0;
}

static int iscsi_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err)
{
    g_auto(GStrv) parts = g_strsplit(source->path ? source->path : "", "/", 2);
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;

    if (!host || !parts[0])
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "an iSCSI disk needs a <host> and the name of its target");
    *ret = props_device("iscsi");
    prop_strf(*ret, "portal", "%s:%s", host->name, host->port ? host->port : "3260");
    prop_str(*ret, "target", parts[0]);
    prop_int(*ret, "lun", parts[1] ? g_ascii_strtoll(parts[1], NULL, 10) : 0);
    prop_str(*ret, "transport", "tcp");
    if (source->auth) {
        prop_str(*ret, "user", source->auth->username);
        put_secret(*ret, "password-secret", prefix, "auth");
    }
    prop_str(*ret, "initiator-name", source->initiator);
    return 0;
}

static int ssh_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err)
{
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;

    if (!host)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a disk by protocol 'ssh' needs a <host>");
    *ret = props_device("ssh");
    prop_str(*ret, "path", source->path);
    json_object_set_new(*ret, "server", host_object(host, "22"));
    /* QEMU logs in by the user's keys only; a password is at hand for it in vain, as with libvirt. */
    prop_str(*ret, "user", source->auth ? source->auth->username : source->ssh_user);
    return 0;
}

static int nfs_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err)
{
    const StorageHost *host = source->hosts.n ? source->hosts.items[0] : NULL;

    if (!host)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a disk by protocol 'nfs' needs a <host>");
    *ret = props_device("nfs");
    json_object_set_new(*ret, "server", json_pack("{s:s, s:s}", "host", host->name, "type", "inet"));
    prop_str(*ret, "path", source->path);
    return 0;
}

static const ProtocolNode protocol_nodes[] = {
    [PROTOCOL_NBD] = { nbd_node, false, false },
    [PROTOCOL_RBD] = { rbd_node, true, false },
    [PROTOCOL_ISCSI] = { iscsi_node, true, false },
    [PROTOCOL_HTTP] = { curl_node, true, true },
    [PROTOCOL_HTTPS] = { curl_node, true, true },
    [PROTOCOL_FTP] = { curl_node, true, false },
    [PROTOCOL_FTPS] = { curl_node, true, false },
    [PROTOCOL_TFTP] = { curl_node, false, false },
    [PROTOCOL_SSH] = { ssh_node, true, false },
    [PROTOCOL_NFS] = { nfs_node, false, false },
};

int qemu_protocol_node(const StorageSource *source, const char *prefix, json_t **ret, Error *err)
{
    const ProtocolNode *node = source->protocol < (int)G_N_ELEMENTS(protocol_nodes) ? &protocol_nodes[source->protocol] : NULL;

    if (!node || !node->build)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "disks by protocol '%s' are not supported",
                          source->protocol ? storage_protocol_names[source->protocol] : "none");
    if ((source->auth && !node->password) || (source->cookies.n && !node->cookies))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU has no use for %s with protocol '%s'",
                          source->auth && !node->password ? "<auth>" : "<cookies>", storage_protocol_names[source->protocol]);
    return node->build(source, prefix, ret, err);
}
