#include "common/conf/domain/device/simple.h"

static const char *const model_names[] = { NULL, "intel", "smmuv3", "virtio", "amd", NULL };

#define I IommuDef
static const XmlRow driver_rows[] = {
    A_ONOFF("intremap", I, intremap, "interrupt remapping"),
    A_ONOFF("caching_mode", I, caching_mode, "caching mode, for passed-through devices"),
    A_ONOFF("eim", I, eim, "extended interrupts"),
    A_ONOFF("iotlb", I, iotlb, "device IOTLB"),
    A_UINT("aw_bits", I, aw_bits, "width of addresses"),
    A_ONOFF("dma_translation", I, dma_translation, "DMA translation"),
    A_ONOFF("xtsup", I, xtsup, "x2APIC"),
    A_ONOFF("passthrough", I, passthrough, "passthrough of DMA"),
    ROWS_END,
};
static SCHEMA(driver_schema, "iommuDriver", I, driver_rows, "options of an IOMMU");

static int
iommu_check(XmlParse *parse, xmlNode *element, void *object)
{
    const I *iommu = object;

    if ((iommu->model == IOMMU_VIRTIO || iommu->model == IOMMU_SMMUV3) && xml_child(element, "driver"))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "an iommu of model '%s' has no <driver> options",
                           model_names[iommu->model]);
    return 0;
}

static const XmlRow iommu_rows[] = {
    A_ENUM("model", I, model, model_names, "kind of IOMMU", .flags = XR_REQUIRED | XR_ABI),
    GROUP("driver", driver_schema, "options"),
    INLINE_AT(I, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(iommu_schema, "iommu", I, iommu_rows, "IOMMU of the guest", .check = iommu_check);

const DeviceKindOps iommu_ops = {
    .kind = DEVICE_IOMMU, .element = "iommu", .schema = &iommu_schema, .alias_prefix = "iommu", .has_info = true,
};
