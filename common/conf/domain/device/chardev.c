#include "common/conf/domain/device/chardev.h"

const char *const char_type_names[] = {
    NULL, "null", "vc", "pty", "dev", "file", "pipe", "stdio", "udp", "tcp", "unix", "spicevmc", "spiceport", "nmdm",
    "qemu-vdagent", "dbus", NULL,
};
static const char *const mode_names[] = { NULL, "connect", "bind", NULL };
static const char *const protocol_names[] = { NULL, "raw", "telnet", "telnets", "tls", NULL };
static const char *const mouse_names[] = { NULL, "client", "server", NULL };

#define S CharSource

static const XmlRow type_rows[] = {
    A_ENUM("type", S, type, char_type_names, "what is behind the device on the host"),
    ROWS_END,
};
SCHEMA(char_type_schema, "charType", S, type_rows, "kind of a character device's host side");

static const XmlRow clipboard_rows[] = {
    A_YESNO("copypaste", S, clipboard, "whether the clipboard is shared"),
    ROWS_END,
};
static SCHEMA(clipboard_schema, "charClipboard", S, clipboard_rows, "clipboard of the agent");

static const XmlRow mouse_rows[] = {
    A_ENUM("mode", S, mouse, mouse_names, "who draws the pointer"),
    ROWS_END,
};
static SCHEMA(mouse_schema, "charMouse", S, mouse_rows, "pointer of the agent");

static const XmlRow reconnect_rows[] = {
    A_YESNO("enabled", CharReconnect, enabled, "whether a lost connection is made again"),
    A_UINT("timeout", CharReconnect, timeout, "seconds between attempts"),
    ROWS_END,
};

static int
reconnect_check(XmlParse *parse, xmlNode *element, void *object)
{
    CharReconnect *reconnect = object;

    if (reconnect->enabled == TRI_YES && !reconnect->timeout.set)
        return xml_problem(parse, element, FROM_XML, ERR_XML_ERROR, "element <reconnect> needs an attribute 'timeout'");
    if (reconnect->enabled != TRI_YES)
        reconnect->timeout.set = false;
    return 0;
}

SCHEMA(char_reconnect_schema, "reconnect", CharReconnect, reconnect_rows, "what to do when a connection is lost",
       .check = reconnect_check);

/* The terminal of a pty is chosen at start. */
static bool
path_shown(const void *object, unsigned flags)
{
    const S *source = object;

    return source->type != CHAR_PTY || !(flags & XML_INACTIVE);
}

/* A socket whose path is still to be chosen has nothing to say. */
static bool
mode_shown(const void *object, unsigned flags)
{
    const S *source = object;

    return source->type != CHAR_UNIX || source->path;
}

#define PATH_TYPES CHAR_PTY, CHAR_DEV, CHAR_FILE, CHAR_PIPE, CHAR_UNIX
static const XmlRow source_rows[] = {
    A_ENUM("mode", S, mode, mode_names, "connect to a peer, or bind and listen", WHEN(S, type, CHAR_TCP, CHAR_UNIX),
           .shown = mode_shown),
    A_LSTR("path", S, path, "device, file, pipe or socket", WHEN(S, type, PATH_TYPES), .shown = path_shown),
    A_LSTR("host", S, host, "peer or local address", WHEN(S, type, CHAR_TCP)),
    A_LSTR("service", S, service, "port", WHEN(S, type, CHAR_TCP)),
    A_YESNO("tls", S, tls, "encrypt with the host's certificates", WHEN(S, type, CHAR_TCP)),
    A_ONOFF("append", S, append, "keep what the file holds", WHEN(S, type, CHAR_FILE)),
    A_LSTR("channel", S, channel, "name of the channel", WHEN(S, type, CHAR_SPICEPORT, CHAR_DBUS)),
    A_LSTR("master", S, master, "master side", WHEN(S, type, CHAR_NMDM)),
    A_LSTR("slave", S, slave, "slave side", WHEN(S, type, CHAR_NMDM)),
    GROUP("clipboard", clipboard_schema, "clipboard of the agent", WHEN(S, type, CHAR_VDAGENT)),
    GROUP("mouse", mouse_schema, "pointer of the agent", WHEN(S, type, CHAR_VDAGENT)),
    GROUP_AT("reconnect", S, reconnect, char_reconnect_schema, "what to do when a connection is lost",
             WHEN(S, type, CHAR_TCP, CHAR_UNIX)),
    ITEMS("seclabel", S, seclabels, source_seclabel_schema, "label of the path",
          WHEN(S, type, PATH_TYPES)),
    ROWS_END,
};
static SCHEMA(source_schema, "charSource", S, source_rows, "host side of a character device");

/* UDP has up to two <source>: mode bind is where to receive, anything else where to send. */
static int
udp_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    S *source = object;

    XML_FOREACH_CHILD(child, element, "source") {
        g_autofree char *mode = xml_attr(child, "mode");
        bool bind = g_strcmp0(mode, "bind") == 0;
        char **host = bind ? &source->bind_host : &source->host;
        char **service = bind ? &source->bind_service : &source->service;

        if (mode && !bind && strcmp(mode, "connect") != 0)
            return xml_problem(parse, child, FROM_XML, ERR_XML_ERROR,
                               "attribute 'mode' of element <source> is '%s': allowed: connect, bind", mode);
        if (*host || *service)
            return xml_problem(parse, child, parse->domain, ERR_XML_ERROR,
                               "only one <source> of each mode is allowed for a character device");
        *host = xml_attr(child, "host");
        *service = xml_attr(child, "service");
        if (*host && !**host)
            g_clear_pointer(host, g_free);
        if (*service && !**service)
            g_clear_pointer(service, g_free);
    }
    return 0;
}

