/* <memory> under <devices>: a module of memory. */
#pragma once

#include "common/conf/domain/device/device.h"

typedef enum MemoryModel { MEMORY_ABSENT = 0, MEMORY_DIMM, MEMORY_NVDIMM, MEMORY_VIRTIO_PMEM, MEMORY_VIRTIO_MEM,
                           MEMORY_SGX_EPC } MemoryModel;
extern const char *const memory_model_names[];

typedef struct MemoryDeviceDef {
    Device base;
    MemoryModel model;
    char *access; /* "shared", "private" */
    Tri discard;
    Uuid uuid;
    char *path;
    OptU64 pagesize, alignsize; /* KiB */
    Bitmap *nodemask;
    bool pmem;
    OptU64 size;  /* KiB */
    OptUint node; /* guest NUMA node */
    OptU64 label; /* KiB */
    OptU64 block, requested, current; /* KiB, virtio-mem */
    Tri dynamic_memslots;
    OptU64 target_base; /* address of virtio-mem and virtio-pmem */
    bool readonly;
} MemoryDeviceDef;

#define MEMORY(device) DEVICE_CAST(MemoryDeviceDef, DEVICE_MEMORY, device)
