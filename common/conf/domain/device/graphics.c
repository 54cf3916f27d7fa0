#include "common/conf/domain/device/graphics.h"

#include <string.h>

const char *const graphics_type_names[] = { NULL, "sdl", "vnc", "rdp", "desktop", "spice", "egl-headless", "dbus", NULL };
static const char *const listen_names[] = { NULL, "none", "address", "network", "socket", NULL };
static const char *const mode_names[] = { NULL, "any", "secure", "insecure", NULL };

#define G GraphicsDef
#define SOME(...) WHEN(G, type, __VA_ARGS__)

static const XmlRow listen_rows[] = {
    A_ENUM("type", GraphicsListen, type, listen_names, "how clients come in", .flags = XR_REQUIRED),
    A_LSTR("address", GraphicsListen, address, "address to listen on", WHEN(GraphicsListen, type, LISTEN_ADDRESS)),
    A_LSTR("address", GraphicsListen, address, "address of the network", WHEN(GraphicsListen, type, LISTEN_NETWORK),
           .flags = XR_LIVE),
    A_STR("network", GraphicsListen, network, "network whose address is taken",
          WHEN(GraphicsListen, type, LISTEN_NETWORK)),
    A_LSTR("socket", GraphicsListen, socket, "path of a unix socket", WHEN(GraphicsListen, type, LISTEN_SOCKET)),
    ROWS_END,
};

static int
listen_check(XmlParse *parse, xmlNode *element, void *object)
{
    const GraphicsListen *listen = object;

    if (listen->type == LISTEN_NETWORK && !listen->network)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<listen> of type 'network' needs a 'network'");
    return 0;
}
static SCHEMA(listen_schema, "graphicsListen", GraphicsListen, listen_rows, "how clients come in",
              .check = listen_check);

static const XmlRow channel_rows[] = {
    A_WORD("name", SpiceChannel, name,
           WORDS("main", "display", "inputs", "cursor", "playback", "record", "smartcard",
                 "usbredir"), "channel", .flags = XR_REQUIRED),
    A_ENUM("mode", SpiceChannel, mode, mode_names, "whether it is encrypted", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(channel_schema, "spiceChannel", SpiceChannel, channel_rows, "a SPICE channel");

#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, G, var##_rows, "setting of a display")
ONE(image, A_WORD("compression", G, image_compression, WORDS("auto_glz", "auto_lz", "quic", "glz", "lz", "off"), "compression of images"));
ONE(jpeg, A_WORD("compression", G, jpeg_compression, WORDS("auto", "never", "always"), "compression over slow links"));
ONE(zlib, A_WORD("compression", G, zlib_compression, WORDS("auto", "never", "always"), "compression over slow links"));
ONE(playback, A_ONOFF("compression", G, playback_compression, "compression of sound"));
ONE(streaming, A_WORD("mode", G, streaming_mode, WORDS("filter", "all", "off"), "detection of video"));
ONE(mouse, A_WORD("mode", G, mouse_mode, WORDS("server", "client"), "who draws the pointer"));
ONE(clipboard, A_YESNO("copypaste", G, clipboard_copypaste, "shared clipboard"));
ONE(filetransfer, A_YESNO("enable", G, filetransfer, "files may be dropped"));
ONE(gl, A_YESNO("enable", G, gl, "OpenGL", WHEN_ALL_BUT(G, type, GRAPHICS_EGL_HEADLESS)),
    A_STR("rendernode", G, rendernode, "device node of the GPU"));
ONE(audio, A_UINT("id", G, audio, "the audio back-end"));

/* A port says autoport by being -1; 0 says nothing. */
static int
check_ports(XmlParse *parse, xmlNode *element, G *graphics)
{
    if (graphics->port.set && graphics->port.v == -1) {
        graphics->autoport = TRI_YES;
        graphics->port.set = false;
    }
    if (graphics->port.set && graphics->port.v == 0)
        graphics->port.set = false;
    if (!graphics->port.set && !graphics->tls_port.set && graphics->type != GRAPHICS_SPICE &&
        graphics->autoport == TRI_ABSENT)
        graphics->autoport = TRI_YES;
    if (graphics->autoport == TRI_YES && parse->flags & XML_INACTIVE)
        graphics->port.set = graphics->tls_port.set = false;
    return 0;
}

/* The old attributes and the first <listen> must say the same; either gives the other. */
static int
merge_listen(XmlParse *parse, xmlNode *element, G *graphics)
{
    GraphicsListen *first = graphics->listens.n ? graphics->listens.items[0] : NULL;

    if (first && graphics->listen && first->type == LISTEN_ADDRESS && first->address &&
        strcmp(first->address, graphics->listen) != 0)
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "graphics attribute 'listen' is '%s' but the first <listen> has the address '%s'; give one",
                           graphics->listen, first->address);
    if (first && graphics->socket && first->type == LISTEN_SOCKET && first->socket &&
        strcmp(first->socket, graphics->socket) != 0)
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "graphics attribute 'socket' is '%s' but the first <listen> has the socket '%s'; give one",
                           graphics->socket, first->socket);
    if (first && graphics->socket && first->type != LISTEN_SOCKET && graphics->type == GRAPHICS_VNC) {
        first->type = LISTEN_SOCKET;
        g_clear_pointer(&first->address, g_free);
        g_clear_pointer(&first->network, g_free);
    }
    if (!first) {
        first = g_new0(GraphicsListen, 1);
        first->type = graphics->socket && graphics->type == GRAPHICS_VNC ? LISTEN_SOCKET : LISTEN_ADDRESS;
        LIST_ADD(&graphics->listens, first);
    }
    if (first->type == LISTEN_ADDRESS && !first->address)
        first->address = g_strdup(graphics->listen);
    if (first->type == LISTEN_SOCKET && !first->socket)
        first->socket = g_strdup(graphics->socket);
    g_free(graphics->listen);
    graphics->listen = first->type == LISTEN_ADDRESS || first->type == LISTEN_NETWORK ? g_strdup(first->address) : NULL;
    g_free(graphics->socket);
    graphics->socket = first->type == LISTEN_SOCKET && graphics->type == GRAPHICS_VNC ? g_strdup(first->socket) : NULL;
    return 0;
}

