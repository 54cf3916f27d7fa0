/* <cpu>: the processor the guest sees, its topology and NUMA nodes. */
#pragma once

#include "common/xml/schema.h"

typedef enum CpuMode { CPU_MODE_ABSENT = 0, CPU_CUSTOM, CPU_HOST_MODEL, CPU_HOST_PASSTHROUGH, CPU_MAXIMUM } CpuMode;
typedef enum CpuMatch { CPU_MATCH_ABSENT = 0, CPU_MINIMUM, CPU_EXACT, CPU_STRICT } CpuMatch;
typedef enum CpuCheck { CPU_CHECK_ABSENT = 0, CPU_CHECK_NONE, CPU_CHECK_PARTIAL, CPU_CHECK_FULL } CpuCheck;
typedef enum CpuFallback { CPU_FALLBACK_ABSENT = 0, CPU_FALLBACK_ALLOW, CPU_FALLBACK_FORBID } CpuFallback;
typedef enum CpuPolicy { CPU_POLICY_ABSENT = 0, CPU_FORCE, CPU_REQUIRE, CPU_OPTIONAL, CPU_DISABLE, CPU_FORBID } CpuPolicy;
extern const char *const cpu_mode_names[], *const cpu_match_names[], *const cpu_check_names[], *const cpu_policy_names[];

typedef struct CpuFeature { CpuPolicy policy; char *name; } CpuFeature;
typedef struct CpuTopology { OptUint sockets, dies, clusters, cores, threads; bool present; } CpuTopology;
typedef struct CpuCache { OptUint level; char *mode; /* "emulate", "passthrough", "disable" */ } CpuCache;
typedef struct CpuPhysAddr { char *mode; /* "emulate", "passthrough" */ OptUint bits, limit; } CpuPhysAddr;

typedef struct NumaDistance { OptUint id, value; } NumaDistance;
typedef struct NumaCache { OptUint level; char *associativity, *policy; OptU64 size, line; /* KiB, bytes */ } NumaCache;
typedef struct NumaCell {
    OptUint id;
    Bitmap *cpus;
    OptU64 memory; /* KiB */
    char *mem_access; /* "shared", "private" */
    Tri discard;
    LIST(NumaDistance) distances;
    LIST(NumaCache) caches;
} NumaCell;
typedef struct NumaLink { OptUint initiator, target, cache; char *type; OptU64 value; /* ns; KiB/s */ } NumaLink;

typedef struct CpuDef {
    bool present;
    CpuMode mode;
    CpuMatch match;
    CpuCheck check;
    Tri migratable;
    Tri deprecated_features;
    CpuFallback fallback;
    char *vendor_id;
    char *model;
    char *vendor;
    CpuTopology topology;
    CpuCache *cache;
    CpuPhysAddr *maxphysaddr;
    LIST(CpuFeature) features;
    LIST(NumaCell) cells;
    LIST(NumaLink) bandwidths, latencies;
} CpuDef;

extern const XmlSchema cpu_schema;
