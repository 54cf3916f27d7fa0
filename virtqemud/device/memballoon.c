/* <memballoon>: the guest gives memory back through it. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/kind.h"

static int balloon_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const BalloonDef *balloon = BALLOON(device);
    g_autofree char *driver = NULL;

    if (balloon->model == BALLOON_NONE)
        return 0;
    driver = virtio_driver("virtio-balloon",
                           balloon->model == BALLOON_VIRTIO_TRANSITIONAL ? 2 : balloon->model == BALLOON_VIRTIO_NON_TRANSITIONAL ? 3 : 1,
                           &device->info);
    *ret = props_device(driver);
    prop_virtio(*ret, &balloon->virtio);
    prop_tri(*ret, "deflate-on-oom", balloon->autodeflate);
    prop_tri(*ret, "free-page-reporting", balloon->free_page_reporting);
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_memballoon = { .kind = DEVICE_MEMBALLOON, .properties = balloon_properties };
