/* All kinds of devices QEMU's guests can have, and what is done with any of them: see kind.h. */
#include "common/conf/domain/domain.h"
#include "virtqemud/device/kind.h"

extern const QemuDeviceKind qemu_audio, qemu_channel, qemu_console, qemu_controller, qemu_crypto, qemu_disk, qemu_filesystem,
    qemu_graphics, qemu_hostdev, qemu_hub, qemu_input, qemu_interface, qemu_iommu, qemu_memballoon, qemu_memory, qemu_panic,
    qemu_parallel, qemu_redirdev, qemu_rng, qemu_serial, qemu_shmem, qemu_smartcard, qemu_sound, qemu_tpm, qemu_video,
    qemu_vsock, qemu_watchdog;

static const QemuDeviceKind *const kinds[] = {
    &qemu_audio,  &qemu_channel,  &qemu_console,   &qemu_controller, &qemu_crypto, &qemu_disk,   &qemu_filesystem,
    &qemu_graphics, &qemu_hostdev, &qemu_hub,      &qemu_input,      &qemu_interface, &qemu_iommu, &qemu_memballoon,
    &qemu_memory, &qemu_panic,    &qemu_parallel,  &qemu_redirdev,   &qemu_rng,    &qemu_serial, &qemu_shmem,
    &qemu_smartcard, &qemu_sound, &qemu_tpm,       &qemu_video,      &qemu_vsock,  &qemu_watchdog,
};

const QemuDeviceKind *qemu_device_kind(DeviceKind kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (kinds[i]->kind == kind)
            return kinds[i];
    return NULL;
}

/* These say something about other devices and are nothing by themselves. */
static bool is_silent(DeviceKind kind) { return kind == DEVICE_REDIRFILTER || kind == DEVICE_LEASE; }

int qemu_device_check(const QemuBuild *build, const Device *device, Error *err)
{
    const QemuDeviceKind *kind = qemu_device_kind(device->kind);

    if (is_silent(device->kind))
        return 0;
    if (!kind)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "devices of kind <%s> are not supported",
                          device_ops(device->kind)->element);
    return kind->check ? kind->check(build, device, err) : 0;
}

int qemu_device_build(QemuBuild *build, const Device *device, Error *err)
{
    const QemuDeviceKind *kind = qemu_device_kind(device->kind);
    json_t *props = NULL;

    if (is_silent(device->kind))
        return 0;
    if (!kind)
        return qemu_device_check(build, device, err);
    if (kind->backend && kind->backend(build, device, err) < 0)
        return -1;
    if (kind->properties(build, device, &props, err) < 0) {
        json_decref(props);
        return -1;
    }
    if (props)
        build_device(build, props);
    return 0;
}

static void resource_free(void *pointer)
{
    QemuResource *resource = pointer;

    g_free(resource->path);
    g_free(resource);
}

void resource_add(GPtrArray *list, const char *path, bool write, bool shared)
{
    QemuResource *resource;

    if (!path)
        return;
    resource = g_new0(QemuResource, 1);
    *resource = (QemuResource){ .path = g_strdup(path), .write = write, .shared = shared };
    g_ptr_array_add(list, resource);
}

void resource_add_output(GPtrArray *list, const char *path)
{
    if (!path)
        return;
    resource_add(list, path, true, false);
    ((QemuResource *)list->pdata[list->len - 1])->create = true;
}

GPtrArray *qemu_resources_new(void) { return g_ptr_array_new_with_free_func(resource_free); }

void qemu_device_name_resources(const Device *device, GPtrArray *list)
{
    const QemuDeviceKind *kind = qemu_device_kind(device->kind);

    if (kind && kind->resources)
        kind->resources(device, list);
}

GPtrArray *qemu_device_resources(const DomainDef *def)
{
    GPtrArray *list = qemu_resources_new();

    for (size_t i = 0; i < def->devices.list.n; i++)
        qemu_device_name_resources(def->devices.list.items[i], list);
    return list;
}

GPtrArray *qemu_device_resources_of(const Device *device)
{
    GPtrArray *list = qemu_resources_new();

    qemu_device_name_resources(device, list);
    return list;
}

int check_type(const QemuBuild *build, const Device *device, const char *type, Error *err)
{
    if (!type || !qemu_caps_has_type(build->caps, type))
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "%s has no '%s', which <%s> needs", build->caps->binary,
                          type ? type : "such device", device_ops(device->kind)->element);
    return 0;
}
