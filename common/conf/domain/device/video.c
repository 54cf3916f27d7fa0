#include "common/conf/domain/device/video.h"

const char *const video_type_names[] = {
    NULL, "vga", "cirrus", "vmvga", "xen", "vbox", "qxl", "parallels", "virtio", "gop", "none", "bochs", "ramfb", NULL,
};
static const char *const backend_names[] = { NULL, "qemu", "vhostuser", NULL };

#define V VideoDef
static const XmlRow acceleration_rows[] = {
    PRESENT(V, acceleration),
    A_YESNO("accel2d", V, accel2d, "2D acceleration"),
    A_YESNO("accel3d", V, accel3d, "3D acceleration"),
    A_STR("rendernode", V, rendernode, "device node of the GPU"),
    ROWS_END,
};
static SCHEMA(acceleration_schema, "videoAcceleration", V, acceleration_rows, "acceleration");
static const XmlRow resolution_rows[] = {
    PRESENT(V, resolution),
    A_UINT("x", V, x, "pixels", .flags = XR_REQUIRED),
    A_UINT("y", V, y, "pixels", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(resolution_schema, "videoResolution", V, resolution_rows, "preferred resolution");
static const XmlRow driver_rows[] = {
    INLINE_AT(V, virtio, virtio_options_schema),
    A_ENUM("name", V, backend, backend_names, "who draws"),
    A_WORD("vgaconf", V, vgaconf, WORDS("io", "on", "off"), "when the card is used"),
    ROWS_END,
};
static SCHEMA(driver_schema, "videoDriver", V, driver_rows, "options");

static const XmlRow model_rows[] = {
    A_ENUM("type", V, type, video_type_names, "kind of card", .flags = XR_ABI),
    A_UINT("ram", V, ram, "KiB of the primary bar", WHEN(V, type, VIDEO_QXL), .flags = XR_ABI),
    A_UINT("vram", V, vram, "KiB of video memory", .flags = XR_ABI),
    A_UINT("vram64", V, vram64, "KiB of the 64-bit bar", WHEN(V, type, VIDEO_QXL), .flags = XR_ABI),
    A_UINT("vgamem", V, vgamem, "KiB of the VGA frame buffer", WHEN(V, type, VIDEO_QXL), .flags = XR_ABI),
    A_UINT("heads", V, heads, "number of screens", .flags = XR_ABI, .min = 1),
    A_YESNO("primary", V, primary, "the first card"),
    A_ONOFF("blob", V, blob, "blob resources"),
    A_ONOFF("edid", V, edid, "monitor data"),
    GROUP("acceleration", acceleration_schema, "acceleration"),
    GROUP("resolution", resolution_schema, "resolution"),
    ROWS_END,
};
static SCHEMA(model_schema, "videoModel", V, model_rows, "the card");

static const XmlRow video_rows[] = {
    GROUP("driver", driver_schema, "options"),
    GROUP("model", model_schema, "the card"),
    INLINE_AT(V, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(video_schema, "video", V, video_rows, "graphics card");

const DeviceKindOps video_ops = {
    .kind = DEVICE_VIDEO, .element = "video", .schema = &video_schema, .alias_prefix = "video", .has_info = true,
};
