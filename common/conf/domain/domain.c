/* The table of <domain>, and definitions as values. Completion is in postparse.c. */
#include "common/conf/domain/domain.h"

#include <string.h>

#include "common/conf/definition.h"
#include "common/conf/domain/device/interface.h"
#include "common/conf/domain/postparse.h"
#include "common/xml/document.h"

const char *const virt_type_names[] = {
    NULL, "qemu", "kqemu", "kvm", "xen", "lxc", "uml", "openvz", "test", "vmware", "hyperv", "vbox", "phyp", "parallels",
    "bhyve", "vz", "hvf", NULL,
};
const char *const lifecycle_action_names[] = {
    NULL, "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", NULL,
};
static const char *const lock_failure_names[] = { NULL, "poweroff", "restart", "pause", "ignore", NULL };
static const char *const placement_names[] = { NULL, "static", "auto", NULL };

#define D DomainDef
#define ONE(var, ...) \
    static const XmlRow var##_rows[] = { __VA_ARGS__, ROWS_END }; \
    static SCHEMA(var##_schema, #var, D, var##_rows, "part of a domain")

/* -- memory, processors, I/O threads -- */

/* An empty <genid/> asks for one. */
ONE(genid, PRESENT(D, genid_present), T_UUID(D, genid, "identity of this generation of the machine"));
ONE(memory, A_ONOFF("dumpCore", D, dump_core, "whether core dumps hold it"),
    SIZE_TEXT(D, memory, 1024, "memory at boot", .flags = XR_ABI));
ONE(max_memory, A_UINT("slots", D, memory_slots, "modules that can be plugged in", .flags = XR_ABI),
    SIZE_TEXT(D, max_memory, 1024, "largest memory with all modules", .flags = XR_ABI));

static int
vcpu_text_check(XmlParse *parse, xmlNode *element, void *object)
{
    const D *def = object;

    if (def->vcpus.set && (def->vcpus.v == 0 || def->vcpus.v > BITMAP_LIMIT))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "a domain has from 1 to %d processors, not %u",
                           BITMAP_LIMIT, def->vcpus.v);
    if (def->vcpus_current.set && (!def->vcpus_current.v || def->vcpus_current.v > MAX(def->vcpus.v, 1)))
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "'current' of <vcpu> is %u, it must be from 1 to %u", def->vcpus_current.v, MAX(def->vcpus.v, 1));
    return 0;
}
static bool
current_shown(const void *object, unsigned flags)
{
    const D *def = object;

    return def->vcpus_current.set && def->vcpus_current.v != def->vcpus.v;
}
static const XmlRow vcpu_rows[] = {
    A_ENUM("placement", D, vcpu_placement, placement_names, "given here, or asked of numad"),
    A_SET("cpuset", D, vcpu_cpuset, "processors of the host"),
    A_UINT("current", D, vcpus_current, "how many are there at boot", .shown = current_shown),
    T_UINT(D, vcpus, "how many there can be", .flags = XR_ABI), ROWS_END,
};
static SCHEMA(vcpu_schema, "vcpu", D, vcpu_rows, "number of processors", .check = vcpu_text_check);

static const XmlRow vcpu_item_rows[] = {
    A_UINT("id", VcpuDef, id, "number of the processor", .flags = XR_REQUIRED),
    A_YESNO("enabled", VcpuDef, enabled, "there at boot", .flags = XR_REQUIRED),
    A_YESNO("hotpluggable", VcpuDef, hotpluggable, "may come and go"),
    A_UINT("order", VcpuDef, order, "order of coming"), ROWS_END,
};
static SCHEMA(vcpu_item_schema, "vcpuItem", VcpuDef, vcpu_item_rows, "one processor");
ONE(vcpus, ITEMS("vcpu", D, vcpu_list, vcpu_item_schema, "one processor"));

