/* <memory>: modules of memory, each an object and a device that shows it. */
#include "common/conf/domain/device/memory.h"

#include "virtqemud/device/kind.h"

enum { BYTES_PER_KIB = 1024, MODULE_KIB = 2048 /* modules are plugged in whole large pages */ };

static const char *const drivers[] = {
    [MEMORY_DIMM] = "pc-dimm", [MEMORY_NVDIMM] = "nvdimm", [MEMORY_VIRTIO_PMEM] = "virtio-pmem-pci", [MEMORY_VIRTIO_MEM] = "virtio-mem-pci",
};

static int memory_check(const QemuBuild *build, const Device *device, Error *err)
{
    MemoryModel model = MEMORY(device)->model;

    if (model == MEMORY_SGX_EPC)
        return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED, "memory of model 'sgx-epc' is not supported");
    return check_type(build, device, drivers[model], err);
}

static void memory_resources(const Device *device, GPtrArray *list) { resource_add(list, MEMORY(device)->path, true, false); }

static int memory_backend(QemuBuild *build, const Device *device, Error *err)
{
    const MemoryDeviceDef *memory = MEMORY(device);
    g_autofree char *id = g_strconcat("mem", device->info.alias, NULL);
    json_t *props = props_object(memory->path ? "memory-backend-file" : "memory-backend-ram", id);

    if (memory->path) {
        prop_str(props, "mem-path", memory->path);
        prop_bool(props, "share", memory->model == MEMORY_VIRTIO_PMEM || g_strcmp0(memory->access, "shared") == 0);
    }
    if (memory->discard != TRI_ABSENT)
        prop_bool(props, "discard-data", memory->discard == TRI_YES);
    prop_int(props, "size", (long long)((memory->size.v + MODULE_KIB - 1) / MODULE_KIB * MODULE_KIB) * BYTES_PER_KIB);
    if (memory->alignsize.set)
        prop_int(props, "align", (long long)memory->alignsize.v * BYTES_PER_KIB);
    if (memory->pmem)
        prop_bool(props, "pmem", true);
    build_object(build, props);
    return 0;
}

static int memory_properties(QemuBuild *build, const Device *device, json_t **ret, Error *err)
{
    const MemoryDeviceDef *memory = MEMORY(device);
    bool dimm = memory->model == MEMORY_DIMM || memory->model == MEMORY_NVDIMM;

    *ret = props_device(drivers[memory->model]);
    prop_uint(*ret, "node", memory->node);
    if (memory->label.set)
        prop_int(*ret, "label-size", (long long)memory->label.v * BYTES_PER_KIB);
    if (memory->block.set)
        prop_int(*ret, "block-size", (long long)memory->block.v * BYTES_PER_KIB);
    if (memory->requested.set)
        prop_int(*ret, "requested-size", (long long)memory->requested.v * BYTES_PER_KIB);
    if (memory->uuid.set) {
        char uuid[UUID_TEXT_SIZE];

        prop_str(*ret, "uuid", uuid_format(&memory->uuid, uuid));
    }
    if (memory->readonly)
        prop_bool(*ret, "unarmed", true);
    prop_strf(*ret, "memdev", "mem%s", device->info.alias);
    prop_u64(*ret, "memaddr", memory->target_base);
    if (dimm && device->info.address.type == ADDRESS_DIMM) {
        prop_uint(*ret, "slot", device->info.address.dimm.slot);
        prop_u64(*ret, "addr", device->info.address.dimm.base);
    }
    return build_address(build, device, *ret, err);
}

const QemuDeviceKind qemu_memory = {
    .kind = DEVICE_MEMORY, .check = memory_check, .resources = memory_resources, .backend = memory_backend,
    .properties = memory_properties,
};
