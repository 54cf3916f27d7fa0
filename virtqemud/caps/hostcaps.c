#include "virtqemud/caps/hostcaps.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/host/node.h"
#include "common/xml/writer.h"
#include "virtqemud/caps/cpumodels.h"

static void
empty(XmlWriter *w, const char *name)
{
    xml_writer_start(w, name);
    xml_writer_end(w, name);
}

/* --- host: processor --- */

static unsigned
count_dies(const NodeTopology *t)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL), sockets = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < t->cpus->len; i++) {
        const NodeCpu *c = &g_array_index(t->cpus, NodeCpu, i);

        g_hash_table_add(seen, GINT_TO_POINTER(c->socket * 4096 + c->die));
        g_hash_table_add(sockets, GINT_TO_POINTER(c->socket));
    }
    return MAX(g_hash_table_size(seen) / MAX(g_hash_table_size(sockets), 1), 1);
}

static void
format_model(XmlWriter *w, const HostCpu *cpu)
{
    if (cpu->decoded.model)
        xml_writer_text_element(w, "model", cpu->decoded.model->name);
    if (cpu->vendor)
        xml_writer_text_element(w, "vendor", cpu->vendor);
    if (cpu->microcode) {
        xml_writer_start(w, "microcode");
        xml_writer_attr(w, "version", cpu->microcode);
        xml_writer_end(w, "microcode");
    }
    xml_writer_start(w, "signature");
    xml_writer_attrf(w, "family", "%u", cpu->signature.family);
    xml_writer_attrf(w, "model", "%u", cpu->signature.model);
    xml_writer_attrf(w, "stepping", "%u", cpu->signature.stepping);
    xml_writer_end(w, "signature");
    if (cpu->tsc_hz) {
        xml_writer_start(w, "counter");
        xml_writer_attr(w, "name", "tsc");
        xml_writer_attrf(w, "frequency", "%" G_GUINT64_FORMAT, cpu->tsc_hz);
        if (cpu->tsc_scaling >= 0)
            xml_writer_attr(w, "scaling", cpu->tsc_scaling ? "yes" : "no");
        xml_writer_end(w, "counter");
    }
}

static void
format_cpu(XmlWriter *w, const NodeTopology *t)
{
    const HostCpu *cpu = host_cpu();
    unsigned dies = count_dies(t);
    g_autoptr(GArray) sizes = node_page_sizes();

    xml_writer_start(w, "cpu");
    xml_writer_text_element(w, "arch", node_arch());
    if (cpu->known)
        format_model(w, cpu);
    xml_writer_start(w, "topology");
    xml_writer_attrf(w, "sockets", "%u", t->sockets);
    xml_writer_attrf(w, "dies", "%u", dies);
    xml_writer_attr(w, "clusters", "1");
    xml_writer_attrf(w, "cores", "%u", MAX(t->cores / dies, 1));
    xml_writer_attrf(w, "threads", "%u", t->threads);
    xml_writer_end(w, "topology");
    if (cpu->physical_bits) {
        xml_writer_start(w, "maxphysaddr");
        xml_writer_attr(w, "mode", "emulate");
        xml_writer_attrf(w, "bits", "%u", cpu->physical_bits);
        xml_writer_end(w, "maxphysaddr");
    }
    for (unsigned i = 0; cpu->decoded.model && i < cpu_n_features; i++) {
        if (!cpu_set_has(&cpu->decoded.more, (int)i))
            continue;
        xml_writer_start(w, "feature");
        xml_writer_attr(w, "name", cpu_features[i].name);
        xml_writer_end(w, "feature");
    }
    for (guint i = 0; i < sizes->len; i++) {
        xml_writer_start(w, "pages");
        xml_writer_attr(w, "unit", "KiB");
        xml_writer_attrf(w, "size", "%u", g_array_index(sizes, unsigned, i));
        xml_writer_end(w, "pages");
    }
    xml_writer_end(w, "cpu");
}

/* --- host: memory cells --- */

