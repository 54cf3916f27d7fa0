/* Fixtures of networks, for the tests of networks. */
#pragma once

#include "common/conf/network/network.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char *fixtures; /* folder; argv[1] */

/* The text of a file of fixtures/networks, owned by the caller. */
static inline char *
fixture(const char *file)
{
    g_autofree char *path = g_build_filename(fixtures, "networks", file, NULL);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static inline NetworkDef *
parse(const char *text)
{
    _cleanup_error_ Error err = ERROR_INIT;
    NetworkDef *def = NULL;

    if (network_def_parse(text, XML_INACTIVE | XML_VALIDATE, &def, &err) < 0)
        fail_msg("%s", err.message);
    return def;
}

#define NETWORK_TEST_MAIN(...) \
    int \
    main(int argc, char **argv) \
    { \
        const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
\
        if (argc != 2) \
            return 2; \
        fixtures = argv[1]; \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }
