/* What a domain may use of the host: CPU time, pinning, NUMA placement, memory, block I/O. */
#pragma once

#include "common/xml/schema.h"

typedef enum SchedPolicy { SCHED_ABSENT = 0, SCHED_POLICY_OTHER, SCHED_POLICY_BATCH, SCHED_POLICY_IDLE, SCHED_POLICY_FIFO,
                           SCHED_POLICY_RR } SchedPolicy;
extern const char *const sched_names[];

typedef struct VcpuPin { OptUint vcpu; Bitmap *cpuset; } VcpuPin;
typedef struct IothreadPin { OptUint iothread; Bitmap *cpuset; } IothreadPin;
typedef struct SchedDef { Bitmap *ids; SchedPolicy policy; OptInt priority; } SchedDef;
typedef struct ResctrlMonitor { Bitmap *vcpus; OptUint level; } ResctrlMonitor;
typedef struct CacheAlloc { OptUint id, level; char *type; OptU64 size; /* KiB */ } CacheAlloc;
typedef struct CacheTune { char *id; Bitmap *vcpus; LIST(CacheAlloc) caches; LIST(ResctrlMonitor) monitors; } CacheTune;
typedef struct MemBandwidth { OptUint id, bandwidth; } MemBandwidth;
typedef struct MemoryTune { char *id; Bitmap *vcpus; LIST(MemBandwidth) nodes; LIST(ResctrlMonitor) monitors; } MemoryTune;

typedef struct CpuTune {
    OptU64 shares;
    OptU64 period; OptI64 quota;
    OptU64 global_period; OptI64 global_quota;
    OptU64 emulator_period; OptI64 emulator_quota;
    OptU64 iothread_period; OptI64 iothread_quota;
    LIST(VcpuPin) vcpupins;
    Bitmap *emulatorpin;
    LIST(IothreadPin) iothreadpins;
    SchedDef *emulatorsched;
    LIST(SchedDef) vcpuscheds, iothreadscheds;
    LIST(CacheTune) cachetunes;
    LIST(MemoryTune) memorytunes;
} CpuTune;

typedef enum NumaMode { NUMA_MODE_ABSENT = 0, NUMA_STRICT, NUMA_PREFERRED, NUMA_INTERLEAVE, NUMA_RESTRICTIVE } NumaMode;
typedef enum Placement { PLACEMENT_ABSENT = 0, PLACEMENT_STATIC, PLACEMENT_AUTO } Placement;
typedef struct MemNode { OptUint cellid; NumaMode mode; Bitmap *nodeset; } MemNode;
typedef struct NumaTune {
    bool memory;
    NumaMode mode;
    Placement placement;
    Bitmap *nodeset;
    LIST(MemNode) memnodes;
} NumaTune;

typedef struct BlkioDevice { char *path; OptUint weight, read_iops, write_iops; OptU64 read_bytes, write_bytes; } BlkioDevice;
typedef struct BlkioTune { OptUint weight; LIST(BlkioDevice) devices; } BlkioTune;

typedef struct MemTune { OptU64 hard_limit, soft_limit, min_guarantee, swap_hard_limit; /* KiB */ } MemTune;

typedef struct HugePage { OptU64 size; /* KiB */ Bitmap *nodeset; } HugePage;
typedef struct MemoryBacking {
    bool hugepages;
    LIST(HugePage) pages;
    bool nosharepages, locked;
    char *source; /* "file", "anonymous", "memfd" */
    char *access; /* "shared", "private" */
    char *allocation; /* "immediate", "ondemand" */
    OptUint allocation_threads;
    bool discard;
} MemoryBacking;

extern const XmlSchema cputune_schema, numatune_schema, blkiotune_schema, memtune_schema, memory_backing_schema;
