/* Tables of the parts of <network>, and the steps of reading one: between the files of this folder. */
#pragma once

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
/* The rules across elements. */
int network_def_validate(const NetworkDef *def, Error *err);
