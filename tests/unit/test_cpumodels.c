/* CPU models: the table is whole, a described processor finds its model again, comparisons and baselines. */
#include <glib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "virtqemud/caps/cpuops.h"

static void
table_is_whole(void **state)
{
    unsigned n;
    const CpuModel *models = cpu_models(&n);

    assert_true(n > 140);
    for (unsigned i = 0; i < n; i++) {
        CpuSet left = cpu_set_minus(&models[i].removed, &models[i].features);

        assert_ptr_equal(cpu_model_find(models[i].name), &models[i]);
        assert_true(cpu_set_has(&models[i].features, cpu_feature_index("fpu")));
        assert_int_equal(cpu_set_count(&left), 0);
    }
    for (unsigned i = 0; i < cpu_n_features; i++)
        assert_int_equal(cpu_feature_index(cpu_features[i].name), (int)i);
    assert_string_equal(cpu_feature_name("pclmulqdq"), "pclmuldq");
    assert_string_equal(cpu_feature_name("no-such-thing"), "no-such-thing");
    assert_int_equal(cpu_feature_index("no-such-thing"), -1);
}

/* A guest's processor is found by its plain name, a host's by version where there are versions. */
static void
models_find_themselves(void **state)
{
    unsigned n;
    const CpuModel *models = cpu_models(&n);

    for (unsigned i = 0; i < n; i++) {
        CpuDecoded found;

        assert_true(cpu_decode(&models[i].features, models[i].vendor, NULL, NULL, NULL, NULL, CPU_FOR_GUEST, &found));
        assert_false(found.model->version);
        if (!models[i].version)
            assert_int_equal(cpu_set_count(&found.more) + cpu_set_count(&found.less), 0);
        assert_true(cpu_decode(&models[i].features, models[i].vendor, NULL, NULL, NULL, NULL, CPU_FOR_HOST, &found));
        assert_int_equal(cpu_set_count(&found.less), 0);
        assert_false(found.model->versioned);
    }
}

static CpuComparison
compare(const char *host, const char *asked_xml, const char *expected_words)
{
    _cleanup_asked_ CpuAsked asked = { 0 };
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *why = NULL;
    const CpuModel *model = cpu_model_find(host);
    CpuComparison r;

    assert_int_equal(cpu_asked_parse(asked_xml, &asked, &err), 0);
    r = cpu_compare(&model->features, model->vendor, &asked, &why);
    if (expected_words)
        assert_non_null(strstr(why, expected_words));
    else
        assert_null(why);
    return r;
}

static void
comparisons(void **state)
{
    assert_int_equal(compare("Penryn", "<cpu match='exact'><model>Penryn</model></cpu>", NULL), CPU_IDENTICAL);
    assert_int_equal(compare("Nehalem", "<cpu match='exact'><model>Penryn</model></cpu>", NULL), CPU_SUPERSET);
    assert_int_equal(compare("Nehalem", "<cpu match='strict'><model>Penryn</model></cpu>", "popcnt"), CPU_INCOMPATIBLE);
    assert_int_equal(compare("Penryn", "<cpu match='exact'><model>Nehalem</model></cpu>", "popcnt"), CPU_INCOMPATIBLE);
    assert_int_equal(compare("Penryn", "<cpu match='exact'><model>Nehalem</model><feature name='popcnt' policy='disable'/>"
                             "<feature name='sse4.2' policy='disable'/></cpu>", NULL), CPU_IDENTICAL);
    assert_int_equal(compare("Penryn", "<cpu match='exact'><model>Penryn</model><feature name='popcnt' policy='force'/></cpu>", NULL),
                     CPU_IDENTICAL);
    assert_int_equal(compare("Nehalem", "<cpu match='exact'><model>Penryn</model><feature name='popcnt' policy='forbid'/></cpu>",
                             "forbidden"), CPU_INCOMPATIBLE);
    assert_int_equal(compare("Penryn", "<cpu match='exact'><model>Penryn</model><vendor>AMD</vendor></cpu>", "AMD"), CPU_INCOMPATIBLE);
    assert_int_equal(compare("Penryn", "<cpu><arch>ppc64</arch><model>POWER8</model></cpu>", "ppc64"), CPU_INCOMPATIBLE);
    assert_int_equal(compare("Penryn", "<cpu mode='host-model'/>", NULL), CPU_SUPERSET);
}

