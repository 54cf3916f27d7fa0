/* Tables of the parts of <network>, and the steps of reading one: between the files of this folder. */
#pragma once

#include "common/conf/definition.h"
#include "common/conf/network/network.h"

extern const XmlSchema forward_schema;           /* ForwardDef */
extern const XmlSchema forward_interface_schema; /* ForwardInterface */
extern const XmlSchema network_domain_schema;    /* DomainNameDef */
extern const XmlSchema dns_schema;               /* DnsDef */
extern const XmlSchema dns_host_schema;          /* DnsHost */
extern const XmlSchema dns_txt_schema;           /* DnsTxt */
extern const XmlSchema dns_srv_schema;           /* DnsSrv */
extern const XmlSchema network_ip_schema;        /* NetworkIp */
extern const XmlSchema dhcp_range_schema;        /* DhcpRange */
extern const XmlSchema dhcp_host_schema;         /* DhcpHost */
extern const XmlSchema portgroup_schema;         /* PortGroup */

/* XmlParse.user while one element is read that only says what to look for: it may be incomplete. */
#define NETWORK_PARTIAL ((void *)&network_schema)
static inline bool network_parse_is_partial(const XmlParse *parse) { return parse->user == NETWORK_PARTIAL; }

/* Fill in what libvirt fills in: identity, defaults. Idempotent. */
int network_def_complete(NetworkDef *def, Error *err);
/* The rules across elements. The first one broken is the error. */
int network_def_validate(const NetworkDef *def, Error *err);
int network_validate_addresses(const NetworkDef *def, Error *err); /* <ip>, <route>; texts: network_def_validate_texts() */

/* Names of the domain name system: letters, digits, "-", "_", "."; labels of 1 to 63 that do not begin
 * with "-", 253 in all. A dot may end it. */
bool dns_name_is_valid(const char *name);

/* Refusals. The prefix of the code is added, so that err reads as clients know it. */
#define REFUSE_XML(...) definition_refuse(err, FROM_NETWORK, ERR_XML_ERROR, __VA_ARGS__)
#define REFUSE_DETAIL(...) definition_refuse(err, FROM_NETWORK, ERR_XML_DETAIL, __VA_ARGS__)
#define REFUSE_UNSUPPORTED(...) definition_refuse(err, FROM_NETWORK, ERR_CONFIG_UNSUPPORTED, __VA_ARGS__)