static int
graphics_check(XmlParse *parse, xmlNode *element, void *object)
{
    G *graphics = object;

    switch (graphics->type) {
    case GRAPHICS_VNC: case GRAPHICS_SPICE: case GRAPHICS_RDP:
        if (merge_listen(parse, element, graphics) < 0)
            return -1;
        return check_ports(parse, element, graphics);
    default:
        return 0;
    }
}

/* Without a network address there is no port to speak of. */
static bool
has_port(const void *object, unsigned flags)
{
    const G *graphics = object;
    const GraphicsListen *listen = graphics->listens.n ? graphics->listens.items[0] : NULL;

    return listen && (listen->type == LISTEN_ADDRESS || listen->type == LISTEN_NETWORK);
}

static int
port_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    g_autofree char *text = xml_attr(element, row->name), *why = NULL;

    if (!text)
        return 0;
    if (xt_int.parse(row, text, (char *)object + row->offset, &why) < 0)
        return xml_problem(parse, element, parse->domain, ERR_INTERNAL_ERROR,
                           "attribute '%s' of <graphics> is '%s': %s",
                           row->name, text, why);
    return 0;
}

/* -1 stands for "chosen at start". */
static void
port_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const G *graphics = object;
    const OptInt *port = (const OptInt *)(const void *)((const char *)object + row->offset);
    bool is_spice = graphics->type == GRAPHICS_SPICE;

    if (port->set && port->v && !(graphics->autoport == TRI_YES && flags & XML_INACTIVE))
        xml_writer_attrf(writer, row->name, "%d", port->v);
    else if (!is_spice && graphics->autoport == TRI_YES)
        xml_writer_attr(writer, row->name, "-1");
}

static const XmlCustom port_row = { .parse = port_parse, .format = port_format, .attribute_phase = true,
    .attributes = (const char *const[]){ "port", "tlsPort", NULL } };
#define NET_TYPES GRAPHICS_VNC, GRAPHICS_SPICE, GRAPHICS_RDP

static bool
autoport_shown(const void *object, unsigned flags)
{
    const G *graphics = object;

    if (!has_port(object, flags))
        return false;
    return graphics->type == GRAPHICS_VNC || graphics->autoport == TRI_YES ||
           (graphics->type == GRAPHICS_SPICE && graphics->autoport == TRI_NO);
}

