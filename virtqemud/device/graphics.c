/* <graphics>: displays of the guest. They are options of QEMU, not devices: what they attach to is the video card. */
#include "common/conf/domain/device/graphics.h"

#include <string.h>

#include "common/conf/domain/device/audio.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

enum { VNC_PORT_BASE = 5900, SHOWN_SPICE_PORT = 5901, SHOWN_SPICE_TLS_PORT = 5902 };

/* The audio back-end a display feeds: the one it names, else the first that has anything to do with it. */
static const char *audio_of(const QemuBuild *build, const GraphicsDef *graphics, char buffer[32])
{
    DOMAIN_FOREACH_KIND(build->def, DEVICE_AUDIO, device) {
        const AudioDef *audio = AUDIO(device);

        if (!graphics->audio.set || audio->id.v == graphics->audio.v) {
            g_snprintf(buffer, 32, "audio%u", audio->id.v);
            return buffer;
        }
    }
    return NULL;
}

static const GraphicsListen *first_listen(const GraphicsDef *graphics)
{
    return graphics->listens.n ? graphics->listens.items[0] : NULL;
}

/* IPv6 addresses stand in brackets where a port follows. */
static char *bracketed(const char *address)
{
    return strchr(address, ':') ? g_strdup_printf("[%s]", address) : g_strdup(address);
}

static int graphics_vnc(QemuBuild *build, const GraphicsDef *g, Error *err)
{
    const GraphicsListen *listen = first_listen(g);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *host = NULL;
    char buffer[32];
    const char *audio = audio_of(build, g, buffer);

    if (listen && listen->type == LISTEN_SOCKET) {
        g_autofree char *path = qemu_escape(listen->socket ? listen->socket : "");

        g_string_printf(text, "vnc=unix:%s", path);
    } else if (listen && listen->type == LISTEN_NONE) {
        g_string_assign(text, "none");
    } else {
        int port = g->port.set && g->port.v > 0 ? g->port.v : VNC_PORT_BASE;

        if (port < VNC_PORT_BASE || port > 65535)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "VNC port %d is outside 5900..65535", port);
        host = bracketed(listen && listen->address ? listen->address : build->options->vnc_listen);
        g_string_printf(text, "%s:%d", host, port - VNC_PORT_BASE);
        if (g->websocket.set) /* -1 asks for one: the display's number above 5700 */
            g_string_append_printf(text, ",websocket=%d", g->websocket.v > 0 ? g->websocket.v : 5700 + port - VNC_PORT_BASE);
    }
    if (g->share_policy)
        g_string_append_printf(text, ",share=%s", g->share_policy);
    if (g->power_control != TRI_ABSENT)
        g_string_append_printf(text, ",power-control=%s", g->power_control == TRI_YES ? "on" : "off");
    if (g->password)
        g_string_append(text, ",password=on");
    if (build->options->vnc_tls_dir)
        g_string_append(text, ",tls-creds=vnc-tls-creds0");
    if (build->options->vnc_sasl)
        g_string_append(text, ",sasl=on");
    if (audio)
        g_string_append_printf(text, ",audiodev=%s", audio);
    if (build->options->vnc_tls_dir) {
        json_t *creds = props_object("tls-creds-x509", "vnc-tls-creds0");

        prop_str(creds, "dir", build->options->vnc_tls_dir);
        prop_str(creds, "endpoint", "server");
        prop_bool(creds, "verify-peer", false);
        build_object(build, creds);
    }
    build_option(build, "-vnc", "%s", text->str);
    if (g->keymap)
        build_option(build, "-k", "%s", g->keymap);
    return 0;
}

static const char *const spice_modes[] = { [SPICE_SECURE] = "tls-channel", [SPICE_INSECURE] = "plaintext-channel" };

static void put_spice_channels(GString *text, const GraphicsDef *g)
{
    if (g->default_mode == SPICE_SECURE || g->default_mode == SPICE_INSECURE)
        g_string_append_printf(text, ",%s=default", spice_modes[g->default_mode]);
    for (size_t i = 0; i < g->channels.n; i++) {
        const SpiceChannel *channel = g->channels.items[i];

        if (channel->mode == SPICE_SECURE || channel->mode == SPICE_INSECURE)
            g_string_append_printf(text, ",%s=%s", spice_modes[channel->mode], channel->name);
    }
}

static void put_key(GString *text, const char *key, const char *value)
{
    if (value)
        g_string_append_printf(text, ",%s=%s", key, value);
}

