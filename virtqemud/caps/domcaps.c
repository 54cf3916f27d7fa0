#include "virtqemud/caps/domcaps.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/xml/writer.h"
#include "virtqemud/caps/firmware.h"
#include "virtqemud/qmp/qmp.h"

static const char *
yes_no(bool b)
{
    return b ? "yes" : "no";
}

static void
supported(XmlWriter *w, const char *name, bool is)
{
    xml_writer_start(w, name);
    xml_writer_attr(w, "supported", yes_no(is));
}

static void
empty(XmlWriter *w, const char *name, bool is)
{
    supported(w, name, is);
    xml_writer_end(w, name);
}

static void
enum_start(XmlWriter *w, const char *name)
{
    xml_writer_start(w, "enum");
    xml_writer_attr(w, "name", name);
}

static void
values(XmlWriter *w, const char *name, const char *const *list)
{
    enum_start(w, name);
    for (; list && *list; list++)
        xml_writer_text_element(w, "value", *list);
    xml_writer_end(w, "enum");
}

#define VALUES(w, name, ...) values(w, name, (const char *const[]){ __VA_ARGS__, NULL })

/* --- tables: a value, and the QOM type or command that gives it --- */

typedef struct Choice {
    const char *value;
    const char *needs;   /* a QOM type; NULL: always there */
    const char *command; /* a QMP command; NULL: none needed */
    unsigned version;    /* of QEMU, at least */
} Choice;

static bool
has_choice(const QemuCaps *caps, const Choice *c)
{
    return (!c->needs || qemu_caps_has_type(caps, c->needs)) && (!c->command || qemu_caps_has_command(caps, c->command)) &&
           caps->version >= c->version;
}

static bool
any_choice(const QemuCaps *caps, const Choice *c)
{
    for (; c->value; c++)
        if (has_choice(caps, c))
            return true;
    return false;
}

static void
choices(XmlWriter *w, const QemuCaps *caps, const char *name, const Choice *c)
{
    enum_start(w, name);
    for (; c->value; c++)
        if (has_choice(caps, c))
            xml_writer_text_element(w, "value", c->value);
    xml_writer_end(w, "enum");
}

static const Choice disk_models[] = { { .value = "virtio", .needs = "virtio-blk-pci" },
                                      { .value = "virtio-transitional", .needs = "virtio-blk-pci-transitional" },
                                      { .value = "virtio-non-transitional", .needs = "virtio-blk-pci-non-transitional" }, { 0 } };
static const Choice graphics_types[] = { { .value = "sdl" }, { .value = "vnc", .command = "query-vnc" },
                                         { .value = "spice", .command = "query-spice" }, { .value = "egl-headless" },
                                         { .value = "dbus", .needs = "dbus-display" }, { 0 } };
static const Choice video_models[] = { { .value = "vga", .needs = "VGA" }, { .value = "cirrus", .needs = "cirrus-vga" },
                                       { .value = "vmvga", .needs = "vmware-svga" }, { .value = "qxl", .needs = "qxl" },
                                       { .value = "virtio", .needs = "virtio-gpu-pci" }, { .value = "none" },
                                       { .value = "bochs", .needs = "bochs-display" }, { .value = "ramfb", .needs = "ramfb" },
                                       { 0 } };
static const Choice rng_models[] = { { .value = "virtio", .needs = "virtio-rng-pci" },
                                     { .value = "virtio-transitional", .needs = "virtio-rng-pci-transitional" },
                                     { .value = "virtio-non-transitional", .needs = "virtio-rng-pci-non-transitional" }, { 0 } };
static const Choice rng_backends[] = { { .value = "random", .needs = "rng-random" }, { .value = "egd", .needs = "rng-egd" },
                                       { .value = "builtin", .needs = "rng-builtin" }, { 0 } };
static const Choice tpm_models[] = { { .value = "tpm-tis", .needs = "tpm-tis" }, { .value = "tpm-crb", .needs = "tpm-crb" },
                                     { .value = "tpm-spapr", .needs = "tpm-spapr" }, { 0 } };
