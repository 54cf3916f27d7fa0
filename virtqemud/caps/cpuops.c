#include "virtqemud/caps/cpuops.h"

#include <string.h>

#include "common/xml/document.h"
#include "common/xml/schema.h"
#include "common/xml/writer.h"

void
cpu_asked_done(CpuAsked *asked)
{
    g_clear_pointer(&asked->arch, g_free);
    g_clear_pointer(&asked->mode, g_free);
    g_clear_pointer(&asked->match, g_free);
    g_clear_pointer(&asked->name, g_free);
    g_clear_pointer(&asked->vendor, g_free);
}

bool
cpu_asked_x86(const CpuAsked *asked)
{
    return !asked->arch || strcmp(asked->arch, "x86_64") == 0 || strcmp(asked->arch, "i686") == 0;
}

/* --- reading a description --- */

static int
read_feature(const xmlNode *node, CpuAsked *asked, Error *err)
{
    g_autofree char *name = xml_attr(node, "name"), *policy = xml_attr(node, "policy");
    const struct {
        const char *name;
        CpuSet *set;
    } policies[] = { { "require", &asked->require }, { "disable", &asked->disable }, { "forbid", &asked->forbid },
                     { "force", &asked->force },     { "optional", NULL } };
    int index;

    if (!name || !*name)
        return error_setf(err, FROM_CPU, ERR_XML_ERROR, "a CPU feature without a name");
    index = cpu_feature_index(name);
    if (index < 0)
        return error_setf(err, FROM_CPU, ERR_INTERNAL_ERROR, "Unknown CPU feature %s", name);
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++)
        if (strcmp(policy ? policy : "require", policies[i].name) == 0) {
            if (policies[i].set)
                cpu_set_add(policies[i].set, index);
            return 0;
        }
    return error_setf(err, FROM_CPU, ERR_XML_ERROR, "the policy '%s' of CPU feature '%s' is not known", policy, name);
}

static char *
child_text(const xmlNode *root, const char *name)
{
    const xmlNode *child = xml_child(root, name);

    return child ? xml_text(child) : NULL;
}

static int
read_cpu(const xmlNode *root, CpuAsked *asked, Error *err)
{
    asked->arch = child_text(root, "arch");
    asked->mode = xml_attr(root, "mode");
    asked->match = xml_attr(root, "match");
    asked->name = child_text(root, "model");
    asked->vendor = child_text(root, "vendor");
    if (!cpu_asked_x86(asked))
        return 0;
    if (asked->name && *asked->name) {
        asked->model = cpu_model_find(asked->name);
        if (!asked->model)
            return error_setf(err, FROM_CPU, ERR_INTERNAL_ERROR, "Unknown CPU model %s", asked->name);
    }
    XML_FOREACH_CHILD(node, root, "feature")
        if (read_feature(node, asked, err) < 0)
            return -1;
    return 0;
}

int
cpu_asked_parse(const char *xml, CpuAsked *ret, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;
    _cleanup_asked_ CpuAsked asked = { 0 };
    xmlNode *root;

    if (xml_document_load(xml, "CPU description", FROM_CPU, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    if (!xml_is(root, "cpu", NULL))
        return error_setf(err, FROM_CPU, ERR_XML_ERROR, "a CPU description starts with <cpu>, not <%s>", (const char *)root->name);
    if (read_cpu(root, &asked, err) < 0)
        return -1;
    *ret = asked;
    asked = (CpuAsked){ 0 };
    return 0;
}

/* --- comparing --- */

static char *
names_of(const CpuSet *set)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < cpu_n_features; i++)
        if (cpu_set_has(set, (int)i))
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", cpu_features[i].name);
    return g_string_free(text, FALSE);
}

static CpuComparison
incompatible(char **ret_why, const char *format, const CpuSet *set)
{
    g_autofree char *names = names_of(set);

    *ret_why = g_strdup_printf(format, names);
    return CPU_INCOMPATIBLE;
}

