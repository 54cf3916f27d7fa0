/* Character devices: see chardev.h. The same facts in two forms: text for the command line, JSON for a running QEMU. */
#include "virtqemud/device/chardev.h"

#include <stdlib.h>

#include "virtqemud/device/kind.h"

/* Types that QEMU knows by another name, or the same. NULL: not for QEMU. */
static const char *const qemu_types[] = {
    [CHAR_NULL] = "null",      [CHAR_VC] = "vc",           [CHAR_PTY] = "pty",   [CHAR_DEV] = "serial",
    [CHAR_FILE] = "file",      [CHAR_PIPE] = "pipe",       [CHAR_STDIO] = "stdio", [CHAR_UDP] = "udp",
    [CHAR_TCP] = "socket",     [CHAR_UNIX] = "socket",     [CHAR_SPICEVMC] = "spicevmc", [CHAR_SPICEPORT] = "spiceport",
    [CHAR_VDAGENT] = "qemu-vdagent", [CHAR_DBUS] = "dbus", [CHAR_NMDM] = NULL,
};

typedef struct Form {
    GString *text;
    json_t *data; /* of "backend" */
} Form;

/* A value under its name on the command line and in JSON; either name may be NULL: not in that form. */
static void put(Form *form, const char *text_key, const char *json_key, const char *value)
{
    if (text_key && value) {
        g_autofree char *escaped = qemu_escape(value);

        g_string_append_printf(form->text, ",%s=%s", text_key, escaped);
    }
    if (json_key)
        prop_str(form->data, json_key, value);
}

static void put_bool(Form *form, const char *text_key, const char *json_key, bool value)
{
    if (text_key)
        g_string_append_printf(form->text, ",%s=%s", text_key, value ? "on" : "off");
    if (json_key)
        prop_bool(form->data, json_key, value);
}

static json_t *inet_address(const char *host, const char *port)
{
    json_t *address = json_object(), *data = json_object();

    prop_str(data, "host", host ? host : "");
    prop_str(data, "port", port ? port : "0");
    prop_str(address, "type", "inet");
    json_object_set_new(address, "data", data);
    return address;
}

static void put_udp(Form *form, const CharSource *source)
{
    put(form, "host", NULL, source->host ? source->host : "");
    put(form, "port", NULL, source->service);
    json_object_set_new(form->data, "remote", inet_address(source->host, source->service));
    put(form, "localaddr", NULL, source->bind_host ? source->bind_host : "");
    put(form, "localport", NULL, source->bind_service ? source->bind_service : "0");
    if (source->bind_host || source->bind_service)
        json_object_set_new(form->data, "local", inet_address(source->bind_host, source->bind_service));
}

static void put_server(Form *form, const CharSource *source)
{
    bool server = source->mode == CHAR_BIND;

    if (server) {
        put_bool(form, "server", NULL, true);
        put_bool(form, "wait", "wait", false);
    } else if (source->reconnect.enabled == TRI_YES && source->reconnect.timeout.set) {
        g_string_append_printf(form->text, ",reconnect=%u", source->reconnect.timeout.v);
        prop_uint(form->data, "reconnect", source->reconnect.timeout);
    }
    prop_bool(form->data, "server", server);
}

static void put_tcp(QemuBuild *build, Form *form, const char *alias, const CharSource *source)
{
    bool telnet = source->protocol == CHAR_TELNET;

    put(form, "host", NULL, source->host);
    put(form, "port", NULL, source->service);
    json_object_set_new(form->data, "addr", inet_address(source->host, source->service));
    if (telnet)
        put_bool(form, "telnet", "telnet", true);
    put_server(form, source);
    if (source->tls == TRI_YES) {
        g_autofree char *id = g_strdup_printf("objchar%s_tls0", alias);
        json_t *creds = props_object("tls-creds-x509", id);

        prop_str(creds, "dir", "/etc/pki/qemu");
        prop_str(creds, "endpoint", source->mode == CHAR_BIND ? "server" : "client");
        prop_bool(creds, "verify-peer", true);
        build_object(build, creds);
        put(form, "tls-creds", "tls-creds", id);
    }
}