static void
format_distances(XmlWriter *w, const NodeTopology *t, unsigned cell)
{
    g_autofree char *path = g_strdup_printf("/sys/devices/system/node/node%u/distance", cell), *line = file_read_line(path);
    g_auto(GStrv) words = line ? g_strsplit_set(line, " ", -1) : NULL;

    if (!words)
        return;
    xml_writer_start(w, "distances");
    for (guint i = 0; i < t->cells->len && words[i]; i++) {
        xml_writer_start(w, "sibling");
        xml_writer_attrf(w, "id", "%u", g_array_index(t->cells, NodeCell, i).id);
        xml_writer_attr(w, "value", words[i]);
        xml_writer_end(w, "sibling");
    }
    xml_writer_end(w, "distances");
}

static void
format_cell_cpus(XmlWriter *w, const NodeTopology *t, const NodeCell *cell)
{
    xml_writer_start(w, "cpus");
    xml_writer_attrf(w, "num", "%u", cell->cpus->len);
    for (guint i = 0; i < t->cpus->len; i++) {
        const NodeCpu *c = &g_array_index(t->cpus, NodeCpu, i);

        if (c->cell != (int)cell->id)
            continue;
        xml_writer_start(w, "cpu");
        xml_writer_attrf(w, "id", "%u", c->id);
        if (c->online) {
            xml_writer_attrf(w, "socket_id", "%d", c->socket);
            xml_writer_attrf(w, "die_id", "%d", c->die);
            xml_writer_attrf(w, "cluster_id", "%d", MAX(c->cluster, 0));
            xml_writer_attrf(w, "core_id", "%d", c->core);
            xml_writer_attr(w, "siblings", c->siblings);
        }
        xml_writer_end(w, "cpu");
    }
    xml_writer_end(w, "cpus");
}

static void
format_topology(XmlWriter *w, const NodeTopology *t)
{
    g_autoptr(GArray) sizes = node_page_sizes();

    xml_writer_start(w, "topology");
    xml_writer_start(w, "cells");
    xml_writer_attrf(w, "num", "%u", t->cells->len);
    for (guint i = 0; i < t->cells->len; i++) {
        const NodeCell *cell = &g_array_index(t->cells, NodeCell, i);
        g_autofree char *memory = g_strdup_printf("%" G_GUINT64_FORMAT, cell->memory_kib);

        xml_writer_start(w, "cell");
        xml_writer_attrf(w, "id", "%u", cell->id);
        xml_writer_start(w, "memory");
        xml_writer_attr(w, "unit", "KiB");
        xml_writer_end_text(w, "memory", memory);
        for (guint s = 0; s < sizes->len; s++) {
            uint64_t total, unused;
            unsigned size = g_array_index(sizes, unsigned, s);

            if (node_pages((int)cell->id, size, &total, &unused) < 0)
                continue;
            g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, total);

            xml_writer_start(w, "pages");
            xml_writer_attr(w, "unit", "KiB");
            xml_writer_attrf(w, "size", "%u", size);
            xml_writer_end_text(w, "pages", text);
        }
        format_distances(w, t, cell->id);
        format_cell_cpus(w, t, cell);
        xml_writer_end(w, "cell");
    }
    xml_writer_end(w, "cells");
    xml_writer_end(w, "topology");
}

/* --- host: caches --- */

typedef struct {
    unsigned id, level;
    uint64_t bytes;
    const char *type;
    char *cpus;
} Bank;

static void
bank_free(void *data)
{
    g_free(((Bank *)data)->cpus);
    g_free(data);
}

static char *
cache_line(unsigned cpu, unsigned index, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/devices/system/cpu/cpu%u/cache/index%u/%s", cpu, index, name);

    return file_read_line(path);
}

static const char *
bank_type(const char *sysfs)
{
    return g_strcmp0(sysfs, "Data") == 0 ? "data" : g_strcmp0(sysfs, "Instruction") == 0 ? "code" : "both";
}

