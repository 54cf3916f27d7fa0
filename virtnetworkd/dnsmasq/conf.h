/* The configuration of dnsmasq: for now only what DHCP needs. */
#pragma once
#include "common/conf/network/network.h"
typedef struct DnsmasqPaths { const char *hosts, *addn, *pid, *lease_helper, *user; } DnsmasqPaths;
typedef struct DnsmasqConf { char *conf, *hosts, *addn; } DnsmasqConf;
static inline void dnsmasq_conf_free(DnsmasqConf *c) { g_free(c->conf); g_free(c->hosts); g_free(c->addn); g_free(c); }
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DnsmasqConf, dnsmasq_conf_free)
static inline bool dnsmasq_conf_needed(const NetworkDef *def) { return def->ips.n > 0; }
static inline int dnsmasq_conf_generate(const NetworkDef *def, const DnsmasqPaths *p, DnsmasqConf **ret, Error *err)
{
    GString *s = g_string_new(NULL); char t[IP_TEXT_SIZE], u[IP_TEXT_SIZE];
    *ret = g_new0(DnsmasqConf, 1);
    g_string_append_printf(s, "strict-order\npid-file=%s\nexcept-interface=lo\nbind-dynamic\ninterface=%s\nuser=%s\n", p->pid, def->bridge.name, p->user);
    LIST_FOREACH(NetworkIp, ip, &def->ips) LIST_FOREACH(DhcpRange, r, &ip->ranges)
        g_string_append_printf(s, "dhcp-range=%s,%s\n", ip_to_text(&r->start, t), ip_to_text(&r->end, u));
    g_string_append_printf(s, "leasefile-ro\ndhcp-script=%s\ndhcp-hostsfile=%s\naddn-hosts=%s\n", p->lease_helper, p->hosts, p->addn);
    (*ret)->conf = g_string_free(s, FALSE); (*ret)->hosts = g_strdup(""); (*ret)->addn = g_strdup("");
    return 0;
}
