/* <video>: a graphics card. */
#pragma once

#include "common/conf/domain/device/device.h"

typedef enum VideoType {
    VIDEO_ABSENT = 0, VIDEO_VGA, VIDEO_CIRRUS, VIDEO_VMVGA, VIDEO_XEN, VIDEO_VBOX, VIDEO_QXL, VIDEO_PARALLELS,
    VIDEO_VIRTIO, VIDEO_GOP, VIDEO_NONE, VIDEO_BOCHS, VIDEO_RAMFB,
} VideoType;
extern const char *const video_type_names[];
typedef enum VideoBackend { VIDEO_BACKEND_ABSENT = 0, VIDEO_BACKEND_QEMU, VIDEO_BACKEND_VHOST_USER } VideoBackend;

typedef struct VideoDef {
    Device base;
    VideoType type;
    OptUint ram, vram, vram64, vgamem; /* KiB */
    OptUint heads;
    Tri primary;
    Tri blob, edid;
    bool acceleration;
    Tri accel2d, accel3d;
    char *rendernode;
    bool resolution;
    OptUint x, y;
    VideoBackend backend;
    char *vgaconf;
    VirtioOptions virtio;
} VideoDef;

#define VIDEO(device) DEVICE_CAST(VideoDef, DEVICE_VIDEO, device)