/* NULL: no such cache. The first level is private to a core and of no use to anybody who places guests. */
static Bank *
bank_read(unsigned cpu, unsigned index)
{
    g_autofree char *level = cache_line(cpu, index, "level"), *size = cache_line(cpu, index, "size");
    g_autofree char *id = cache_line(cpu, index, "id"), *type = cache_line(cpu, index, "type");
    char *unit = NULL;
    Bank *bank;

    if (!level || !size || !id)
        return NULL;
    bank = g_new0(Bank, 1);
    bank->level = (unsigned)atoi(level);
    bank->id = (unsigned)atoi(id);
    bank->bytes = g_ascii_strtoull(size, &unit, 10);
    bank->bytes <<= *unit == 'K' ? 10 : *unit == 'M' ? 20 : 0;
    bank->type = bank_type(type);
    bank->cpus = cache_line(cpu, index, "shared_cpu_list");
    return bank;
}

static int
bank_compare(gconstpointer a, gconstpointer b)
{
    const Bank *x = *(const Bank *const *)a, *y = *(const Bank *const *)b;
    int r = x->level < y->level ? -1 : x->level > y->level;

    r = r ? r : strcmp(x->type, y->type);
    return r ? r : x->id < y->id ? -1 : x->id > y->id;
}

static void
format_size(XmlWriter *w, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
    unsigned u = 0;

    for (; u < 3 && bytes && bytes % 1024 == 0; u++)
        bytes /= 1024;
    xml_writer_attrf(w, "size", "%" G_GUINT64_FORMAT, bytes);
    xml_writer_attr(w, "unit", units[u]);
}

static void
format_cache(XmlWriter *w, const NodeTopology *t)
{
    g_autoptr(GPtrArray) banks = g_ptr_array_new_with_free_func(bank_free);

    for (guint i = 0; i < t->cpus->len; i++) {
        const NodeCpu *c = &g_array_index(t->cpus, NodeCpu, i);
        Bank *bank;

        for (unsigned index = 0; c->online && (bank = bank_read(c->id, index)); index++)
            if (bank->level < 2)
                bank_free(bank);
            else
                g_ptr_array_add(banks, bank);
    }
    if (banks->len == 0)
        return;
    g_ptr_array_sort(banks, bank_compare);
    xml_writer_start(w, "cache");
    for (guint i = 0; i < banks->len; i++) {
        const Bank *b = banks->pdata[i];

        if (i > 0 && bank_compare(&banks->pdata[i - 1], &banks->pdata[i]) == 0)
            continue; /* seen from another of its processors */
        xml_writer_start(w, "bank");
        xml_writer_attrf(w, "id", "%u", b->id);
        xml_writer_attrf(w, "level", "%u", b->level);
        xml_writer_attr(w, "type", b->type);
        format_size(w, b->bytes);
        xml_writer_attr(w, "cpus", b->cpus);
        xml_writer_end(w, "bank");
    }
    xml_writer_end(w, "cache");
}

/* --- host: the rest --- */

static void
format_secmodel(XmlWriter *w, const HostCapsInput *in)
{
    xml_writer_start(w, "secmodel");
    xml_writer_text_element(w, "model", "none");
    xml_writer_text_element(w, "doi", "0");
    xml_writer_end(w, "secmodel");
    if (!in->dac)
        return;
    xml_writer_start(w, "secmodel");
    xml_writer_text_element(w, "model", "dac");
    xml_writer_text_element(w, "doi", "0");
    for (int i = 0; i < 2; i++) {
        g_autofree char *label = g_strdup_printf("+%u:+%u", (unsigned)in->uid, (unsigned)in->gid);

        xml_writer_start(w, "baselabel");
        xml_writer_attr(w, "type", i == 0 ? "kvm" : "qemu");
        xml_writer_end_text(w, "baselabel", label);
    }
    xml_writer_end(w, "secmodel");
}

