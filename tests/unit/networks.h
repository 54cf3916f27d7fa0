/* Fixtures of networks, for the tests of networks. */
#pragma once

#include "common/conf/network/network.h"
#include "tests/unit/fixtures.h"

/* The text of a file of fixtures/networks, owned by the caller. */
static inline char *
fixture(const char *file)
{
    return fixture_of("networks", file);
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

static inline int
network_through(const char *name, const char *text, bool copied, char **ret_text, Error *err)
{
    g_autoptr(NetworkDef) def = NULL, copy = NULL;

    if (network_def_parse(text, XML_INACTIVE, &def, err) < 0)
        return -1;
    copy = network_def_copy(def);
    *ret_text = network_def_format(copied ? copy : def, XML_INACTIVE);
    return 0;
}
