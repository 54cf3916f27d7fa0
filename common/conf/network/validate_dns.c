/* Rules of names, and of every text that dnsmasq is told: none can begin a line of its own in a configuration. */
#include <string.h>

#include "common/conf/network/elements.h"

#define NAME_BYTES 253
#define LABEL_BYTES 63
/* dnsmasq cuts a line of its configuration after 1024 bytes and takes the rest for another one. Escapes double the length. */
#define TEXT_BYTES 400
#define OPTION_BYTES 1000
#define ID_BYTES 130 /* of a DUID */

bool
dns_name_is_valid(const char *name)
{
    size_t length = strlen(name), label = 0;

    if (length == 0 || length > NAME_BYTES)
        return false;
    for (const char *s = name; *s; s++) {
        if (*s == '.') {
            if (!label)
                return false;
            label = 0;
        } else if (!g_ascii_isalnum(*s) && *s != '_' && (*s != '-' || !label)) {
            return false;
        } else if (++label > LABEL_BYTES) {
            return false;
        }
    }
    return true;
}

static bool
is_name_or_address(const char *text)
{
    IpAddress ip;

    return dns_name_is_valid(text) || ip_parse(text, &ip);
}

/* -- records -- */

static int
validate_txt(const NetworkDef *def, const DnsTxt *txt, Error *err)
{
    if (strpbrk(txt->name, " ,") || !dns_name_is_valid(txt->name))
        return REFUSE_DETAIL("name '%s' of a <txt> in network '%s' is no domain name", txt->name, def->name);
    if (!text_is_one_line(txt->value) || strlen(txt->value) > TEXT_BYTES)
        return REFUSE_DETAIL("value of <txt name='%s'> in network '%s' must be one line of at most %d bytes", txt->name, def->name,
                             TEXT_BYTES);
    return 0;
}

static int
validate_srv(const NetworkDef *def, const DnsSrv *srv, Error *err)
{
    if (strlen(srv->service) >= LABEL_BYTES || strchr(srv->service, '.') || !dns_name_is_valid(srv->service))
        return REFUSE_DETAIL("service '%s' of an <srv> in network '%s' is one label of letters, digits, '-' and '_', at most %d bytes",
                             srv->service, def->name, LABEL_BYTES - 1);
    if (strcmp(srv->protocol, "tcp") != 0 && strcmp(srv->protocol, "udp") != 0)
        return REFUSE_DETAIL("protocol '%s' of <srv service='%s'> in network '%s' is not tcp or udp", srv->protocol, srv->service,
                             def->name);
    if (srv->domain && !dns_name_is_valid(srv->domain))
        return REFUSE_DETAIL("domain '%s' of <srv service='%s'> in network '%s' is no domain name", srv->domain, srv->service, def->name);
    if (srv->target && strcmp(srv->target, ".") != 0 && !is_name_or_address(srv->target))
        return REFUSE_DETAIL("target '%s' of <srv service='%s'> in network '%s' is no host name", srv->target, srv->service, def->name);
    if (!srv->target && (srv->port.set || srv->priority.set || srv->weight.set))
        return REFUSE_DETAIL("<srv service='%s'> in network '%s' has a port, priority or weight, but no target", srv->service, def->name);
    return 0;
}

static int
validate_host(const NetworkDef *def, const DnsHost *host, Error *err)
{
    LIST_FOREACH(char, name, &host->names)
        if (!dns_name_is_valid(name))
            return REFUSE_DETAIL("<hostname> '%s' in network '%s' is no host name", name, def->name);
    return 0;
}

static int
validate_records(const NetworkDef *def, Error *err)
{
    const DnsDef *dns = &def->dns;

    if (dns->enable == TRI_NO && (dns->forwarders.n || dns->txts.n || dns->hosts.n || dns->srvs.n))
        return REFUSE_XML("<dns enable='no'> of network '%s' has records that nobody would serve; remove them or enable it", def->name);
    LIST_FOREACH(DnsForwarder, forwarder, &dns->forwarders)
        if (forwarder->domain && !dns_name_is_valid(forwarder->domain))
            return REFUSE_XML("domain '%s' of a <forwarder> in network '%s' is no domain name", forwarder->domain, def->name);
    LIST_FOREACH(DnsTxt, txt, &dns->txts)
        if (validate_txt(def, txt, err) < 0)
            return -1;
    LIST_FOREACH(DnsSrv, srv, &dns->srvs)
        if (validate_srv(def, srv, err) < 0)
            return -1;
    LIST_FOREACH(DnsHost, host, &dns->hosts)
        if (validate_host(def, host, err) < 0)
            return -1;
    return 0;
}