static const Choice redir_buses[] = { { .value = "usb", .needs = "usb-redir" }, { 0 } };
static const Choice crypto_models[] = { { .value = "virtio", .needs = "virtio-crypto-pci" }, { 0 } };
static const Choice crypto_backends[] = { { .value = "builtin", .needs = "cryptodev-backend-builtin" },
                                          { .value = "lkcf", .needs = "cryptodev-backend-lkcf" }, { 0 } };
static const Choice interface_backends[] = { { .value = "default" }, { .value = "passt", .version = 7002000 }, { 0 } };
static const Choice memory_sources[] = { { .value = "file", .needs = "memory-backend-file" }, { .value = "anonymous" },
                                         { .value = "memfd", .needs = "memory-backend-memfd" }, { 0 } };
static const Choice channels[] = { { .value = "pty" }, { .value = "unix" },
                                   { .value = "spicevmc", .needs = "chardev-spicevmc" }, { 0 } };

/* --- machines --- */

static bool
is_x86(const DomCapsTarget *t)
{
    return strcmp(t->arch, "x86_64") == 0 || strcmp(t->arch, "i686") == 0;
}

static bool
machine_is(const DomCapsTarget *t, const char *prefix)
{
    return g_str_has_prefix(t->machine->name, prefix);
}

static bool
is_i440fx(const DomCapsTarget *t)
{
    return is_x86(t) && (machine_is(t, "pc-i440fx") || machine_is(t, "pc-0") || machine_is(t, "pc-1"));
}

static unsigned
max_vcpus(const DomCapsTarget *t)
{
    _cleanup_fd_ int kvm = t->accel == QEMU_ACCEL_KVM ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;
    int limit = kvm >= 0 ? ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS) : 0;

    return limit > 0 ? MIN((unsigned)limit, t->machine->max_cpus) : t->machine->max_cpus;
}

/* --- os --- */

static const char *const usual_firmware[] = { "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE.secboot.fd",
                                              "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF32_CODE.fd", NULL };

static void
loader_value(XmlWriter *w, const char *path, size_t length)
{
    g_autofree char *code = g_strndup(path, length);

    if (access(code, F_OK) == 0)
        xml_writer_text_element(w, "value", code);
}

static void
format_os(XmlWriter *w, const DomCapsTarget *t)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    bool secure = false, uefi = firmware_available(t->arch, t->machine->name, found, &secure);

    supported(w, "os", true);
    values(w, "firmware", uefi ? (const char *const[]){ "efi", NULL } : NULL);
    supported(w, "loader", true);
    for (guint i = 0; i < found->len; i++)
        xml_writer_text_element(w, "value", found->pdata[i]);
    for (char *const *pair = t->nvram; found->len == 0 && pair && *pair; pair++)
        loader_value(w, *pair, strcspn(*pair, ":"));
    for (const char *const *path = usual_firmware; found->len == 0 && !t->nvram && *path; path++)
        loader_value(w, *path, strlen(*path));
    VALUES(w, "type", "rom", "pflash");
    VALUES(w, "readonly", "yes", "no");
    values(w, "secure", secure ? (const char *const[]){ "yes", "no", NULL } : (const char *const[]){ "no", NULL });
    xml_writer_end(w, "loader");
    xml_writer_end(w, "os");
}

/* --- cpu --- */

const QemuCpuModel *
domcaps_cpu_model(const QemuCaps *caps, QemuAccel accel, const char *name)
{
    GArray *cpus = caps->accel[accel].cpus;

    for (guint i = 0; i < cpus->len; i++)
        if (strcmp(g_array_index(cpus, QemuCpuModel, i).name, name) == 0)
            return &g_array_index(cpus, QemuCpuModel, i);
    return NULL;
}

typedef struct {
    const QemuCaps *caps;
    QemuAccel accel;
} EmulatorModels;

