/*
 * What is known of x86 processors: features, where CPUID shows them, and the named models.
 *
 * The data is cpudata.inc, written by cpudata.py from QEMU's answers. Everything here is constant after the first use.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum CpuRegister { CPU_EAX, CPU_EBX, CPU_ECX, CPU_EDX, CPU_MSR, CPU_NONE } CpuRegister;

typedef struct CpuFeatureInfo {
    const char *name;
    uint32_t leaf, subleaf; /* of CPUID; leaf is the number of the register for CPU_MSR */
    CpuRegister reg;        /* CPU_NONE: known by name alone */
    unsigned bit;
} CpuFeatureInfo;

/* A set of features, by their index in cpu_features. The order of indexes is the order in which features are shown. */
#define CPU_SET_WORDS 8
typedef struct CpuSet {
    uint64_t words[CPU_SET_WORDS];
} CpuSet;

typedef struct CpuModel {
    const char *name;
    const char *vendor;     /* "Intel"; NULL: anybody's */
    const char *signatures; /* "6/85/0-4 6/86": family/model[/steppings] of processors sold as this; may be empty */
    CpuSet features;
    CpuSet removed; /* part of features that QEMU took out of the model since: always said explicitly */
    bool version;   /* "EPYC-v1": a version of a model, for hosts */
    bool versioned; /* there are such versions of it: for guests */
} CpuModel;

extern const CpuFeatureInfo cpu_features[];
extern const unsigned cpu_n_features;

int cpu_feature_index(const char *name);         /* also by QEMU's other spellings; -1: not known */
const char *cpu_feature_name(const char *qemus); /* the name definitions use for QEMU's; itself when not known */
const char *cpu_feature_qemu_name(const char *name); /* the other way: what QEMU's option is called, but for '_' */
/* Is it kept when a guest migrates? */
bool cpu_feature_migratable(int feature);
/* May a guest be told to have it? Some bits only report what the host or the guest's kernel does. */
bool cpu_feature_for_guests(int feature);

const CpuModel *cpu_models(unsigned *ret_n); /* all, in order of preference */
const CpuModel *cpu_model_find(const char *name);
const char *const *cpu_ppc64_models(void);
bool cpu_vendor_known(const char *vendor);
const char *cpu_vendor_name(const char *cpuid); /* "GenuineIntel" -> "Intel"; NULL */

/*
 * Take out the features of MSRs that the processor behind doesn't have. KVM invents IA32_ARCH_CAPABILITIES for any, but
 * nested in another hypervisor it can't always set it.
 */
void cpu_drop_invented(CpuSet *set, const CpuSet *cpuid);

static inline void cpu_set_add(CpuSet *set, int i) { set->words[i / 64] |= 1ull << i % 64; }
static inline void cpu_set_remove(CpuSet *set, int i) { set->words[i / 64] &= ~(1ull << i % 64); }
static inline bool cpu_set_has(const CpuSet *set, int i) { return set->words[i / 64] >> i % 64 & 1; }
CpuSet cpu_set_and(const CpuSet *a, const CpuSet *b);
CpuSet cpu_set_minus(const CpuSet *a, const CpuSet *b);
CpuSet cpu_set_or(const CpuSet *a, const CpuSet *b);
unsigned cpu_set_count(const CpuSet *set);

/* A processor in terms of a model: the model and what it has more and less. */
typedef struct CpuDecoded {
    const CpuModel *model;
    CpuSet more, less;
} CpuDecoded;

typedef struct CpuSignature {
    unsigned family, model, stepping;
} CpuSignature;

/*
 * May this model be used? What the hypervisor would switch off of it may be added to *blockers (it starts empty), also what
 * our definition of the model doesn't have. NULL: all may, nothing is blocked.
 */
typedef bool CpuModelAllowed(const CpuModel *model, CpuSet *blockers, void *data);

typedef enum CpuDecodeFor {
    CPU_FOR_HOST,  /* only models whose features are all there: a host can't be said to lack some. By version. */
    CPU_FOR_GUEST, /* what is too much is said to be switched off. By plain name. */
} CpuDecodeFor;

/* Describe a set of features by the nearest model of this vendor (NULL: any). false: no model fits. */
bool cpu_decode(const CpuSet *features, const char *vendor, const CpuSignature *signature, const CpuModel *preferred,
                CpuModelAllowed *allowed, void *data, CpuDecodeFor what, CpuDecoded *ret);

/* This machine's processor, as CPUID and KVM show it. */
typedef struct HostCpu {
    bool known; /* false on other architectures */
    const char *vendor;
    CpuSignature signature;
    CpuSet features;
    char *microcode;       /* "1" */
    uint64_t tsc_hz;       /* 0: not known */
    int tsc_scaling;       /* 1 yes, 0 no, -1 not known */
    unsigned physical_bits;
    CpuDecoded decoded;    /* .model may be NULL */
} HostCpu;

const HostCpu *host_cpu(void); /* read once */
