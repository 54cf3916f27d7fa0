#include "common/conf/domain/features.h"

static const char *const ioapic_names[] = { NULL, "qemu", "kvm", NULL };
static const char *const hyperv_mode_names[] = { NULL, "custom", "passthrough", NULL };

#define F FeaturesDef
#define H HypervFeatures
#define K KvmFeatures

/* An element whose state may be left out: then it is on. */
static int
default_on(XmlParse *parse, xmlNode *element, size_t offset, void *object)
{
    Tri *field = (Tri *)(void *)((char *)object + offset);

    if (!*field)
        *field = TRI_ON;
    return 0;
}

/* <name state='on'/> alone; state is required */
#define STATE(var, S, f) \
    static const XmlRow var##_rows[] = { A_ONOFF("state", S, f, "on or off", .flags = XR_REQUIRED | XR_ABI), ROWS_END }; \
    static SCHEMA(var##_schema, #var, S, var##_rows, "a switch")
/* the same, but a missing state is on */
#define SWITCH(var, S, f) \
    static int var##_check(XmlParse *parse, xmlNode *element, void *object) \
    { return default_on(parse, element, offsetof(S, f), object); } \
    static const XmlRow var##_rows[] = { A_ONOFF("state", S, f, "on or off", .flags = XR_ABI), ROWS_END }; \
    static SCHEMA(var##_schema, #var, S, var##_rows, "a switch", .check = var##_check)

STATE(hv_relaxed, H, relaxed);
STATE(hv_vapic, H, vapic);
STATE(hv_vpindex, H, vpindex);
STATE(hv_runtime, H, runtime);
STATE(hv_synic, H, synic);
STATE(hv_reset, H, reset);
STATE(hv_frequencies, H, frequencies);
STATE(hv_reenlightenment, H, reenlightenment);
STATE(hv_ipi, H, ipi);
STATE(hv_evmcs, H, evmcs);
STATE(hv_avic, H, avic);
STATE(hv_emsr_bitmap, H, emsr_bitmap);
STATE(hv_xmm_input, H, xmm_input);
STATE(hv_direct, H, stimer_direct);
STATE(hv_tlb_direct, H, tlbflush_direct);
STATE(hv_tlb_extended, H, tlbflush_extended);

static int
spinlocks_check(XmlParse *parse, xmlNode *element, void *object)
{
    const H *hyperv = object;

    if (hyperv->spinlocks == TRI_ON && (!hyperv->spinlocks_retries.set || hyperv->spinlocks_retries.v < 0xfff))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<spinlocks> needs 'retries' of at least 4095");
    return 0;
}
static const XmlRow spinlocks_rows[] = {
    A_ONOFF("state", H, spinlocks, "on or off", .flags = XR_REQUIRED | XR_ABI),
    A_UINT("retries", H, spinlocks_retries, "tries before a trap", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(spinlocks_schema, "hvSpinlocks", H, spinlocks_rows, "spin locks", .check = spinlocks_check);
static const XmlRow stimer_rows[] = {
    A_ONOFF("state", H, stimer, "on or off", .flags = XR_REQUIRED | XR_ABI),
    GROUP("direct", hv_direct_schema, "direct mode"),
    ROWS_END,
};
static SCHEMA(stimer_schema, "hvStimer", H, stimer_rows, "synthetic timers");
static const XmlRow tlbflush_rows[] = {
    A_ONOFF("state", H, tlbflush, "on or off", .flags = XR_REQUIRED | XR_ABI),
    GROUP("direct", hv_tlb_direct_schema, "direct"),
    GROUP("extended", hv_tlb_extended_schema, "extended"),
    ROWS_END,
};
static SCHEMA(tlbflush_schema, "hvTlbflush", H, tlbflush_rows, "paravirtual TLB flush");
static const XmlRow vendor_rows[] = {
    A_ONOFF("state", H, vendor_id, "on or off", .flags = XR_REQUIRED | XR_ABI),
    A_STR("value", H, vendor_id_value, "up to 12 characters", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(vendor_schema, "hvVendor", H, vendor_rows, "vendor the guest sees");

static int
hyperv_check(XmlParse *parse, xmlNode *element, void *object)
{
    H *hyperv = object;

    if (!hyperv->mode)
        hyperv->mode = HYPERV_CUSTOM;
    return 0;
}
static const XmlRow hyperv_rows[] = {
    PRESENT(H, present),
    A_ENUM("mode", H, mode, hyperv_mode_names, "given here, or whatever the host has", .flags = XR_ABI),
    GROUP("relaxed", hv_relaxed_schema, "no watchdog panics"),
    GROUP("vapic", hv_vapic_schema, "virtual APIC"),
    GROUP("spinlocks", spinlocks_schema, "spin locks"),
    GROUP("vpindex", hv_vpindex_schema, "processor index"),
    GROUP("runtime", hv_runtime_schema, "run time counter"),
    GROUP("synic", hv_synic_schema, "synthetic interrupts"),
    GROUP("stimer", stimer_schema, "synthetic timers"),
    GROUP("reset", hv_reset_schema, "reset register"),
    GROUP("vendor_id", vendor_schema, "vendor"),
    GROUP("frequencies", hv_frequencies_schema, "frequency registers"),
    GROUP("reenlightenment", hv_reenlightenment_schema, "notification of migration"),
    GROUP("tlbflush", tlbflush_schema, "TLB flush"),
    GROUP("ipi", hv_ipi_schema, "interrupts between processors"),
    GROUP("evmcs", hv_evmcs_schema, "enlightened VMCS"),
    GROUP("avic", hv_avic_schema, "AVIC"),
    GROUP("emsr_bitmap", hv_emsr_bitmap_schema, "MSR bitmap"),
    GROUP("xmm_input", hv_xmm_input_schema, "XMM input"),
    ROWS_END,
};
static SCHEMA(hyperv_schema, "hyperv", H, hyperv_rows, "what Windows guests like", .check = hyperv_check);

STATE(kvm_hidden, K, hidden);
STATE(kvm_hint, K, hint_dedicated);
STATE(kvm_poll, K, poll_control);
STATE(kvm_ipi, K, pv_ipi);
static const XmlRow ring_rows[] = {
    A_ONOFF("state", K, dirty_ring, "on or off", .flags = XR_REQUIRED),
    A_UINT("size", K, dirty_ring_size, "entries, a power of two"),
    ROWS_END,
};
static int
ring_check(XmlParse *parse, xmlNode *element, void *object)
{
    const K *kvm = object;
    unsigned size = kvm->dirty_ring_size.v;

    if (kvm->dirty_ring == TRI_ON && (size < 1024 || size > 65536 || size & (size - 1)))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "size of <dirty-ring> must be a power of two from 1024 to 65536");
    return 0;
}
static SCHEMA(ring_schema, "dirtyRing", K, ring_rows, "dirty ring", .check = ring_check);
static const XmlRow kvm_rows[] = {
    PRESENT(K, present),
    GROUP("hidden", kvm_hidden_schema, "hide KVM from the guest"),
    GROUP("hint-dedicated", kvm_hint_schema, "processors are dedicated"),
    GROUP("poll-control", kvm_poll_schema, "guest controls polling"),
    GROUP("pv-ipi", kvm_ipi_schema, "interrupts between processors"),
    GROUP("dirty-ring", ring_schema, "dirty ring"),
    ROWS_END,
};
static SCHEMA(kvm_schema, "kvmFeatures", K, kvm_rows, "features of KVM");

STATE(xen_e820, F, xen_e820_host);
static const XmlRow xen_pass_rows[] = {
    A_ONOFF("state", F, xen_passthrough, "on or off", .flags = XR_REQUIRED),
    A_STR("mode", F, xen_passthrough_mode, "mode"),
    ROWS_END,
};
static SCHEMA(xen_pass_schema, "xenPassthrough", F, xen_pass_rows, "passthrough");
static const XmlRow xen_rows[] = {
    PRESENT(F, xen), GROUP("e820_host", xen_e820_schema, "host memory map"),
    GROUP("passthrough", xen_pass_schema, "passthrough"), ROWS_END,
};
static SCHEMA(xen_schema, "xenFeatures", F, xen_rows, "features of Xen");

SWITCH(hap, F, hap);
SWITCH(pvspinlock, F, pvspinlock);
SWITCH(pmu, F, pmu);
SWITCH(vmport, F, vmport);
SWITCH(vmcoreinfo, F, vmcoreinfo);
SWITCH(htm, F, htm);
SWITCH(nested_hv, F, nested_hv);
SWITCH(ccf_assist, F, ccf_assist);
SWITCH(ras, F, ras);
SWITCH(ps2, F, ps2);

static const XmlRow apic_rows[] = {
    PRESENT(F, apic), A_ONOFF("eoi", F, apic_eoi, "paravirtual end of interrupt", .flags = XR_ABI), ROWS_END,
};
static SCHEMA(apic_schema, "apic", F, apic_rows, "local APIC");
static const XmlRow gic_rows[] = {
    PRESENT(F, gic_present),
    A_WORD("version", F, gic_version, WORDS("2", "3", "host"), "2, 3 or host", .flags = XR_ABI),
    ROWS_END,
};
static SCHEMA(gic_schema, "gic", F, gic_rows, "interrupt controller of ARM");

/* Written in the largest unit that fits: KiB, MiB, GiB. */
static int
scaled_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    g_autofree char *text = NULL, *unit = NULL, *why = NULL;
    unsigned long long bytes;
    xmlNode *child;

    if (xml_only_child(parse, element, row->name, &child) < 0)
        return -1;
    if (!child)
        return 0;
    text = g_strstrip(xml_text(child));
    unit = xml_attr(child, "unit");
    if (parse_size(text, unit, 1024 * 1024, &bytes, &why) < 0)
        return xml_problem(parse, child, parse->domain, ERR_XML_ERROR, "size '%s' of element <%s>: %s", text, row->name,
                           why);
    *(OptU64 *)(void *)((char *)object + row->offset) = (OptU64)OPT(bytes);
    return 0;
}

static void
scaled_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    const OptU64 *size = (const OptU64 *)(const void *)((const char *)object + row->offset);
    unsigned long long value = size->v;
    g_autofree char *text = NULL;
    unsigned unit = 0;

    if (!size->set)
        return;
    for (; value && value % 1024 == 0 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1024;
    text = g_strdup_printf("%llu", value);
    xml_writer_start(writer, row->name);
    xml_writer_attr(writer, "unit", units[unit]);
    xml_writer_end_text(writer, row->name, text);
}

static const XmlCustom scaled = { .parse = scaled_parse, .format = scaled_format,
    .children = (const char *const[]){ "tseg", NULL } };

static int
smm_check(XmlParse *parse, xmlNode *element, void *object)
{
    return default_on(parse, element, offsetof(F, smm), object);
}
static const XmlRow smm_rows[] = {
    A_ONOFF("state", F, smm, "on or off", .flags = XR_ABI),
    CUSTOM("tseg", scaled, "extended memory of SMM", .offset = offsetof(F, tseg)),
    INTERNAL(F, tseg, OptU64, xt_u64),
    ROWS_END,
};
static SCHEMA(smm_schema, "smm", F, smm_rows, "system management mode", .check = smm_check);
static const XmlRow tcg_rows[] = {
    SIZE("tb-cache", F, tb_cache, 1024, "translation cache", .max = 1024 * 1024),
    ROWS_END,
};
static SCHEMA(tcg_schema, "tcgFeatures", F, tcg_rows, "settings of TCG");

static const XmlRow ioapic_rows[] = {
    A_ENUM("driver", F, ioapic, ioapic_names, "who plays it", .flags = XR_REQUIRED | XR_ABI),
    ROWS_END,
};
static SCHEMA(ioapic_schema, "ioapic", F, ioapic_rows, "I/O APIC");
static const XmlRow hpt_rows[] = {
    A_WORD("resizing", F, hpt_resizing, WORDS("enabled", "disabled", "required"), "enabled, disabled or required"),
    SIZE("maxpagesize", F, hpt_maxpagesize, 1024, "largest page"), ROWS_END,
};
static SCHEMA(hpt_schema, "hpt", F, hpt_rows, "hash page table of pSeries");
#define VALUE_OF(var, f, ...) \
    static const XmlRow var##_rows[] = { A_WORD("value", F, f, WORDS(__VA_ARGS__), "how it is mitigated", .flags = XR_REQUIRED), ROWS_END }; \
    static SCHEMA(var##_schema, #var, F, var##_rows, "mitigation of pSeries")
VALUE_OF(cfpc, cfpc, "broken", "workaround", "fixed");
VALUE_OF(sbbc, sbbc, "broken", "workaround", "fixed");
VALUE_OF(ibs, ibs, "broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na");
static const XmlRow msrs_rows[] = {
    A_WORD("unknown", F, msrs_unknown, WORDS("ignore", "fault"), "ignore or fault", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(msrs_schema, "msrs", F, msrs_rows, "model specific registers");
static const XmlRow teardown_rows[] = {
    A_YESNO("enabled", F, async_teardown, "whether memory is freed later"),
    ROWS_END,
};
static SCHEMA(teardown_schema, "asyncTeardown", F, teardown_rows, "asynchronous teardown");
static const XmlRow aia_rows[] = {
    A_WORD("value", F, aia, WORDS("none", "aplic", "aplic-imsic"), "none, aplic or aplic-imsic", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(aia_schema, "aia", F, aia_rows, "interrupts of RISC-V");
static const XmlRow capabilities_rows[] = {
    A_WORD("policy", F, capabilities, WORDS("default", "allow", "deny"), "default, allow or deny"),
    ROWS_END,
};
static SCHEMA(capabilities_schema, "featureCapabilities", F, capabilities_rows, "capabilities of containers");

static const XmlRow features_rows[] = {
    FLAG("acpi", F, acpi, "ACPI", .flags = XR_ABI),
    GROUP("apic", apic_schema, "local APIC"),
    FLAG("pae", F, pae, "physical address extension", .flags = XR_ABI),
    GROUP("hap", hap_schema, "hardware assisted paging"),
    FLAG("viridian", F, viridian, "Xen's Windows interface"),
    FLAG("privnet", F, privnet, "private network"),
    GROUP_AT("hyperv", F, hyperv, hyperv_schema, "what Windows guests like"),
    GROUP_AT("kvm", F, kvm, kvm_schema, "features of KVM"),
    GROUP("xen", xen_schema, "features of Xen"),
    GROUP("pvspinlock", pvspinlock_schema, "paravirtual spin locks"),
    GROUP("capabilities", capabilities_schema, "capabilities of containers"),
    GROUP("pmu", pmu_schema, "performance counters"),
    GROUP("vmport", vmport_schema, "VMware port"),
    GROUP("gic", gic_schema, "interrupt controller of ARM"),
    GROUP("smm", smm_schema, "system management mode"),
    GROUP("ioapic", ioapic_schema, "I/O APIC"),
    GROUP("hpt", hpt_schema, "hash page table"),
    GROUP("vmcoreinfo", vmcoreinfo_schema, "data for crash dumps"),
    GROUP("htm", htm_schema, "transactional memory"),
    GROUP("nested-hv", nested_hv_schema, "nested virtualization"),
    GROUP("msrs", msrs_schema, "model specific registers"),
    GROUP("ccf-assist", ccf_assist_schema, "count cache flush"),
    GROUP("cfpc", cfpc_schema, "mitigation"),
    GROUP("sbbc", sbbc_schema, "mitigation"),
    GROUP("ibs", ibs_schema, "mitigation"),
    GROUP("tcg", tcg_schema, "settings of TCG"),
    GROUP("async-teardown", teardown_schema, "asynchronous teardown"),
    GROUP("ras", ras_schema, "error handling of ARM"),
    GROUP("ps2", ps2_schema, "PS/2 controller"),
    GROUP("aia", aia_schema, "interrupts of RISC-V"),
    ROWS_END,
};
SCHEMA(features_schema, "features", F, features_rows, "parts of the machine that can be switched");