static void
udp_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const S *source = object;

    if (source->bind_host || source->bind_service) {
        xml_writer_start(writer, "source");
        xml_writer_attr(writer, "mode", "bind");
        xml_writer_attr(writer, "host", source->bind_host);
        xml_writer_attr(writer, "service", source->bind_service);
        xml_writer_end(writer, "source");
    }
    if (source->host || source->service) {
        xml_writer_start(writer, "source");
        xml_writer_attr(writer, "mode", "connect");
        xml_writer_attr(writer, "host", source->host);
        xml_writer_attr(writer, "service", source->service);
        xml_writer_end(writer, "source");
    }
}

static void
udp_copy(void *dst, const void *src)
{
    const S *from = src;
    S *to = dst;

    to->host = g_strdup(from->host);
    to->service = g_strdup(from->service);
    to->bind_host = g_strdup(from->bind_host);
    to->bind_service = g_strdup(from->bind_service);
}

static void
udp_clear(void *object)
{
    S *source = object;

    g_clear_pointer(&source->host, g_free);
    g_clear_pointer(&source->service, g_free);
    g_clear_pointer(&source->bind_host, g_free);
    g_clear_pointer(&source->bind_service, g_free);
}

static bool
udp_equal(const void *a, const void *b)
{
    const S *x = a, *y = b;

    return g_strcmp0(x->host, y->host) == 0 && g_strcmp0(x->service, y->service) == 0 &&
           g_strcmp0(x->bind_host, y->bind_host) == 0 && g_strcmp0(x->bind_service, y->bind_service) == 0;
}

static const XmlCustom udp_source = {
    .parse = udp_parse, .format = udp_format, .copy = udp_copy, .clear = udp_clear, .equal = udp_equal,
    .children = (const char *const[]){ "source", NULL },
    .rng = "<zeroOrMore><element name='source'><ref name='anyContent'/></element></zeroOrMore>",
};

static const XmlRow protocol_rows[] = {
    A_ENUM("type", S, protocol, protocol_names, "what is spoken over the connection"),
    ROWS_END,
};
static SCHEMA(protocol_schema, "charProtocol", S, protocol_rows, "protocol of a TCP character device");

static const XmlRow log_rows[] = {
    A_LSTR("file", S, log_file, "file that receives the guest's output"),
    A_ONOFF("append", S, log_append, "keep what the file holds"),
    ROWS_END,
};
static SCHEMA(log_schema, "charLog", S, log_rows, "copy of the guest's output");

static const XmlRow char_source_rows[] = {
    CUSTOM("source", udp_source, "UDP peers", WHEN(S, type, CHAR_UDP)),
    GROUP("source", source_schema, "host side", WHEN(S, type, PATH_TYPES, CHAR_TCP, CHAR_NMDM, CHAR_VDAGENT)),
    GROUP("source", source_schema, "host side", WHEN(S, type, CHAR_SPICEPORT, CHAR_DBUS)),
    GROUP("protocol", protocol_schema, "protocol", WHEN(S, type, CHAR_TCP)),
    GROUP("protocol", protocol_schema, "without meaning for other types", WHEN_ALL_BUT(S, type, CHAR_TCP),
          .flags = XR_NO_FORMAT | XR_NO_COPY | XR_HIDDEN),
    GROUP("log", log_schema, "copy of the guest's output"),
    ROWS_END,
};
SCHEMA(char_source_schema, "charSourceElements", S, char_source_rows, "host side of a character device");

/* What each type cannot do without. */
int
char_source_check(XmlParse *parse, xmlNode *element, CharSource *source, bool path_is_chosen)
{
    const char *missing = NULL;

    if ((source->type == CHAR_TCP || source->type == CHAR_UNIX) && !source->mode)
        source->mode = CHAR_CONNECT;
    if (source->type == CHAR_TCP && !source->protocol)
        source->protocol = CHAR_RAW;

    switch (source->type) {
    case CHAR_DEV: case CHAR_FILE: case CHAR_PIPE:
        missing = source->path ? NULL : "path";
        break;
    case CHAR_UNIX:
        missing = source->path || path_is_chosen ? NULL : "path";
        break;
    case CHAR_TCP:
        missing = !source->host ? "host" : !source->service ? "service" : NULL;
        break;
    case CHAR_UDP:
        missing = source->service ? NULL : "service";
        break;
    case CHAR_SPICEPORT:
        if (!source->channel)
            return xml_problem(parse, element, FROM_DOMAIN, ERR_XML_ERROR,
                               "<source> of a spiceport needs an attribute 'channel'");
        break;
    case CHAR_NMDM:
        missing = !source->master ? "master" : !source->slave ? "slave" : NULL;
        break;
    default:
        break;
    }
    if (missing)
        return xml_problem(parse, element, FROM_DOMAIN, ERR_INTERNAL_ERROR,
                           "<source> of a character device of type '%s' needs an attribute '%s'",
                           char_type_names[source->type], missing);
    if (source->reconnect.enabled == TRI_YES && source->reconnect.timeout.v == 0)
        return xml_problem(parse, element, FROM_QEMU, ERR_INVALID_ARG,
                           "the timeout of <reconnect> cannot be 0; give a number of seconds");
    return 0;
}