static const XmlRow poll_rows[] = {
    PRESENT(IothreadPoll, present),
    A_UINT("max", IothreadPoll, max, "nanoseconds"),
    A_UINT("grow", IothreadPoll, grow, "factor"),
    A_UINT("shrink", IothreadPoll, shrink, "divisor"), ROWS_END,
};
static SCHEMA(poll_schema, "iothreadPoll", IothreadPoll, poll_rows, "polling of an I/O thread");
static const XmlRow iothread_rows[] = {
    A_UINT("id", IothreadDef, id, "number from 1", .flags = XR_REQUIRED, .min = 1),
    A_INT("thread_pool_min", IothreadDef, pool_min, "worker threads at least"),
    A_INT("thread_pool_max", IothreadDef, pool_max, "worker threads at most"),
    GROUP_AT("poll", IothreadDef, poll, poll_schema, "polling"), ROWS_END,
};
static SCHEMA(iothread_schema, "iothread", IothreadDef, iothread_rows, "an I/O thread");
ONE(iothreadids, ITEMS("iothread", D, iothread_list, iothread_schema, "an I/O thread"));
ONE(defaultiothread, A_INT("thread_pool_min", D, default_iothread_min, "worker threads at least"),
    A_INT("thread_pool_max", D, default_iothread_max, "worker threads at most"));

/* -- small parts -- */

ONE(fibrechannel, A_STR("appid", D, appid, "identity in the fabric"));
ONE(resource, E_STR("partition", D, partition, "group of the host's resources"),
    GROUP("fibrechannel", fibrechannel_schema, "Fibre Channel"));

static const XmlRow entry_rows[] = {
    A_STR("name", SysinfoEntry, name, "name of the entry"), A_STR("file", SysinfoEntry, file, "file with the value"),
    T_STR(SysinfoEntry, value, "its value", .flags = XR_ABI), ROWS_END,
};
static SCHEMA(entry_schema, "sysinfoEntry", SysinfoEntry, entry_rows, "one value");
static const XmlRow block_rows[] = { ITEMS("entry", SysinfoBlock, entries, entry_schema, "one value"), ROWS_END };
static SCHEMA(block_schema, "sysinfoBlock", SysinfoBlock, block_rows, "a block of values");

/* The date of a BIOS is month/day/year, of two or four digits. */
static int
bios_check(XmlParse *parse, xmlNode *element, void *object)
{
    const SysinfoBlock *bios = object;

    LIST_FOREACH(SysinfoEntry, entry, &bios->entries) {
        unsigned month, day, year;
        int used = 0;

        if (g_strcmp0(entry->name, "date") != 0)
            continue;
        if (!entry->value || strspn(entry->value, "0123456789/") != strlen(entry->value) ||
            sscanf(entry->value, "%2u/%2u/%4u%n", &month, &day, &year, &used) != 3 || entry->value[used] ||
            month < 1 || month > 12 || day < 1 || day > 31 || (year >= 100 && year < 1900))
            return xml_problem(parse, element, parse->domain, ERR_XML_DETAIL, "BIOS date '%s' is not like 12/31/2024",
                               entry->value ? entry->value : "");
    }
    return 0;
}
static SCHEMA(bios_schema, "sysinfoBios", SysinfoBlock, block_rows, "the BIOS", .check = bios_check);

/* SMBIOS tables have places for these values only, and in this order. */
static void
order_entries(SysinfoBlock *block, const char *const *names)
{
    SysinfoBlock ordered = { 0 };

    for (; *names; names++)
        for (size_t i = 0; i < block->entries.n; i++) {
            if (g_strcmp0(block->entries.items[i]->name, *names) != 0)
                continue;
            LIST_ADD(&ordered.entries, list_take((AnyList *)(void *)&block->entries, i));
            break;
        }
    xml_clear(&block_schema, block);
    *block = ordered;
}

static int
sysinfo_check(XmlParse *parse, xmlNode *element, void *object)
{
    static const char *const bios[] = { "vendor", "version", "date", "release", NULL };
    static const char *const system[] = { "manufacturer", "product", "version", "serial", "uuid", "sku", "family", NULL };
    static const char *const board[] = { "manufacturer", "product", "version", "serial", "asset", "location", NULL };
    static const char *const chassis[] = { "manufacturer", "version", "serial", "asset", "sku", NULL };
    SysinfoDef *info = object;

    order_entries(&info->bios, bios);
    order_entries(&info->system, system);
    order_entries(&info->chassis, chassis);
    LIST_FOREACH(SysinfoBlock, one, &info->boards)
        order_entries(one, board);
    return 0;
}

