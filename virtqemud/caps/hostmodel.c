#include "virtqemud/caps/hostmodel.h"

#include <string.h>

#include "virtqemud/caps/domcaps.h"

static CpuFeature *
asked_feature(const CpuDef *cpu, int feature)
{
    for (size_t i = 0; i < cpu->features.n; i++)
        if (cpu->features.items[i]->name && cpu_feature_index(cpu->features.items[i]->name) == feature)
            return cpu->features.items[i];
    return NULL;
}

/* What can't migrate is there only when a guest is told to stay. */
static CpuSet
can_migrate(const QemuAccelCaps *accel)
{
    json_t *value;
    const char *name;
    CpuSet set = { 0 };

    json_object_foreach(accel->max_cpu, name, value) {
        int i = json_is_true(value) ? cpu_feature_index(name) : -1;

        if (i >= 0)
            cpu_set_add(&set, i);
    }
    return set;
}

/* Those of the set that the definition says nothing of. */
static void
add_features(CpuDef *to, const CpuDef *asked, const CpuSet *set, CpuPolicy policy)
{
    for (unsigned i = 0; i < cpu_n_features; i++) {
        CpuFeature *feature;

        if (!cpu_set_has(set, (int)i) || asked_feature(asked, (int)i))
            continue;
        feature = g_new0(CpuFeature, 1);
        feature->policy = policy;
        feature->name = g_strdup(cpu_features[i].name);
        LIST_ADD(&to->features, feature);
    }
}

/* An optional feature is one or the other when the guest starts. */
static void
settle(CpuFeature *feature, const CpuSet *have)
{
    int i = feature->name ? cpu_feature_index(feature->name) : -1;

    if (feature->policy == CPU_OPTIONAL)
        feature->policy = i >= 0 && cpu_set_has(have, i) ? CPU_REQUIRE : CPU_DISABLE;
}

void
host_model_resolve(CpuDef *cpu, const QemuCaps *caps, QemuAccel accel)
{
    CpuDef found = { 0 };
    HypervisorCpu hypervisor;
    CpuSet more, migratable;

    if (cpu->mode != CPU_HOST_MODEL || !domcaps_hypervisor_cpu(caps, accel, &hypervisor))
        return;
    migratable = can_migrate(&caps->accel[accel]);
    more = cpu_set_or(&hypervisor.decoded.more, &hypervisor.decoded.model->removed);
    more = cpu_set_and(&more, &hypervisor.features);
    more = cpu_set_and(&more, &migratable);
    add_features(&found, cpu, &more, CPU_REQUIRE);
    add_features(&found, cpu, &hypervisor.decoded.less, CPU_DISABLE);
    for (size_t i = 0; i < cpu->features.n; i++) {
        settle(cpu->features.items[i], &hypervisor.features);
        LIST_ADD(&found.features, cpu->features.items[i]);
    }
    g_free(cpu->features.items); /* the features themselves moved */
    cpu->features.items = found.features.items;
    cpu->features.n = found.features.n;
    g_free(cpu->model);
    cpu->model = g_strdup(hypervisor.decoded.model->name);
    if (!cpu->vendor && hypervisor.vendor)
        cpu->vendor = g_strdup(hypervisor.vendor);
    cpu->mode = CPU_CUSTOM;
    cpu->match = CPU_EXACT;
    cpu->check = CPU_CHECK_FULL;
    cpu->fallback = CPU_FALLBACK_FORBID;
}
