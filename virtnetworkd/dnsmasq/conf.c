#include "virtnetworkd/dnsmasq/conf.h"

#include <stdarg.h>
#include <string.h>

/* dnsmasq reads at most 1024 bytes as one line, what is behind them as the next one. */
#define LINE_MAX_BYTES 1020

void
dnsmasq_conf_free(DnsmasqConf *conf)
{
    if (!conf)
        return;
    g_free(conf->conf);
    g_free(conf->hosts);
    g_free(conf->addn);
    g_free(conf);
}

static void line(GString *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
line(GString *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
    g_string_append_c(out, '\n');
}

/* A value as dnsmasq reads it: in quotes, commas and blanks and "#" are themselves. */
static void
append_quoted(GString *out, const char *text, size_t length)
{
    g_string_append_c(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, text[i]);
    }
    g_string_append_c(out, '"');
}

/* Plain where that is safe: most paths are. */
static void
value_line(GString *out, const char *key, const char *value)
{
    if (!value)
        return;
    g_string_append_printf(out, "%s=", key);
    if (strspn(value, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "/._-+:") == strlen(value))
        g_string_append(out, value);
    else
        append_quoted(out, value, strlen(value));
    g_string_append_c(out, '\n');
}

/* -- what is served -- */

static bool
serves_dns(const NetworkDef *def)
{
    return def->dns.enable != TRI_NO;
}

/* A boot file alone gives nobody an address. */
static bool
serves_dhcp(const NetworkIp *ip)
{
    return ip->ranges.n || ip->hosts.n;
}

/* Guests can make their own addresses in networks of this size only. */
static bool
is_autonomous(const NetworkIp *ip)
{
    return ip->address.family == AF_INET6 && network_ip_prefix(ip) == 64;
}

static const NetworkIp *
find_dhcp(const NetworkDef *def, sa_family_t family)
{
    LIST_FOREACH(NetworkIp, ip, &def->ips)
        if (ip->address.family == family && serves_dhcp(ip))
            return ip;
    return NULL;
}

bool
dnsmasq_conf_needed(const NetworkDef *def)
{
    if (!network_def_owns_bridge(def) || !def->ips.n)
        return false;
    if (serves_dns(def))
        return true;
    LIST_FOREACH(NetworkIp, ip, &def->ips)
        if (serves_dhcp(ip) || ip->tftp_root || is_autonomous(ip))
            return true;
    return false;
}

/* -- names -- */

static void
add_domain(GString *out, const NetworkDef *def)
{
    /* "local=//" keeps plain names of every type here, domain-needed those of addresses. */
    if (def->dns.forward_plain_names == TRI_NO)
        line(out, "domain-needed\nlocal=//");
    if (!def->domain.name)
        return;
    if (def->domain.local_only == TRI_YES)
        line(out, "local=/%s/", def->domain.name);
    line(out, "domain=%s\nexpand-hosts", def->domain.name);
}

/* Who is asked for what is not known here. "#" stands for the servers of the host. */
static void
add_forwarders(GString *out, const NetworkDef *def)
{
    bool no_resolv = def->forward.mode == FORWARD_NONE; /* isolated is isolated */
    char text[IP_TEXT_SIZE];

    LIST_FOREACH(DnsForwarder, forwarder, &def->dns.forwarders) {
        const char *server = ip_is_set(&forwarder->addr) ? ip_to_text(&forwarder->addr, text) : "#";

        if (forwarder->domain)
            line(out, "server=/%s/%s", forwarder->domain, server);
        else
            line(out, "server=%s", server);
        no_resolv |= !forwarder->domain;
    }
    if (no_resolv)
        line(out, "no-resolv");
}

/* The value is a list with commas, and each item a string of its own. */
static void
add_txt(GString *out, const DnsTxt *txt)
{
    g_auto(GStrv) strings = g_strsplit(txt->value, ",", -1);

    g_string_append_printf(out, "txt-record=%s", txt->name);
    for (char **string = strings; *string; string++) {
        g_string_append_c(out, ',');
        append_quoted(out, *string, strlen(*string));
    }
    g_string_append_c(out, '\n');
}

static void
add_srv(GString *out, const DnsSrv *srv)
{
    g_string_append_printf(out, "srv-host=_%s._%s", srv->service, srv->protocol);
    if (srv->domain)
        g_string_append_printf(out, ".%s", srv->domain);
    if (srv->target)
        g_string_append_printf(out, ",%s", srv->target);
    /* Each number stands behind the one before; 1, 0 and 0 are what dnsmasq takes when they are missing. */
    if (srv->port.set || srv->priority.set || srv->weight.set)
        g_string_append_printf(out, ",%u", srv->port.set ? srv->port.v : 1);
    if (srv->priority.set || srv->weight.set)
        g_string_append_printf(out, ",%u", srv->priority.v);
    if (srv->weight.set)
        g_string_append_printf(out, ",%u", srv->weight.v);
    g_string_append_c(out, '\n');
}

