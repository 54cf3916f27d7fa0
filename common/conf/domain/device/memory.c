#include "common/conf/domain/device/memory.h"

const char *const memory_model_names[] = { NULL, "dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc", NULL };

#define M MemoryDeviceDef
static const XmlRow source_rows[] = {
    VALUE(ROW_ELEM, "nodemask", M, nodemask, Bitmap *, xt_cpuset, "host NUMA nodes",
          WHEN(M, model, MEMORY_DIMM, MEMORY_VIRTIO_MEM, MEMORY_SGX_EPC)),
    SIZE("pagesize", M, pagesize, 1024, "size of the pages", WHEN(M, model, MEMORY_DIMM, MEMORY_VIRTIO_MEM)),
    E_STR("path", M, path, "file", WHEN(M, model, MEMORY_NVDIMM, MEMORY_VIRTIO_PMEM)),
    SIZE("alignsize", M, alignsize, 1024, "alignment", WHEN(M, model, MEMORY_NVDIMM)),
    FLAG("pmem", M, pmem, "the file is persistent memory", WHEN(M, model, MEMORY_NVDIMM)),
    ROWS_END,
};
static SCHEMA(source_schema, "memorySource", M, source_rows, "what is behind the memory");
static const XmlRow label_rows[] = { SIZE("size", M, label, 1024, "size", .flags = XR_ABI), ROWS_END };
static SCHEMA(label_schema, "memoryLabel", M, label_rows, "label area");
static const XmlRow address_rows[] = {
    A_HEX64("base", M, target_base, "guest physical address", .digits = 1, .base = 16, .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(address_schema_, "memoryAddress", M, address_rows, "place of the memory");
static const XmlRow target_rows[] = {
    A_YESNO("dynamicMemslots", M, dynamic_memslots, "slots as needed", WHEN(M, model, MEMORY_VIRTIO_MEM)),
    SIZE("size", M, size, 1024, "size of the module", .flags = XR_REQUIRED | XR_ABI),
    E_UINT("node", M, node, "guest NUMA node", .flags = XR_ABI),
    GROUP("label", label_schema, "label area"),
    SIZE("block", M, block, 1024, "granularity", WHEN(M, model, MEMORY_VIRTIO_MEM), .flags = XR_ABI),
    SIZE("requested", M, requested, 1024, "size the guest shall have", WHEN(M, model, MEMORY_VIRTIO_MEM)),
    SIZE("current", M, current, 1024, "size the guest has", WHEN(M, model, MEMORY_VIRTIO_MEM), .flags = XR_LIVE),
    FLAG("readonly", M, readonly, "the guest cannot write", .flags = XR_ABI),
    GROUP("address", address_schema_, "place", WHEN(M, model, MEMORY_VIRTIO_MEM, MEMORY_VIRTIO_PMEM)),
    ROWS_END,
};
static SCHEMA(target_schema, "memoryTarget", M, target_rows, "how the guest sees the memory");

static int
memory_check(XmlParse *parse, xmlNode *element, void *object)
{
    const M *memory = object;

    if ((memory->model == MEMORY_NVDIMM || memory->model == MEMORY_VIRTIO_PMEM) && !memory->path)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "memory of model '%s' needs a <source> <path>",
                           memory_model_names[memory->model]);
    return 0;
}

static const XmlRow memory_rows[] = {
    A_ENUM("model", M, model, memory_model_names, "kind of module", .flags = XR_REQUIRED | XR_ABI),
    A_WORD("access", M, access, WORDS("shared", "private"), "shared or private"),
    A_YESNO("discard", M, discard, "contents may be thrown away at the end"),
    E_UUID("uuid", M, uuid, "identity of the module"),
    GROUP("source", source_schema, "what is behind it"),
    GROUP("target", target_schema, "how the guest sees it", .flags = XR_REQUIRED),
    INLINE_AT(M, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(memory_schema, "memoryDevice", M, memory_rows, "module of memory", .check = memory_check);

const DeviceKindOps memory_ops = { .kind = DEVICE_MEMORY, .element = "memory", .schema = &memory_schema, .has_info = true };
