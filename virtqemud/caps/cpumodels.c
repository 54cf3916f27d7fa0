#include "virtqemud/caps/cpumodels.h"

#include <stdlib.h>
#include <string.h>

const CpuFeatureInfo cpu_features[] = {
#define FEATURE(name, leaf, subleaf, reg, bit) { name, leaf, subleaf, reg, bit },
#include "virtqemud/caps/cpudata.inc"
#undef FEATURE
};
const unsigned cpu_n_features = G_N_ELEMENTS(cpu_features);
G_STATIC_ASSERT(G_N_ELEMENTS(cpu_features) <= CPU_SET_WORDS * 64);

static const char *const aliases[][2] = {
#define ALIAS(name, of) { name, of },
#include "virtqemud/caps/cpudata.inc"
#undef ALIAS
};

static const struct {
    const char *name, *vendor, *signatures, *parent, *change, *removed;
} rows[] = {
#define MODEL(name, vendor, signatures, parent, change, removed) { name, vendor, signatures, parent, change, removed },
#include "virtqemud/caps/cpudata.inc"
#undef MODEL
};

static CpuModel models[G_N_ELEMENTS(rows)];
static GHashTable *features_by_name, *models_by_name;

static void
add_words(CpuSet *set, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **w = words; *w; w++) {
        int i = **w ? cpu_feature_index(*w + (**w == '+' || **w == '-')) : -1;

        if (i >= 0 && **w == '-')
            cpu_set_remove(set, i);
        else if (i >= 0)
            cpu_set_add(set, i);
    }
}

/* "EPYC-v1" is one, and makes EPYC, which came before, have some. */
static void
mark_version(CpuModel *model)
{
    const char *at = g_strrstr(model->name, "-v");
    g_autofree char *stem = at && g_ascii_isdigit(at[2]) ? g_strndup(model->name, (gsize)(at - model->name)) : NULL;
    CpuModel *base = stem ? g_hash_table_lookup(models_by_name, stem) : NULL;

    model->version = base;
    if (base)
        base->versioned = true;
}

/* Rows name their parent before themselves, so one pass is enough. */
static void
load_models(void)
{
    models_by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const CpuModel *parent = g_hash_table_lookup(models_by_name, rows[i].parent);

        models[i].name = rows[i].name;
        models[i].vendor = *rows[i].vendor ? rows[i].vendor : NULL;
        models[i].signatures = rows[i].signatures;
        if (parent)
            models[i].features = parent->features;
        add_words(&models[i].features, rows[i].change);
        add_words(&models[i].removed, rows[i].removed);
        mark_version(&models[i]);
        g_hash_table_insert(models_by_name, (void *)models[i].name, &models[i]);
    }
}

int
cpu_feature_index(const char *name)
{
    if (!features_by_name) {
        features_by_name = g_hash_table_new(g_str_hash, g_str_equal);
        for (size_t i = 0; i < G_N_ELEMENTS(cpu_features); i++)
            g_hash_table_insert(features_by_name, (void *)cpu_features[i].name, GINT_TO_POINTER((int)i + 1));
        for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++)
            g_hash_table_insert(features_by_name, (void *)aliases[i][0],
                                g_hash_table_lookup(features_by_name, aliases[i][1]));
    }
    return GPOINTER_TO_INT(g_hash_table_lookup(features_by_name, name)) - 1;
}

const char *
cpu_feature_name(const char *qemus)
{
    int i = cpu_feature_index(qemus);

    return i < 0 ? qemus : cpu_features[i].name;
}

const char *
cpu_feature_qemu_name(const char *name)
{
    /* QEMU's own slip; all other names it also knows as definitions spell them. */
    return strcmp(name, "vmx-invvpid-single-context-noglobals") == 0 ? "vmx-invept-single-context-noglobals" : name;
}

static bool
one_of(int feature, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(cpu_features[feature].name, *names) == 0)
            return true;
    return false;
}

bool
cpu_feature_migratable(int feature)
{
    static const char *const names[] = { "invtsc", "xsaves", NULL };

    return !one_of(feature, names);
}

bool
cpu_feature_for_guests(int feature)
{
    static const char *const names[] = { "osxsave", "ospke", "cmt", "mbm_total", "mbm_local", NULL };

    return !one_of(feature, names);
}

const CpuModel *
cpu_models(unsigned *ret_n)
{
    if (!models_by_name)
        load_models();
    *ret_n = G_N_ELEMENTS(models);
    return models;
}

const CpuModel *
cpu_model_find(const char *name)
{
    unsigned n;

    cpu_models(&n);
    return g_hash_table_lookup(models_by_name, name);
}

const char *const *
cpu_ppc64_models(void)
{
    static const char *const names[] = { "POWER6", "POWER7", "POWER8", "POWER9", "POWER10", "POWERPC_e5500", "POWERPC_e6500",
                                         NULL };

    return names;
}

static const char *const vendors[][2] = { { "GenuineIntel", "Intel" }, { "AuthenticAMD", "AMD" }, { "HygonGenuine", "Hygon" } };