static bool
emulator_has(const CpuModel *model, CpuSet *blockers, void *data)
{
    const EmulatorModels *m = data;
    const QemuCpuModel *cpu = domcaps_cpu_model(m->caps, m->accel, model->name);

    for (guint i = 0; cpu && i < cpu->blockers->len; i++) {
        int feature = cpu_feature_index(cpu->blockers->pdata[i]);

        if (feature >= 0)
            cpu_set_add(blockers, feature);
    }
    return cpu != NULL;
}

bool
domcaps_decode(const QemuCaps *caps, QemuAccel accel, const CpuSet *features, const char *vendor, const CpuSignature *signature,
               const CpuModel *preferred, CpuDecoded *ret)
{
    EmulatorModels models = { caps, accel };

    return cpu_decode(features, vendor, signature, preferred, emulator_has, &models, CPU_FOR_GUEST, ret);
}

static unsigned
prop_uint(json_t *props, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(props, name));
}

bool
domcaps_hypervisor_cpu(const QemuCaps *caps, QemuAccel accel, HypervisorCpu *ret)
{
    json_t *props = caps->accel[accel].max_cpu_all, *value;
    const char *name;

    *ret = (HypervisorCpu){ 0 };
    if (!props || !qmp_string(props, "vendor"))
        return false;
    json_object_foreach(props, name, value) {
        int i = json_is_true(value) ? cpu_feature_index(name) : -1;

        if (i >= 0)
            cpu_set_add(&ret->features, i);
    }
    if (accel == QEMU_ACCEL_KVM && host_cpu()->known)
        cpu_drop_invented(&ret->features, &host_cpu()->features);
    ret->vendor = cpu_vendor_name(qmp_string(props, "vendor"));
    CpuSignature signature = { prop_uint(props, "family"), prop_uint(props, "model"), prop_uint(props, "stepping") };

    return domcaps_decode(caps, accel, &ret->features, ret->vendor, &signature, NULL, &ret->decoded);
}

static void
format_features(XmlWriter *w, const CpuSet *set, const char *policy)
{
    for (unsigned i = 0; i < cpu_n_features; i++) {
        if (!cpu_set_has(set, (int)i))
            continue;
        xml_writer_start(w, "feature");
        xml_writer_attr(w, "policy", policy);
        xml_writer_attr(w, "name", cpu_features[i].name);
        xml_writer_end(w, "feature");
    }
}

static void
format_host_model(XmlWriter *w, const DomCapsTarget *t)
{
    HypervisorCpu cpu;
    bool known = domcaps_hypervisor_cpu(t->caps, t->accel, &cpu);

    xml_writer_start(w, "mode");
    xml_writer_attr(w, "name", "host-model");
    xml_writer_attr(w, "supported", yes_no(known));
    if (known) {
        CpuSet more = cpu_set_or(&cpu.decoded.more, &cpu.decoded.model->removed), less = cpu.decoded.less;

        more = cpu_set_and(&more, &cpu.features);
        xml_writer_start(w, "model");
        xml_writer_attr(w, "fallback", "forbid");
        xml_writer_end_text(w, "model", cpu.decoded.model->name);
        if (cpu.vendor)
            xml_writer_text_element(w, "vendor", cpu.vendor);
        if (t->accel == QEMU_ACCEL_KVM && host_cpu()->physical_bits) {
            xml_writer_start(w, "maxphysaddr");
            xml_writer_attr(w, "mode", "passthrough");
            xml_writer_attrf(w, "limit", "%u", host_cpu()->physical_bits);
            xml_writer_end(w, "maxphysaddr");
        }
        format_features(w, &more, "require");
        format_features(w, &less, "disable");
    }
    xml_writer_end(w, "mode");
}