static void
format_host(XmlWriter *w, const HostCapsInput *in)
{
    g_autoptr(NodeTopology) t = node_topology_new();
    g_autoptr(GDir) iommu = g_dir_open("/sys/kernel/iommu_groups", 0, NULL);

    xml_writer_start(w, "host");
    if (in->uuid_text)
        xml_writer_text_element(w, "uuid", in->uuid_text);
    format_cpu(w, t);
    empty(w, "power_management"); /* the host can't be sent to sleep through us */
    xml_writer_start(w, "iommu");
    xml_writer_attr(w, "support", iommu && g_dir_read_name(iommu) ? "yes" : "no");
    xml_writer_end(w, "iommu");
    xml_writer_start(w, "migration_features");
    empty(w, "live");
    xml_writer_start(w, "uri_transports");
    xml_writer_text_element(w, "uri_transport", "tcp");
    xml_writer_text_element(w, "uri_transport", "rdma");
    xml_writer_end(w, "uri_transports");
    xml_writer_end(w, "migration_features");
    format_topology(w, t);
    format_cache(w, t);
    format_secmodel(w, in);
    xml_writer_end(w, "host");
}

/* --- guests --- */

static void
format_machine(XmlWriter *w, const QemuMachine *m, bool alias)
{
    xml_writer_start(w, "machine");
    if (alias)
        xml_writer_attr(w, "canonical", m->name);
    xml_writer_attrf(w, "maxCpus", "%u", m->max_cpus);
    if (m->deprecated)
        xml_writer_attr(w, "deprecated", "yes");
    xml_writer_end_text(w, "machine", alias ? m->alias : m->name);
}

static void
format_machines(XmlWriter *w, const QemuCaps *caps)
{
    GArray *machines = caps->accel[QEMU_ACCEL_TCG].machines;

    for (int pass = 0; pass < 2; pass++) /* the default first, the others as QEMU orders them */
        for (guint i = 0; i < machines->len; i++) {
            const QemuMachine *m = &g_array_index(machines, QemuMachine, i);

            if (m->is_default != (pass == 0) || strcmp(m->name, "none") == 0)
                continue;
            format_machine(w, m, false);
            if (m->alias)
                format_machine(w, m, true);
        }
}

static void
format_toggle(XmlWriter *w, const char *name, const char *initial, const char *toggle)
{
    xml_writer_start(w, name);
    xml_writer_attr(w, "default", initial);
    xml_writer_attr(w, "toggle", toggle);
    xml_writer_end(w, name);
}

static void
format_guest_features(XmlWriter *w, const char *arch)
{
    bool i686 = strcmp(arch, "i686") == 0, x86 = i686 || strcmp(arch, "x86_64") == 0;

    xml_writer_start(w, "features");
    if (i686) {
        empty(w, "pae");
        empty(w, "nonpae");
    }
    if (x86 || strcmp(arch, "aarch64") == 0)
        format_toggle(w, "acpi", "on", "yes");
    if (x86)
        format_toggle(w, "apic", "on", "no");
    empty(w, "cpuselection");
    empty(w, "deviceboot");
    format_toggle(w, "disksnapshot", "on", "no");
    empty(w, "externalSnapshot");
    xml_writer_end(w, "features");
}

static void
format_guest(XmlWriter *w, const HostCapsGuest *g)
{
    bool wide = strstr(g->arch, "64") || strcmp(g->arch, "s390x") == 0 || strcmp(g->arch, "alpha") == 0;

    xml_writer_start(w, "guest");
    xml_writer_text_element(w, "os_type", "hvm");
    xml_writer_start(w, "arch");
    xml_writer_attr(w, "name", g->arch);
    xml_writer_text_element(w, "wordsize", wide ? "64" : "32");
    xml_writer_text_element(w, "emulator", g->caps->binary);
    format_machines(w, g->caps);
    for (int i = 0; i < (g->caps->accel[QEMU_ACCEL_KVM].available ? 2 : 1); i++) {
        xml_writer_start(w, "domain");
        xml_writer_attr(w, "type", i == 0 ? "qemu" : "kvm");
        xml_writer_end(w, "domain");
    }
    xml_writer_end(w, "arch");
    format_guest_features(w, g->arch);
    xml_writer_end(w, "guest");
}

char *
hostcaps_format(const HostCapsInput *in)
{
    XmlWriter w;

    xml_writer_init(&w);
    xml_writer_start(&w, "capabilities");
    format_host(&w, in);
    for (guint i = 0; i < in->emulators->len; i++)
        format_guest(&w, in->emulators->pdata[i]);
    xml_writer_end(&w, "capabilities");
    return xml_writer_steal(&w);
}