bool
cpu_vendor_known(const char *vendor)
{
    for (size_t i = 0; i < G_N_ELEMENTS(vendors); i++)
        if (strcmp(vendors[i][1], vendor) == 0)
            return true;
    return false;
}

const char *
cpu_vendor_name(const char *cpuid)
{
    for (size_t i = 0; cpuid && i < G_N_ELEMENTS(vendors); i++)
        if (strcmp(vendors[i][0], cpuid) == 0)
            return vendors[i][1];
    return NULL;
}

void
cpu_drop_invented(CpuSet *set, const CpuSet *cpuid)
{
    static const struct {
        uint32_t msr;
        const char *announced_by;
    } registers[] = { { 0x10a, "arch-capabilities" }, { 0xcf, "core-capability" } };

    for (size_t r = 0; r < G_N_ELEMENTS(registers); r++) {
        int announced_by = cpu_feature_index(registers[r].announced_by);

        if (cpu_set_has(cpuid, announced_by))
            continue;
        cpu_set_remove(set, announced_by);
        for (unsigned i = 0; i < cpu_n_features; i++)
            if (cpu_features[i].reg == CPU_MSR && cpu_features[i].leaf == registers[r].msr)
                cpu_set_remove(set, (int)i);
    }
}

CpuSet
cpu_set_and(const CpuSet *a, const CpuSet *b)
{
    CpuSet r;

    for (int i = 0; i < CPU_SET_WORDS; i++)
        r.words[i] = a->words[i] & b->words[i];
    return r;
}

CpuSet
cpu_set_minus(const CpuSet *a, const CpuSet *b)
{
    CpuSet r;

    for (int i = 0; i < CPU_SET_WORDS; i++)
        r.words[i] = a->words[i] & ~b->words[i];
    return r;
}

CpuSet
cpu_set_or(const CpuSet *a, const CpuSet *b)
{
    CpuSet r;

    for (int i = 0; i < CPU_SET_WORDS; i++)
        r.words[i] = a->words[i] | b->words[i];
    return r;
}

unsigned
cpu_set_count(const CpuSet *set)
{
    unsigned n = 0;

    for (int i = 0; i < CPU_SET_WORDS; i++)
        n += (unsigned)__builtin_popcountll(set->words[i]);
    return n;
}

/* --- finding the model --- */

/* "6/85/0-4" */
static bool
signature_fits(const char *text, const CpuSignature *sig)
{
    g_auto(GStrv) entries = g_strsplit(text, " ", -1);

    for (char **e = entries; *e; e++) {
        char *at = *e;
        unsigned long family = strtoul(at, &at, 10), model = *at == '/' ? strtoul(at + 1, &at, 10) : 0;
        unsigned long low = *at == '/' ? strtoul(at + 1, &at, 10) : 0, high = *at == '-' ? strtoul(at + 1, &at, 10) : 15;

        if (**e && family == sig->family && model == sig->model && sig->stepping >= low && sig->stepping <= high)
            return true;
    }
    return false;
}

typedef struct {
    CpuDecoded decoded;
    bool preferred, signature;
    unsigned more, less;
} Candidate;

/*
 * The processor's own model beats one with another signature. Among those, the shortest description; but what has to be
 * switched off weighs more than what has to be added, because it is more often wrong to begin with too much. How much
 * more was fitted to the choices libvirt is known to make, so that guests keep the model they had.
 */
static bool
better(const Candidate *new, const Candidate *old)
{
    unsigned weight_new = 5 * new->more + 13 * new->less, weight_old = 5 * old->more + 13 * old->less;

    if (new->preferred != old->preferred)
        return new->preferred;
    if (new->signature != old->signature)
        return new->signature;
    return weight_new < weight_old;
}

bool
cpu_decode(const CpuSet *features, const char *vendor, const CpuSignature *signature, const CpuModel *preferred,
           CpuModelAllowed *allowed, void *data, CpuDecodeFor what, CpuDecoded *ret)
{
    Candidate best = { 0 };
    unsigned n;
    const CpuModel *all = cpu_models(&n);

    for (unsigned i = 0; i < n; i++) {
        const CpuModel *m = &all[i];
        CpuSet blockers = { 0 };
        Candidate c = { .decoded = { m, cpu_set_minus(features, &m->features), cpu_set_minus(&m->features, features) } };

        if ((what == CPU_FOR_HOST ? m->versioned : m->version) || (vendor && m->vendor && strcmp(vendor, m->vendor) != 0) ||
            (allowed && !allowed(m, &blockers, data)))
            continue;
        blockers = cpu_set_minus(&blockers, &c.decoded.more); /* asked for by name: not ours to take away */
        c.decoded.less = cpu_set_or(&c.decoded.less, &blockers);
        c.more = cpu_set_count(&c.decoded.more);
        c.less = cpu_set_count(&c.decoded.less);
        if (what == CPU_FOR_HOST && c.less > 0)
            continue;
        c.preferred = m == preferred;
        c.signature = signature && signature_fits(m->signatures, signature);
        if (!best.decoded.model || better(&c, &best))
            best = c;
    }
    if (!best.decoded.model)
        return false;
    *ret = best.decoded;
    return true;
}