static const XmlRow graphics_rows[] = {
    A_ENUM("type", G, type, graphics_type_names, "kind of display", .flags = XR_REQUIRED | XR_ABI),
    A_LSTR("socket", G, socket, "path of a unix socket; as in <listen>", SOME(GRAPHICS_VNC)),
    CUSTOM("port", port_row, "TCP port; -1 is chosen at start", SOME(NET_TYPES), .offset = offsetof(G, port),
           .shown = has_port),
    CUSTOM("tlsPort", port_row, "encrypted TCP port", SOME(GRAPHICS_SPICE), .offset = offsetof(G, tls_port),
           .shown = has_port),
    INTERNAL(G, port, OptInt, xt_int),
    INTERNAL(G, tls_port, OptInt, xt_int),
    A_YESNO("autoport", G, autoport, "ports are chosen at start", SOME(NET_TYPES), .shown = autoport_shown),
    A_INT("websocket", G, websocket, "port for browsers; -1 is chosen at start", SOME(GRAPHICS_VNC)),
    A_LSTR("listen", G, listen, "address to listen on; as in <listen>", SOME(NET_TYPES)),
    A_STR("display", G, display, "X display", SOME(GRAPHICS_SDL, GRAPHICS_DESKTOP)),
    A_STR("xauth", G, xauth, "X authority file", SOME(GRAPHICS_SDL)),
    A_YESNO("fullscreen", G, fullscreen, "whole screen", SOME(GRAPHICS_SDL, GRAPHICS_DESKTOP)),
    A_YESNO("p2p", G, p2p, "peer to peer", SOME(GRAPHICS_DBUS)),
    A_STR("address", G, dbus_address, "bus", SOME(GRAPHICS_DBUS)),
    A_YESNO("replaceUser", G, replace_user, "a new client replaces", SOME(GRAPHICS_RDP)),
    A_YESNO("multiUser", G, multi_user, "several clients", SOME(GRAPHICS_RDP)),
    A_LSTR("keymap", G, keymap, "keyboard layout", SOME(GRAPHICS_VNC, GRAPHICS_SPICE)),
    A_WORD("sharePolicy", G, share_policy, WORDS("allow-exclusive", "force-shared", "ignore"), "whether clients share",
           SOME(GRAPHICS_VNC)),
    A_YESNO("powerControl", G, power_control, "clients may switch off", SOME(GRAPHICS_VNC)),
    A_ENUM("defaultMode", G, default_mode, mode_names, "encryption of channels", SOME(GRAPHICS_SPICE)),
    A_STR("username", G, rdp_username, "login", SOME(GRAPHICS_RDP)),
    A_STR("passwd", G, password, "password", SOME(NET_TYPES), .flags = XR_SECURE),
    A_STR("passwdValidTo", G, password_valid_to, "end of the password's life", SOME(NET_TYPES), .flags = XR_SECURE),
    A_WORD("connected", G, connected, WORDS("fail", "disconnect", "keep"), "what a new password does to clients",
           SOME(NET_TYPES)),
    ITEMS("listen", G, listens, listen_schema, "how clients come in", SOME(NET_TYPES)),
    ITEMS("channel", G, channels, channel_schema, "a channel", SOME(GRAPHICS_SPICE)),
    GROUP("image", image_schema, "images", SOME(GRAPHICS_SPICE)),
    GROUP("jpeg", jpeg_schema, "JPEG", SOME(GRAPHICS_SPICE)),
    GROUP("zlib", zlib_schema, "zlib", SOME(GRAPHICS_SPICE)),
    GROUP("playback", playback_schema, "sound", SOME(GRAPHICS_SPICE)),
    GROUP("streaming", streaming_schema, "video", SOME(GRAPHICS_SPICE)),
    GROUP("mouse", mouse_schema, "pointer", SOME(GRAPHICS_SPICE)),
    GROUP("clipboard", clipboard_schema, "clipboard", SOME(GRAPHICS_SPICE)),
    GROUP("filetransfer", filetransfer_schema, "files", SOME(GRAPHICS_SPICE)),
    GROUP("gl", gl_schema, "OpenGL", SOME(GRAPHICS_SPICE, GRAPHICS_SDL, GRAPHICS_EGL_HEADLESS, GRAPHICS_DBUS)),
    GROUP("audio", audio_schema, "sound", SOME(GRAPHICS_VNC, GRAPHICS_DBUS)),
    ROWS_END,
};
static SCHEMA(graphics_schema, "graphics", G, graphics_rows, "how the guest's display is reached",
              .check = graphics_check);

const DeviceKindOps graphics_ops = {
    .kind = DEVICE_GRAPHICS, .element = "graphics", .schema = &graphics_schema,
};
