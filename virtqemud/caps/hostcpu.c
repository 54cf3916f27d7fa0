/* This machine's own processor: CPUID, and the feature MSRs as KVM tells them to everybody who may open /dev/kvm. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "common/base/file.h"
#include "virtqemud/caps/cpumodels.h"

#if defined(__x86_64__) || defined(__i386__)

/* 0 where the processor has no such leaf. */
static void
cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
    if (__get_cpuid_max(leaf & 0xc0000000, NULL) < leaf) {
        memset(regs, 0, 4 * sizeof(*regs));
        return;
    }
    __cpuid_count(leaf, subleaf, regs[0], regs[1], regs[2], regs[3]);
}

/* 0 without KVM or where it doesn't know the register. */
static uint64_t
feature_msr(int kvm, uint32_t number)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msrs = { .head.nmsrs = 1, .entry.index = number };

    return kvm >= 0 && ioctl(kvm, KVM_GET_MSRS, &msrs) == 1 ? msrs.entry.data : 0;
}

static void
read_features(HostCpu *cpu)
{
    _cleanup_fd_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    for (unsigned i = 0; i < cpu_n_features; i++) {
        const CpuFeatureInfo *f = &cpu_features[i];
        uint32_t regs[4];
        uint64_t value = 0;

        if (f->reg == CPU_MSR) {
            value = feature_msr(kvm, f->leaf);
        } else if (f->reg != CPU_NONE) {
            cpuid(f->leaf, f->subleaf, regs);
            value = regs[f->reg];
        }
        if (value >> f->bit & 1)
            cpu_set_add(&cpu->features, (int)i);
    }
    cpu_drop_invented(&cpu->features, &cpu->features);
    cpu->tsc_scaling = kvm < 0 ? -1 : ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;
    if (kvm >= 0) { /* only a virtual CPU says the frequency that guests get */
        _cleanup_fd_ int vm = ioctl(kvm, KVM_CREATE_VM, 0);
        _cleanup_fd_ int vcpu = vm >= 0 ? ioctl(vm, KVM_CREATE_VCPU, 0) : -1;
        int khz = vcpu >= 0 ? ioctl(vcpu, KVM_GET_TSC_KHZ) : 0;

        cpu->tsc_hz = khz > 0 ? (uint64_t)khz * 1000 : 0;
    }
}

static void
read_identity(HostCpu *cpu)
{
    uint32_t r[4];
    char vendor[13] = "";

    cpuid(0, 0, r);
    memcpy(vendor, &r[1], 4);
    memcpy(vendor + 4, &r[3], 4);
    memcpy(vendor + 8, &r[2], 4);
    cpu->vendor = cpu_vendor_name(vendor);
    cpuid(1, 0, r);
    cpu->signature.family = r[0] >> 8 & 15;
    cpu->signature.model = r[0] >> 4 & 15;
    cpu->signature.stepping = r[0] & 15;
    if (cpu->signature.family == 6 || cpu->signature.family == 15)
        cpu->signature.model |= (r[0] >> 16 & 15) << 4;
    if (cpu->signature.family == 15)
        cpu->signature.family += r[0] >> 20 & 255;
    cpuid(0x80000008, 0, r);
    cpu->physical_bits = r[0] & 255;
}

/* "microcode : 0x1" of the first processor. */
static void
read_microcode(HostCpu *cpu)
{
    g_autofree char *text = NULL;
    const char *at;

    if (file_read("/proc/cpuinfo", 16 * 1024 * 1024, &text, NULL, NULL) < 0)
        return;
    at = strstr(text, "\nmicrocode");
    at = at ? strchr(at, ':') : NULL;
    if (at)
        cpu->microcode = g_strdup_printf("%" G_GUINT64_FORMAT, g_ascii_strtoull(at + 1, NULL, 0));
}

static void
read_host(HostCpu *cpu)
{
    cpu->known = true;
    read_identity(cpu);
    read_features(cpu);
    read_microcode(cpu);
    cpu_decode(&cpu->features, cpu->vendor, &cpu->signature, NULL, NULL, NULL, CPU_FOR_HOST, &cpu->decoded);
}

#else

static void
read_host(HostCpu *cpu)
{
    cpu->tsc_scaling = -1;
}

#endif

const HostCpu *
host_cpu(void)
{
    static HostCpu cpu;
    static bool read;

    if (!read) {
        read = true;
        read_host(&cpu);
    }
    return &cpu;
}
