/* Networks that are refused: with which code, and what the message names. */
#include "tests/unit/networks.h"

#define NET(rest) "<network><name>n</name>" rest "</network>"
#define IP4(rest) "<ip address='192.168.9.1' netmask='255.255.255.0'>" rest "</ip>"
#define IP6(rest) "<ip family='ipv6' address='fd00:9::1' prefix='64'>" rest "</ip>"
#define DHCP(rest) NET(IP4("<dhcp>" rest "</dhcp>"))
#define DHCP6(rest) NET(IP6("<dhcp>" rest "</dhcp>"))
#define DNS(rest) NET("<dns>" rest "</dns>")
#define BRIDGE(name) NET("<bridge name='" name "'/>")
#define MODE(mode, rest) NET("<forward mode='" mode "'/>" rest)
#define FORWARD(mode, rest) NET("<forward mode='" mode "'>" rest "</forward>")
#define DNSMASQ(value) \
    "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>n</name><dnsmasq:options>" \
    "<dnsmasq:option value='" value "'/></dnsmasq:options></network>"

#define XML ERR_XML_ERROR, FROM_NETWORK
#define DETAIL ERR_XML_DETAIL, FROM_NETWORK
#define UNSUPPORTED ERR_CONFIG_UNSUPPORTED, FROM_NETWORK
#define RANGE ERR_INTERNAL_ERROR, FROM_NONE

static void
refuse_all(const Refusal *table, size_t n)
{
    refuse_all_by(network_through, NULL, table, n);
}

