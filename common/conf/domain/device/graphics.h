/* <graphics>: how the guest's display is reached. */
#pragma once

#include "common/conf/domain/device/device.h"

typedef enum GraphicsType { GRAPHICS_ABSENT = 0, GRAPHICS_SDL, GRAPHICS_VNC, GRAPHICS_RDP, GRAPHICS_DESKTOP, GRAPHICS_SPICE,
                            GRAPHICS_EGL_HEADLESS, GRAPHICS_DBUS } GraphicsType;
extern const char *const graphics_type_names[];
typedef enum ListenType { LISTEN_ABSENT = 0, LISTEN_NONE, LISTEN_ADDRESS, LISTEN_NETWORK, LISTEN_SOCKET } ListenType;
typedef enum SpiceChannelMode { SPICE_MODE_ABSENT = 0, SPICE_ANY, SPICE_SECURE, SPICE_INSECURE } SpiceChannelMode;

typedef struct GraphicsListen {
    ListenType type;
    char *address; /* address; network: resolved while running */
    char *network;
    char *socket;
} GraphicsListen;

typedef struct SpiceChannel { char *name; SpiceChannelMode mode; } SpiceChannel;

typedef struct GraphicsDef {
    Device base;
    GraphicsType type;
    /* vnc, spice, rdp */
    OptInt port;     /* -1 or absent: chosen at start (autoport) */
    OptInt tls_port; /* spice */
    Tri autoport;
    OptInt websocket;
    char *listen; /* old spelling of the first listen's address: kept equal to it */
    char *socket; /* likewise of its socket */
    LIST(GraphicsListen) listens;
    char *keymap, *password, *password_valid_to, *connected;
    char *share_policy;
    Tri power_control;
    char *rdp_username; Tri replace_user, multi_user;
    SpiceChannelMode default_mode;
    LIST(SpiceChannel) channels;
    char *image_compression, *jpeg_compression, *zlib_compression;
    Tri playback_compression;
    char *streaming_mode, *mouse_mode;
    Tri clipboard_copypaste, filetransfer;
    /* sdl, desktop */
    char *display, *xauth;
    Tri fullscreen;
    /* spice, sdl, egl-headless, dbus */
    Tri gl;
    char *rendernode;
    char *dbus_address; Tri p2p;
    OptUint audio; /* id of the audio back-end */
} GraphicsDef;

#define GRAPHICS(device) DEVICE_CAST(GraphicsDef, DEVICE_GRAPHICS, device)