static int
baseline(const char *a, const char *b, const CpuBaseline *how, char **ret)
{
    CpuAsked cpus[2] = { 0 };
    _cleanup_error_ Error err = ERROR_INIT;
    int r;

    assert_int_equal(cpu_asked_parse(a, &cpus[0], &err), 0);
    if (b)
        assert_int_equal(cpu_asked_parse(b, &cpus[1], &err), 0);
    r = cpu_baseline(how, cpus, b ? 2 : 1, ret, &err);
    cpu_asked_done(&cpus[0]);
    cpu_asked_done(&cpus[1]);
    return r < 0 ? -(int)err.code : 0;
}

#define HOST(model, features) "<cpu><arch>x86_64</arch><model>" model "</model><vendor>Intel</vendor>" features "</cpu>"

static void
baselines(void **state)
{
    const CpuBaseline plain = { .decode = cpu_baseline_decode_any };
    const CpuBaseline expanded = { .decode = cpu_baseline_decode_any, .expand = true };
    const CpuBaseline migratable = { .decode = cpu_baseline_decode_any, .migratable = true };
    g_autofree char *same = NULL, *mixed = NULL, *all = NULL, *moving = NULL, *none = NULL;

    assert_int_equal(baseline(HOST("Penryn", "<feature name='invtsc'/><feature name='osxsave'/>"), NULL, &plain, &same), 0);
    assert_string_equal(same, "<cpu mode='custom' match='exact'>\n  <model fallback='forbid'>Penryn</model>\n"
                              "  <vendor>Intel</vendor>\n  <feature policy='require' name='invtsc'/>\n</cpu>\n");
    assert_int_equal(baseline(HOST("Nehalem", ""), HOST("Penryn", ""), &plain, &mixed), 0);
    assert_string_equal(mixed, "<cpu mode='custom' match='exact'>\n  <model fallback='allow'>Penryn</model>\n"
                               "  <vendor>Intel</vendor>\n</cpu>\n");
    assert_int_equal(baseline(HOST("Penryn", ""), NULL, &expanded, &all), 0);
    assert_true(strstr(all, "name='apic'") && strstr(all, "name='sse4.1'") && !strstr(all, "popcnt"));
    assert_int_equal(baseline(HOST("Penryn", "<feature name='invtsc'/>"), NULL, &migratable, &moving), 0);
    assert_null(strstr(moving, "invtsc"));
    assert_int_equal(baseline(HOST("Penryn", ""), "<cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor></cpu>", &plain, &none),
                     -ERR_OPERATION_FAILED);
}

static void
bad_descriptions(void **state)
{
    static const struct {
        const char *xml;
        ErrorCode code;
    } cases[] = {
        { "<cpu><model>Bogus</model></cpu>", ERR_INTERNAL_ERROR },
        { "<cpu><model>Penryn</model><feature name='bogus'/></cpu>", ERR_INTERNAL_ERROR },
        { "<cpu><model>Penryn</model><feature/></cpu>", ERR_XML_ERROR },
        { "<cpu><model>Penryn</model><feature name='vmx' policy='maybe'/></cpu>", ERR_XML_ERROR },
        { "<domain/>", ERR_XML_ERROR },
        { "<cpu>", ERR_XML_DETAIL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        _cleanup_asked_ CpuAsked asked = { 0 };
        _cleanup_error_ Error err = ERROR_INIT;

        assert_int_equal(cpu_asked_parse(cases[i].xml, &asked, &err), -1);
        assert_int_equal(err.code, cases[i].code);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_whole), cmocka_unit_test(models_find_themselves), cmocka_unit_test(comparisons),
        cmocka_unit_test(baselines),      cmocka_unit_test(bad_descriptions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
