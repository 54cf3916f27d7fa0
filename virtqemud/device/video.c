/* <video>: graphics cards. The first one is the one the firmware shows its screen on. */
#include "common/conf/domain/device/video.h"

#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

enum { KIB_PER_MIB = 1024, BYTES_PER_KIB = 1024 };

/* QEMU's devices: with VGA compatibility for the first card, without it for further ones. */
static const struct { const char *primary, *secondary; } drivers[] = {
    [VIDEO_VGA] = { "VGA", NULL },           [VIDEO_CIRRUS] = { "cirrus-vga", NULL }, [VIDEO_VMVGA] = { "vmware-svga", NULL },
    [VIDEO_QXL] = { "qxl-vga", "qxl" },      [VIDEO_VIRTIO] = { "virtio-vga", "virtio-gpu" },
    [VIDEO_BOCHS] = { "bochs-display", "bochs-display" }, [VIDEO_RAMFB] = { "ramfb", NULL },
};

static bool has_3d(const VideoDef *video) { return video->type == VIDEO_VIRTIO && video->accel3d == TRI_YES; }

static char *driver_name(const VideoDef *video)
{
    bool primary = video->primary == TRI_YES;
    const char *name;

    if (video->type <= 0 || video->type >= (int)G_N_ELEMENTS(drivers))
        return NULL;
    name = primary ? drivers[video->type].primary : drivers[video->type].secondary;
    if (!name)
        return NULL;
    if (video->type != VIDEO_VIRTIO)
        return g_strdup(name);
    if (primary)
        return g_strconcat(name, has_3d(video) ? "-gl" : "", NULL);
    return virtio_driver(has_3d(video) ? "virtio-gpu-gl" : name, 0, &video->base.info);
}

static int video_check(const QemuBuild *build, const Device *device, Error *err)
{
    const VideoDef *video = VIDEO(device);
    g_autofree char *driver = NULL;

    if (video->type == VIDEO_NONE)
        return 0;
    if (video->backend == VIDEO_BACKEND_VHOST_USER)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "the vhost-user backend of <video> is not supported");
    driver = driver_name(video);
    if (!driver)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "video type '%s' is not supported by QEMU as %s card",
                          video_type_names[video->type], video->primary == TRI_YES ? "the first" : "a further");
    return check_type(build, device, driver, err);
}

static int video_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const VideoDef *video = VIDEO(device);
    g_autofree char *driver = NULL;

    if (video->type == VIDEO_NONE)
        return 0;
    driver = driver_name(video);
    if (!driver)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "video type '%s' is not supported by QEMU",
                          video->type ? video_type_names[video->type] : "none");
    *ret = props_device(driver);
    prop_virtio(*ret, &video->virtio);
    if (video->type == VIDEO_QXL || video->type == VIDEO_VIRTIO)
        prop_uint(*ret, "max_outputs", video->heads);
    if (video->type == VIDEO_QXL) {
        prop_int(*ret, "ram_size", (long long)video->ram.v * BYTES_PER_KIB);
        prop_int(*ret, "vram_size", (long long)video->vram.v * BYTES_PER_KIB);
        prop_int(*ret, "vram64_size_mb", video->vram64.v / KIB_PER_MIB);
        prop_int(*ret, "vgamem_mb", video->vgamem.v / KIB_PER_MIB);
    } else if ((video->type == VIDEO_VGA || video->type == VIDEO_VMVGA) && video->vram.set) {
        prop_int(*ret, "vgamem_mb", video->vram.v / KIB_PER_MIB);
    } else if (video->type == VIDEO_BOCHS && video->vram.set) {
        prop_int(*ret, "vgamem", (long long)video->vram.v * BYTES_PER_KIB);
    }
    prop_tri(*ret, "blob", video->blob);
    prop_tri(*ret, "edid", video->edid);
    if (video->resolution) {
        prop_uint(*ret, "xres", video->x);
        prop_uint(*ret, "yres", video->y);
    }
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_video = { .kind = DEVICE_VIDEO, .check = video_check, .properties = video_properties };
