/* <rng>: a virtio device fed by an object of QEMU's. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

static const char *const backend_types[] = { NULL, "rng-random", "rng-egd", "rng-builtin" };

static int rng_check(const QemuBuild *build, const Device *device, Error *err)
{
    return check_type(build, device, backend_types[RNG(device)->backend], err);
}

static void rng_resources(const Device *device, GPtrArray *list)
{
    resource_add(list, RNG(device)->file, false, true);
}

static int rng_backend(QemuBuild *build, const Device *device, Error *err)
{
    const RngDef *rng = RNG(device);
    g_autofree char *id = g_strconcat("obj", device->info.alias, NULL), *chardev = g_strconcat("char", device->info.alias, NULL);
    json_t *props;

    if (rng->backend == RNG_EGD && qemu_chardev_build(build, chardev, device->info.alias, &rng->chardev, err) < 0)
        return -1;
    props = props_object(backend_types[rng->backend], id);
    if (rng->backend == RNG_EGD)
        prop_str(props, "chardev", chardev);
    prop_str(props, "filename", rng->file);
    build_object(build, props);
    return 0;
}

static int rng_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const RngDef *rng = RNG(device);
    g_autofree char *driver = virtio_driver("virtio-rng", rng->model, &device->info);

    *ret = props_device(driver);
    prop_virtio(*ret, &rng->virtio);
    prop_strf(*ret, "rng", "obj%s", device->info.alias);
    if (rng->rate_bytes.set) {
        prop_int(*ret, "max-bytes", rng->rate_bytes.v);
        prop_int(*ret, "period", rng->rate_period.set ? rng->rate_period.v : 1000);
    }
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_rng = {
    .kind = DEVICE_RNG, .check = rng_check, .resources = rng_resources, .backend = rng_backend, .properties = rng_properties,
};
