/* <vsock>: sockets between guest and host. The kernel's side is a descriptor with the guest's number already set on it. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/kind.h"

static int vsock_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const VsockDef *vsock = VSOCK(device);
    const GArray *fds = build_fds(build, device->info.alias);
    g_autofree char *driver = virtio_driver("vhost-vsock", vsock->model, &device->info);

    if (!fds && !build->options->for_show)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "<vsock> is not supported yet");
    *ret = props_device(driver);
    prop_virtio(*ret, &vsock->virtio);
    prop_str(*ret, "id", device->info.alias);
    prop_int(*ret, "guest-cid", vsock->cid.v);
    prop_strf(*ret, "vhostfd", "%d", fds ? g_array_index(fds, int, 0) : -1);
    return build_place(build, &device->info.address, *ret, err);
}

const QemuDeviceKind qemu_vsock = { .kind = DEVICE_VSOCK, .properties = vsock_properties };
