/*
 * Completion in steps. The order matters: program and machine first (defaults depend on them), then each part, then the
 * devices, then what is derived from all of them, then rules, then addresses.
 */
#include "common/conf/domain/postparse.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/domain/complete.h"
#include "common/conf/domain/device/graphics.h"
#include "common/conf/domain/device/memory.h"

static int
random_uuid(Uuid *ret_uuid, Error *err)
{
    return uuid_generate(ret_uuid) ? 0 : error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "no random bytes for a UUID");
}

static int
complete_identity(DomainDef *def, Error *err)
{
    if (!def->name)
        return error_setf(err, FROM_DOMAIN, ERR_NO_NAME, "the domain needs a <name>");
    if (strchr(def->name, '/'))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: name '%s' must not have a '/'", def->name);
    if (strchr(def->name, '\n') || strspn(def->name, " \t") == strlen(def->name))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: name '%s' must not be blank or have line breaks",
                          def->name);
    if (def->title && strchr(def->title, '\n'))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: <title> of domain '%s' must be one line",
                          def->name);
    if (!def->uuid.set && random_uuid(&def->uuid, err) < 0)
        return -1;
    if (def->genid_present && !def->genid.set && random_uuid(&def->genid, err) < 0)
        return -1;
    return 0;
}

static int
complete_machine(DomainDef *def, const DomainCaps *caps, Error *err)
{
    g_autofree char *machine = NULL;

    if (!def->os.type)
        return error_setf(err, FROM_DOMAIN, ERR_OS_TYPE, "the domain '%s' needs an <os> with a <type>", def->name);
    if (!def->os.arch)
        def->os.arch = g_strdup(caps->host_arch);
    if (!def->devices.emulator && caps->emulator(caps->user, def->os.type, def->os.arch, def->virt,
                                                 &def->devices.emulator, err) < 0)
        return -1;
    if (caps->check_emulator(caps->user, def->devices.emulator, def->os.type, def->os.arch, def->virt, err) < 0)
        return -1;
    if (caps->machine(caps->user, def->devices.emulator, def->virt, def->os.machine, &machine, err) < 0)
        return -1;
    g_free(def->os.machine);
    def->os.machine = g_steal_pointer(&machine);
    return 0;
}

static int
complete_memory(DomainDef *def, Error *err)
{
    unsigned long long cells = 0;

    for (size_t i = 0; i < def->cpu.cells.n; i++)
        cells += def->cpu.cells.items[i]->memory.v;
    if (!def->memory.v && !cells)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR,
                          "XML error: the memory of domain '%s' must be given by <memory> or by <numa>", def->name);
    if (cells) {
        DOMAIN_FOREACH_KIND(def, DEVICE_MEMORY, device)
            cells += MEMORY(device)->size.v;
        def->memory = (OptU64)OPT(cells);
    }
    if (!def->current_memory.v || def->current_memory.v > def->memory.v)
        def->current_memory = (OptU64)OPT(def->memory.v);
    if (def->memory_slots.v && !def->max_memory.v)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: <maxMemory> with 'slots' needs a size");
    return 0;
}

bool
domain_caps_support(const DomainDef *def, const DomainCaps *caps, const char *what)
{
    return !caps->supports || caps->supports(caps->user, def->devices.emulator, what);
}

/* Memory can be plugged only into NUMA nodes: a machine without any gets one. */
static void
complete_numa(DomainDef *def)
{
    NumaCell *cell;

    if (!def->max_memory.v || def->cpu.cells.n || !domain_def_is_x86(def))
        return;
    cell = g_new0(NumaCell, 1);
    cell->id = (OptUint)OPT(0);
    cell->cpus = bitmap_new();
    for (unsigned i = 0; i < def->vcpus.v; i++)
        bitmap_set(cell->cpus, i, true);
    cell->memory = def->memory;
    DOMAIN_FOREACH_KIND(def, DEVICE_MEMORY, device)
        cell->memory.v -= MIN(cell->memory.v, MEMORY(device)->size.v);
    LIST_ADD(&def->cpu.cells, cell);
}

