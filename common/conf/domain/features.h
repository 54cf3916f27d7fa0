/* <features>: parts of the machine that can be switched. */
#pragma once

#include "common/xml/schema.h"

typedef enum IoapicDriver { IOAPIC_ABSENT = 0, IOAPIC_QEMU, IOAPIC_KVM } IoapicDriver;
typedef enum HypervMode { HYPERV_ABSENT = 0, HYPERV_CUSTOM, HYPERV_PASSTHROUGH } HypervMode;

typedef struct HypervFeatures {
    bool present;
    HypervMode mode;
    Tri relaxed, vapic, spinlocks;
    OptUint spinlocks_retries;
    Tri vpindex, runtime, synic, stimer, stimer_direct, reset, vendor_id;
    char *vendor_id_value;
    Tri frequencies, reenlightenment, tlbflush, tlbflush_direct, tlbflush_extended, ipi, evmcs, avic, emsr_bitmap, xmm_input;
} HypervFeatures;

typedef struct KvmFeatures {
    bool present;
    Tri hidden, hint_dedicated, poll_control, pv_ipi, dirty_ring;
    OptUint dirty_ring_size;
} KvmFeatures;

typedef struct FeaturesDef {
    bool acpi, pae, apic, viridian, privnet;
    Tri apic_eoi;
    Tri hap;
    HypervFeatures hyperv;
    KvmFeatures kvm;
    bool xen; Tri xen_e820_host, xen_passthrough; char *xen_passthrough_mode;
    Tri pvspinlock, pmu, vmport, vmcoreinfo;
    bool gic_present;
    char *gic_version;
    Tri smm;
    OptU64 tseg; /* bytes */
    IoapicDriver ioapic;
    char *hpt_resizing; OptU64 hpt_maxpagesize;
    Tri htm, nested_hv, ccf_assist;
    char *msrs_unknown;
    char *cfpc, *sbbc, *ibs;
    OptU64 tb_cache; /* KiB */
    Tri async_teardown, ras, ps2;
    char *aia;
    char *capabilities; /* policy, containers */
} FeaturesDef;

extern const XmlSchema features_schema;
