/* <domain>, <dns>: names of the network, and what its name server answers. */
#include <string.h>

#include "common/conf/network/elements.h"

/* -- <domain> -- */

#define D DomainNameDef
static const XmlRow domain_rows[] = {
    PRESENT(D, present),
    A_STR("name", D, name, "domain of the network's hosts", .flags = XR_REQUIRED),
    A_YESNO("localOnly", D, local_only, "names of the domain are never asked elsewhere"),
    A_YESNO("register", D, register_name, "the host resolves the domain with this network's server"),
    ROWS_END,
};
SCHEMA(network_domain_schema, "networkDomain", D, domain_rows, "DNS domain");
#undef D

/* -- records -- */

#define PROBLEM(...) xml_problem(parse, element, parse->domain, ERR_XML_DETAIL, __VA_ARGS__)

static int
forwarder_check(XmlParse *parse, xmlNode *element, void *object)
{
    const DnsForwarder *forwarder = object;

    if (!forwarder->domain && !ip_is_set(&forwarder->addr))
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "<forwarder> needs 'addr', 'domain' or both");
    return 0;
}
static const XmlRow forwarder_rows[] = {
    A_LSTR("domain", DnsForwarder, domain, "only names of this domain"),
    A_IP("addr", DnsForwarder, addr, "server; when missing, those of the host"), ROWS_END,
};
static SCHEMA(forwarder_schema, "dnsForwarder", DnsForwarder, forwarder_rows, "server to ask", .check = forwarder_check);

static int
txt_check(XmlParse *parse, xmlNode *element, void *object)
{
    const DnsTxt *txt = object;

    if (!txt->name)
        return PROBLEM("<txt> needs a 'name'");
    if (!txt->value && !network_parse_is_partial(parse))
        return PROBLEM("<txt> of '%s' needs a 'value'", txt->name);
    return 0;
}
static const XmlRow txt_rows[] = {
    A_LSTR("name", DnsTxt, name, "name"), A_LSTR("value", DnsTxt, value, "text"), ROWS_END,
};
SCHEMA(dns_txt_schema, "dnsTxt", DnsTxt, txt_rows, "TXT record", .check = txt_check);

static int
host_check(XmlParse *parse, xmlNode *element, void *object)
{
    const DnsHost *host = object;
    bool partial = network_parse_is_partial(parse);

    if (!ip_is_set(&host->ip) && !partial)
        return PROBLEM("<host> in <dns> needs an address in 'ip'");
    if (!host->names.n && (!partial || !ip_is_set(&host->ip)))
        return PROBLEM("<host> in <dns> needs a child element <hostname>");
    LIST_FOREACH(char, name, &host->names)
        if (!*name)
            return PROBLEM("<hostname> in <dns> is empty");
    return 0;
}
static const XmlRow host_rows[] = {
    A_IP("ip", DnsHost, ip, "address", .code = ERR_XML_DETAIL),
    STRINGS("hostname", DnsHost, names, "a name of it"), ROWS_END,
};
SCHEMA(dns_host_schema, "dnsHost", DnsHost, host_rows, "address record", .check = host_check);

static int
srv_check(XmlParse *parse, xmlNode *element, void *object)
{
    const DnsSrv *srv = object;
    bool partial = network_parse_is_partial(parse);

    if (!srv->service && !partial)
        return PROBLEM("<srv> needs a 'service'");
    if (!srv->protocol && !partial)
        return PROBLEM("<srv> of '%s' needs a 'protocol'", srv->service);
    return 0;
}
static const XmlRow srv_rows[] = {
    A_LSTR("service", DnsSrv, service, "service"),
    A_LSTR("protocol", DnsSrv, protocol, "`tcp` or `udp`"),
    A_LSTR("domain", DnsSrv, domain, "domain; when missing, that of the network"),
    A_LSTR("target", DnsSrv, target, "host that has the service"),
    A_UINT("port", DnsSrv, port, "its port", .min = 1, .max = 65535, .code = ERR_XML_DETAIL),
    A_UINT("priority", DnsSrv, priority, "lower is tried first", .max = 65535, .code = ERR_XML_DETAIL),
    A_UINT("weight", DnsSrv, weight, "share among equals", .max = 65535, .code = ERR_XML_DETAIL), ROWS_END,
};
SCHEMA(dns_srv_schema, "dnsSrv", DnsSrv, srv_rows, "SRV record", .check = srv_check);

/* -- <dns> -- */

static const XmlRow dns_rows[] = {
    A_YESNO("enable", DnsDef, enable, "whether there is a name server; yes when missing"),
    A_YESNO("forwardPlainNames", DnsDef, forward_plain_names, "names without a dot are asked elsewhere; yes when missing"),
    ITEMS("forwarder", DnsDef, forwarders, forwarder_schema, "server to ask"),
    ITEMS("txt", DnsDef, txts, dns_txt_schema, "TXT record"),
    ITEMS("srv", DnsDef, srvs, dns_srv_schema, "SRV record"),
    ITEMS("host", DnsDef, hosts, dns_host_schema, "address record"), ROWS_END,
};
SCHEMA(dns_schema, "dns", DnsDef, dns_rows, "name server");