static VcpuDef *
listed_vcpu(const DomainDef *def, unsigned id)
{
    LIST_FOREACH(VcpuDef, vcpu, &def->vcpu_list)
        if (vcpu->id.v == id)
            return vcpu;
    return NULL;
}

static int
by_vcpu_id(const void *a, const void *b)
{
    const VcpuDef *const *x = a, *const *y = b;

    return (*x)->id.v < (*y)->id.v ? -1 : (*x)->id.v > (*y)->id.v;
}

static int
check_vcpu(const VcpuDef *vcpu, bool ordered, Error *err)
{
    if (vcpu->id.v == 0 && (vcpu->enabled != TRI_YES || vcpu->hotpluggable == TRI_YES))
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: processor 0 is always there and cannot be unplugged");
    if (vcpu->enabled != TRI_YES && vcpu->hotpluggable == TRI_NO)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: processor %u is neither enabled nor hotpluggable", vcpu->id.v);
    if (vcpu->enabled == TRI_YES && vcpu->order.set != ordered)
        return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: 'order' must be given for all enabled processors or for none");
    return 0;
}

/* A list of single processors is made complete: those not named are not there at boot. It decides how many are. */
static int
complete_vcpu_list(DomainDef *def, Error *err)
{
    unsigned enabled = 0;
    bool ordered = false;

    if (!def->vcpu_list.n)
        return 0;
    if (def->vcpus.v > XML_MAX_ITEMS)
        return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED, "unsupported configuration: <vcpus> is possible for at most "
                          "%d processors", XML_MAX_ITEMS);
    for (size_t i = 0; i < def->vcpu_list.n; i++) {
        const VcpuDef *vcpu = def->vcpu_list.items[i];

        if (vcpu->id.v >= def->vcpus.v || listed_vcpu(def, vcpu->id.v) != vcpu)
            return error_setf(err, FROM_DOMAIN, ERR_XML_ERROR, "XML error: <vcpus> names processor %u, which is %s", vcpu->id.v,
                              vcpu->id.v >= def->vcpus.v ? "not there" : "named before");
        ordered |= vcpu->enabled == TRI_YES && vcpu->order.set;
    }
    for (unsigned id = 0; id < def->vcpus.v; id++) {
        VcpuDef *vcpu = listed_vcpu(def, id);

        if (!vcpu) {
            vcpu = g_new0(VcpuDef, 1);
            vcpu->id = (OptUint)OPT(id);
            vcpu->enabled = TRI_NO;
            LIST_ADD(&def->vcpu_list, vcpu);
        }
        if (check_vcpu(vcpu, ordered, err) < 0)
            return -1;
        if (!vcpu->hotpluggable)
            vcpu->hotpluggable = vcpu->enabled == TRI_YES ? TRI_NO : TRI_YES;
        enabled += vcpu->enabled == TRI_YES;
    }
    qsort(def->vcpu_list.items, def->vcpu_list.n, sizeof(*def->vcpu_list.items), by_vcpu_id);
    def->vcpus_current = (OptUint)OPT(enabled);
    return 0;
}

/* vCPUs by number, and the threads that serve disks. */
static int
complete_threads(DomainDef *def, Error *err)
{
    bool pinned = def->vcpu_cpuset || def->cputune.vcpupins.n || def->cputune.emulatorpin || def->cputune.iothreadpins.n;

    if (!def->vcpus.set)
        def->vcpus = (OptUint)OPT(def->vcpus_current.set ? def->vcpus_current.v : 1);
    if (!def->vcpu_placement)
        def->vcpu_placement = PLACEMENT_STATIC;
    if (!pinned && def->numatune.memory && def->numatune.placement == PLACEMENT_AUTO)
        def->vcpu_placement = PLACEMENT_AUTO;
    if (def->vcpu_placement == PLACEMENT_AUTO) {
        g_clear_pointer(&def->vcpu_cpuset, bitmap_free);
        if (!def->numatune.memory) {
            def->numatune.memory = true;
            def->numatune.mode = NUMA_STRICT;
            def->numatune.placement = PLACEMENT_AUTO;
        }
    }
    if (def->numatune.memory && !def->numatune.placement)
        def->numatune.placement = def->vcpu_placement;
    if (def->numatune.memory && def->numatune.placement == PLACEMENT_STATIC && !def->numatune.nodeset)
        return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: <memory> of <numatune> with "
                          "placement 'static' needs a 'nodeset'");
    if (def->vcpu_cpuset && bitmap_count(def->vcpu_cpuset) == 0)
        g_clear_pointer(&def->vcpu_cpuset, bitmap_free);
    return 0;
}