#define S SysinfoDef
#define SMBIOS_BLOCK(n, f, s) GROUP_AT(n, S, f, s, "SMBIOS block of this name")
static const XmlRow sysinfo_rows[] = {
    A_WORD("type", S, type, WORDS("smbios", "fwcfg"), "what it becomes", .flags = XR_REQUIRED),
    SMBIOS_BLOCK("bios", bios, bios_schema), SMBIOS_BLOCK("system", system, block_schema),
    ITEMS("baseBoard", S, boards, block_schema, "a board"), SMBIOS_BLOCK("chassis", chassis, block_schema),
    SMBIOS_BLOCK("oemStrings", oem_strings, block_schema),
    ITEMS("entry", S, entries, entry_schema, "a firmware configuration file"), ROWS_END,
};
static SCHEMA(sysinfo_schema, "sysinfo", S, sysinfo_rows, "what the machine says about itself",
              .check = sysinfo_check);
#undef S

static const XmlRow range_rows[] = {
    A_UINT("start", IdRange, start, "first id inside", .flags = XR_REQUIRED),
    A_UINT("target", IdRange, target, "first id outside", .flags = XR_REQUIRED),
    A_UINT("count", IdRange, count, "how many", .flags = XR_REQUIRED), ROWS_END,
};
static SCHEMA(range_schema, "idRange", IdRange, range_rows, "range of ids");
ONE(idmap, ITEMS("uid", D, uidmap, range_schema, "users"), ITEMS("gid", D, gidmap, range_schema, "groups"));
ONE(suspend_mem, A_YESNO("enabled", D, suspend_to_mem, "whether the guest may", .flags = XR_ABI));
ONE(suspend_disk, A_YESNO("enabled", D, suspend_to_disk, "whether the guest may", .flags = XR_ABI));
ONE(pm, GROUP("suspend-to-mem", suspend_mem_schema, "sleep in memory"), GROUP("suspend-to-disk", suspend_disk_schema, "sleep on disk"));
static const char *const perf_names[] = {
    NULL, "cmt", "mbmt", "mbml", "cpu_cycles", "instructions", "cache_references", "cache_misses", "branch_instructions",
    "branch_misses", "bus_cycles", "stalled_cycles_frontend", "stalled_cycles_backend", "ref_cpu_cycles", "cpu_clock",
    "task_clock", "page_faults", "context_switches", "cpu_migrations", "page_faults_min", "page_faults_maj",
    "alignment_faults", "emulation_faults", NULL,
};
static const XmlRow event_rows[] = {
    A_WORD("name", PerfEvent, name, perf_names, "event", .flags = XR_REQUIRED),
    A_YESNO("enabled", PerfEvent, enabled, "counted", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(event_schema, "perfEvent", PerfEvent, event_rows, "a performance event");
ONE(perf, ITEMS("event", D, perf, event_schema, "an event"));

static const XmlRow keywrap_item_rows[] = {
    A_WORD("name", KeyWrap, name, WORDS("aes", "dea"), "cipher", .flags = XR_REQUIRED),
    A_WORD("state", KeyWrap, state, WORDS("on", "off"), "used or not", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(keywrap_item_schema, "keywrapCipher", KeyWrap, keywrap_item_rows, "a cipher");
ONE(keywrap, ITEMS("cipher", D, keywrap, keywrap_item_schema, "a cipher"));

#define L LaunchSecurity
static const XmlRow launch_rows[] = {
    A_WORD("type", L, type, WORDS("sev", "sev-snp", "s390-pv", "tdx"), "kind of protection",
           .flags = XR_REQUIRED | XR_ABI),
    A_STR("kernelHashes", L, kernel_hashes, "measure the kernel"),
    E_STR("cbitpos", L, cbitpos, "position of the encryption bit"),
    E_STR("reducedPhysBits", L, reduced_phys_bits, "address bits taken"), E_STR("policy", L, policy, "policy"),
    E_STR("dhCert", L, dh_cert, "certificate of the owner"),
    E_STR("session", L, session, "session of the owner"),
    ROWS_END,
};
static SCHEMA(launch_schema, "launchSecurity", L, launch_rows, "protection of the guest from the host");
#undef L

/* -- QEMU's own namespace -- */

#define QEMU_NS .ns = "http://libvirt.org/schemas/domain/qemu/1.0", .prefix = "qemu"
#define Q QemuNamespace
static const XmlRow arg_rows[] = { A_STR("value", QemuArg, value, "the argument", .flags = XR_REQUIRED), ROWS_END };
static SCHEMA(arg_schema, "qemuArg", QemuArg, arg_rows, "argument of QEMU");
static const XmlRow env_rows[] = {
    A_STR("name", QemuEnv, name, "variable", .flags = XR_REQUIRED),
    A_STR("value", QemuEnv, value, "its value"),
    ROWS_END,
};
static SCHEMA(env_schema, "qemuEnv", QemuEnv, env_rows, "environment of QEMU");
static const XmlRow commandline_rows[] = {
    ITEMS("arg", Q, args, arg_schema, "an argument", QEMU_NS),
    ITEMS("env", Q, envs, env_schema, "a variable", QEMU_NS),
    ROWS_END,
};
static SCHEMA(commandline_schema, "qemuCommandline", Q, commandline_rows, "additions to QEMU's command line");
static const XmlRow capability_rows[] = {
    A_STR("capability", QemuCapability, name, "its name", .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(capability_schema, "qemuCapability", QemuCapability, capability_rows, "a capability of QEMU");
static const XmlRow capabilities_rows[] = {
    ITEMS("add", Q, add, capability_schema, "taken as there", QEMU_NS),
    ITEMS("del", Q, del, capability_schema, "taken as not there", QEMU_NS), ROWS_END,
};
static SCHEMA(capabilities_schema, "qemuCapabilities", Q, capabilities_rows, "corrections of QEMU's capabilities");
static const XmlRow property_rows[] = {
    A_STR("name", QemuProperty, name, "property", .flags = XR_REQUIRED),
    A_WORD("type", QemuProperty, type, WORDS("string", "unsigned", "signed", "bool", "remove"), "its type",
           .flags = XR_REQUIRED),
    A_STR("value", QemuProperty, value, "its value"), ROWS_END,
};
static SCHEMA(property_schema, "qemuProperty", QemuProperty, property_rows, "a property");
static const XmlRow frontend_rows[] = {
    ITEMS("property", QemuOverride, properties, property_schema, "a property", QEMU_NS),
    ROWS_END,
};
static SCHEMA(frontend_schema, "qemuFrontend", QemuOverride, frontend_rows, "properties of a device");
static const XmlRow override_device_rows[] = {
    A_STR("alias", QemuOverride, alias, "the device", .flags = XR_REQUIRED),
    GROUP("frontend", frontend_schema, "its properties", QEMU_NS), ROWS_END,
};
static SCHEMA(override_device_schema, "qemuOverrideDevice", QemuOverride, override_device_rows, "changes to a device");
static const XmlRow override_rows[] = {
    ITEMS("device", Q, overrides, override_device_schema, "a device", QEMU_NS),
    ROWS_END,
};
static SCHEMA(override_schema, "qemuOverride", Q, override_rows, "changes to devices");
static const XmlRow deprecation_rows[] = {
    A_WORD("behavior", Q, deprecation, WORDS("none", "omit", "reject", "crash"),
           "what QEMU does on use of what is deprecated"),
    ROWS_END,
};
static SCHEMA(deprecation_schema, "qemuDeprecation", Q, deprecation_rows, "deprecated features of QEMU");
static const XmlRow qemu_rows[] = {
    GROUP("commandline", commandline_schema, "additions to the command line", QEMU_NS),
    GROUP("capabilities", capabilities_schema, "corrections of capabilities", QEMU_NS),
    GROUP("deprecation", deprecation_schema, "deprecated features", QEMU_NS),
    GROUP("override", override_schema, "changes to devices", QEMU_NS), ROWS_END,
};
static SCHEMA(qemu_schema, "qemuNamespace", Q, qemu_rows, "QEMU's own elements");

/* -- devices -- */

static int
devices_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    DevicesDef *devices = object;
    int result = 0;

    for (xmlNode *child = element->children; child; child = child->next) {
        DeviceKind kind = child->type == XML_ELEMENT_NODE && !child->ns ? device_kind_of_element((const char *)child->name)
                                                                        : DEVICE_NONE;
        Device *device;

        if (kind == DEVICE_NONE)
            continue;
        if (devices->list.n >= DOMAIN_MAX_DEVICES)
            return xml_problem(parse, child, parse->domain, ERR_CONFIG_UNSUPPORTED, "a domain has at most %d devices",
                               DOMAIN_MAX_DEVICES);
        device = xml_read_new(parse, child, device_ops(kind)->schema);
        if (!device) {
            result = -1;
            continue;
        }
        device->kind = kind;
        LIST_ADD(&devices->list, device);
    }
    return result;
}

static void
devices_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    const DevicesDef *devices = object;

    for (DeviceKind kind = DEVICE_NONE + 1; kind < DEVICE_KIND_MAX; kind++)
        for (size_t i = 0; i < devices->list.n; i++)
            if (devices->list.items[i]->kind == kind)
                device_write(writer, devices->list.items[i], flags);
}

static void
devices_copy(void *dst, const void *src)
{
    const DevicesDef *from = src;
    DevicesDef *to = dst;

    for (size_t i = 0; i < from->list.n; i++)
        LIST_ADD(&to->list, device_copy(from->list.items[i]));
}

static void
devices_clear(void *object)
{
    DevicesDef *devices = object;

    for (size_t i = 0; i < devices->list.n; i++)
        device_free(devices->list.items[i]);
    g_clear_pointer(&devices->list.items, g_free);
    devices->list.n = 0;
}

static const char *const device_elements[] = {
    "disk", "controller", "lease", "filesystem", "interface", "smartcard", "serial", "parallel", "console", "channel",
    "input", "tpm", "graphics", "sound", "audio", "video", "hostdev", "redirdev", "redirfilter", "hub", "watchdog",
    "memballoon", "rng", "nvram", "panic", "shmem", "memory", "crypto", "iommu", "vsock", "pstore", NULL,
};
static const XmlCustom devices_row = {
    .parse = devices_parse, .format = devices_format, .copy = devices_copy, .clear = devices_clear,
    .children = device_elements, .rng = "<zeroOrMore><ref name='anyDevice'/></zeroOrMore>",
};
static const XmlRow devices_rows[] = {
    E_LSTR("emulator", DevicesDef, emulator, "path of the hypervisor's program"),
    CUSTOM(NULL, devices_row, "devices of any kind, in any order"), ROWS_END,
};
static SCHEMA(devices_schema, "devices", DevicesDef, devices_rows, "all devices");

/* -- <domain> -- */

static const char *
has_qemu_namespace(const D *def)
{
    const Q *q = &def->qemu;

    return q->args.n || q->envs.n || q->add.n || q->del.n || q->overrides.n || q->deprecation
               ? "http://libvirt.org/schemas/domain/qemu/1.0" : NULL;
}
static int
namespace_parse(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object)
{
    return 0;
}
static void
namespace_format(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    xml_writer_attr(writer, "xmlns:qemu", has_qemu_namespace(object));
}
static const XmlCustom namespace_row = { .parse = namespace_parse, .format = namespace_format, .attribute_phase = true, .rng = "" };

static bool
maximum_memory_shown(const void *object, unsigned flags)
{
    return ((const D *)object)->max_memory.v != 0;
}

static const XmlRow domain_rows[] = {
    A_ENUM("type", D, virt, virt_type_names, "hypervisor", .flags = XR_REQUIRED | XR_ABI),
    A_INT("id", D, id, "number while running", .flags = XR_LIVE),
    CUSTOM(NULL, namespace_row, "the namespace, where it is used"),
    E_LSTR("name", D, name, "name, unique on the host"),
    E_UUID("uuid", D, uuid, "identity", .flags = XR_ABI),
    GROUP("genid", genid_schema, "identity of the generation"),
    E_LSTR("title", D, title, "one line for people"),
    E_LSTR("description", D, description, "text for people"),
    RAW("metadata", D, metadata, "anything, in namespaces of its owners", .flags = XR_OWNED),
    GROUP("maxMemory", max_memory_schema, "memory that can be plugged in", .shown = maximum_memory_shown),
    GROUP("memory", memory_schema, "memory at boot"),
    SIZE("currentMemory", D, current_memory, 1024, "what the balloon leaves"),
    GROUP_AT("blkiotune", D, blkiotune, blkiotune_schema, "limits of block I/O"),
    GROUP_AT("memtune", D, memtune, memtune_schema, "limits of memory"),
    GROUP_AT("memoryBacking", D, backing, memory_backing_schema, "what is behind the memory"),
    GROUP("vcpu", vcpu_schema, "number of processors"),
    GROUP("vcpus", vcpus_schema, "state of single processors"),
    E_UINT("iothreads", D, iothreads, "number of I/O threads"),
    GROUP("iothreadids", iothreadids_schema, "I/O threads by number"),
    GROUP("defaultiothread", defaultiothread_schema, "the main loop's worker threads"),
    GROUP_AT("cputune", D, cputune, cputune_schema, "CPU time and placement"),
    GROUP_AT("numatune", D, numatune, numatune_schema, "NUMA placement"),
    GROUP("resource", resource_schema, "group of the host's resources"),
    ITEMS("sysinfo", D, sysinfos, sysinfo_schema, "what the machine says about itself"),
    E_LSTR("bootloader", D, bootloader, "Xen boot loader"),
    E_LSTR("bootloader_args", D, bootloader_args, "its arguments"),
    GROUP_AT("os", D, os, os_schema, "what the machine is and what it boots"),
    GROUP("idmap", idmap_schema, "mapping of ids"),
    GROUP_AT("features", D, features, features_schema, "parts that can be switched"),
    GROUP_AT("cpu", D, cpu, cpu_schema, "processor of the guest"),
    GROUP_AT("clock", D, clock, clock_schema, "time in the guest"),
    E_ENUM("on_poweroff", D, on_poweroff, lifecycle_action_names, "when the guest powers off"),
    E_ENUM("on_reboot", D, on_reboot, lifecycle_action_names, "when the guest reboots"),
    E_ENUM("on_crash", D, on_crash, lifecycle_action_names, "when the guest crashes"),
    E_ENUM("on_lockfailure", D, on_lockfailure, lock_failure_names, "when a lock is lost"),
    GROUP("pm", pm_schema, "sleep states"),
    GROUP("perf", perf_schema, "performance events"),
    GROUP_AT("devices", D, devices, devices_schema, "all devices"),
    ITEMS("seclabel", D, seclabels, seclabel_schema, "confinement"),
    GROUP("keywrap", keywrap_schema, "s390 key wrapping"),
    PTR("launchSecurity", D, launch_security, launch_schema, "protection from the host"),
    INLINE_AT(D, qemu, qemu_schema),
    ROWS_END,
};
SCHEMA(domain_schema, "domain", D, domain_rows, "a machine");

/* -- values -- */

DomainDef *
domain_def_new(void)
{
    DomainDef *def = xml_new(&domain_schema);

    def->refs = 1;
    return def;
}

DEFINITION_VALUE(DomainDef, domain_def, domain_schema);

int
domain_def_read(xmlNode *root, unsigned flags, const DomainCaps *caps, DomainDef **ret_def, Error *err)
{
    XmlParse parse = { .flags = flags, .domain = FROM_DOMAIN };
    g_autoptr(DomainDef) def = domain_def_new();
    int result;

    if (!xml_is(root, "domain", NULL))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: the document is a <%s>, expected a <domain>",
                          (const char *)root->name);
    xml_read(&parse, root, &domain_schema, def);
    result = xml_parse_result(&parse, err);
    xml_parse_done(&parse);
    if (result < 0)
        return -1;
    if (caps && domain_def_complete(def, flags, caps, err) < 0)
        return -1;
    *ret_def = g_steal_pointer(&def);
    return 0;
}

int
domain_def_parse(const char *text, unsigned flags, const DomainCaps *caps, DomainDef **ret_def, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;

    if (xml_document_load(text, "domain definition", FROM_DOMAIN, &doc, err) < 0)
        return -1;
    return domain_def_read(xmlDocGetRootElement(doc), flags, caps, ret_def, err);
}

/*
 * A definition, or what another host must understand, does not tell what a network happened to plug a card into: there a
 * copy is written. NULL: def can be written as it is.
 */
static DomainDef *
unplugged(const DomainDef *def, unsigned flags)
{
    DomainDef *copy = NULL;

    if (!(flags & (XML_INACTIVE | XML_MIGRATABLE)))
        return NULL;
    DOMAIN_FOREACH_KIND(def, DEVICE_INTERFACE, device)
        if (!copy && net_is_plugged(NET(device)))
            copy = domain_def_copy(def);
    if (copy)
        DOMAIN_FOREACH_KIND(copy, DEVICE_INTERFACE, device)
            net_unplug(NET(device));
    return copy;
}

void
domain_def_write(XmlWriter *writer, const DomainDef *def, unsigned flags)
{
    g_autoptr(DomainDef) copy = unplugged(def, flags);

    xml_write(writer, "domain", &domain_schema, copy ? copy : def, flags);
}

char *
domain_def_format(const DomainDef *def, unsigned flags)
{
    g_autoptr(DomainDef) copy = unplugged(def, flags);

    return xml_to_text("domain", &domain_schema, copy ? copy : def, flags);
}