/* Everything that is asked for. A host (it says its architecture) that has a feature QEMU removed from its model says so. */
static CpuSet
wanted(const CpuAsked *asked)
{
    CpuSet set = { 0 };

    if (asked->model)
        set = asked->arch ? cpu_set_minus(&asked->model->features, &asked->model->removed) : asked->model->features;
    set = cpu_set_or(&set, &asked->require);

    return cpu_set_minus(&set, &asked->disable);
}

CpuComparison
cpu_compare(const CpuSet *have, const char *vendor, const CpuAsked *asked, char **ret_why)
{
    CpuSet want = wanted(asked), set;

    *ret_why = NULL;
    if (!cpu_asked_x86(asked)) {
        *ret_why = g_strdup_printf("CPU arch %s does not match host arch", asked->arch);
        return CPU_INCOMPATIBLE;
    }
    if (!asked->model)
        return CPU_SUPERSET; /* whatever the host has */
    if (vendor && asked->vendor && strcmp(vendor, asked->vendor) != 0) {
        *ret_why = g_strdup_printf("host CPU vendor does not match required CPU vendor %s", asked->vendor);
        return CPU_INCOMPATIBLE;
    }
    set = cpu_set_and(have, &asked->forbid);
    if (cpu_set_count(&set))
        return incompatible(ret_why, "Host CPU provides forbidden features: %s", &set);
    set = cpu_set_minus(&want, have);
    set = cpu_set_minus(&set, &asked->force);
    if (cpu_set_count(&set))
        return incompatible(ret_why, "Host CPU does not provide required features: %s", &set);
    set = cpu_set_minus(have, &want);
    if (cpu_set_count(&set) == 0)
        return CPU_IDENTICAL;
    if (g_strcmp0(asked->match, "strict") == 0)
        return incompatible(ret_why, "Host CPU does not strictly match guest CPU: Extra features: %s", &set);
    return CPU_SUPERSET;
}

/* --- what several have in common --- */

typedef struct {
    const char *name, *policy;
} Shown;

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Shown *)a)->name, ((const Shown *)b)->name);
}

static void
show(GArray *list, const CpuSet *set, const char *policy)
{
    for (unsigned i = 0; i < cpu_n_features; i++)
        if (cpu_set_has(set, (int)i)) {
            Shown shown = { cpu_features[i].name, policy };

            g_array_append_val(list, shown);
        }
}

static char *
format_guest(const CpuDecoded *d, const CpuSet *features, const char *vendor, bool forbid, bool expand)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Shown));
    CpuSet kept = cpu_set_and(&d->model->removed, features), more = cpu_set_or(&d->more, &kept);
    XmlWriter w;

    if (expand) {
        more = cpu_set_or(&more, &d->model->features);
        more = cpu_set_minus(&more, &d->less);
    }
    show(list, &more, "require");
    show(list, &d->less, "disable");
    if (expand)
        g_array_sort(list, by_name);
    xml_writer_init(&w);
    xml_writer_start(&w, "cpu");
    xml_writer_attr(&w, "mode", "custom");
    xml_writer_attr(&w, "match", "exact");
    xml_writer_start(&w, "model");
    xml_writer_attr(&w, "fallback", forbid ? "forbid" : "allow");
    xml_writer_end_text(&w, "model", d->model->name);
    if (vendor)
        xml_writer_text_element(&w, "vendor", vendor);
    for (guint i = 0; i < list->len; i++) {
        const Shown *s = &g_array_index(list, Shown, i);

        xml_writer_start(&w, "feature");
        xml_writer_attr(&w, "policy", s->policy);
        xml_writer_attr(&w, "name", s->name);
        xml_writer_end(&w, "feature");
    }
    xml_writer_end(&w, "cpu");
    return xml_writer_steal(&w);
}

/* The one vendor of all; *ret_shown: each of them named it. */
static int
common_vendor(const CpuAsked *cpus, size_t n, const char **ret, bool *ret_shown, Error *err)
{
    const char *vendor = NULL;

    *ret_shown = true;
    for (size_t i = 0; i < n; i++) {
        const char *v = cpus[i].vendor;

        if (v && !cpu_vendor_known(v))
            return error_setf(err, FROM_CPU, ERR_OPERATION_FAILED, "Unknown CPU vendor %s", v);
        if (!v) {
            *ret_shown = false;
            v = cpus[i].model->vendor;
        }
        if (v && vendor && strcmp(v, vendor) != 0)
            return error_setf(err, FROM_CPU, ERR_OPERATION_FAILED, "CPU vendors do not match");
        vendor = v ? v : vendor;
    }
    *ret = vendor;
    return 0;
}

