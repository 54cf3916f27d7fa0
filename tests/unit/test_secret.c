/* Secrets: what is written comes back, what is no secret is refused. */
#include "common/conf/secret/secret.h"
#include "tests/unit/fixtures.h"

static int
through(const char *name, const char *text, bool copied, char **ret_text, Error *err)
{
    g_autoptr(SecretDef) def = NULL, copy = NULL;

    if (secret_def_parse(text, 0, &def, err) < 0)
        return -1;
    copy = secret_def_copy(def);
    *ret_text = secret_def_format(copied ? copy : def);
    return 0;
}

static SecretDef *
parse(const char *text)
{
    _cleanup_error_ Error err = ERROR_INIT;
    SecretDef *def = NULL;

    if (secret_def_parse(text, XML_VALIDATE, &def, &err) < 0)
        fail_msg("%s", err.message);
    return def;
}

static void
fixtures_come_back(void **state)
{
    assert_int_equal(all_come_back("secrets", through), SECRET_VTPM + 1);
}

static void
usages_are_told(void **state)
{
    static const struct { SecretUsage usage; const char *id; } table[] = {
        [SECRET_VOLUME] = { SECRET_VOLUME, "/var/lib/libvirt/images/a.luks" }, [SECRET_CEPH] = { SECRET_CEPH, "client.admin secret" },
        [SECRET_ISCSI] = { SECRET_ISCSI, "libvirtiscsi" }, [SECRET_TLS] = { SECRET_TLS, "tls-key" },
        [SECRET_VTPM] = { SECRET_VTPM, "guest-vtpm" },
    };

    for (SecretUsage usage = SECRET_VOLUME; usage <= SECRET_VTPM; usage++) {
        g_autofree char *file = g_strconcat(secret_usage_names[usage], ".xml", NULL), *text = fixture_of("secrets", file);
        g_autoptr(SecretDef) def = parse(text);

        assert_int_equal(def->usage, usage);
        assert_string_equal(def->usage_id, table[usage].id);
    }
}

static void
defaults_are_filled_in(void **state)
{
    g_autoptr(SecretDef) def = parse("<secret/>"), other = parse("<secret><uuid/><description/></secret>"), held = secret_def_ref(def);

    assert_ptr_equal(held, def);
    assert_int_equal(def->ephemeral, TRI_NO);
    assert_int_equal(def->is_private, TRI_NO);
    assert_true(def->uuid.set);
    assert_memory_not_equal(def->uuid.b, other->uuid.b, sizeof(def->uuid.b));
    assert_int_equal(def->usage, SECRET_NONE);
    assert_null(def->usage_id);
    assert_null(other->description);
}

static void
bad_secrets_are_refused(void **state)
{
#define USAGE(attributes, rest) "<secret><usage " attributes ">" rest "</usage></secret>"
#define XML ERR_XML_ERROR, FROM_SECRET
    static const Refusal table[] = {
        { "<secret", ERR_XML_DETAIL, FROM_SECRET, "line 1" },
        { "<volume/>", ERR_XML_ERROR, FROM_XML, "expected a <secret>" },
        { "<secret ephemeral='maybe'/>", XML, "ephemeral" },
        { "<secret private='1'/>", XML, "private" },
        { "<secret><uuid>x</uuid></secret>", XML, "UUID" },
        { "<secret><usage/></secret>", XML, "'type'" },
        { USAGE("type='door'", ""), ERR_CONFIG_UNSUPPORTED, FROM_SECRET, "volume, ceph" },
        { USAGE("type='volume'", ""), XML, "<volume>" },
        { USAGE("type='volume'", "<volume/>"), XML, "<volume>" },
        { USAGE("type='volume'", "<name>a</name>"), XML, "<volume>" },
        { USAGE("type='ceph'", ""), XML, "<name>" },
        { USAGE("type='iscsi'", "<name>a</name>"), XML, "<target>" },
        { USAGE("type='tls'", "<target>a</target>"), XML, "<name>" },
        { USAGE("type='vtpm'", ""), XML, "<name>" },
        { USAGE("type='vtpm'", "<name>a&#10;b</name>"), XML, "one line" },
        { USAGE("type='vtpm'", "<name>a</name><name>b</name>"), XML, "twice" },
    };
    g_autofree char *many = g_strnfill(4097, 'x'), *text = g_strdup_printf(USAGE("type='tls'", "<name>%s</name>"), many);
    const Refusal too_long = { text, XML, "4096" };

    refuse_all_by(through, NULL, table, G_N_ELEMENTS(table));
    refuse_all_by(through, NULL, &too_long, 1);
}

/* What is in a file of another version is read all the same. */
static void
files_are_trusted(void **state)
{
    g_autoptr(SecretDef) def = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    assert_int_equal(secret_def_parse(USAGE("type='vtpm'", "<name>a&#10;b</name>"), XML_STATUS, &def, &err), 0);
    assert_string_equal(def->usage_id, "a\nb");
}

FIXTURE_TEST_MAIN(cmocka_unit_test(fixtures_come_back), cmocka_unit_test(usages_are_told), cmocka_unit_test(defaults_are_filled_in),
                  cmocka_unit_test(bad_secrets_are_refused), cmocka_unit_test(files_are_trusted))