static int graphics_spice(QemuBuild *build, const GraphicsDef *g, Error *err)
{
    const GraphicsListen *listen = first_listen(g);
    g_autoptr(GString) text = g_string_new(NULL);
    const char *tls_dir = build->options->spice_tls_dir;
    int port = g->port.set && g->port.v > 0 ? g->port.v : 0, tls_port = g->tls_port.set && g->tls_port.v > 0 ? g->tls_port.v : 0;
    bool tls;

    if (build->options->for_show && g->autoport == TRI_YES) {
        port = SHOWN_SPICE_PORT;
        tls_port = tls_dir ? SHOWN_SPICE_TLS_PORT : 0;
    }
    tls = tls_port > 0;

    if (tls && !tls_dir)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "a TLS port of SPICE is asked for, but spice_tls is off in qemu.conf");
    if (listen && listen->type == LISTEN_SOCKET) {
        g_autofree char *path = qemu_escape(listen->socket ? listen->socket : "");

        g_string_printf(text, "unix=on,addr=%s", path);
    } else if (listen && listen->type == LISTEN_NONE) {
        g_string_assign(text, "port=0");
    } else {
        const char *address = listen && listen->address ? listen->address : build->options->spice_listen;

        g_string_printf(text, "port=%d", port);
        if (tls)
            g_string_append_printf(text, ",tls-port=%d", tls_port);
        put_key(text, "addr", address);
    }
    if (g->mouse_mode)
        g_string_append_printf(text, ",agent-mouse=%s", g_str_equal(g->mouse_mode, "server") ? "off" : "on");
    if (!g->password) /* a password is set through the monitor, never on the command line */
        put_key(text, "disable-ticketing", "on");
    if (tls)
        put_key(text, "x509-dir", tls_dir);
    put_spice_channels(text, g);
    put_key(text, "image-compression", g->image_compression);
    put_key(text, "jpeg-wan-compression", g->jpeg_compression);
    put_key(text, "zlib-glz-wan-compression", g->zlib_compression);
    if (g->playback_compression != TRI_ABSENT)
        put_key(text, "playback-compression", g->playback_compression == TRI_ON ? "on" : "off");
    put_key(text, "streaming-video", g->streaming_mode);
    if (g->clipboard_copypaste == TRI_NO)
        put_key(text, "disable-copy-paste", "on");
    if (g->filetransfer == TRI_NO)
        put_key(text, "disable-agent-file-xfer", "on");
    if (g->gl == TRI_YES) {
        put_key(text, "gl", "on");
        put_key(text, "rendernode", g->rendernode);
    }
    put_key(text, "seamless-migration", "on");
    build_option(build, "-spice", "%s", text->str);
    if (g->keymap)
        build_option(build, "-k", "%s", g->keymap);
    return 0;
}

static int graphics_other(QemuBuild *build, const GraphicsDef *g, Error *err)
{
    char buffer[32];
    const char *audio = audio_of(build, g, buffer);

    switch (g->type) {
    case GRAPHICS_SDL:
        if (g->fullscreen == TRI_YES)
            build_option(build, "-full-screen", NULL);
        build_option(build, "-display", "sdl%s", g->gl == TRI_YES ? ",gl=on" : g->gl == TRI_NO ? ",gl=off" : "");
        return 0;
    case GRAPHICS_EGL_HEADLESS:
        build_option(build, "-display", "egl-headless%s%s", g->rendernode ? ",rendernode=" : "", g->rendernode ? g->rendernode : "");
        return 0;
    case GRAPHICS_DBUS:
        if (g->p2p != TRI_YES)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "D-Bus displays are supported with p2p='yes' only");
        build_option(build, "-display", "dbus,p2p=on%s%s%s%s%s", g->gl == TRI_YES ? ",gl=on" : "",
                     g->rendernode ? ",rendernode=" : "", g->rendernode ? g->rendernode : "",
                     g->audio.set && audio ? ",audiodev=" : "", g->audio.set && audio ? audio : "");
        return 0;
    default:
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "graphics of type '%s' are not supported",
                          graphics_type_names[g->type]);
    }
}

static int graphics_check(const QemuBuild *build, const Device *device, Error *err)
{
    const GraphicsDef *g = GRAPHICS(device);
    const GraphicsListen *listen = first_listen(g);

    if (g->listens.n > 1)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "a display of QEMU listens at one place only");
    if (g->type == GRAPHICS_VNC && g->autoport == TRI_NO && (!g->port.set || g->port.v < VNC_PORT_BASE) &&
        (!listen || listen->type == LISTEN_ADDRESS || listen->type == LISTEN_NETWORK))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                          "a VNC display with autoport='no' needs a port in 5900..65535");
    return 0;
}

static int graphics_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const GraphicsDef *g = GRAPHICS(device);

    if (g->type == GRAPHICS_VNC)
        return graphics_vnc(build, g, err);
    if (g->type == GRAPHICS_SPICE)
        return graphics_spice(build, g, err);
    return graphics_other(build, g, err);
}

const QemuDeviceKind qemu_graphics = { .kind = DEVICE_GRAPHICS, .check = graphics_check, .properties = graphics_properties };