/* What a guest like this would see. */
static CpuSet
given(const CpuAsked *asked)
{
    CpuSet set = wanted(asked);

    set = cpu_set_or(&set, &asked->force);
    return cpu_set_minus(&set, &asked->forbid);
}

static CpuSet
common_features(const CpuBaseline *how, const CpuAsked *cpus, size_t n)
{
    CpuSet set = given(&cpus[0]);

    for (size_t i = 1; i < n; i++) {
        CpuSet other = given(&cpus[i]);

        set = cpu_set_and(&set, &other);
    }
    if (how->known)
        set = cpu_set_and(&set, how->known);
    for (int i = 0; i < (int)cpu_n_features; i++)
        if (!cpu_feature_for_guests(i) || (how->migratable && !cpu_feature_migratable(i)))
            cpu_set_remove(&set, i);
    return set;
}

bool
cpu_baseline_decode_any(const CpuSet *features, const char *vendor, const CpuModel *preferred, CpuDecoded *ret, void *data)
{
    return cpu_decode(features, vendor, NULL, preferred, NULL, NULL, CPU_FOR_GUEST, ret);
}

/* POWER processors are all or nothing. */
static int
baseline_ppc64(const CpuAsked *cpus, size_t n, char **ret_xml, Error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!cpus[i].name || !g_strv_contains(cpu_ppc64_models(), cpus[i].name))
            return error_setf(err, FROM_CPU, ERR_OPERATION_FAILED, "CPUs are incompatible");
        if (cpus[i].vendor && strcmp(cpus[i].vendor, "IBM") != 0 && strcmp(cpus[i].vendor, "Freescale") != 0)
            return error_setf(err, FROM_CPU, ERR_OPERATION_FAILED, "Unknown CPU vendor %s", cpus[i].vendor);
        if (strcmp(cpus[i].name, cpus[0].name) != 0)
            return error_setf(err, FROM_CPU, ERR_OPERATION_FAILED, "CPUs are incompatible");
    }
    *ret_xml = g_strdup_printf("<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>%s</model>\n</cpu>\n", cpus[0].name);
    return 0;
}

static bool
is_ppc64(const CpuAsked *cpu)
{
    return cpu->arch && g_str_has_prefix(cpu->arch, "ppc64");
}

int
cpu_baseline(const CpuBaseline *how, const CpuAsked *cpus, size_t n, char **ret_xml, Error *err)
{
    const CpuModel *preferred = n > 0 ? cpus[0].model : NULL;
    const char *vendor;
    bool show_vendor;
    CpuSet features;
    CpuDecoded decoded;

    if (n == 0)
        return error_setf(err, FROM_CPU, ERR_INVALID_ARG, "no CPUs to find a baseline of");
    if (is_ppc64(&cpus[0]) && !how->known)
        return baseline_ppc64(cpus, n, ret_xml, err);
    for (size_t i = 0; i < n; i++) {
        if (!cpus[i].model && cpus[i].name && *cpus[i].name)
            return error_setf(err, FROM_CPU, ERR_INTERNAL_ERROR, "Unknown CPU model %s", cpus[i].name);
        if (!cpus[i].model)
            return error_setf(err, FROM_CPU, ERR_INVALID_ARG, "no CPU model specified at index %zu", i);
        if (cpus[i].model != preferred)
            preferred = NULL;
    }
    if (common_vendor(cpus, n, &vendor, &show_vendor, err) < 0)
        return -1;
    features = common_features(how, cpus, n);
    if (cpu_set_count(&features) == 0 || !how->decode(&features, vendor, preferred, &decoded, how->data))
        return error_setf(err, FROM_CPU, ERR_OPERATION_FAILED, "CPUs are incompatible");
    *ret_xml = format_guest(&decoded, &features, show_vendor ? vendor : NULL, how->known || decoded.model == preferred,
                            how->expand);
    return 0;
}
