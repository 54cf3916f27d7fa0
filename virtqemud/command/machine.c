/* The machine, its memory, processors' topology and NUMA nodes. */
#include <limits.h>

#include "common/conf/domain/device/memory.h"
#include "common/conf/domain/device/simple.h"
#include "common/conf/domain/domain.h"
#include "virtqemud/command/command.h"

enum { BYTES_PER_KIB = 1024, KIB_PER_MIB = 1024 };

static QemuAccel accel_of(const DomainDef *def) { return def->virt == VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG; }

static bool has_numa(const QemuBuild *build) { return build->def->cpu.cells.n > 0; }

static bool has_memory_model(const QemuBuild *build, MemoryModel model)
{
    DOMAIN_FOREACH_KIND(build->def, DEVICE_MEMORY, device)
        if (MEMORY(device)->model == model)
            return true;
    return false;
}

const char *command_ram_id(const QemuBuild *build)
{
    const QemuMachine *machine = qemu_caps_machine(build->caps, accel_of(build->def), build->def->os.machine);

    return has_numa(build) || !machine ? NULL : machine->default_ram_id;
}

/* The interrupt controller is split where the guest's IOMMU must see interrupts. */
static const char *irqchip(const QemuBuild *build)
{
    if (build->def->features.ioapic == IOAPIC_QEMU)
        return "split";
    return build->def->features.ioapic == IOAPIC_KVM ? "on" : NULL;
}

static void put_switch(GString *text, const char *name, Tri value)
{
    if (value != TRI_ABSENT)
        g_string_append_printf(text, ",%s=%s", name, value == TRI_ON ? "on" : "off");
}

static bool has_hmat(const QemuBuild *build)
{
    const CpuDef *cpu = &build->def->cpu;

    if (cpu->bandwidths.n || cpu->latencies.n)
        return true;
    for (size_t i = 0; i < cpu->cells.n; i++)
        if (cpu->cells.items[i]->caches.n)
            return true;
    return false;
}

void command_machine(QemuBuild *build)
{
    const DomainDef *def = build->def;
    const char *ram = command_ram_id(build);
    g_autoptr(GString) text = g_string_new(def->os.machine);
    bool dump = def->dump_core != TRI_ABSENT ? def->dump_core == TRI_ON : build->options->dump_guest_core;

    g_string_append(text, ",usb=off");
    put_switch(text, "vmport", def->features.vmport);
    put_switch(text, "smm", def->features.smm);
    if (irqchip(build))
        g_string_append_printf(text, ",kernel_irqchip=%s", irqchip(build));
    put_switch(text, "i8042", def->features.ps2);
    g_string_append_printf(text, ",dump-guest-core=%s", dump ? "on" : "off");
    if (def->backing.nosharepages)
        g_string_append(text, ",mem-merge=off");
    if (ram)
        g_string_append_printf(text, ",memory-backend=%s", ram);
    if (has_memory_model(build, MEMORY_NVDIMM))
        g_string_append(text, ",nvdimm=on");
    if (has_hmat(build))
        g_string_append(text, ",hmat=on");
    if (def->os.loader.type == LOADER_PFLASH) {
        g_string_append(text, ",pflash0=libvirt-pflash0-format");
        if (def->os.nvram)
            g_string_append(text, ",pflash1=libvirt-pflash1-format");
    }
    DOMAIN_FOREACH_KIND(def, DEVICE_SOUND, device)
        if (SOUND(device)->model == SOUND_PCSPK)
            g_string_append_printf(text, ",pcspk-audiodev=audio%u", SOUND(device)->audio.set ? SOUND(device)->audio.v : 1);
    build_option(build, "-machine", "%s", text->str);

    if (def->virt == VIRT_KVM && def->features.kvm.dirty_ring == TRI_ON)
        build_option(build, "-accel", "kvm,dirty-ring-size=%u", def->features.kvm.dirty_ring_size.v);
    else if (def->virt == VIRT_KVM)
        build_option(build, "-accel", "kvm");
    else if (def->features.tb_cache.set)
        build_option(build, "-accel", "tcg,tb-size=%llu", def->features.tb_cache.v / KIB_PER_MIB);
    else
        build_option(build, "-accel", "tcg");
    if (def->features.smm == TRI_ON && def->features.tseg.set)
        build_option(build, "-global", "mch.extended-tseg-mbytes=%llu", def->features.tseg.v / BYTES_PER_KIB / KIB_PER_MIB);
}

static bool is_memfd(const MemoryBacking *backing) { return g_strcmp0(backing->source, "memfd") == 0; }

/* Who asks for an access mode wants others to see the memory: that takes a file. */
static bool is_file(const MemoryBacking *backing, const char *access)
{
    return !is_memfd(backing) && (access || backing->access || g_strcmp0(backing->source, "file") == 0);
}