/* "122.168.192.in-addr.arpa": the network part from its end, in bytes or half bytes. */
static void
append_reverse_name(GString *out, const NetworkIp *ip)
{
    unsigned prefix = network_ip_prefix(ip);

    if (ip->address.family == AF_INET) {
        for (unsigned i = prefix / 8; i-- > 0;)
            g_string_append_printf(out, "%u.", ip->address.b[i]);
        g_string_append(out, "in-addr.arpa");
        return;
    }
    for (unsigned i = prefix / 4; i-- > 0;)
        g_string_append_printf(out, "%x.", i % 2 ? ip->address.b[i / 2] & 0xf : ip->address.b[i / 2] >> 4);
    g_string_append(out, "ip6.arpa");
}

static void
add_dns(GString *out, const NetworkDef *def, const DnsmasqPaths *paths)
{
    if (!serves_dns(def)) {
        line(out, "port=0");
        return;
    }
    add_forwarders(out, def);
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        if (ip->local_ptr != TRI_YES)
            continue;
        g_string_append(out, "local=/");
        append_reverse_name(out, ip);
        g_string_append(out, "/\n");
    }
    LIST_FOREACH(DnsTxt, txt, &def->dns.txts)
        add_txt(out, txt);
    LIST_FOREACH(DnsSrv, srv, &def->dns.srvs)
        add_srv(out, srv);
    value_line(out, "addn-hosts", paths->addn);
}

/* -- addresses -- */

static void
append_lease(GString *out, const LeaseTime *lease)
{
    static const char units[] = { [LEASE_UNIT_ABSENT] = 'm', [LEASE_SECONDS] = 's', [LEASE_MINUTES] = 'm', [LEASE_HOURS] = 'h' };

    if (!lease->present)
        return;
    if (lease->expiry.v == 0)
        g_string_append(out, ",infinite");
    else
        g_string_append_printf(out, ",%llu%c", lease->expiry.v, units[lease->unit]);
}

/* Behind the addresses of a dhcp-range: IPv4 wants the mask, IPv6 the length. */
static void
append_mask(GString *out, const NetworkIp *ip)
{
    unsigned prefix = network_ip_prefix(ip);
    IpAddress mask = ip_mask(AF_INET, prefix);
    char text[IP_TEXT_SIZE];

    if (ip->address.family == AF_INET)
        g_string_append_printf(out, ",%s", ip_to_text(&mask, text));
    else
        g_string_append_printf(out, ",%u", prefix);
}

static void
add_ranges(GString *out, const NetworkIp *ip)
{
    char start[IP_TEXT_SIZE], end[IP_TEXT_SIZE];

    LIST_FOREACH(DhcpRange, range, &ip->ranges) {
        g_string_append_printf(out, "dhcp-range=%s,%s", ip_to_text(&range->start, start), ip_to_text(&range->end, end));
        append_mask(out, ip);
        append_lease(out, &range->lease);
        g_string_append_c(out, '\n');
    }
    if (!ip->ranges.n) { /* only who has a fixed address */
        g_string_append_printf(out, "dhcp-range=%s,static", ip_to_text(&ip->address, start));
        append_mask(out, ip);
        g_string_append_c(out, '\n');
    }
}

/* How many clients there can be: the ranges, and who has a fixed address elsewhere. */
static uint64_t
count_leases(const NetworkIp *ip)
{
    uint64_t count = 0;

    LIST_FOREACH(DhcpRange, range, &ip->ranges)
        count += ip_range_size(&range->start, &range->end);
    LIST_FOREACH(DhcpHost, host, &ip->hosts) {
        bool inside = false;

        LIST_FOREACH(DhcpRange, range, &ip->ranges)
            inside |= ip_compare(&range->start, &host->ip) <= 0 && ip_compare(&host->ip, &range->end) <= 0;
        count += !inside;
    }
    return count;
}

static void
add_boot(GString *out, const NetworkIp *ip)
{
    if (ip->tftp_root) {
        line(out, "enable-tftp");
        value_line(out, "tftp-root", ip->tftp_root);
    }
    if (!ip->bootp_file)
        return;
    g_string_append(out, "dhcp-boot=");
    append_quoted(out, ip->bootp_file, strlen(ip->bootp_file));
    if (ip->bootp_server)
        g_string_append_printf(out, ",,%s", ip->bootp_server);
    g_string_append_c(out, '\n');
}

static void
add_dhcp(GString *out, const NetworkDef *def, const DnsmasqPaths *paths)
{
    const NetworkIp *four = find_dhcp(def, AF_INET), *six = find_dhcp(def, AF_INET6);

    if (four)
        add_ranges(out, four);
    if (six)
        add_ranges(out, six);
    if (!four && !six)
        return;
    if (four && def->forward.mode == FORWARD_NONE)
        line(out, "dhcp-option=3"); /* no router: there is nowhere to go */
    if (four && def->mtu.set)
        line(out, "dhcp-option=option:mtu,%u", def->mtu.v);
    line(out, "dhcp-no-override\ndhcp-authoritative");
    line(out, "dhcp-lease-max=%llu", (unsigned long long)((four ? count_leases(four) : 0) + (six ? count_leases(six) : 0)));
    value_line(out, "dhcp-hostsfile", paths->hosts);
    if (paths->lease_helper) {
        line(out, "leasefile-ro");
        value_line(out, "dhcp-script", paths->lease_helper);
    }
}