static void put_unix(QemuBuild *build, Form *form, const char *alias, const CharSource *source)
{
    const GArray *fds = build_fds(build, alias);
    json_t *address = json_object(), *data = json_object();

    if (fds) {
        g_autofree char *fd = g_strdup_printf("%d", g_array_index(fds, int, 0));

        put(form, "fd", NULL, fd);
        prop_str(address, "type", "fd");
        prop_str(data, "str", fd);
    } else {
        put(form, "path", NULL, source->path);
        prop_str(address, "type", "unix");
        prop_str(data, "path", source->path);
    }
    json_object_set_new(address, "data", data);
    json_object_set_new(form->data, "addr", address);
    put_server(form, source);
}

static void put_by_type(QemuBuild *build, Form *form, const char *alias, const CharSource *source)
{
    switch (source->type) {
    case CHAR_DEV:
        put(form, "path", "device", source->path);
        break;
    case CHAR_PIPE:
        put(form, "path", "device", source->path);
        break;
    case CHAR_FILE:
        put(form, "path", "out", source->path);
        if (source->append != TRI_ABSENT)
            put_bool(form, "append", "append", source->append == TRI_ON);
        break;
    case CHAR_UDP:
        put_udp(form, source);
        break;
    case CHAR_TCP:
        put_tcp(build, form, alias, source);
        break;
    case CHAR_UNIX:
        put_unix(build, form, alias, source);
        break;
    case CHAR_SPICEVMC:
        put(form, "name", "type", g_str_has_prefix(alias, "redir") ? "usbredir" : g_str_has_prefix(alias, "smartcard") ? "smartcard" : "vdagent");
        break;
    case CHAR_SPICEPORT:
        put(form, "name", "fqdn", source->channel);
        break;
    case CHAR_DBUS:
        put(form, "name", "name", source->channel);
        break;
    case CHAR_VDAGENT:
        put(form, "name", NULL, "vdagent");
        put_bool(form, "clipboard", "clipboard", source->clipboard == TRI_YES);
        put_bool(form, "mouse", "mouse", source->mouse == CHAR_MOUSE_CLIENT);
        break;
    default: /* null, vc, pty, stdio: nothing to say */
        break;
    }
}

int qemu_chardev_build(QemuBuild *build, const char *id, const char *alias, const CharSource *source, Error *err)
{
    const char *type = source->type < (int)G_N_ELEMENTS(qemu_types) ? qemu_types[source->type] : NULL;
    g_autoptr(GString) text = NULL;
    Form form;
    json_t *backend;

    if (!type)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU has no character device of type '%s' for '%s'",
                          source->type ? char_type_names[source->type] : "none", alias);
    if (source->type == CHAR_UNIX && !source->path && !build_fds(build, alias))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "the unix socket of '%s' has no path", alias);
    if (source->type == CHAR_TCP && source->protocol == CHAR_TELNETS)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "QEMU does not speak 'telnets' ('%s')", alias);
    if (source->type == CHAR_DEV && g_str_has_prefix(alias, "parallel"))
        type = "parallel";

    text = g_string_new(NULL);
    g_string_printf(text, "%s,id=%s", type, id);
    form = (Form){ .text = text, .data = json_object() };
    put_by_type(build, &form, alias, source);
    put(&form, "logfile", "logfile", source->log_file);
    if (source->log_append != TRI_ABSENT)
        put_bool(&form, "logappend", "logappend", source->log_append == TRI_ON);

    backend = json_object();
    prop_str(backend, "type", type);
    json_object_set_new(backend, "data", form.data);
    build_chardev(build, g_strdup(text->str), json_pack("{s:s, s:o}", "id", id, "backend", backend));
    return 0;
}

void qemu_chardev_resources(const CharSource *source, GPtrArray *list)
{
    if (source->type == CHAR_DEV)
        resource_add(list, source->path, true, true);
    if (source->type == CHAR_FILE)
        resource_add_output(list, source->path);
    if (source->type == CHAR_PIPE && source->path) {
        g_autofree char *in = g_strconcat(source->path, ".in", NULL), *out = g_strconcat(source->path, ".out", NULL);

        resource_add(list, in, true, false);
        resource_add(list, out, true, false);
    }
    resource_add_output(list, source->log_file);
}
