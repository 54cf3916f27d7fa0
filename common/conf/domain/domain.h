/*
 * A domain's definition: what a machine is, as a value.
 *
 * A definition is built (parsed, completed), then shared: from domain_def_parse() on nobody changes it. To change one,
 * take a domain_def_copy(), change that, and swap. References are counted; readers hold one as long as they look.
 */
#pragma once

#include "common/conf/domain/clock.h"
#include "common/conf/domain/cpu.h"
#include "common/conf/domain/device/device.h"
#include "common/conf/domain/features.h"
#include "common/conf/domain/os.h"
#include "common/conf/domain/tune.h"

typedef enum VirtType {
    VIRT_ABSENT = 0, VIRT_QEMU, VIRT_KQEMU, VIRT_KVM, VIRT_XEN, VIRT_LXC, VIRT_UML, VIRT_OPENVZ, VIRT_TEST, VIRT_VMWARE,
    VIRT_HYPERV, VIRT_VBOX, VIRT_PHYP, VIRT_PARALLELS, VIRT_BHYVE, VIRT_VZ, VIRT_HVF,
} VirtType;
extern const char *const virt_type_names[];

typedef enum LifecycleAction {
    ACTION_ABSENT = 0, ACTION_DESTROY, ACTION_RESTART, ACTION_RENAME_RESTART, ACTION_PRESERVE, ACTION_COREDUMP_DESTROY,
    ACTION_COREDUMP_RESTART,
} LifecycleAction;
typedef enum LockFailure { LOCK_FAILURE_ABSENT = 0, LOCK_FAILURE_POWEROFF, LOCK_FAILURE_RESTART, LOCK_FAILURE_PAUSE,
                           LOCK_FAILURE_IGNORE } LockFailure;
extern const char *const lifecycle_action_names[];

typedef struct VcpuDef { OptUint id; Tri enabled, hotpluggable; OptUint order; } VcpuDef;
typedef struct IothreadPoll { OptUint max, grow, shrink; bool present; } IothreadPoll;
typedef struct IothreadDef { OptUint id; OptInt pool_min, pool_max; IothreadPoll poll; } IothreadDef;
typedef struct PerfEvent { char *name; Tri enabled; } PerfEvent;
typedef struct SysinfoEntry { char *name, *file, *value; } SysinfoEntry;
typedef struct SysinfoBlock { LIST(SysinfoEntry) entries; } SysinfoBlock;
typedef struct SysinfoDef {
    char *type; /* "smbios", "fwcfg" */
    SysinfoBlock bios, system, chassis, oem_strings;
    LIST(SysinfoBlock) boards;
    LIST(SysinfoEntry) entries; /* fwcfg */
} SysinfoDef;
typedef struct IdRange { OptUint start, target, count; } IdRange;
typedef struct LaunchSecurity {
    char *type; /* "sev", "sev-snp", "s390-pv", "tdx" */
    char *kernel_hashes, *cbitpos, *reduced_phys_bits, *policy, *dh_cert, *session;
} LaunchSecurity;
typedef struct KeyWrap { char *name, *state; } KeyWrap;

/* <qemu:commandline> and friends */
typedef struct QemuArg { char *value; } QemuArg;
typedef struct QemuEnv { char *name, *value; } QemuEnv;
typedef struct QemuCapability { char *name; } QemuCapability;
typedef struct QemuProperty { char *name, *type, *value; } QemuProperty;
typedef struct QemuOverride { char *alias; LIST(QemuProperty) properties; } QemuOverride;
typedef struct QemuNamespace {
    LIST(QemuArg) args; LIST(QemuEnv) envs;
    LIST(QemuCapability) add, del;
    LIST(QemuOverride) overrides;
    char *deprecation;
} QemuNamespace;

/* More devices than any machine has room for; some rules compare each with each. */
#define DOMAIN_MAX_DEVICES 2048

typedef struct DevicesDef {
    char *emulator;
    LIST(Device) list; /* all devices of all kinds; within a kind in their order */
} DevicesDef;

