#include "virtqemud/source/backing.h"

#include <glib.h>
#include <jansson.h>
#include <string.h>

#include "common/host/image.h"

static int
refuse(Error *err, const char *what, const char *found)
{
    return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "%s '%s' is not supported here; a <backingStore> in the definition can describe it",
                      what, found);
}

static void
add_host(StorageSource *source, const char *name, const char *port, const char *socket)
{
    StorageHost *host = g_new0(StorageHost, 1);

    host->name = g_strdup(name);
    host->port = g_strdup(port);
    host->socket = g_strdup(socket);
    host->transport = socket ? TRANSPORT_UNIX : TRANSPORT_ABSENT;
    LIST_ADD(&source->hosts, host);
}

static void
set_path(StorageSource *source, StorageType type, const char *path, const char *dir)
{
    source->type = type;
    source->path = g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(dir, path, NULL);
}

/* --- URLs --- */

typedef struct Url {
    char *user, *host, *path, *query;
    int port;
} Url;

typedef struct Scheme {
    const char *name;
    StorageProtocol protocol;
    bool unix_socket; /* "?socket=PATH" */
    bool user, query; /* may have them */
} Scheme;

static const Scheme schemes[] = {
    { "nbd", PROTOCOL_NBD, false, false, false },   { "nbd+tcp", PROTOCOL_NBD, false, false, false },
    { "nbd+unix", PROTOCOL_NBD, true, false, true }, { "http", PROTOCOL_HTTP, false, false, true },
    { "https", PROTOCOL_HTTPS, false, false, true }, { "ftp", PROTOCOL_FTP, false, false, false },
    { "ftps", PROTOCOL_FTPS, false, false, false }, { "iscsi", PROTOCOL_ISCSI, false, false, false },
    { "ssh", PROTOCOL_SSH, false, true, false },
};

static int
take_url(const Scheme *scheme, const Url *url, StorageSource *source, Error *err)
{
    g_autofree char *port = url->port >= 0 ? g_strdup_printf("%d", url->port) : NULL;
    const char *path = url->path && *url->path == '/' && scheme->protocol != PROTOCOL_SSH ? url->path + 1 : url->path;

    if ((url->user && !scheme->user) || (url->query && !scheme->query) || (!scheme->unix_socket && (!url->host || !*url->host)) ||
        (url->user && strchr(url->user, ':')))
        return -1;
    source->type = STORAGE_NETWORK;
    source->protocol = scheme->protocol;
    source->path = path && *path ? g_strdup(path) : NULL;
    source->ssh_user = g_strdup(url->user);
    if (!scheme->unix_socket) {
        add_host(source, url->host, port, NULL);
        source->query = g_strdup(url->query);
        return source->path || scheme->protocol == PROTOCOL_NBD ? 0 : -1;
    }
    if (!url->query || !g_str_has_prefix(url->query, "socket=/") || strchr(url->query, '&'))
        return -1;
    add_host(source, NULL, NULL, url->query + strlen("socket="));
    return 0;
}

static int
from_url(const char *text, StorageSource *source, Error *err)
{
    g_autofree char *name = NULL, *user = NULL, *host = NULL, *path = NULL, *query = NULL, *fragment = NULL;
    int port = -1;

    if (!g_uri_split(text, G_URI_FLAGS_NONE, &name, &user, &host, &port, &path, &query, &fragment, NULL) || fragment)
        return refuse(err, "the address", text);
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        const Url url = { user, host, path, query, port };

        if (g_strcmp0(name, schemes[i].name) == 0)
            return take_url(&schemes[i], &url, source, err) < 0 ? refuse(err, "the address", text) : 0;
    }
    return refuse(err, "the protocol", name);
}

/* --- JSON --- */

/* { "file.driver": "nbd" } is { "file": { "driver": "nbd" } }. A new reference; NULL: both ways at once. */
static json_t *
unflatten(json_t *object)
{
    json_t *result = json_object(), *value;
    const char *key;

    json_object_foreach(object, key, value) {
        const char *dot = strchr(key, '.');
        g_autofree char *first = dot ? g_strndup(key, (gsize)(dot - key)) : g_strdup(key);
        json_t *child = json_object_get(result, first);

        if (child && (!dot || !json_is_object(child))) {
            json_decref(result);
            return NULL;
        }
        if (!dot) {
            json_object_set(result, key, value);
            continue;
        }
        if (!child) {
            child = json_object();
            json_object_set_new(result, first, child);
        }
        json_object_set(child, dot + 1, value);
    }
    return result;
}

