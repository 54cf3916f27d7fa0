/* <serial>, <parallel>, <console>, <channel>: a character device of the guest. One struct, four kinds. */
#pragma once

#include "common/conf/domain/device/chardev.h"
#include "common/conf/domain/device/device.h"

typedef enum SerialTarget {
    SERIAL_TARGET_ABSENT = 0, SERIAL_ISA, SERIAL_USB, SERIAL_PCI, SERIAL_SPAPR_VIO, SERIAL_SYSTEM, SERIAL_SCLP,
    SERIAL_ISA_DEBUG,
} SerialTarget;
extern const char *const serial_target_names[];
typedef enum SerialModel {
    SERIAL_MODEL_ABSENT = 0, SERIAL_MODEL_ISA_SERIAL, SERIAL_MODEL_USB_SERIAL, SERIAL_MODEL_PCI_SERIAL,
    SERIAL_MODEL_SPAPR_VTY, SERIAL_MODEL_PL011, SERIAL_MODEL_SCLPCONSOLE, SERIAL_MODEL_SCLPLMCONSOLE,
    SERIAL_MODEL_16550A, SERIAL_MODEL_ISA_DEBUGCON,
} SerialModel;
extern const char *const serial_model_names[];
typedef enum ConsoleTarget {
    CONSOLE_TARGET_ABSENT = 0, CONSOLE_SERIAL, CONSOLE_XEN, CONSOLE_UML, CONSOLE_VIRTIO, CONSOLE_LXC, CONSOLE_OPENVZ,
    CONSOLE_SCLP, CONSOLE_SCLPLM,
} ConsoleTarget;
typedef enum ChannelTarget { CHANNEL_TARGET_ABSENT = 0, CHANNEL_GUESTFWD, CHANNEL_VIRTIO, CHANNEL_XEN } ChannelTarget;
typedef enum ChannelState { CHANNEL_STATE_ABSENT = 0, CHANNEL_CONNECTED, CHANNEL_DISCONNECTED } ChannelState;

typedef struct CharDef {
    Device base; /* kind is one of the four */
    CharSource source;
    char *tty; /* console: the same path as source.path, old spelling */
    OptUint port; /* serial, parallel, console: number among its kind */
    union {       /* by kind */
        int target;
        SerialTarget serial_target;
        ConsoleTarget console_target;
        ChannelTarget channel_target;
    };
    SerialModel serial_model;
    char *name;    /* channel virtio/xen: "org.qemu.guest_agent.0" */
    ChannelState state; /* of a channel, while running */
    char *address; OptUint forward_port; /* channel guestfwd */
} CharDef;

#define CHARDEV(device) ({ Device *_d = (Device *)(uintptr_t)(device); \
    g_assert(_d->kind >= DEVICE_SERIAL && _d->kind <= DEVICE_CHANNEL); (CharDef *)(void *)_d; })
