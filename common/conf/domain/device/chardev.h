/*
 * The host side of a character device (serial port, channel, RNG by EGD, smart card, ...).
 *
 * The type is an attribute of the element around, the rest its <source>, <protocol>, <log>.
 */
#pragma once

#include "common/conf/domain/device/seclabel.h"

typedef enum CharType {
    CHAR_ABSENT = 0, CHAR_NULL, CHAR_VC, CHAR_PTY, CHAR_DEV, CHAR_FILE, CHAR_PIPE, CHAR_STDIO, CHAR_UDP, CHAR_TCP,
    CHAR_UNIX, CHAR_SPICEVMC, CHAR_SPICEPORT, CHAR_NMDM, CHAR_VDAGENT, CHAR_DBUS,
} CharType;
extern const char *const char_type_names[];

typedef enum CharMode { CHAR_MODE_ABSENT = 0, CHAR_CONNECT, CHAR_BIND } CharMode;
typedef enum CharProtocol { CHAR_PROTOCOL_ABSENT = 0, CHAR_RAW, CHAR_TELNET, CHAR_TELNETS, CHAR_TLS } CharProtocol;
typedef enum CharMouse { CHAR_MOUSE_ABSENT = 0, CHAR_MOUSE_CLIENT, CHAR_MOUSE_SERVER } CharMouse;

typedef struct CharReconnect { Tri enabled; OptUint timeout; /* seconds */ } CharReconnect;

typedef struct CharSource {
    CharType type;
    char *path;       /* dev, file, pipe, unix; pty: the terminal while running */
    Tri append;       /* file */
    CharMode mode;    /* tcp, unix: bind listens */
    char *host, *service;           /* tcp; udp: where to send */
    char *bind_host, *bind_service; /* udp: where to receive */
    Tri tls;
    Tri tls_from_config; /* tls was taken from the daemon's configuration (status only) */
    CharProtocol protocol; /* tcp */
    CharReconnect reconnect;
    char *channel;        /* spiceport, dbus */
    char *master, *slave; /* nmdm */
    CharMouse mouse;      /* vdagent */
    Tri clipboard;        /* vdagent */
    char *log_file;
    Tri log_append;
    SourceSeclabelList seclabels;
} CharSource;

extern const XmlSchema char_type_schema;   /* CharSource: the attribute "type" */
extern const XmlSchema char_source_schema; /* CharSource: <source>, <protocol>, <log> */
extern const XmlSchema char_reconnect_schema; /* CharReconnect */
/* Rules and defaults of a complete source; element is for the message. path_is_chosen: a unix socket may lack a path. */
int char_source_check(XmlParse *parse, xmlNode *element, CharSource *source, bool path_is_chosen);
