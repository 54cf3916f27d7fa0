/*
 * confxml KIND [--raw] [--live] [--validate] [--copy] [--pool TYPE] [--create] [--update COMMAND SECTION INDEX]: read a definition on stdin, write it
 * as a daemon would show it after defining it; or the error as "code domain message" on stderr, status 1.
 *
 * KIND is domain (completed as with QEMU 7.2; --raw: not at all), device, network, networkport, secret, pool or volume
 * (--pool TYPE: of a pool of that type; --create: as it would be made). --copy: write a copy of it. poolcaps reads the types
 * of pools that are not supported, and writes the capabilities.
 * --update, of networks: after the first line that is "%%" on stdin comes what to change; an error of it is status 4 and the
 * unchanged definition is written all the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/network/port.h"
#include "common/conf/network/update.h"
#include "common/conf/secret/secret.h"
#include "common/conf/storage/volume.h"
#include "tests/conf/fakecaps.h"

typedef struct Request {
    unsigned parse_flags, format_flags;
    const DomainCaps *caps;
    bool copied;
    unsigned command, section; /* --update */
    int index;
    const char *change; /* NULL: none */
    PoolType pool_type; /* of volumes */
    bool create;
} Request;

static int
say(const Error *err, int status)
{
    fprintf(stderr, "%d %d %s\n", err->code, err->domain, err->message);
    return status;
}

static int
one_device(const char *text, const Request *request, char **ret_output)
{
    g_autoptr(Device) device = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (device_parse(text, request->parse_flags, &device, &err) < 0)
        return say(&err, 1);
    *ret_output = device_format(device, request->format_flags);
    return 0;
}

static int
one_domain(const char *text, const Request *request, char **ret_output)
{
    g_autoptr(DomainDef) def = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (domain_def_parse(text, request->parse_flags, request->caps, &def, &err) < 0)
        return say(&err, 1);
    if (request->copied) {
        copy = domain_def_copy(def);
        if (domain_def_check_abi(def, copy, &err) < 0)
            return say(&err, 3);
    }
    *ret_output = domain_def_format(copy ? copy : def, request->format_flags);
    return 0;
}

static int
one_network(const char *text, const Request *request, char **ret_output)
{
    g_autoptr(NetworkDef) def = NULL, other = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    int status = 0;

    if (network_def_parse(text, request->parse_flags, &def, &err) < 0)
        return say(&err, 1);
    if (request->copied)
        other = network_def_copy(def);
    if (request->change && network_def_update(def, request->command, request->section, request->index, request->change,
                                              &other, &err) < 0)
        status = say(&err, 4);
    *ret_output = network_def_format(other ? other : def, request->format_flags);
    return status;
}

static int
one_port(const char *text, const Request *request, char **ret_output)
{
    g_autoptr(NetworkPortDef) def = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (network_port_def_parse(text, request->parse_flags, &def, &err) < 0)
        return say(&err, 1);
    copy = network_port_def_copy(def);
    *ret_output = network_port_def_format(request->copied ? copy : def, request->format_flags);
    return 0;
}

static int
one_secret(const char *text, const Request *request, char **ret_output)
{
    g_autoptr(SecretDef) def = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (secret_def_parse(text, request->parse_flags, &def, &err) < 0)
        return say(&err, 1);
    copy = secret_def_copy(def);
    *ret_output = secret_def_format(request->copied ? copy : def);
    return 0;
}

static int
one_pool(const char *text, const Request *request, char **ret_output)
{
    g_autoptr(PoolDef) def = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (pool_def_parse(text, request->parse_flags, &def, &err) < 0)
        return say(&err, 1);
    copy = pool_def_copy(def);
    *ret_output = pool_def_format(request->copied ? copy : def, request->format_flags, NULL);
    return 0;
}

static int
one_volume(const char *text, const Request *request, char **ret_output)
{
    g_autoptr(VolDef) def = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (vol_def_parse(text, request->pool_type, request->parse_flags, &def, &err) < 0 ||
        (request->create && vol_def_check_create(def, &err) < 0))
        return say(&err, 1);
    copy = vol_def_copy(def);
    *ret_output = vol_def_format(request->copied ? copy : def);
    return 0;
}

static int
pool_capabilities(const char *text, const Request *request, char **ret_output)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);
    uint64_t supported = ~UINT64_C(0);

    for (PoolType type = POOL_DIR; type < POOL_TYPES; type++)
        if (g_strv_contains((const char *const *)words, pool_type_names[type]))
            supported &= ~(UINT64_C(1) << type);
    *ret_output = pool_capabilities_format(supported);
    return 0;
}

static const struct {
    const char *name;
    int (*convert)(const char *text, const Request *request, char **ret_output);
} kinds[] = {
    { "domain", one_domain }, { "device", one_device }, { "network", one_network }, { "networkport", one_port },
    { "secret", one_secret }, { "pool", one_pool }, { "volume", one_volume },
    { "poolcaps", pool_capabilities },
};

static bool
read_options(int argc, char **argv, Request *request)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--raw") == 0) {
            request->caps = NULL;
        } else if (strcmp(argv[i], "--live") == 0) {
            request->parse_flags = request->format_flags = XML_SECURE;
        } else if (strcmp(argv[i], "--copy") == 0) {
            request->copied = true;
        } else if (strcmp(argv[i], "--validate") == 0) {
            request->parse_flags |= XML_VALIDATE;
        } else if (strcmp(argv[i], "--create") == 0) {
            request->create = true;
        } else if (strcmp(argv[i], "--pool") == 0 && i + 1 < argc) {
            request->pool_type = (PoolType)enum_from_name(pool_type_names, argv[++i]);
        } else if (strcmp(argv[i], "--update") == 0 && i + 3 < argc) {
            request->command = strtoul(argv[++i], NULL, 10);
            request->section = strtoul(argv[++i], NULL, 10);
            request->index = (int)strtol(argv[++i], NULL, 10);
            request->change = "";
        } else {
            return false;
        }
    }
    return argc > 1;
}

int
main(int argc, char **argv)
{
    Request request = { .parse_flags = XML_INACTIVE, .format_flags = XML_INACTIVE | XML_SECURE, .caps = &fake_caps,
                        .pool_type = POOL_DIR };
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *output = NULL;
    char buffer[65536], *change;
    size_t n;
    int status;

    if (!read_options(argc, argv, &request))
        return 2;
    while ((n = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
        g_string_append_len(text, buffer, n);
    if (request.change && (change = strstr(text->str, "\n%%\n"))) {
        *change = '\0';
        request.change = change + 4;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(argv[1], kinds[i].name) != 0)
            continue;
        status = kinds[i].convert(text->str, &request, &output);
        if (output)
            fputs(output, stdout);
        return status;
    }
    return 2;
}