/* -- DHCP, paths, additions -- */

/* dnsmasq would take these words for something else than a name. */
static bool
is_reserved_word(const char *name)
{
    size_t digits = strspn(name, G_CSET_DIGITS);

    return strcmp(name, "ignore") == 0 || strcmp(name, "infinite") == 0 || (digits && !name[digits]) ||
           (digits && strchr("smhdwSMHDW", name[digits]) && !name[digits + 1]);
}

/* Bytes in hexadecimal, at most ID_BYTES of them. */
static bool
is_id(const char *text)
{
    for (int bytes = 1; bytes <= ID_BYTES; bytes++) {
        int digits = 0;

        while (g_ascii_isxdigit(*text) && digits < 2)
            digits++, text++;
        if (!digits)
            return false;
        if (!*text)
            return true;
        if (*text++ != ':')
            return false;
    }
    return false;
}

static int
validate_fixed_host(const NetworkDef *def, const DhcpHost *host, Error *err)
{
    IpAddress ip;

    if (host->name && (!dns_name_is_valid(host->name) || !g_ascii_isalnum(*host->name) || is_reserved_word(host->name) ||
                       ip_parse(host->name, &ip)))
        return REFUSE_XML("name '%s' of a <host> in <dhcp> of network '%s' is no host name", host->name, def->name);
    if (host->id && !is_id(host->id))
        return REFUSE_XML("id '%s' of a <host> in network '%s' is not made of bytes as one or two hexadecimal digits, with colons between them",
                          host->id, def->name);
    return 0;
}

static int
validate_boot(const NetworkDef *def, const NetworkIp *ip, Error *err)
{
    if (ip->tftp_root && (*ip->tftp_root != '/' || !text_is_one_line(ip->tftp_root) || strlen(ip->tftp_root) > TEXT_BYTES))
        return REFUSE_XML("root '%s' of <tftp> in network '%s' must be an absolute path on one line, at most %d bytes", ip->tftp_root,
                          def->name, TEXT_BYTES);
    if (ip->bootp_file && (!*ip->bootp_file || !text_is_one_line(ip->bootp_file) || strlen(ip->bootp_file) > TEXT_BYTES))
        return REFUSE_XML("file '%s' of <bootp> in network '%s' must be one line of 1 to %d bytes", ip->bootp_file, def->name, TEXT_BYTES);
    if (ip->bootp_server && !is_name_or_address(ip->bootp_server))
        return REFUSE_XML("server '%s' of <bootp> in network '%s' is no host name or address", ip->bootp_server, def->name);
    return 0;
}

int
network_def_validate_texts(const NetworkDef *def, Error *err)
{
    if (def->domain.name && !dns_name_is_valid(def->domain.name))
        return REFUSE_XML("<domain name='%s'> in network '%s' is no domain name", def->domain.name, def->name);
    if (validate_records(def, err) < 0)
        return -1;
    LIST_FOREACH(NetworkIp, ip, &def->ips) {
        if (validate_boot(def, ip, err) < 0)
            return -1;
        LIST_FOREACH(DhcpHost, host, &ip->hosts)
            if (validate_fixed_host(def, host, err) < 0)
                return -1;
    }
    LIST_FOREACH(DnsmasqOption, option, &def->dnsmasq_options)
        if (!*option->value || !text_is_one_line(option->value) || strlen(option->value) > OPTION_BYTES)
            return REFUSE_XML("<dnsmasq:option value='%s'> in network '%s' must be one line of 1 to %d bytes", option->value, def->name,
                              OPTION_BYTES);
    return 0;
}
