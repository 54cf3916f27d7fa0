/* The order in which addresses are given: later ones may need controllers of earlier ones. */
#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/memory.h"
#include "common/conf/domain/device/simple.h"

/* Memory modules without a slot take the first free ones. */
int
domain_assign_memory_slots(DomainDef *def, Error *err)
{
    Bitmap *used = bitmap_new();
    int result = 0;

    DOMAIN_FOREACH_KIND(def, DEVICE_MEMORY, device) {
        const DimmAddress *dimm = &device->info.address.dimm;

        if (device->info.address.type == ADDRESS_DIMM && dimm->slot.set)
            bitmap_set(used, dimm->slot.v, true);
    }
    DOMAIN_FOREACH_KIND(def, DEVICE_MEMORY, device) {
        DimmAddress *dimm = &device->info.address.dimm;
        unsigned slot = 0;

        if (MEMORY(device)->model != MEMORY_DIMM && MEMORY(device)->model != MEMORY_NVDIMM)
            continue;
        if (device->info.address.type == ADDRESS_NONE)
            device->info.address = (DeviceAddress){ .type = ADDRESS_DIMM };
        if (device->info.address.type != ADDRESS_DIMM || dimm->slot.set)
            continue;
        while (bitmap_get(used, slot))
            slot++;
        dimm->slot = (OptUint)OPT(slot);
        bitmap_set(used, slot, true);
    }
    bitmap_free(used);
    return result;
}

int
domain_assign_addresses(DomainDef *def, const DomainCaps *caps, Error *err)
{
    if (domain_assign_serial_addresses(def, err) < 0)
        return -1;
    for (size_t i = 0; i < def->devices.list.n; i++)
        if (def->devices.list.items[i]->kind == DEVICE_CONTROLLER &&
            domain_device_complete(def, def->devices.list.items[i], caps, err) < 0)
            return -1;
    if (domain_assign_pci_addresses(def, caps, err) < 0 || domain_assign_usb_addresses(def, err) < 0)
        return -1;
    return domain_assign_memory_slots(def, err);
}