static int
by_vcpu(const void *a, const void *b)
{
    const VcpuPin *const *x = a, *const *y = b;

    return (*x)->vcpu.v < (*y)->vcpu.v ? -1 : (*x)->vcpu.v > (*y)->vcpu.v;
}

/* Pins of processors that do not exist are dropped; a processor has one. */
static int
complete_pins(DomainDef *def, Error *err)
{
    CpuTune *tune = &def->cputune;

    for (size_t i = tune->vcpupins.n; i-- > 0;) {
        if (tune->vcpupins.items[i]->vcpu.v < def->vcpus.v)
            continue;
        bitmap_free(tune->vcpupins.items[i]->cpuset);
        g_free(list_take((AnyList *)(void *)&tune->vcpupins, i));
    }
    if (tune->vcpupins.n)
        qsort(tune->vcpupins.items, tune->vcpupins.n, sizeof(*tune->vcpupins.items), by_vcpu);
    for (size_t i = 1; i < tune->vcpupins.n; i++)
        if (tune->vcpupins.items[i]->vcpu.v == tune->vcpupins.items[i - 1]->vcpu.v)
            return error_setf(err, FROM_DOMAIN, ERR_INTERNAL_ERROR, "two <vcpupin> are for processor %u",
                              tune->vcpupins.items[i]->vcpu.v);
    return 0;
}

static bool
has_iothread(const DomainDef *def, unsigned id)
{
    LIST_FOREACH(IothreadDef, thread, &def->iothread_list)
        if (thread->id.v == id)
            return true;
    return false;
}

/* A mere number means threads 1 to n; a list given by hand is filled up with the smallest free numbers. */
static void
complete_iothreads(DomainDef *def)
{
    bool implicit = def->iothread_list.n == 0;

    if (def->iothread_list.n > def->iothreads.v)
        def->iothreads = (OptUint)OPT(def->iothread_list.n);
    if (!def->iothreads.v) {
        def->iothreads.set = false;
        return;
    }
    if (implicit || def->iothreads.v > BITMAP_LIMIT)
        return;
    for (unsigned id = 1; def->iothread_list.n < def->iothreads.v; id++) {
        IothreadDef *thread;

        if (has_iothread(def, id))
            continue;
        thread = g_new0(IothreadDef, 1);
        thread->id = (OptUint)OPT(id);
        LIST_ADD(&def->iothread_list, thread);
    }
}

static int
complete_os(DomainDef *def, Error *err)
{
    bool ordered = false;

    LIST_FOREACH(Device, device, &def->devices.list)
        ordered |= device->info.boot_order.set;
    if (ordered && def->os.boots.n)
        return error_setf(err, FROM_DOMAIN, ERR_CONFIG_UNSUPPORTED,
                          "unsupported configuration: boot devices are given both "
                          "in <os> and by <boot order=> of devices; give them in one place");
    if (!def->os.boots.n && !ordered) {
        OsBoot *boot = g_new0(OsBoot, 1);

        boot->dev = BOOT_HD;
        LIST_ADD(&def->os.boots, boot);
    }
    return 0;
}

static void
complete_lifecycle(DomainDef *def)
{
    if (!def->clock.offset)
        def->clock.offset = CLOCK_UTC;
    if (!def->on_poweroff)
        def->on_poweroff = ACTION_DESTROY;
    if (!def->on_reboot)
        def->on_reboot = ACTION_RESTART;
    if (!def->on_crash)
        def->on_crash = ACTION_DESTROY;
}

