/* The processor's model and features, and what paravirtualization tells the guest through it. */
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/caps/cpumodels.h"
#include "virtqemud/command/command.h"

static void put(GString *text, const char *name, Tri value)
{
    if (value != TRI_ABSENT)
        g_string_append_printf(text, ",%s=%s", name, value == TRI_ON ? "on" : "off");
}

static void put_on(GString *text, const char *name, Tri value)
{
    if (value == TRI_ON)
        g_string_append_printf(text, ",%s=on", name);
}

static void put_features(GString *text, const CpuDef *cpu)
{
    for (size_t i = 0; i < cpu->features.n; i++) {
        const CpuFeature *feature = cpu->features.items[i];
        g_autofree char *name = g_strdelimit(g_strdup(cpu_feature_qemu_name(feature->name)), "_", '-');

        put(text, name, feature->policy == CPU_DISABLE || feature->policy == CPU_FORBID ? TRI_OFF : TRI_ON);
    }
}

static int put_model(QemuBuild *build, GString *text, Error *err)
{
    const CpuDef *cpu = &build->def->cpu;
    bool kvm = build->def->virt == VIRT_KVM;

    switch (cpu->mode) {
    case CPU_HOST_PASSTHROUGH:
        if (!kvm)
            return error_setf(err, FROM_QEMU, ERR_CONFIG_UNSUPPORTED,
                              "CPU mode 'host-passthrough' needs KVM; with type='qemu' use mode 'maximum'");
        g_string_append(text, "host");
        put(text, "migratable", cpu->migratable);
        break;
    case CPU_MAXIMUM:
        g_string_append(text, "max");
        put(text, "migratable", cpu->migratable);
        break;
    case CPU_HOST_MODEL:
        /* Where it could not be named (caps/hostmodel.h): all that this host and QEMU have. */
        g_string_append(text, kvm ? "host" : "max");
        break;
    case CPU_CUSTOM:
    case CPU_MODE_ABSENT: {
        const QemuMachine *machine = qemu_caps_machine(build->caps, kvm ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG, build->def->os.machine);

        if (cpu->model) {
            g_string_append(text, cpu->model);
        } else if (machine && machine->default_cpu_type) {
            const char *dash = g_strrstr(machine->default_cpu_type, "-x86_64-cpu");

            dash = dash ? dash : g_strrstr(machine->default_cpu_type, "-i386-cpu");
            g_string_append_len(text, machine->default_cpu_type, dash ? dash - machine->default_cpu_type : -1);
        } else {
            g_string_append(text, "qemu64");
        }
        if (cpu->vendor_id)
            g_string_append_printf(text, ",vendor=%s", cpu->vendor_id);
        break;
    }
    }
    put_features(text, cpu);
    return 0;
}

static void put_timers(GString *text, const ClockDef *clock)
{
    for (size_t i = 0; i < clock->timers.n; i++) {
        const ClockTimer *timer = clock->timers.items[i];

        if (timer->name == TIMER_KVMCLOCK && timer->present != TRI_ABSENT)
            put(text, "kvmclock", timer->present);
        else if (timer->name == TIMER_HYPERVCLOCK && timer->present == TRI_YES)
            g_string_append(text, ",hv-time=on");
        else if (timer->name == TIMER_TSC && timer->frequency.set)
            g_string_append_printf(text, ",tsc-frequency=%llu", timer->frequency.v);
    }
}

static void put_hyperv(GString *text, const HypervFeatures *hv)
{
    if (hv->mode == HYPERV_PASSTHROUGH) {
        g_string_append(text, ",hv-passthrough=on");
    }
    put_on(text, "hv-relaxed", hv->relaxed);
    put_on(text, "hv-vapic", hv->vapic);
    if (hv->spinlocks == TRI_ON)
        g_string_append_printf(text, ",hv-spinlocks=0x%x", hv->spinlocks_retries.v);
    put_on(text, "hv-vpindex", hv->vpindex);
    put_on(text, "hv-runtime", hv->runtime);
    put_on(text, "hv-synic", hv->synic);
    put_on(text, "hv-stimer", hv->stimer);
    put_on(text, "hv-stimer-direct", hv->stimer_direct);
    put_on(text, "hv-reset", hv->reset);
    if (hv->vendor_id == TRI_ON)
        g_string_append_printf(text, ",hv-vendor-id=%s", hv->vendor_id_value);
    put_on(text, "hv-frequencies", hv->frequencies);
    put_on(text, "hv-reenlightenment", hv->reenlightenment);
    put_on(text, "hv-tlbflush", hv->tlbflush);
    put_on(text, "hv-tlbflush-direct", hv->tlbflush_direct);
    put_on(text, "hv-tlbflush-ext", hv->tlbflush_extended);
    put_on(text, "hv-ipi", hv->ipi);
    put_on(text, "hv-evmcs", hv->evmcs);
    put_on(text, "hv-avic", hv->avic);
    put_on(text, "hv-emsr-bitmap", hv->emsr_bitmap);
    put_on(text, "hv-xmm-input", hv->xmm_input);
}

static void put_cache(GString *text, const CpuCache *cache)
{
    if (!cache || !cache->mode)
        return;
    if (g_str_equal(cache->mode, "emulate"))
        g_string_append(text, ",l3-cache=on");
    else if (g_str_equal(cache->mode, "passthrough"))
        g_string_append(text, ",host-cache-info=on,l3-cache=off");
    else
        g_string_append(text, ",l3-cache=off");
}

int command_cpu(QemuBuild *build, Error *err)
{
    const DomainDef *def = build->def;
    const FeaturesDef *features = &def->features;
    g_autoptr(GString) text = g_string_new(NULL);

    if (put_model(build, text, err) < 0)
        return -1;
    put_timers(text, &def->clock);
    put(text, "kvm-pv-eoi", features->apic_eoi);
    put(text, "kvm-pv-unhalt", features->pvspinlock);
    if (features->viridian)
        g_string_append(text, ",hv-relaxed=on"); /* the old word for the first of them */
    put_hyperv(text, &features->hyperv);
    DOMAIN_FOREACH_KIND(def, DEVICE_PANIC, device)
        if (PANIC(device)->model == PANIC_HYPERV)
            g_string_append(text, ",hv-crash");
    if (features->kvm.hidden == TRI_ON)
        g_string_append(text, ",kvm=off");
    put_on(text, "kvm-hint-dedicated", features->kvm.hint_dedicated);
    put_on(text, "kvm-poll-control", features->kvm.poll_control);
    if (features->kvm.pv_ipi == TRI_OFF) /* on where the host has it */
        put(text, "kvm-pv-ipi", TRI_OFF);
    put(text, "pmu", features->pmu);
    put_cache(text, def->cpu.cache);
    if (def->cpu.maxphysaddr) {
        const CpuPhysAddr *phys = def->cpu.maxphysaddr;

        if (g_strcmp0(phys->mode, "passthrough") == 0) {
            g_string_append(text, ",host-phys-bits=on");
            if (phys->limit.set)
                g_string_append_printf(text, ",host-phys-bits-limit=%u", phys->limit.v);
        } else if (phys->bits.set) {
            g_string_append_printf(text, ",phys-bits=%u", phys->bits.v);
        }
    }
    build_option(build, "-cpu", "%s", text->str);
    return 0;
}
