/*
 * dnsmasqconf: a network on stdin, the texts of its dnsmasq on stdout: the configuration, after a line "-- hosts" the fixed
 * hosts, after a line "-- addn" the names. Status 1 and the error when the network is refused, 3 when it needs no dnsmasq.
 */
#include <stdio.h>

#include "virtnetworkd/dnsmasq/conf.h"

int
main(void)
{
    const DnsmasqPaths paths = {
        .hosts = "/var/lib/libvirt/dnsmasq/net.hostsfile", .addn = "/var/lib/libvirt/dnsmasq/net.addnhosts",
        .pid = "/run/libvirt/network/net.pid", .lease_helper = "/usr/libexec/libvirt_leaseshelper", .user = "nobody",
    };
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(NetworkDef) def = NULL;
    g_autoptr(DnsmasqConf) conf = NULL;
    _cleanup_error_ Error err = ERROR_INIT;
    char buffer[65536];
    size_t n;

    while ((n = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
        g_string_append_len(text, buffer, n);
    if (network_def_parse(text->str, XML_INACTIVE, &def, &err) < 0) {
        fprintf(stderr, "%d %d %s\n", err.code, err.domain, err.message);
        return 1;
    }
    if (!dnsmasq_conf_needed(def))
        return 3;
    if (!def->bridge.name)
        def->bridge.name = g_strdup("virbr0"); /* as a daemon would choose one */
    if (dnsmasq_conf_generate(def, &paths, &conf, &err) < 0) {
        fprintf(stderr, "%d %d %s\n", err.code, err.domain, err.message);
        return 1;
    }
    printf("%s-- hosts\n%s-- addn\n%s", conf->conf, conf->hosts, conf->addn);
    return 0;
}
