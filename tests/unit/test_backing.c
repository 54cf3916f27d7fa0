/* What headers call their backing file: every form that is understood, and that nothing else is. */
#include <glib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "virtqemud/source/backing.h"

#define LAYER(text) "<backingStore " text "</backingStore>\n"

static const struct { const char *text, *xml; } understood[] = {
    { "base.img", LAYER("type='file'>\n  <source file='/dir/base.img'/>\n") },
    { "../b.img", LAYER("type='file'>\n  <source file='/dir/../b.img'/>\n") },
    { "/a:b", LAYER("type='file'>\n  <source file='/a:b'/>\n") },
    { "file:/abs", LAYER("type='file'>\n  <source file='/abs'/>\n") },
    { "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"x\"}}",
      LAYER("type='file'>\n  <format type='qcow2'/>\n  <source file='/dir/x'/>\n") },
    { "json:{\"driver\":\"raw\",\"file.driver\":\"host_device\",\"file.filename\":\"/dev/x\"}",
      LAYER("type='block'>\n  <format type='raw'/>\n  <source dev='/dev/x'/>\n") },
    { "json:{\"driver\":\"file\",\"filename\":\"/x\"}", LAYER("type='file'>\n  <source file='/x'/>\n") },
    { "nbd://h:7/e/x", LAYER("type='network'>\n  <source protocol='nbd' name='e/x'>\n    <host name='h' port='7'/>\n  </source>\n") },
    { "nbd+unix:///e?socket=/s", LAYER("type='network'>\n  <source protocol='nbd' name='e'>\n"
                                       "    <host transport='unix' socket='/s'/>\n  </source>\n") },
    { "https://h/p/q?a=b", LAYER("type='network'>\n  <source protocol='https' name='p/q' query='a=b'>\n    <host name='h'/>\n  </source>\n") },
    { "iscsi://h/iqn.x/2", LAYER("type='network'>\n  <source protocol='iscsi' name='iqn.x/2'>\n    <host name='h'/>\n  </source>\n") },
    { "json:{\"file\":{\"driver\":\"nbd\",\"host\":\"h\",\"port\":9,\"export\":\"e\"}}",
      LAYER("type='network'>\n  <source protocol='nbd' name='e'>\n    <host name='h' port='9'/>\n  </source>\n") },
    { "json:{\"file\":{\"driver\":\"nbd\",\"server\":{\"type\":\"unix\",\"path\":\"/s\"}}}",
      LAYER("type='network'>\n  <source protocol='nbd'>\n    <host transport='unix' socket='/s'/>\n  </source>\n") },
    { "json:{\"file\":{\"driver\":\"http\",\"url\":\"http://h/x\"}}",
      LAYER("type='network'>\n  <source protocol='http' name='x'>\n    <host name='h'/>\n  </source>\n") },
};

static const char *const refused[] = {
    "rbd:pool/image", "nbd:host:10809", "gluster://h/v/i", "http://user:password@h/x", "http://h", "https://h/x#y", "nbd+unix:///e?socket=rel",
    "nbd+unix:///e?socket=/s&x=y", "fat:/etc", "json:", "json:[]", "json:{}", "json:{\"driver\":\"raw\"}", "json:{\"file\":\"x\"}",
    "json:{\"driver\":\"quorum\",\"file\":{\"driver\":\"file\",\"filename\":\"x\"}}",
    "json:{\"driver\":\"raw\",\"offset\":512,\"file\":{\"driver\":\"file\",\"filename\":\"x\"}}",
    "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"x\"}}}",
    "json:{\"driver\":\"file\",\"filename\":\"x\",\"locking\":\"off\"}", "json:{\"driver\":\"file\",\"filename\":\"json:{}\"}",
    "json:{\"driver\":\"file\",\"driver\":\"file\",\"filename\":\"x\"}", "json:{\"file.driver\":\"file\",\"file\":{\"filename\":\"x\"}}",
    "json:{\"driver\":\"nbd\",\"host\":\"h\",\"path\":\"/s\"}", "json:{\"driver\":\"nbd\",\"server\":{\"type\":\"inet\",\"path\":\"/s\"}}",
    "json:{\"driver\":\"http\",\"url\":\"rbd:x\"}",
};

static void
forms_are_understood(void **state)
{
    for (size_t i = 0; i < G_N_ELEMENTS(understood); i++) {
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *xml = NULL;
        StorageSource *source;

        if (backing_parse(understood[i].text, "/dir", &source, &err) < 0)
            fail_msg("%s", err.message);
        xml = xml_to_text("backingStore", &storage_chain_schema, source, 0);
        assert_string_equal(xml, understood[i].xml);
        xml_free(&storage_chain_schema, source);
    }
}

static void
others_are_refused(void **state)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        _cleanup_error_ Error err = ERROR_INIT;
        StorageSource *source;

        if (backing_parse(refused[i], "/dir", &source, &err) == 0)
            fail_msg("'%s' was taken", refused[i]);
        assert_int_equal(err.code, ERR_CONFIG_UNSUPPORTED);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(forms_are_understood), cmocka_unit_test(others_are_refused) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
