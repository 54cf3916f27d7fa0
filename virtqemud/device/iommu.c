/* <iommu>: address translation for the guest's devices. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/kind.h"

static int iommu_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const IommuDef *iommu = IOMMU(device);

    switch (iommu->model) {
    case IOMMU_INTEL:
        *ret = props_device("intel-iommu");
        prop_str(*ret, "id", device->info.alias);
        prop_onoff(*ret, "intremap", iommu->intremap);
        prop_tri(*ret, "caching-mode", iommu->caching_mode);
        prop_onoff(*ret, "eim", iommu->eim);
        prop_tri(*ret, "device-iotlb", iommu->iotlb);
        prop_uint(*ret, "aw-bits", iommu->aw_bits);
        prop_tri(*ret, "dma-translation", iommu->dma_translation);
        return 0;
    case IOMMU_VIRTIO:
        *ret = props_device("virtio-iommu");
        return build_address(build, device, *ret, err);
    case IOMMU_SMMUV3: /* part of the machine: told on -machine */
        return 0;
    default:
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "this model of <iommu> is not supported");
    }
}

const QemuDeviceKind qemu_iommu = { .kind = DEVICE_IOMMU, .properties = iommu_properties };