static int
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
format_model(XmlWriter *w, const QemuCpuModel *cpu, const CpuModel *known)
{
    g_autoptr(GPtrArray) blockers = g_ptr_array_new();

    for (guint i = 0; i < cpu->blockers->len; i++)
        g_ptr_array_add(blockers, (void *)cpu_feature_name(cpu->blockers->pdata[i]));
    g_ptr_array_sort(blockers, by_text);
    xml_writer_start(w, "model");
    xml_writer_attr(w, "usable", yes_no(cpu->usable));
    if (cpu->deprecated)
        xml_writer_attr(w, "deprecated", "yes");
    xml_writer_attr(w, "vendor", known->vendor ? known->vendor : "unknown");
    xml_writer_attr(w, "canonical", cpu->alias_of);
    xml_writer_end_text(w, "model", cpu->name);
    if (blockers->len == 0)
        return;
    xml_writer_start(w, "blockers");
    xml_writer_attr(w, "model", cpu->name);
    for (guint i = 0; i < blockers->len; i++) {
        if (i > 0 && strcmp(blockers->pdata[i], blockers->pdata[i - 1]) == 0)
            continue;
        xml_writer_start(w, "feature");
        xml_writer_attr(w, "name", blockers->pdata[i]);
        xml_writer_end(w, "feature");
    }
    xml_writer_end(w, "blockers");
}

static int
by_model_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const QemuCpuModel *const *)a)->name, (*(const QemuCpuModel *const *)b)->name);
}

static void
format_custom(XmlWriter *w, const DomCapsTarget *t)
{
    g_autoptr(GPtrArray) models = g_ptr_array_new();
    GArray *cpus = t->caps->accel[t->accel].cpus;

    for (guint i = 0; i < cpus->len; i++)
        if (!is_x86(t) || cpu_model_find(g_array_index(cpus, QemuCpuModel, i).name))
            g_ptr_array_add(models, &g_array_index(cpus, QemuCpuModel, i));
    g_ptr_array_sort(models, by_model_name);
    xml_writer_start(w, "mode");
    xml_writer_attr(w, "name", "custom");
    xml_writer_attr(w, "supported", yes_no(models->len > 0));
    for (guint i = 0; i < models->len; i++) {
        static const CpuModel stranger;
        const QemuCpuModel *cpu = models->pdata[i];
        const CpuModel *known = cpu_model_find(cpu->name);

        format_model(w, cpu, known ? known : &stranger);
    }
    xml_writer_end(w, "mode");
}

static void
format_mode(XmlWriter *w, const char *name, bool is, const char *migratable)
{
    xml_writer_start(w, "mode");
    xml_writer_attr(w, "name", name);
    xml_writer_attr(w, "supported", yes_no(is));
    if (is)
        VALUES(w, migratable, "on", "off");
    xml_writer_end(w, "mode");
}

static void
format_cpu(XmlWriter *w, const DomCapsTarget *t)
{
    xml_writer_start(w, "cpu");
    format_mode(w, "host-passthrough", t->accel == QEMU_ACCEL_KVM, "hostPassthroughMigratable");
    format_mode(w, "maximum", domcaps_cpu_model(t->caps, t->accel, "max") != NULL, "maximumMigratable");
    format_host_model(w, t);
    format_custom(w, t);
    xml_writer_end(w, "cpu");
}

/* --- devices --- */

static void
format_disk(XmlWriter *w, const DomCapsTarget *t)
{
    static const Choice buses[] = { { .value = "ide", .needs = "ide-hd" }, { .value = "fdc", .needs = "floppy" },
                                    { .value = "scsi", .needs = "scsi-hd" }, { .value = "virtio", .needs = "virtio-blk-pci" },
                                    { .value = "usb", .needs = "usb-storage" }, { .value = "sata", .needs = "ich9-ahci" }, { 0 } };

    supported(w, "disk", true);
    VALUES(w, "diskDevice", "disk", "cdrom", "floppy", "lun");
    choices(w, t->caps, "bus", is_i440fx(t) ? buses : buses + 1);
    choices(w, t->caps, "model", disk_models);
    xml_writer_end(w, "disk");
}

static bool
host_has_iommu(void)
{
    g_autoptr(GDir) dir = g_dir_open("/sys/kernel/iommu_groups", 0, NULL);

    return dir && g_dir_read_name(dir);
}

