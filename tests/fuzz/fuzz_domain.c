/*
 * Text as a domain definition. What is accepted must format, parse again and format to the same bytes, as written and
 * completed; a copy must equal it. The input may also be one device.
 */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/domain/postparse.h"
#include "tests/conf/fakecaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
round_trip(const char *text, unsigned flags, const DomainCaps *caps)
{
    g_autoptr(DomainDef) def = NULL, again = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    if (domain_def_parse(text, flags, caps, &def, &err) < 0) {
        if (!err.message || !err.code)
            abort();
        return;
    }
    if (!caps && !def->name) /* raw: nothing is required */
        return;
    first = domain_def_format(def, flags | XML_SECURE);
    if (domain_def_parse(first, flags, caps, &again, &err) < 0)
        abort();
    second = domain_def_format(again, flags | XML_SECURE);
    copy = domain_def_copy(def);
    third = domain_def_format(copy, flags | XML_SECURE);
    if (strcmp(first, third) != 0 || (caps && strcmp(first, second) != 0))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    _cleanup_error_ Error err = ERROR_INIT;
    g_autoptr(Device) device = NULL;

    round_trip(text, XML_INACTIVE, &fake_caps);
    round_trip(text, XML_INACTIVE | XML_VALIDATE, NULL);
    round_trip(text, XML_STATUS, NULL);
    if (device_parse(text, 0, &device, &err) == 0) {
        g_autofree char *first = device_format(device, XML_SECURE);
        g_autoptr(Device) copy = device_copy(device);
        g_autofree char *second = device_format(copy, XML_SECURE);

        if (strcmp(first, second) != 0)
            abort();
    }
    return 0;
}
