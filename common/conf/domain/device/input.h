/* <input>: a keyboard, mouse, tablet or an input device of the host. */
#pragma once

#include "common/conf/domain/device/device.h"

typedef enum InputType { INPUT_ABSENT = 0, INPUT_MOUSE, INPUT_TABLET, INPUT_KEYBOARD, INPUT_PASSTHROUGH, INPUT_EVDEV } InputType;
typedef enum InputBus { INPUT_BUS_ABSENT = 0, INPUT_BUS_PS2, INPUT_BUS_USB, INPUT_BUS_XEN, INPUT_BUS_PARALLELS,
                        INPUT_BUS_VIRTIO, INPUT_BUS_NONE } InputBus;
typedef enum InputModel { INPUT_MODEL_ABSENT = 0, INPUT_VIRTIO, INPUT_VIRTIO_TRANSITIONAL,
                          INPUT_VIRTIO_NON_TRANSITIONAL } InputModel;
extern const char *const input_type_names[], *const input_bus_names[];

typedef struct InputDef {
    Device base;
    InputType type;
    InputBus bus;
    InputModel model;
    VirtioOptions virtio;
    char *evdev; /* device node of the host: passthrough and evdev */
    char *grab;  /* "all" */
    char *grab_toggle;
    Tri repeat;
} InputDef;

#define INPUT(device) DEVICE_CAST(InputDef, DEVICE_INPUT, device)
