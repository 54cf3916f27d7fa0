/* <panic>: the guest tells of its crash. Hyper-V's is a matter of the CPU. */
#include "common/conf/domain/device/simple.h"
#include "virtqemud/device/kind.h"

static int panic_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const PanicDef *panic = PANIC(device);

    if (panic->model != PANIC_ISA && panic->model != PANIC_PVPANIC)
        return 0;
    *ret = props_device(panic->model == PANIC_ISA ? "pvpanic" : "pvpanic-pci");
    if (panic->model == PANIC_ISA) {
        if (device->info.address.type == ADDRESS_ISA)
            prop_uint(*ret, "ioport", device->info.address.isa.iobase);
        return 0;
    }
    return build_place(build, &device->info.address, *ret, err);
}

const QemuDeviceKind qemu_panic = { .kind = DEVICE_PANIC, .properties = panic_properties };