static void
format_hostdev(XmlWriter *w, const DomCapsTarget *t)
{
    bool vfio = host_has_iommu() && qemu_caps_has_type(t->caps, "vfio-pci");

    supported(w, "hostdev", true);
    VALUES(w, "mode", "subsystem");
    VALUES(w, "startupPolicy", "default", "mandatory", "requisite", "optional");
    VALUES(w, "subsysType", "usb", "pci", "scsi");
    values(w, "capsType", NULL);
    values(w, "pciBackend", vfio ? (const char *const[]){ "default", "vfio", NULL } : NULL);
    xml_writer_end(w, "hostdev");
}

static bool
program_exists(const char *const *places)
{
    for (; *places; places++)
        if (access(*places, X_OK) == 0)
            return true;
    return false;
}

static void
format_filesystem(XmlWriter *w, const DomCapsTarget *t)
{
    static const char *const virtiofsd[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", NULL };
    bool p9 = qemu_caps_has_type(t->caps, "virtio-9p-pci");
    bool fs = qemu_caps_has_type(t->caps, "vhost-user-fs-pci") && program_exists(virtiofsd);

    supported(w, "filesystem", p9 || fs);
    enum_start(w, "driverType");
    if (p9) {
        xml_writer_text_element(w, "value", "path");
        xml_writer_text_element(w, "value", "handle");
    }
    if (fs)
        xml_writer_text_element(w, "value", "virtiofs");
    xml_writer_end(w, "enum");
    xml_writer_end(w, "filesystem");
}

static void
format_tpm(XmlWriter *w, const DomCapsTarget *t)
{
    static const char *const swtpm[] = { "/usr/bin/swtpm", NULL };
    bool models = any_choice(t->caps, tpm_models), emulator = qemu_caps_has_type(t->caps, "tpm-emulator") && program_exists(swtpm);

    supported(w, "tpm", models);
    if (models) {
        choices(w, t->caps, "model", tpm_models);
        enum_start(w, "backendModel");
        if (qemu_caps_has_type(t->caps, "tpm-passthrough"))
            xml_writer_text_element(w, "value", "passthrough");
        if (emulator)
            xml_writer_text_element(w, "value", "emulator");
        xml_writer_end(w, "enum");
        if (emulator)
            VALUES(w, "backendVersion", "1.2", "2.0");
    }
    xml_writer_end(w, "tpm");
}

static void
format_one(XmlWriter *w, const DomCapsTarget *t, const char *element, const char *name, const Choice *c)
{
    supported(w, element, any_choice(t->caps, c));
    choices(w, t->caps, name, c);
    xml_writer_end(w, element);
}

static void
format_panic(XmlWriter *w, const DomCapsTarget *t)
{
    bool isa = qemu_caps_has_type(t->caps, "pvpanic"), pci = qemu_caps_has_type(t->caps, "pvpanic-pci");

    supported(w, "panic", isa || pci || is_x86(t));
    enum_start(w, "model");
    if (isa && is_x86(t))
        xml_writer_text_element(w, "value", "isa");
    if (is_x86(t))
        xml_writer_text_element(w, "value", "hyperv");
    if (pci)
        xml_writer_text_element(w, "value", "pvpanic");
    xml_writer_end(w, "enum");
    xml_writer_end(w, "panic");
}

static void
format_devices(XmlWriter *w, const DomCapsTarget *t)
{
    const QemuCaps *caps = t->caps;

    xml_writer_start(w, "devices");
    format_disk(w, t);
    format_one(w, t, "graphics", "type", graphics_types);
    format_one(w, t, "video", "modelType", video_models);
    format_hostdev(w, t);
    supported(w, "rng", any_choice(caps, rng_models));
    choices(w, caps, "model", rng_models);
    choices(w, caps, "backendModel", rng_backends);
    xml_writer_end(w, "rng");
    format_filesystem(w, t);
    format_tpm(w, t);
    format_one(w, t, "redirdev", "bus", redir_buses);
    format_one(w, t, "channel", "type", channels);
    supported(w, "crypto", any_choice(caps, crypto_models));
    choices(w, caps, "model", crypto_models);
    VALUES(w, "type", "qemu");
    choices(w, caps, "backendModel", crypto_backends);
    xml_writer_end(w, "crypto");
    format_one(w, t, "interface", "backendType", interface_backends);
    format_panic(w, t);
    xml_writer_end(w, "devices");
}

/* --- features --- */

/* As <hyperv> names them, and as QEMU does; NULL: no property of the processor, always there. */
static const char *const hyperv[][2] = {
    { "relaxed", "hv-relaxed" },     { "vapic", "hv-vapic" },           { "spinlocks", NULL },
    { "vpindex", "hv-vpindex" },     { "runtime", "hv-runtime" },       { "synic", "hv-synic" },
    { "stimer", "hv-stimer" },       { "reset", "hv-reset" },           { "vendor_id", NULL },
    { "frequencies", "hv-frequencies" }, { "reenlightenment", "hv-reenlightenment" }, { "tlbflush", "hv-tlbflush" },
    { "ipi", "hv-ipi" },             { "evmcs", "hv-evmcs" },           { "avic", "hv-avic" },
    { "emsr_bitmap", "hv-emsr-bitmap" }, { "xmm_input", "hv-xmm-input" },
};

static void
format_hyperv(XmlWriter *w, const DomCapsTarget *t)
{
    json_t *props = t->caps->accel[t->accel].max_cpu_all;

    supported(w, "hyperv", true);
    enum_start(w, "features");
    for (size_t i = 0; i < G_N_ELEMENTS(hyperv); i++)
        if (!hyperv[i][1] || json_is_true(json_object_get(props, hyperv[i][1])))
            xml_writer_text_element(w, "value", hyperv[i][0]);
    xml_writer_end(w, "enum");
    xml_writer_end(w, "hyperv");
}

static void
format_features_section(XmlWriter *w, const DomCapsTarget *t)
{
    const QemuCaps *caps = t->caps;

    xml_writer_start(w, "features");
    empty(w, "gic", false);
    empty(w, "vmcoreinfo", qemu_caps_has_type(caps, "vmcoreinfo"));
    empty(w, "genid", qemu_caps_has_type(caps, "vmgenid"));
    empty(w, "backingStoreInput", true);
    empty(w, "backup", qemu_caps_has_command(caps, "blockdev-backup"));
    empty(w, "async-teardown", caps->version >= 8000000);
    if (is_x86(t))
        empty(w, "ps2", !machine_is(t, "microvm"));
    empty(w, "sev", false); /* what SEV and SGX need of the host is not driven yet */
    empty(w, "sgx", false);
    if (is_x86(t))
        format_hyperv(w, t);
    empty(w, "launchSecurity", false);
    xml_writer_end(w, "features");
}

char *
domcaps_format(const DomCapsTarget *t)
{
    XmlWriter w;

    xml_writer_init(&w);
    xml_writer_start(&w, "domainCapabilities");
    xml_writer_text_element(&w, "path", t->caps->binary);
    xml_writer_text_element(&w, "domain", t->accel == QEMU_ACCEL_KVM ? "kvm" : "qemu");
    xml_writer_text_element(&w, "machine", t->machine->name);
    xml_writer_text_element(&w, "arch", t->arch);
    xml_writer_start(&w, "vcpu");
    xml_writer_attrf(&w, "max", "%u", max_vcpus(t));
    xml_writer_end(&w, "vcpu");
    empty(&w, "iothreads", qemu_caps_has_type(t->caps, "iothread"));
    format_os(&w, t);
    format_cpu(&w, t);
    supported(&w, "memoryBacking", true);
    choices(&w, t->caps, "sourceType", memory_sources);
    xml_writer_end(&w, "memoryBacking");
    format_devices(&w, t);
    format_features_section(&w, t);
    xml_writer_end(&w, "domainCapabilities");
    return xml_writer_steal(&w);
}