/* Router advertisements: of each network that guests can make addresses in, and of the one with DHCP. */
static void
add_advertisements(GString *out, const NetworkDef *def)
{
    const NetworkIp *dhcp = find_dhcp(def, AF_INET6);
    char text[IP_TEXT_SIZE];
    bool any = dhcp != NULL;

    if (dhcp)
        line(out, "enable-ra");
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        if (ip == dhcp || !is_autonomous(ip))
            continue;
        line(out, "dhcp-range=%s,ra-only", ip_to_text(&ip->address, text));
        any = true;
    }
    if (any && def->forward.mode == FORWARD_NONE)
        line(out, "ra-param=*,0,0"); /* as a router for nothing */
}

/* -- the three texts -- */

static char *
make_conf(const NetworkDef *def, const DnsmasqPaths *paths)
{
    GString *out = g_string_new("# Made by virtnetworkd from the definition of a network; changes here are overwritten.\n");

    line(out, "strict-order");
    add_domain(out, def);
    value_line(out, "pid-file", paths->pid);
    value_line(out, "user", paths->user);
    line(out, "except-interface=lo\nbind-dynamic\ninterface=%s", def->bridge.name);
    add_dns(out, def, paths);
    add_dhcp(out, def, paths);
    LIST_FOREACH(NetworkIp, ip, &def->ips)
        add_boot(out, ip);
    add_advertisements(out, def);
    LIST_FOREACH(DnsmasqOption, option, &def->dnsmasq_options)
        line(out, "%s", option->value);
    return g_string_free(out, FALSE);
}

/* IPv4 knows a host by its MAC address, IPv6 by its identifier; both by the name it gives itself. */
static void
add_fixed_host(GString *out, const DhcpHost *host)
{
    char text[IP_TEXT_SIZE];
    bool six = host->ip.family == AF_INET6, first = true;
    g_autofree char *id = host->id ? g_strdup_printf("id:%s", host->id) : NULL;
    g_autofree char *address = g_strdup_printf(six ? "[%s]" : "%s", ip_to_text(&host->ip, text));
    /* Name and address stand in the order that administrators know from dnsmasq's manual. */
    const char *const fields[] = { host->mac, id, six || (!host->mac && !id) ? host->name : address,
                                   six || (!host->mac && !id) ? address : host->name };

    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!fields[i])
            continue;
        g_string_append_printf(out, "%s%s", first ? "" : ",", fields[i]);
        first = false;
    }
    append_lease(out, &host->lease);
    g_string_append_c(out, '\n');
}

static char *
make_hosts(const NetworkDef *def)
{
    GString *out = g_string_new(NULL);

    LIST_FOREACH(NetworkIp, ip, &def->ips)
        LIST_FOREACH(DhcpHost, host, &ip->hosts)
            add_fixed_host(out, host);
    return g_string_free(out, FALSE);
}

static char *
make_addn(const NetworkDef *def)
{
    GString *out = g_string_new(NULL);
    char text[IP_TEXT_SIZE];

    LIST_FOREACH(DnsHost, host, &def->dns.hosts) {
        g_string_append(out, ip_to_text(&host->ip, text));
        LIST_FOREACH(char, name, &host->names)
            g_string_append_printf(out, "\t%s", name);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

static int
check_lines(const NetworkDef *def, const char *text, Error *err)
{
    while (*text) {
        size_t length = strcspn(text, "\n");

        if (length > LINE_MAX_BYTES)
            return error_setf(err, FROM_NETWORK, ERR_CONFIG_UNSUPPORTED,
                              "unsupported configuration: network '%s' needs a line of %zu bytes in dnsmasq's configuration, which reads %d: \"%.60s...\"",
                              def->name, length, LINE_MAX_BYTES, text);
        text += length + (text[length] == '\n');
    }
    return 0;
}

int
dnsmasq_conf_generate(const NetworkDef *def, const DnsmasqPaths *paths, DnsmasqConf **ret_conf, Error *err)
{
    g_autoptr(DnsmasqConf) conf = NULL;

    if (!def->bridge.name)
        return error_setf(err, FROM_NETWORK, ERR_INTERNAL_ERROR, "network '%s' has no bridge for dnsmasq to serve", def->name);
    if (network_def_validate_texts(def, err) < 0)
        return -1;
    conf = g_new0(DnsmasqConf, 1);
    conf->conf = make_conf(def, paths);
    conf->hosts = make_hosts(def);
    conf->addn = make_addn(def);
    if (check_lines(def, conf->conf, err) < 0 || check_lines(def, conf->hosts, err) < 0)
        return -1;
    *ret_conf = g_steal_pointer(&conf);
    return 0;
}