struct DomainDef {
    unsigned refs;
    VirtType virt;
    OptInt id; /* of the running domain; only in status XML and live output */
    char *name;
    Uuid uuid;
    bool genid_present; Uuid genid;
    char *title, *description;
    char *metadata; /* the whole element as text */
    OptU64 max_memory; OptUint memory_slots; /* KiB: memory that can be plugged in later */
    OptU64 memory;         /* KiB, at boot, including memory devices */
    OptU64 current_memory; /* KiB, what the balloon leaves */
    Tri dump_core;
    BlkioTune blkiotune;
    MemTune memtune;
    MemoryBacking backing;
    OptUint vcpus, vcpus_current; Placement vcpu_placement; Bitmap *vcpu_cpuset;
    LIST(VcpuDef) vcpu_list;
    OptUint iothreads; LIST(IothreadDef) iothread_list;
    OptInt default_iothread_min, default_iothread_max;
    CpuTune cputune;
    NumaTune numatune;
    char *partition, *appid;
    LIST(SysinfoDef) sysinfos;
    char *bootloader, *bootloader_args;
    OsDef os;
    LIST(IdRange) uidmap, gidmap;
    FeaturesDef features;
    CpuDef cpu;
    ClockDef clock;
    LifecycleAction on_poweroff, on_reboot, on_crash;
    LockFailure on_lockfailure;
    Tri suspend_to_mem, suspend_to_disk;
    LIST(PerfEvent) perf;
    DevicesDef devices;
    SeclabelList seclabels;
    LIST(KeyWrap) keywrap;
    LaunchSecurity *launch_security;
    QemuNamespace qemu;
};

extern const XmlSchema domain_schema;

struct DomainCaps;

/*
 * Parse text, complete it with defaults, implicit devices and addresses, and check it. flags: XML_INACTIVE (a definition:
 * state is ignored), XML_VALIDATE, XML_STATUS. caps answers what depends on the hypervisor; NULL leaves the definition
 * as written (no completion; for reading what we wrote ourselves). Errors: code and domain as clients know them, the
 * first of all problems; the others are in err->str2.
 */
int domain_def_parse(const char *text, unsigned flags, const struct DomainCaps *caps, DomainDef **ret_def, Error *err);
/* The same from an element that is already loaded, for status and snapshot documents. */
int domain_def_read(xmlNode *root, unsigned flags, const struct DomainCaps *caps, DomainDef **ret_def, Error *err);

/* Canonical text, owned by the caller. flags: XML_SECURE, XML_INACTIVE, XML_MIGRATABLE, XML_STATUS. */
char *domain_def_format(const DomainDef *def, unsigned flags);
void domain_def_write(XmlWriter *writer, const DomainDef *def, unsigned flags); /* as an element of a larger document */

DomainDef *domain_def_new(void); /* empty, one reference; for builders */
DomainDef *domain_def_copy(const DomainDef *def); /* own to change, one reference */
DomainDef *domain_def_ref(const DomainDef *def);
void domain_def_unref(DomainDef *def); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainDef, domain_def_unref)

/* The guest sees the same machine: else ERR_CONFIG_UNSUPPORTED naming the first difference. */
int domain_def_check_abi(const DomainDef *from, const DomainDef *to, Error *err);

/* -- building and looking; building only before the definition is shared -- */

/* Put device where its kind keeps it: disks by bus and target, controllers by type and index, others last. */
void domain_def_add_device(DomainDef *def, Device *device);
void domain_def_remove_device(DomainDef *def, Device *device); /* the caller owns it then */
/* The n-th device of a kind, in its order; NULL past the end. */
Device *domain_def_device(const DomainDef *def, DeviceKind kind, unsigned n);
Device *domain_def_find_alias(const DomainDef *def, const char *alias); /* NULL if there is none */
unsigned domain_def_count(const DomainDef *def, DeviceKind kind);
#define DOMAIN_FOREACH_KIND(def, want, var) \
    LIST_FOREACH(Device, var, &(def)->devices.list) if (var->kind == (want))

unsigned domain_def_vcpus(const DomainDef *def);  /* online at boot */
bool domain_def_is_x86(const DomainDef *def);
bool domain_def_is_q35(const DomainDef *def);     /* machine "q35" or "pc-q35-..." */
bool domain_def_is_i440fx(const DomainDef *def);  /* "pc", "pc-i440fx-..." and "pc-<version>" */
bool domain_def_has_pci(const DomainDef *def);