/* The member as text, taken out; owned. A port may be a number. */
static char *
take_text(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    char *text = json_is_string(value) ? g_strdup(json_string_value(value))
                 : json_is_integer(value) ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value)) : NULL;

    if (text)
        json_object_del(object, key);
    return text;
}

static int
leaf_file(json_t *object, const char *dir, StorageSource *source)
{
    g_autofree char *filename = take_text(object, "filename");

    if (!filename || !*filename || strchr(filename, ':'))
        return -1;
    set_path(source, STORAGE_FILE, filename, dir);
    return 0;
}

static int
leaf_device(json_t *object, const char *dir, StorageSource *source)
{
    int r = leaf_file(object, dir, source);

    source->type = STORAGE_BLOCK;
    return r;
}

static int
leaf_nbd(json_t *object, const char *dir, StorageSource *source)
{
    json_t *inner = json_object_get(object, "server");
    json_t *server = json_is_object(inner) ? unflatten(inner) : json_incref(object);
    g_autofree char *type = NULL, *host = NULL, *port = NULL, *path = NULL;
    bool bad;

    if (!server)
        return -1;
    type = server != object ? take_text(server, "type") : NULL;
    host = take_text(server, "host");
    port = take_text(server, "port");
    path = take_text(server, "path");
    bad = (host != NULL) == (path != NULL) || (server != object && json_object_size(server) > 0) || (path && *path != '/') ||
          (type && strcmp(type, path ? "unix" : "inet") != 0);
    if (server != object)
        json_object_del(object, "server");
    json_decref(server);
    if (bad)
        return -1;
    source->type = STORAGE_NETWORK;
    source->protocol = PROTOCOL_NBD;
    source->path = take_text(object, "export");
    add_host(source, host, port, path);
    return 0;
}

static int
leaf_url(json_t *object, const char *dir, StorageSource *source)
{
    g_autofree char *url = take_text(object, "url");

    return url ? from_url(url, source, NULL) : -1;
}

static const struct {
    const char *driver;
    int (*take)(json_t *object, const char *dir, StorageSource *source);
} leaves[] = {
    { "file", leaf_file }, { "host_device", leaf_device }, { "nbd", leaf_nbd }, { "http", leaf_url },
    { "https", leaf_url }, { "ftp", leaf_url },            { "ftps", leaf_url },
};

/* Everything in the object must have been understood. */
static int
from_leaf(json_t *object, const char *driver, const char *dir, StorageSource *source)
{
    for (size_t i = 0; i < G_N_ELEMENTS(leaves); i++)
        if (strcmp(driver, leaves[i].driver) == 0)
            return leaves[i].take(object, dir, source) < 0 || json_object_size(object) > 0 ? -1 : 0;
    return -1;
}

/* A format over a file, or a file alone: at most two levels, so no recursion. */
static int
from_object(json_t *object, const char *dir, StorageSource *source)
{
    g_autofree char *driver = take_text(object, "driver"), *below = NULL;
    json_t *file = json_object_get(object, "file"), *inner;
    int r;

    if (!file)
        return driver ? from_leaf(object, driver, dir, source) : -1;
    if (!json_is_object(file) || json_object_size(object) != 1)
        return -1;
    if (driver && (source->format = (StorageFormat)image_format_named(driver)) == FORMAT_ABSENT)
        return -1;
    inner = unflatten(file);
    if (!inner)
        return -1;
    below = take_text(inner, "driver");
    r = below ? from_leaf(inner, below, dir, source) : -1;
    json_decref(inner);
    return r;
}

static int
from_json(const char *text, const char *dir, StorageSource *source, Error *err)
{
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *object = json_is_object(parsed) ? unflatten(parsed) : NULL;
    int r = object ? from_object(object, dir, source) : -1;

    json_decref(parsed);
    json_decref(object);
    return r < 0 ? refuse(err, "the description", text) : 0;
}

int
backing_parse(const char *text, const char *dir, StorageSource **ret, Error *err)
{
    StorageSource *source = xml_new(&storage_chain_schema);
    const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
    int r = 0;

    if (g_str_has_prefix(text, "json:"))
        r = from_json(text + strlen("json:"), dir, source, err);
    else if (g_str_has_prefix(text, "file:/"))
        set_path(source, STORAGE_FILE, text + strlen("file:"), dir);
    else if (colon && (!slash || colon < slash))
        r = from_url(text, source, err);
    else
        set_path(source, STORAGE_FILE, text, dir);
    if (r < 0) {
        xml_free(&storage_chain_schema, source);
        return -1;
    }
    *ret = source;
    return 0;
}
