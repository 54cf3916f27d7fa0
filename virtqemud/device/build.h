/*
 * What QEMU is told about a guest: an ordered list of parts, each in the form QEMU takes both at its start and live.
 *
 * A part that is an object, a block node, a network backend or a device is one JSON object; "-device JSON" and
 * device_add differ only in transport, and the same holds for the others. Parts refer only to parts before them, so the
 * list played backwards undoes it. Building reads the definition and the capabilities, touches nothing on the host and
 * never suspends: descriptors it needs were opened before and are handed in.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "common/base/error.h"
#include "common/conf/domain/device/device.h"
#include "virtqemud/caps/qemucaps.h"

typedef enum QemuPartKind {
    PART_OPTION,   /* only on the command line */
    PART_OBJECT,   /* -object     object-add, object-del */
    PART_CHARDEV,  /* -chardev    chardev-add, chardev-remove; text for the command line, json for QMP */
    PART_BLOCKDEV, /* -blockdev   blockdev-add, blockdev-del */
    PART_NETDEV,   /* -netdev     netdev_add, netdev_del */
    PART_DEVICE,   /* -device     device_add, device_del */
} QemuPartKind;

typedef struct QemuPart {
    QemuPartKind kind;
    const char *option; /* "-device" */
    char *text;         /* the option's value as text; NULL: json, or no value at all */
    json_t *json;       /* may be NULL for PART_OPTION */
} QemuPart;

/* A path of the host that the guest's QEMU opens itself: it gets access for as long as the guest runs. */
typedef struct QemuResource {
    char *path;
    bool write;
    bool shared; /* other guests may have it open too: its owner is not changed */
    bool create; /* what the guest writes: made, empty, if it is not there */
} QemuResource;

typedef struct QemuBuildOptions {
    const char *dir;         /* of this guest, for its sockets: LIB/qemu/domain-ID-NAME */
    const char *channel_dir; /* sockets of channels without a path: RUN/qemu/channel/ID-NAME */
    const char *ram_dir;     /* files of file-backed memory: LIB/qemu/ram/ID-NAME */
    const char *vnc_listen, *spice_listen; /* where displays listen that don't say it */
    const char *vnc_tls_dir; /* x509 certificates; NULL: no TLS */
    const char *spice_tls_dir;
    bool vnc_sasl, spice_sasl;
    bool vnc_host_audio;
    bool dump_guest_core;
    bool sandbox, log_timestamp;
    bool paused;             /* "-S": always, but for tests */
    int monitor_fd;          /* a listening socket, by the number QEMU has it under; -1: dir/monitor.sock */
    GHashTable *fds;         /* alias -> GArray of int, as QEMU has them: network and vhost descriptors; may be NULL */
    const struct QemuSecrets *secrets; /* of secret.h; NULL: none, which fails a device that needs one unless for_show */
    bool for_show;           /* only to be read (domxml-to-native): descriptors and ports that a start chooses are made up */
} QemuBuildOptions;

typedef struct QemuBuild {
    const DomainDef *def;
    const QemuCaps *caps;
    const QemuBuildOptions *options;
    GPtrArray *parts;                /* of QemuPart */
    unsigned boot_disk, boot_cdrom, boot_floppy, boot_network; /* next index of <boot dev=>; 0: none (left) */
} QemuBuild;

/* Options and caps are borrowed and outlive the build. */
void qemu_build_init(QemuBuild *build, const DomainDef *def, const QemuCaps *caps, const QemuBuildOptions *options);
void qemu_build_done(QemuBuild *build);

/* Parts; json is stolen. build_option() with format NULL is an option without a value. */
void build_option(QemuBuild *build, const char *option, const char *format, ...) __attribute__((format(printf, 3, 4)));
void build_json_option(QemuBuild *build, const char *option, json_t *json);
void build_object(QemuBuild *build, json_t *json);
void build_blockdev(QemuBuild *build, json_t *json);
void build_netdev(QemuBuild *build, json_t *json);
void build_device(QemuBuild *build, json_t *json);
void build_chardev(QemuBuild *build, char *text /* stolen */, json_t *json);

/* The arguments after the program's name; strings are owned by the caller (g_strfreev on the stolen array). */
GPtrArray *qemu_build_argv(const QemuBuild *build);

/* An object { "driver": driver } or { "qom-type": type, "id": id }. */
json_t *props_device(const char *driver);
json_t *props_object(const char *type, const char *id);
/* Members; absent values add nothing. */
void prop_str(json_t *props, const char *key, const char *value);
void prop_strf(json_t *props, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
void prop_int(json_t *props, const char *key, long long value);
void prop_uint(json_t *props, const char *key, OptUint value);
void prop_u64(json_t *props, const char *key, OptU64 value);
void prop_bool(json_t *props, const char *key, bool value);
void prop_tri(json_t *props, const char *key, Tri value);   /* true, false */
void prop_onoff(json_t *props, const char *key, Tri value); /* "on", "off" */
void prop_virtio(json_t *props, const VirtioOptions *options);

/* Commas doubled, as QEMU wants them in "key=value,..." texts. g_free. */
char *qemu_escape(const char *text);
/* "virtio-rng" and the model's number among none, plain, transitional, non-transitional: "virtio-rng-pci". g_free. */
char *virtio_driver(const char *base, int model, const DeviceInfo *info);

/* Alias, address, boot order, option ROM of the device; fails when QEMU cannot have it there. */
int build_address(const QemuBuild *build, const Device *device, json_t *props, Error *err);
/* Only the address. */
int build_place(const QemuBuild *build, const DeviceAddress *address, json_t *props, Error *err);

/* The descriptors opened for this alias; NULL: none. */
const GArray *build_fds(const QemuBuild *build, const char *alias);

/* A controller of the definition by type and index; NULL when there is none. */
typedef struct ControllerDef ControllerDef;
const ControllerDef *build_controller(const QemuBuild *build, int type, unsigned index);