bool qemu_command_needs_ram_dir(const DomainDef *def)
{
    if (is_file(&def->backing, NULL))
        return true;
    for (size_t i = 0; i < def->cpu.cells.n; i++)
        if (is_file(&def->backing, def->cpu.cells.items[i]->mem_access))
            return true;
    return false;
}

/* An object of size KiB of the guest's memory, by the definition's <memoryBacking>. */
static json_t *memory_object(const QemuBuild *build, const char *id, unsigned long long kib, const char *access, Tri discard)
{
    const MemoryBacking *backing = &build->def->backing;
    const char *mode = access ? access : backing->access;
    bool file = is_file(backing, access), memfd = is_memfd(backing);
    json_t *props = props_object(file ? "memory-backend-file" : memfd ? "memory-backend-memfd" : "memory-backend-ram", id);

    if (file)
        prop_strf(props, "mem-path", "%s/%s", build->options->ram_dir, id);
    if (file || memfd) {
        prop_bool(props, "share", g_strcmp0(mode, "shared") == 0);
        if (g_strcmp0(id, command_ram_id(build)) == 0)
            prop_bool(props, "x-use-canonical-path-for-ramblock-id", false);
        if (backing->discard || discard != TRI_ABSENT)
            prop_bool(props, "discard-data", discard != TRI_NO);
    }
    if (g_strcmp0(backing->allocation, "immediate") == 0) {
        prop_bool(props, "prealloc", true);
        prop_uint(props, "prealloc-threads", backing->allocation_threads);
    }
    prop_int(props, "size", (long long)kib * BYTES_PER_KIB);
    return props;
}

/* QEMU takes whole MiB; what is left over is given to the guest, not taken from it. */
static unsigned long long whole_mib(unsigned long long kib) { return (kib + KIB_PER_MIB - 1) / KIB_PER_MIB * KIB_PER_MIB; }

/* What the machine starts with: all memory but what comes in modules. */
static unsigned long long initial_memory(const DomainDef *def)
{
    unsigned long long kib = 0;

    if (def->cpu.cells.n) {
        for (size_t i = 0; i < def->cpu.cells.n; i++)
            kib += whole_mib(def->cpu.cells.items[i]->memory.v);
        return kib;
    }
    kib = def->memory.v;
    DOMAIN_FOREACH_KIND(def, DEVICE_MEMORY, device)
        kib -= MIN(kib, MEMORY(device)->size.v);
    return whole_mib(kib);
}

void command_memory(QemuBuild *build)
{
    const DomainDef *def = build->def;
    unsigned long long kib = initial_memory(def);
    const char *ram = command_ram_id(build);

    if (def->max_memory.set && def->memory_slots.set)
        build_option(build, "-m", "size=%lluk,slots=%u,maxmem=%lluk", kib, def->memory_slots.v, whole_mib(def->max_memory.v));
    else if (def->max_memory.set)
        build_option(build, "-m", "size=%lluk,maxmem=%lluk", kib, whole_mib(def->max_memory.v));
    else
        build_option(build, "-m", "size=%lluk", kib);
    if (ram)
        build_object(build, memory_object(build, ram, kib, NULL, TRI_ABSENT));
    build_option(build, "-overcommit", "mem-lock=%s", def->backing.locked ? "on" : "off");
}

void command_topology(QemuBuild *build)
{
    const DomainDef *def = build->def;
    const CpuTopology *topology = &def->cpu.topology;
    unsigned max = def->vcpus.set ? def->vcpus.v : 1, now = domain_def_vcpus(def);
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "%u", now);
    if (now != max)
        g_string_append_printf(text, ",maxcpus=%u", max);
    if (topology->present)
        g_string_append_printf(text, ",sockets=%u,dies=%u,clusters=%u,cores=%u,threads=%u", topology->sockets.v,
                               topology->dies.set ? topology->dies.v : 1, topology->clusters.set ? topology->clusters.v : 1,
                               topology->cores.v, topology->threads.v);
    else
        g_string_append_printf(text, ",sockets=%u,cores=1,threads=1", max);
    build_option(build, "-smp", "%s", text->str);
}

static void put_iothread(QemuBuild *build, unsigned id, const IothreadDef *def)
{
    g_autofree char *name = g_strdup_printf("iothread%u", id);
    json_t *props = props_object("iothread", name);

    if (def && def->poll.present) {
        prop_uint(props, "poll-max-ns", def->poll.max);
        prop_uint(props, "poll-grow", def->poll.grow);
        prop_uint(props, "poll-shrink", def->poll.shrink);
    }
    if (def && def->pool_min.set)
        prop_int(props, "thread-pool-min", def->pool_min.v);
    if (def && def->pool_max.set)
        prop_int(props, "thread-pool-max", def->pool_max.v);
    build_object(build, props);
}

