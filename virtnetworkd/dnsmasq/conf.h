/*
 * The configuration of a network's dnsmasq, as texts made from the definition alone: the same definition and paths give the
 * same bytes. Nothing here touches a file.
 *
 * No text of a definition can become more than the value it is: line breaks are refused, values are quoted, and a line that
 * dnsmasq would cut in two is an error.
 */
#pragma once

#include "common/conf/network/network.h"

/* What the texts refer to. NULL: left out. */
typedef struct DnsmasqPaths {
    const char *hosts;        /* file that gets `hosts` */
    const char *addn;         /* file that gets `addn` */
    const char *pid;          /* pid file */
    const char *lease_helper; /* program that is told of leases and keeps them; dnsmasq keeps no file of its own then */
    const char *user;         /* whom it becomes */
} DnsmasqPaths;

typedef struct DnsmasqConf {
    char *conf;  /* the configuration file */
    char *hosts; /* dhcp-hostsfile: fixed addresses; read again on SIGHUP */
    char *addn;  /* addn-hosts: names of <dns>; read again on SIGHUP */
} DnsmasqConf;

void dnsmasq_conf_free(DnsmasqConf *conf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DnsmasqConf, dnsmasq_conf_free)

/* Is there anything to serve? Not without an address of the host, nor when DNS is off and there is no DHCP, TFTP or IPv6. */
bool dnsmasq_conf_needed(const NetworkDef *def);

/* Fails when def has no name of its bridge, or a text that cannot be told (see network_def_validate_texts()). */
int dnsmasq_conf_generate(const NetworkDef *def, const DnsmasqPaths *paths, DnsmasqConf **ret_conf, Error *err);
