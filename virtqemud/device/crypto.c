/* <crypto>: an accelerator for the guest's cryptography, done by QEMU's own library. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/kind.h"

static int crypto_backend(QemuBuild *build, const Device *device, Error *err)
{
    const CryptoDef *crypto = CRYPTO(device);
    g_autofree char *id = g_strconcat("obj", device->info.alias, NULL);
    json_t *props;

    if (g_strcmp0(crypto->backend, "builtin") != 0)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "only the 'builtin' backend of <crypto> is supported");
    props = props_object("cryptodev-backend-builtin", id);
    prop_uint(props, "queues", crypto->queues);
    build_object(build, props);
    return 0;
}

static int crypto_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    g_autofree char *driver = virtio_driver("virtio-crypto", 1, &device->info);

    *ret = props_device(driver);
    prop_virtio(*ret, &CRYPTO(device)->virtio);
    prop_strf(*ret, "cryptodev", "obj%s", device->info.alias);
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_crypto = { .kind = DEVICE_CRYPTO, .backend = crypto_backend, .properties = crypto_properties };
