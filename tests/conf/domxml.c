/*
 * domxml [--raw] [--live] [--validate] [--copy] [--device]: read a domain (or one device) definition on stdin, write it completed, as a daemon with QEMU 7.2
 * would after defining it; or the error as "code domain message" on stderr, status 1.
 */
#include "tests/conf/fakecaps.h"

#include <stdio.h>
#include <string.h>

static int
one_device(const char *text, unsigned parse_flags, unsigned format_flags)
{
    g_autoptr(Device) device = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *output = NULL;

    if (device_parse(text, parse_flags, &device, &err) < 0) {
        fprintf(stderr, "%d %d %s\n", err.code, err.domain, err.message);
        return 1;
    }
    output = device_format(device, format_flags);
    fputs(output, stdout);
    return 0;
}

int
main(int argc, char **argv)
{
    unsigned parse_flags = XML_INACTIVE, format_flags = XML_INACTIVE | XML_SECURE;
    const DomainCaps *caps = &fake_caps;
    g_autoptr(DomainDef) def = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *output = NULL;
    GString *text = g_string_new(NULL);
    char buffer[65536];
    size_t n;
    bool copied = false, single = false;
    int result;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--raw") == 0)
            caps = NULL;
        else if (strcmp(argv[i], "--live") == 0)
            parse_flags = format_flags = XML_SECURE;
        else if (strcmp(argv[i], "--device") == 0)
            single = true;
        else if (strcmp(argv[i], "--copy") == 0)
            copied = true;
        else if (strcmp(argv[i], "--validate") == 0)
            parse_flags |= XML_VALIDATE;
        else
            return 2;
    }
    while ((n = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
        g_string_append_len(text, buffer, n);
    if (single)
        return one_device(text->str, parse_flags, format_flags);
    result = domain_def_parse(text->str, parse_flags, caps, &def, &err);
    g_string_free(text, TRUE);
    if (result < 0) {
        fprintf(stderr, "%d %d %s\n", err.code, err.domain, err.message);
        return 1;
    }
    if (copied) {
        DomainDef *copy = domain_def_copy(def);

        if (domain_def_check_abi(def, copy, &err) < 0) {
            fprintf(stderr, "%d %d the copy differs: %s\n", err.code, err.domain, err.message);
            return 3;
        }
        domain_def_unref(def);
        def = copy;
    }
    output = domain_def_format(def, format_flags);
    fputs(output, stdout);
    return 0;
}