static void put_iothreads(QemuBuild *build)
{
    const DomainDef *def = build->def;

    for (size_t i = 0; i < def->iothread_list.n; i++)
        put_iothread(build, def->iothread_list.items[i]->id.v, def->iothread_list.items[i]);
    for (unsigned i = def->iothread_list.n; i < def->iothreads.v; i++)
        put_iothread(build, i + 1, NULL);
}

/* The node whose processors reach a node's memory fastest: itself where it has processors. */
static unsigned initiator_of(const CpuDef *cpu, const NumaCell *cell, unsigned id)
{
    unsigned first = 0, best = 0;
    unsigned long long latency = ULLONG_MAX;

    if (cell->cpus)
        return id;
    for (size_t i = cpu->cells.n; i-- > 0;)
        if (cpu->cells.items[i]->cpus)
            first = cpu->cells.items[i]->id.set ? cpu->cells.items[i]->id.v : (unsigned)i;
    for (size_t i = 0; i < cpu->latencies.n; i++) {
        const NumaLink *link = cpu->latencies.items[i];

        if (link->target.v == id && link->value.v < latency) {
            latency = link->value.v;
            best = link->initiator.v;
        }
    }
    return latency == ULLONG_MAX ? first : best;
}

static void put_node(QemuBuild *build, const NumaCell *cell, unsigned id, const char *memdev, bool hmat)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "node,nodeid=%u", id);
    if (cell->cpus) {
        g_autofree char *cpus = bitmap_format(cell->cpus);
        g_auto(GStrv) ranges = g_strsplit(cpus, ",", -1);

        for (char **range = ranges; *range; range++)
            g_string_append_printf(text, ",cpus=%s", *range);
    }
    if (hmat)
        g_string_append_printf(text, ",initiator=%u", initiator_of(&build->def->cpu, cell, id));
    g_string_append_printf(text, ",memdev=%s", memdev);
    build_option(build, "-numa", "%s", text->str);
}

static void put_link(QemuBuild *build, const NumaLink *link, const char *what, const char *unit)
{
    static const char *const hierarchies[] = { "memory", "first-level", "second-level", "third-level" };
    unsigned level = MIN(link->cache.v, G_N_ELEMENTS(hierarchies) - 1);

    build_option(build, "-numa", "hmat-lb,initiator=%u,target=%u,hierarchy=%s,data-type=%s-%s,%s=%llu%s", link->initiator.v,
                 link->target.v, hierarchies[level], link->type, what, what, link->value.v, unit);
}

static void put_cache(QemuBuild *build, unsigned id, const NumaCache *cache)
{
    const char *associativity = g_strcmp0(cache->associativity, "full") == 0 ? "complex" : cache->associativity;
    const char *policy = g_strcmp0(cache->policy, "writeback") == 0 ? "write-back"
                         : g_strcmp0(cache->policy, "writethrough") == 0 ? "write-through" : cache->policy;

    build_option(build, "-numa", "hmat-cache,node-id=%u,size=%lluK,level=%u,associativity=%s,policy=%s,line=%llu", id,
                 cache->size.v, cache->level.v, associativity ? associativity : "none", policy ? policy : "none", cache->line.v);
}

/* How fast which processors reach which memory: the guest's HMAT table. */
static void put_hmat(QemuBuild *build)
{
    const CpuDef *cpu = &build->def->cpu;

    for (size_t i = 0; i < cpu->latencies.n; i++)
        put_link(build, cpu->latencies.items[i], "latency", "");
    for (size_t i = 0; i < cpu->bandwidths.n; i++)
        put_link(build, cpu->bandwidths.items[i], "bandwidth", "K");
    for (size_t i = 0; i < cpu->cells.n; i++)
        for (size_t j = 0; j < cpu->cells.items[i]->caches.n; j++)
            put_cache(build, cpu->cells.items[i]->id.set ? cpu->cells.items[i]->id.v : (unsigned)i, cpu->cells.items[i]->caches.items[j]);
}

void command_numa(QemuBuild *build)
{
    const CpuDef *cpu = &build->def->cpu;

    put_iothreads(build);
    for (size_t i = 0; i < cpu->cells.n; i++) {
        const NumaCell *cell = cpu->cells.items[i];
        unsigned id = cell->id.set ? cell->id.v : (unsigned)i;
        g_autofree char *memdev = g_strdup_printf("ram-node%u", id);

        build_object(build, memory_object(build, memdev, whole_mib(cell->memory.v), cell->mem_access, cell->discard));
        put_node(build, cell, id, memdev, has_hmat(build));
    }
    for (size_t i = 0; i < cpu->cells.n; i++) {
        const NumaCell *cell = cpu->cells.items[i];

        for (size_t j = 0; j < cell->distances.n; j++)
            build_option(build, "-numa", "dist,src=%u,dst=%u,val=%u", cell->id.set ? cell->id.v : (unsigned)i,
                         cell->distances.items[j]->id.v, cell->distances.items[j]->value.v);
    }
    put_hmat(build);
}
