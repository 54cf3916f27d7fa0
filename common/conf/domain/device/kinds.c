/* All device kinds in one array, and what is done with a device of any kind. */
#include "common/conf/domain/device/device.h"
#include "common/xml/document.h"

#include <string.h>

extern const DeviceKindOps disk_ops, controller_ops, lease_ops, filesystem_ops, interface_ops, smartcard_ops, serial_ops,
    parallel_ops, console_ops, channel_ops, input_ops, tpm_ops, graphics_ops, sound_ops, audio_ops, video_ops, hostdev_ops,
    redirdev_ops, redirfilter_ops, hub_ops, watchdog_ops, memballoon_ops, rng_ops, nvram_ops, panic_ops, shmem_ops,
    memory_ops, crypto_ops, iommu_ops, vsock_ops, pstore_ops;

static const DeviceKindOps *const kinds[DEVICE_KIND_MAX] = {
    [DEVICE_DISK] = &disk_ops,
    [DEVICE_CONTROLLER] = &controller_ops,
    [DEVICE_LEASE] = &lease_ops,
    [DEVICE_FILESYSTEM] = &filesystem_ops,
    [DEVICE_INTERFACE] = &interface_ops,
    [DEVICE_SMARTCARD] = &smartcard_ops,
    [DEVICE_SERIAL] = &serial_ops,
    [DEVICE_PARALLEL] = &parallel_ops,
    [DEVICE_CONSOLE] = &console_ops,
    [DEVICE_CHANNEL] = &channel_ops,
    [DEVICE_INPUT] = &input_ops,
    [DEVICE_TPM] = &tpm_ops,
    [DEVICE_GRAPHICS] = &graphics_ops,
    [DEVICE_SOUND] = &sound_ops,
    [DEVICE_AUDIO] = &audio_ops,
    [DEVICE_VIDEO] = &video_ops,
    [DEVICE_HOSTDEV] = &hostdev_ops,
    [DEVICE_REDIRDEV] = &redirdev_ops,
    [DEVICE_REDIRFILTER] = &redirfilter_ops,
    [DEVICE_HUB] = &hub_ops,
    [DEVICE_WATCHDOG] = &watchdog_ops,
    [DEVICE_MEMBALLOON] = &memballoon_ops,
    [DEVICE_RNG] = &rng_ops,
    [DEVICE_NVRAM] = &nvram_ops,
    [DEVICE_PANIC] = &panic_ops,
    [DEVICE_SHMEM] = &shmem_ops,
    [DEVICE_MEMORY] = &memory_ops,
    [DEVICE_CRYPTO] = &crypto_ops,
    [DEVICE_IOMMU] = &iommu_ops,
    [DEVICE_VSOCK] = &vsock_ops,
    [DEVICE_PSTORE] = &pstore_ops,
};

const DeviceKindOps *
device_ops(DeviceKind kind)
{
    return kind > DEVICE_NONE && kind < DEVICE_KIND_MAX ? kinds[kind] : NULL;
}

DeviceKind
device_kind_of_element(const char *element)
{
    for (DeviceKind kind = DEVICE_NONE + 1; kind < DEVICE_KIND_MAX; kind++)
        if (strcmp(kinds[kind]->element, element) == 0)
            return kind;
    return DEVICE_NONE;
}

Device *
device_new(DeviceKind kind)
{
    Device *device = xml_new(device_ops(kind)->schema);

    device->kind = kind;
    return device;
}

void
device_free(Device *device)
{
    if (device)
        xml_free(device_ops(device->kind)->schema, device);
}

Device *
device_copy(const Device *device)
{
    Device *copy = xml_copy(device_ops(device->kind)->schema, device);

    copy->kind = device->kind;
    return copy;
}

void
device_write(XmlWriter *writer, const Device *device, unsigned flags)
{
    const DeviceKindOps *ops = device_ops(device->kind);

    xml_write(writer, ops->element, ops->schema, device, flags);
}

char *
device_format(const Device *device, unsigned flags)
{
    XmlWriter writer;

    xml_writer_init(&writer);
    device_write(&writer, device, flags);
    return xml_writer_steal(&writer);
}

int
device_parse(const char *text, unsigned flags, Device **ret_device, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;
    XmlParse parse = { .flags = flags, .domain = FROM_DOMAIN };
    xmlNode *root;
    DeviceKind kind;
    Device *device;

    if (xml_document_load(text, "device definition", FROM_DOMAIN, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    kind = root->ns ? DEVICE_NONE : device_kind_of_element((const char *)root->name);
    if (kind == DEVICE_NONE)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: <%s> is not a device", (const char *)root->name);
    device = xml_read_new(&parse, root, kinds[kind]->schema);
    if (device)
        device->kind = kind;
    if (xml_parse_result(&parse, err) < 0) {
        device_free(device);
        xml_parse_done(&parse);
        return -1;
    }
    *ret_device = device;
    return 0;
}
