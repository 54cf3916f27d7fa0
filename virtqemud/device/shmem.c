/* <shmem>: memory shared with other guests or processes of the host. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/chardev.h"
#include "virtqemud/device/kind.h"

enum { BYTES_PER_MIB = 1024 * 1024, DEFAULT_MIB = 4 };

static int shmem_check(const QemuBuild *build, const Device *device, Error *err)
{
    if (device->info.address.type != ADDRESS_PCI)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "<shmem> needs a PCI address");
    return check_type(build, device, SHMEM(device)->model == SHMEM_IVSHMEM_DOORBELL ? "ivshmem-doorbell" : "ivshmem-plain", err);
}

static int shmem_backend(QemuBuild *build, const Device *device, Error *err)
{
    const ShmemDef *shmem = SHMEM(device);
    g_autofree char *id = NULL;
    json_t *props;

    if (shmem->model == SHMEM_IVSHMEM_DOORBELL) {
        g_autofree char *path = shmem->server_path ? NULL : g_strdup_printf("/var/lib/libvirt/shmem-%s-sock", shmem->name);
        const CharSource source = { .type = CHAR_UNIX, .mode = CHAR_CONNECT, .path = shmem->server_path ? shmem->server_path : path };

        id = g_strconcat("char", device->info.alias, NULL);
        return qemu_chardev_build(build, id, device->info.alias, &source, err);
    }
    id = g_strconcat("shmmem-", device->info.alias, NULL);
    props = props_object("memory-backend-file", id);
    prop_strf(props, "mem-path", "/dev/shm/%s", shmem->name);
    prop_int(props, "size", (long long)(shmem->size.set ? shmem->size.v : DEFAULT_MIB) * BYTES_PER_MIB);
    prop_bool(props, "share", true);
    build_object(build, props);
    return 0;
}

static int shmem_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const ShmemDef *shmem = SHMEM(device);
    bool doorbell = shmem->model == SHMEM_IVSHMEM_DOORBELL;

    *ret = props_device(doorbell ? "ivshmem-doorbell" : "ivshmem-plain");
    if (doorbell) {
        prop_strf(*ret, "chardev", "char%s", device->info.alias);
        prop_uint(*ret, "vectors", shmem->vectors);
        prop_onoff(*ret, "ioeventfd", shmem->ioeventfd);
    } else {
        prop_strf(*ret, "memdev", "shmmem-%s", device->info.alias);
        prop_onoff(*ret, "master", g_strcmp0(shmem->role, "peer") == 0 ? TRI_OFF : g_strcmp0(shmem->role, "master") == 0 ? TRI_ON : TRI_ABSENT);
    }
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_shmem = {
    .kind = DEVICE_SHMEM, .check = shmem_check, .backend = shmem_backend, .properties = shmem_properties,
};