/* What a <cpu> does not say. Without KVM the named models are QEMU's own and need no check against the host. */
static int
complete_cpu(DomainDef *def, const DomainCaps *caps, Error *err)
{
    CpuDef *cpu = &def->cpu;
    const char *model;

    if (!cpu->mode && !cpu->model) {
        if (cpu->features.n && !cpu->present)
            return 0;
        model = caps->default_cpu ? caps->default_cpu(caps->user, def->devices.emulator, def->virt, def->os.machine) : NULL;
        if (model) {
            cpu->mode = CPU_CUSTOM;
            cpu->match = CPU_EXACT;
            cpu->check = cpu->check ? cpu->check : CPU_CHECK_NONE;
            cpu->fallback = CPU_FALLBACK_FORBID;
            cpu->model = g_strdup(model);
            return 0;
        }
    }
    switch (cpu->mode) {
    case CPU_HOST_PASSTHROUGH: case CPU_MAXIMUM:
        cpu->check = cpu->check ? cpu->check : CPU_CHECK_NONE;
        if (!cpu->migratable)
            cpu->migratable = domain_caps_support(def, caps, "cpu.migratable") ? TRI_ON : TRI_OFF;
        g_clear_pointer(&cpu->model, g_free);
        cpu->fallback = CPU_FALLBACK_ABSENT;
        break;
    case CPU_HOST_MODEL:
        cpu->check = cpu->check ? cpu->check : CPU_CHECK_PARTIAL;
        if (!cpu->model)
            cpu->fallback = CPU_FALLBACK_ABSENT;
        break;
    case CPU_CUSTOM:
        if (!cpu->check)
            cpu->check = def->virt == VIRT_KVM ? CPU_CHECK_PARTIAL : CPU_CHECK_NONE;
        break;
    default:
        break;
    }
    return 0;
}

static int
complete_devices(DomainDef *def, const DomainCaps *caps, Error *err)
{
    for (size_t i = 0; i < def->devices.list.n; i++)
        if (domain_device_complete(def, def->devices.list.items[i], caps, err) < 0)
            return -1;
    return 0;
}

/* Move every device to the place domain_def_add_device() gives it. */
static void
sort_devices(DomainDef *def)
{
    AnyList old = { .items = (void **)def->devices.list.items, .n = def->devices.list.n };

    def->devices.list.items = NULL;
    def->devices.list.n = 0;
    for (size_t i = 0; i < old.n; i++)
        domain_def_add_device(def, old.items[i]);
    g_free(old.items);
}

int
domain_def_complete(DomainDef *def, unsigned flags, const DomainCaps *caps, Error *err)
{
    if (complete_identity(def, err) < 0 || domain_check_early(def, err) < 0)
        return -1;
    if (complete_memory(def, err) < 0 || complete_threads(def, err) < 0 || complete_os(def, err) < 0)
        return -1;
    if (complete_vcpu_list(def, err) < 0 || complete_pins(def, err) < 0)
        return -1;
    if (complete_machine(def, caps, err) < 0)
        return -1;
    complete_numa(def);
    complete_iothreads(def);
    complete_lifecycle(def);
    if (def->seclabels.n == 1 && def->seclabels.items[0]->type == SECLABEL_NONE && !def->seclabels.items[0]->model)
        def->seclabels.items[0]->model = g_strdup("none");
    domain_number_roots(def);
    if (domain_complete_firmware(def, caps, err) < 0)
        return -1;
    if (domain_add_default_devices(def, caps, err) < 0 || complete_cpu(def, caps, err) < 0)
        return -1;
    domain_number_controllers(def);
    sort_devices(def);
    domain_sort_video(def);
    if (complete_devices(def, caps, err) < 0 || domain_add_implied_devices(def, caps, err) < 0)
        return -1;
    if (domain_assign_addresses(def, caps, err) < 0)
        return -1;
    return domain_check(def, caps, err);
}