static void
bad_identity(void **state)
{
    static const Refusal table[] = {
        { "<domain/>", XML, "expected a <network>" },
        { "<network/>", ERR_NO_NAME, FROM_NETWORK, "needs a <name>" },
        { "<network><name>a/b</name></network>", XML, "'/'" },
        { "<network><name>a&#10;b</name></network>", DETAIL, "one line" },
        { "<network><name>..</name></network>", XML, "file" },
        { NET("<title>a&#10;b</title>"), DETAIL, "<title>" },
        { NET("<uuid>x</uuid>"), XML, "UUID" },
        { NET("<mac address='53:54:00:00:00:01'/>"), XML, "multicast" },
        { BRIDGE("sixteen-bytes-xx"), XML, "15 bytes" },
        { BRIDGE("a/b"), XML, "'/'" },
        { BRIDGE("a b"), XML, "blanks" },
        { BRIDGE(".."), XML, "blanks" },
        { BRIDGE("a,b"), XML, "letters" },
        { BRIDGE("virbr*"), XML, "letters" },
        { BRIDGE("v%s"), XML, "letters" },
        { NET("<bridge name='a' zone='b c'/>"), XML, "zone" },
        { NET("<bridge name='a' delay='31'/>"), XML, "delay" },
        { NET("<bridge name='a' stp='maybe'/>"), ERR_XML_ERROR, FROM_XML, "stp" },
        { NET("<mtu size='60'/>"), ERR_XML_ERROR, FROM_XML, "68" },
        { NET("<mtu size='70000'/>"), ERR_XML_ERROR, FROM_XML, "65535" },
        { NET("<mtu size='1000'/>" IP6("")), XML, "IPv6" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_connections(void **state)
{
    static const Refusal table[] = {
        { MODE("tunnel", ""), ERR_XML_ERROR, FROM_XML, "allowed: nat" },
        { NET("<forward mode='open' dev='eth0'/>"), XML, "not allowed" },
        { FORWARD("nat", "<interface dev='a'/><interface dev='b'/>"), XML, "only one" },
        { FORWARD("vepa", "<interface dev='a'/><interface dev='b'/><interface dev='a'/>"), XML, "once" },
        { NET("<forward mode='vepa' dev='b'><interface dev='a'/></forward>"), XML, "first" },
        { FORWARD("vepa", "<interface dev='a-name-too-long-for-linux'/>"), XML, "15 bytes" },
        { FORWARD("vepa", "<interface/>"), XML, "'dev'" },
        { FORWARD("passthrough", "<pf dev='a'/><pf dev='b'/>"), XML, "twice" },
        { FORWARD("passthrough", "<pf dev='a'/><interface dev='b'/>"), XML, "exclusive" },
        { NET("<forward mode='passthrough' dev='b'><pf dev='a'/></forward>"), XML, "exclusive" },
        { FORWARD("nat", "<pf dev='a'/>"), XML, "<pf>" },
        { FORWARD("hostdev", "<interface dev='a'/>"), XML, "<address>" },
        { FORWARD("vepa", "<address type='pci' bus='3'/>"), XML, "<interface>" },
        { FORWARD("hostdev", "<interface dev='a'/><address type='pci' bus='3'/>"), XML, "both" },
        { FORWARD("hostdev", "<address type='usb' bus='3'/>"), XML, "pci" },
        { FORWARD("hostdev", "<address bus='3'/>"), XML, "pci" },
        { FORWARD("hostdev", "<address type='pci'/>"), XML, "0000:00:00.0" },
        { FORWARD("hostdev", "<address type='pci' bus='3'/><address type='pci' bus='3'/>"), XML, "once" },
        { NET("<forward mode='bridge'><interface dev='a'/></forward><bridge name='b'/>"), XML, "both a bridge" },
        { NET("<forward mode='nat' managed='yes'/>"), XML, "hostdev" },
        { FORWARD("vepa", "<nat ipv6='yes'/>"), XML, "<nat>" },
        { NET("<forward mode='nat' dev='virbr9'/><bridge name='virbr9'/>"), XML, "its own bridge" },
        { FORWARD("nat", "<nat><address start='192.0.2.9' end='192.0.2.1'/></nat>"), XML, "reversed" },
        { FORWARD("nat", "<nat><address start='10.0.0.0' end='10.255.255.255'/></nat>"), XML, "too large" },
        { FORWARD("nat", "<nat><address start='fd00::1' end='fd00::2'/></nat>"), DETAIL, "IPv4" },
        { FORWARD("nat", "<nat><address start='x' end='192.0.2.1'/></nat>"), DETAIL, "IP address" },
        { FORWARD("nat", "<nat><address start='192.0.2.1'/></nat>"), XML, "'end'" },
        { FORWARD("nat", "<nat><port start='9' end='8'/></nat>"), XML, "reversed" },
        { FORWARD("nat", "<nat><port start='0' end='8'/></nat>"), ERR_XML_ERROR, FROM_XML, "from 1" },
        { FORWARD("nat", "<nat><port start='1' end='65536'/></nat>"), ERR_XML_ERROR, FROM_XML, "65535" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
what_modes_cannot(void **state)
{
    static const char *const modes[] = { "bridge", "private", "vepa", "passthrough", "hostdev" };
    static const Refusal parts[] = {
        { "<ip address='192.168.9.1'/>", UNSUPPORTED, "<ip>" },
        { "<route address='10.0.0.0' prefix='8' gateway='192.168.9.2'/>", UNSUPPORTED, "<route>" },
        { "<domain name='a.b'/>", UNSUPPORTED, "<domain>" },
        { "<dns enable='no'/>", UNSUPPORTED, "<dns>" },
        { "<mtu size='1400'/>", XML, "<mtu>" },
        { "<bridge stp='on'/>", XML, "stp or delay" },
        { "<bridge delay='3'/>", XML, "stp or delay" },
        { "<bridge name='a' zone='z'/>", XML, "zone" },
    };
    static const Refusal table[] = {
        { MODE("vepa", "<bridge name='br0'/>"), XML, "no bridge" },
        { MODE("hostdev", "<bridge macTableManager='kernel'/>"), XML, "no bridge" },
        { MODE("vepa", "<bandwidth><inbound average='1'/></bandwidth>"), UNSUPPORTED, "<bandwidth>" },
        { MODE("hostdev", "<portgroup name='a'><bandwidth><inbound average='1'/></bandwidth></portgroup>"), UNSUPPORTED, "shape" },
        { MODE("private", "<port isolated='yes'/>"), UNSUPPORTED, "isolated" },
        { MODE("nat", "<vlan><tag id='1'/></vlan>"), UNSUPPORTED, "VLAN" },
        { MODE("vepa", "<portgroup name='a'><vlan><tag id='1'/></vlan></portgroup>"), UNSUPPORTED, "VLAN" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(parts); j++) {
            g_autofree char *text = g_strdup_printf("<network><name>n</name><forward mode='%s'/>%s</network>", modes[i], parts[j].text);
            const Refusal one = { text, parts[j].code, parts[j].domain, parts[j].part };

            refuse_all(&one, 1);
        }
    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_groups_and_vlans(void **state)
{
#define OVS(rest) NET("<forward mode='bridge'/><bridge name='b'/><virtualport type='openvswitch'/>" rest)
    static const Refusal table[] = {
        { NET("<portgroup name='a'/><portgroup name='a'/>"), UNSUPPORTED, "two <portgroup>" },
        { NET("<portgroup name='a' default='yes'/><portgroup name='b' default='yes'/>"), UNSUPPORTED, "default" },
        { NET("<portgroup/>"), XML, "'name'" },
        { NET("<portgroup name=''/>"), XML, "empty" },
        { NET("<bandwidth><inbound average='1' floor='1'/></bandwidth>"), ERR_CONFIG_UNSUPPORTED, FROM_NONE, "floor" },
        { NET("<bandwidth><inbound peak='1'/></bandwidth>"), ERR_XML_ERROR, FROM_NONE, "average" },
        { NET("<portgroup name='a'><bandwidth><inbound floor='1'/></bandwidth></portgroup>"), ERR_CONFIG_UNSUPPORTED, FROM_NONE, "floor" },
        { OVS("<vlan/>"), XML, "needs a <tag>" },
        { OVS("<vlan><tag id='4096'/></vlan>"), ERR_XML_ERROR, FROM_XML, "4095" },
        { OVS("<vlan trunk='no'><tag id='1'/><tag id='2'/></vlan>"), XML, "trunk" },
        { OVS("<vlan><tag id='1'/><tag id='1'/></vlan>"), XML, "twice" },
        { OVS("<vlan><tag id='1' nativeMode='tagged'/><tag id='2' nativeMode='untagged'/></vlan>"), XML, "native" },
        { OVS("<portgroup name='a'><virtualport type='802.1Qbh'/><vlan><tag id='1'/></vlan></portgroup>"), UNSUPPORTED, "VLAN" },
        { NET("<virtualport type='vswitch'/>"), ERR_XML_ERROR, FROM_XML, "openvswitch" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_addresses(void **state)
{
#define ONE_IP(attributes) NET("<ip " attributes "/>")
#define ROUTE(attributes) NET(IP4("") IP6("") "<route " attributes "/>")
    static const Refusal table[] = {
        { NET("<ip netmask='255.0.0.0'/>"), XML, "'address'" },
        { ONE_IP("address='192.168.9.1.1'"), XML, "IP address" },
        { ONE_IP("address='192.168.9.1' netmask='255.0.255.0'"), XML, "hole" },
        { ONE_IP("address='192.168.9.1' prefix='33'"), XML, "longer" },
        { ONE_IP("address='192.168.9.1' prefix='24' netmask='255.255.255.0'"), XML, "both" },
        { ONE_IP("address='192.168.9.1' netmask='0.0.0.0'"), XML, "0 bits" },
        { ONE_IP("address='fd00::1'"), XML, "family='ipv6'" },
        { ONE_IP("family='ipv4' address='fd00::1'"), XML, "family='ipv6'" },
        { ONE_IP("family='ipv6' address='10.0.0.1'"), XML, "IPv4 address" },
        { ONE_IP("family='ipv6' address='fd00::1' netmask='255.0.0.0'"), XML, "IPv6 has a prefix" },
        { ONE_IP("address='0.0.0.0'"), XML, "no address of a host" },
        { ONE_IP("address='127.0.0.1'"), XML, "no address of a host" },
        { ONE_IP("address='224.0.0.1'"), XML, "no address of a host" },
        { ONE_IP("address='192.168.9.0' prefix='24'"), XML, "stand for all" },
        { ONE_IP("address='192.168.9.255' prefix='24'"), XML, "stand for all" },
        { NET(IP4("") "<ip address='192.168.9.129' prefix='25'/>"), XML, "same subnet" },
        { NET(IP6("") "<ip family='ipv6' address='fd00:9::2' prefix='48'/>"), XML, "same subnet" },
        { ONE_IP("address='192.168.9.1' prefix='25' localPtr='yes'"), UNSUPPORTED, "multiples of 8" },
        { ONE_IP("address='192.168.9.1' prefix='32' localPtr='yes'"), UNSUPPORTED, "multiples of 8" },
        { ONE_IP("family='ipv6' address='fd00::1' prefix='63' localPtr='yes'"), UNSUPPORTED, "multiples of 4" },
        { ROUTE("address='10.0.0.0' prefix='8'"), XML, "'gateway'" },
        { ROUTE("address='10.0.0.0' prefix='8' gateway='fd00:9::2'"), XML, "family" },
        { ROUTE("address='10.0.0.0' prefix='8' gateway='10.9.9.9'"), UNSUPPORTED, "none of the network's subnets" },
        { ROUTE("address='10.0.0.0' prefix='8' gateway='192.168.9.1'"), XML, "the host itself" },
        { ROUTE("address='10.0.0.1' prefix='8' gateway='192.168.9.2'"), XML, "'10.0.0.0'" },
        { ROUTE("address='10.0.0.0' prefix='8' netmask='255.0.0.0' gateway='192.168.9.2'"), XML, "both" },
        { ROUTE("address='10.0.0.0' prefix='8' gateway='192.168.9.2' metric='0'"), ERR_XML_ERROR, FROM_XML, "from 1" },
        { ROUTE("address='fd01::' prefix='64' gateway='fd00:9::2'"), XML, "family='ipv6'" },
        { NET(IP4("") "<route address='10.0.0.0' prefix='8' gateway='192.168.9.2'/><route address='10.0.0.0' prefix='8' gateway='192.168.9.3'/>"),
          XML, "same metric" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_dhcp(void **state)
{
#define TWO(a, b) DHCP("<host " a "/><host " b "/>")
    static const Refusal table[] = {
        { DHCP("<range start='192.168.9.20' end='192.168.9.10'/>"), RANGE, "reversed" },
        { DHCP("<range start='192.168.8.20' end='192.168.9.30'/>"), RANGE, "entirely within" },
        { DHCP("<range start='192.168.9.0' end='192.168.9.30'/>"), RANGE, "stand for all" },
        { DHCP("<range start='192.168.9.2' end='192.168.9.255'/>"), RANGE, "stand for all" },
        { DHCP("<range start='fd00::1' end='fd00::2'/>"), RANGE, "family" },
        { DHCP("<range start='192.168.9.2' end='fd00::2'/>"), RANGE, "family" },
        { DHCP("<range start='192.168.9.2'/>"), XML, "'end'" },
        { NET("<ip address='10.0.0.1'><dhcp><range start='10.0.0.2' end='10.200.0.1'/></dhcp></ip>"), RANGE, "too large" },
        { DHCP("<range start='192.168.9.2' end='192.168.9.20'/><range start='192.168.9.20' end='192.168.9.30'/>"), XML, "overlaps" },
        { DHCP("<range start='192.168.9.2' end='192.168.9.3'><lease expiry='1'/></range>"), XML, "too short" },
        { DHCP("<range start='192.168.9.2' end='192.168.9.3'><lease expiry='99' unit='seconds'/></range>"), XML, "too short" },
        { DHCP("<range start='192.168.9.2' end='192.168.9.3'><lease expiry='9' unit='days'/></range>"), ERR_XML_ERROR, FROM_XML, "hours" },
        { DHCP("<host ip='192.168.9.9'/>"), XML, "'mac'" },
        { DHCP("<host name='a'/>"), XML, "'ip'" },
        { DHCP("<host name='a' ip='192.168.8.9'/>"), XML, "not in 192.168.9.1/24" },
        { DHCP("<host name='a' ip='fd00::9'/>"), XML, "not in 192.168.9.1/24" },
        { DHCP("<host name='a' ip='192.168.9.1'/>"), XML, "not free" },
        { DHCP("<host name='a' ip='192.168.9.255'/>"), XML, "not free" },
        { DHCP("<host mac='x' ip='192.168.9.9'/>"), XML, "no MAC" },
        { DHCP("<host mac='01:00:00:00:00:01' ip='192.168.9.9'/>"), XML, "multicast" },
        { DHCP("<host id='0:x' ip='192.168.9.9'/>"), XML, "hexadecimal" },
        { DHCP("<host name='a b' ip='192.168.9.9'/>"), XML, "no host name" },
        { DHCP("<host name='a,b' ip='192.168.9.9'/>"), XML, "no host name" },
        { DHCP("<host name='12h' ip='192.168.9.9'/>"), XML, "no host name" },
        { DHCP("<host name='ignore' ip='192.168.9.9'/>"), XML, "no host name" },
        { DHCP("<host name='_a' ip='192.168.9.9'/>"), XML, "no host name" },
        { DHCP("<host id='a::b' ip='192.168.9.9'/>"), XML, "hexadecimal" },
        { DHCP("<host id='abc' ip='192.168.9.9'/>"), XML, "hexadecimal" },
        { NET("<ip family='ipv6' address='fd00:9::1' prefix='63'><dhcp><host name='a' ip='fd00:9::2'/></dhcp></ip>"), XML, "at least 64" },
        { DHCP("<range start='192.168.9.2' end='192.168.9.3'><lease expiry='1000000' unit='hours'/></range>"), XML, "too long" },
        { DHCP("<host name='1.2.3.4' ip='192.168.9.9'/>"), XML, "no host name" },
        { DHCP6("<host mac='52:54:00:00:00:01' ip='fd00:9::9'/>"), XML, "MAC" },
        { TWO("name='a' ip='192.168.9.8'", "name='A' ip='192.168.9.9'"), XML, "two <host>" },
        { TWO("name='a' ip='192.168.9.9'", "name='b' ip='192.168.9.9'"), XML, "two <host>" },
        { TWO("mac='52:54:00:00:00:0a' ip='192.168.9.8'", "mac='52:54:00:00:00:0A' ip='192.168.9.9'"), XML, "two <host>" },
        { TWO("id='a:b' ip='192.168.9.8'", "id='A:B' ip='192.168.9.9'"), XML, "two <host>" },
        { NET(IP4("<dhcp><host name='a' ip='192.168.9.2'/></dhcp>") "<ip address='10.0.0.1'><dhcp><host name='b' ip='10.0.0.2'/></dhcp></ip>"),
          UNSUPPORTED, "one of each family" },
        { NET(IP4("<tftp root='/a'/>") "<ip address='10.0.0.1'><tftp root='/a'/></ip>"), UNSUPPORTED, "supported for one" },
        { NET(IP6("<tftp root='/a'/>")), UNSUPPORTED, "IPv4" },
        { DHCP6("<bootp file='a'/>"), UNSUPPORTED, "IPv4" },
        { NET("<ip address='192.168.9.1' prefix='31'><dhcp><bootp file='a'/></dhcp></ip>"), XML, "no address to give" },
        { DHCP("<bootp/>"), XML, "'file'" },
        { DHCP("<bootp file='a' server='b c'/>"), XML, "server" },
        { NET(IP4("<tftp root='a'/>")), XML, "absolute" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

static void
bad_names(void **state)
{
    static const Refusal table[] = {
        { NET("<domain/>"), XML, "'name'" },
        { NET("<domain name='a..b'/>"), XML, "no domain name" },
        { NET("<dns enable='no'><txt name='a' value='b'/></dns>"), XML, "nobody would serve" },
        { DNS("<forwarder/>"), XML, "'addr'" },
        { DNS("<forwarder addr='x'/>"), XML, "IP address" },
        { DNS("<forwarder domain='a/b'/>"), XML, "no domain name" },
        { DNS("<txt value='b'/>"), DETAIL, "'name'" },
        { DNS("<txt name='a'/>"), DETAIL, "'value'" },
        { DNS("<txt name='a b' value='c'/>"), DETAIL, "no domain name" },
        { DNS("<txt name='a,b' value='c'/>"), DETAIL, "no domain name" },
        { DNS("<host ip='192.0.2.1'/>"), DETAIL, "<hostname>" },
        { DNS("<host><hostname>a</hostname></host>"), DETAIL, "'ip'" },
        { DNS("<host ip='192.0.2.333'><hostname>a</hostname></host>"), DETAIL, "IP address" },
        { DNS("<host ip='192.0.2.1'><hostname></hostname></host>"), DETAIL, "empty" },
        { DNS("<host ip='192.0.2.1'><hostname>a b</hostname></host>"), DETAIL, "no host name" },
        { DNS("<srv protocol='tcp'/>"), DETAIL, "'service'" },
        { DNS("<srv service='a'/>"), DETAIL, "'protocol'" },
        { DNS("<srv service='a' protocol='sctp'/>"), DETAIL, "tcp or udp" },
        { DNS("<srv service='a.b' protocol='tcp'/>"), DETAIL, "one label" },
        { DNS("<srv service='a' protocol='tcp' domain='b c'/>"), DETAIL, "domain" },
        { DNS("<srv service='a' protocol='tcp' target='b c'/>"), DETAIL, "target" },
        { DNS("<srv service='a' protocol='tcp' port='1'/>"), DETAIL, "no target" },
        { DNS("<srv service='a' protocol='tcp' target='b' port='0'/>"), ERR_XML_DETAIL, FROM_XML, "from 1" },
        { DNS("<srv service='a' protocol='tcp' target='b' weight='65536'/>"), ERR_XML_DETAIL, FROM_XML, "65535" },
        { DNS("<txt name='-a' value='b'/>"), DETAIL, "no domain name" },
        { DNSMASQ(""), XML, "1 to 1000 bytes" },
    };

    refuse_all(table, G_N_ELEMENTS(table));
}

/* Nothing that dnsmasq is told can begin a line of its own, or hide in one. */
static void
no_line_breaks(void **state)
{
    static const char *const places[] = {
        NET("<domain name='%s'/>"), DNS("<forwarder domain='%s'/>"), DNS("<txt name='%s' value='a'/>"), DNS("<txt name='a' value='%s'/>"),
        DNS("<host ip='192.0.2.1'><hostname>%s</hostname></host>"), DNS("<srv service='%s' protocol='tcp'/>"),
        DNS("<srv service='a' protocol='%s'/>"), DNS("<srv service='a' protocol='tcp' domain='%s'/>"),
        DNS("<srv service='a' protocol='tcp' target='%s'/>"), DHCP("<host name='%s' ip='192.168.9.9'/>"),
        DHCP("<host id='%s' ip='192.168.9.9'/>"), DHCP("<host mac='%s' ip='192.168.9.9'/>"), DHCP("<bootp file='%s'/>"),
        DHCP("<bootp file='a' server='%s'/>"), NET(IP4("<tftp root='%s'/>")), BRIDGE("%s"), DNSMASQ("%s"),
        "<network><name>%s</name></network>",
    };
    static const char *const texts[] = { "/a&#10;log-facility=/etc/passwd", "/a&#13;b", "/a&#9;b", "/a&#127;b" };

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(texts); j++) {
            g_auto(GStrv) parts = g_strsplit(places[i], "%s", 2);
            g_autofree char *text = g_strconcat(parts[0], texts[j], parts[1], NULL);
            g_autoptr(NetworkDef) def = NULL;
            _cleanup_error_ Error err = ERROR_INIT;

            if (network_def_parse(text, XML_INACTIVE, &def, &err) == 0)
                fail_msg("accepted: %s", text);
        }
}

/* dnsmasq would cut a long line and take the rest for another: texts that could get there are bounded. */
static void
no_long_lines(void **state)
{
    static const char *const places[] = {
        DNS("<txt name='a' value='%s'/>"), NET(IP4("<tftp root='/%s'/>")), DHCP("<bootp file='%s'/>"), DNSMASQ("%s"),
        DNS("<forwarder domain='%s'/>"), NET("<domain name='%s'/>"),
    };
    g_autofree char *text = g_strnfill(1001, 'x');

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_auto(GStrv) parts = g_strsplit(places[i], "%s", 2);
        g_autofree char *xml = g_strconcat(parts[0], text, parts[1], NULL);
        g_autoptr(NetworkDef) def = NULL;
        _cleanup_error_ Error err = ERROR_INIT;

        assert_int_equal(network_def_parse(xml, XML_INACTIVE, &def, &err), -1);
    }
}

/* What looks odd and is right. */
static void
odd_but_fine(void **state)
{
    static const char *const table[] = {
        NET(""), BRIDGE("virbr%d"), MODE("bridge", ""), FORWARD("bridge", "<interface dev='a'/>"),
        NET("<ip family='ipv6' address='fd00:9::' prefix='64'/>"), NET("<ip address='192.168.9.1' prefix='32'/>"),
        NET("<forward mode='bridge'/><bridge name='b'/><vlan><tag id='1'/></vlan>"),
        NET("<forward mode='bridge'/><bridge name='b'/><bandwidth><inbound average='1'/></bandwidth>"),
        DHCP(""), DHCP("<range start='192.168.9.5' end='192.168.9.5'/>"), DHCP("<host id='01:52' ip='192.168.9.9'/>"),
        DNS("<srv service='a' protocol='tcp' target='.'/>"), DNS("<txt name='a' value='say \"\\ ;, #'/>"),
        NET(IP4("") "<route address='0.0.0.0' gateway='192.168.9.2'/>"),
        NET("<forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>"),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(NetworkDef) def = parse(table[i]), again = NULL;
        g_autofree char *first = network_def_format(def, XML_INACTIVE), *second = NULL;

        again = parse(first);
        second = network_def_format(again, XML_INACTIVE);
        assert_string_equal(first, second);
    }
}

FIXTURE_TEST_MAIN(cmocka_unit_test(bad_identity), cmocka_unit_test(bad_connections), cmocka_unit_test(what_modes_cannot),
                  cmocka_unit_test(bad_groups_and_vlans), cmocka_unit_test(bad_addresses), cmocka_unit_test(bad_dhcp),
                  cmocka_unit_test(bad_names), cmocka_unit_test(no_line_breaks), cmocka_unit_test(no_long_lines), cmocka_unit_test(odd_but_fine))
