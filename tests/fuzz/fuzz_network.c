/*
 * Text as a network or a network port. What is accepted must format, parse again and format to the same bytes; a copy must
 * equal it. After a line "%%" comes an element, with which every section is changed in every way: what results must obey
 * the rules that a definition has to obey. What dnsmasq would be told has as many lines as its parts ask for.
 */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/network/port.h"
#include "common/conf/network/update.h"
#include "virtnetworkd/dnsmasq/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTIONS 14
#define COMMANDS 6

static size_t
count_lines(const char *text)
{
    size_t n = 0;

    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 && *text != '\n' && *text != '\t')
            abort();
        n += *text == '\n';
    }
    return n;
}

/* No text makes a line of its own. */
static void
configure(const NetworkDef *def)
{
    const DnsmasqPaths paths = { .hosts = "/h", .addn = "/a", .pid = "/p", .lease_helper = "/l", .user = "u" };
    g_autoptr(NetworkDef) named = network_def_copy(def);
    g_autoptr(DnsmasqConf) conf = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    size_t hosts = 0, fixed = 40 + def->dnsmasq_options.n + def->dns.forwarders.n + def->dns.txts.n + def->dns.srvs.n;

    if (!dnsmasq_conf_needed(def))
        return;
    if (!named->bridge.name)
        named->bridge.name = g_strdup("virbr0");
    if (dnsmasq_conf_generate(named, &paths, &conf, &err) < 0)
        abort();
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        hosts += ip->hosts.n;
        fixed += ip->ranges.n + 5;
    }
    if (count_lines(conf->hosts) != hosts || count_lines(conf->addn) != def->dns.hosts.n || count_lines(conf->conf) > fixed)
        abort();
}

static void
stable(const NetworkDef *def, unsigned flags)
{
    g_autoptr(NetworkDef) again = NULL, copy = network_def_copy(def);
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *first = network_def_format(def, flags), *second = NULL, *third = network_def_format(copy, flags);

    if (network_def_parse(first, flags, &again, &err) < 0)
        abort();
    second = network_def_format(again, flags);
    if (strcmp(first, second) != 0 || strcmp(first, third) != 0)
        abort();
    if (!(flags & XML_STATUS))
        configure(def);
}

static void
change(const NetworkDef *def, const char *element)
{
    for (unsigned section = 0; section < SECTIONS; section++)
        for (unsigned command = 0; command < COMMANDS; command++)
            for (int parent = -1; parent < 2; parent++) {
                g_autoptr(NetworkDef) changed = NULL;
                _cleanup_error_ Error err = ERROR_INIT;

                if (network_def_update(def, command, section, parent, element, &changed, &err) == 0)
                    stable(changed, XML_INACTIVE);
                else if (!err.message || !err.code)
                    abort();
            }
}

static void
as_network(const char *text, unsigned flags, const char *element)
{
    g_autoptr(NetworkDef) def = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    if (network_def_parse(text, flags, &def, &err) < 0) {
        if (!err.message || !err.code)
            abort();
        return;
    }
    stable(def, flags);
    if (element)
        change(def, element);
}

static void
as_port(const char *text)
{
    g_autoptr(NetworkPortDef) def = NULL, again = NULL, copy = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    if (network_port_def_parse(text, 0, &def, &err) < 0)
        return;
    first = network_port_def_format(def, 0);
    if (network_port_def_parse(first, 0, &again, &err) < 0)
        abort();
    second = network_port_def_format(again, 0);
    copy = network_port_def_copy(def);
    third = network_port_def_format(copy, 0);
    if (strcmp(first, second) != 0 || strcmp(first, third) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    char *element = strstr(text, "\n%%\n");

    if (element) {
        *element = '\0';
        element += 4;
    }
    as_network(text, XML_INACTIVE, element);
    as_network(text, XML_VALIDATE, NULL);
    as_network(text, XML_STATUS, NULL);
    as_port(text);
    return 0;
}
