/* Changing a part of a network: a row per change, with the error or a piece of the result. */
#include "common/conf/network/update.h"
#include "tests/unit/networks.h"

enum { MODIFY = 1, DELETE, ADD_LAST, ADD_FIRST };
enum { BRIDGE_PART = 1, DOMAIN_PART, IP_PART, HOST_PART, RANGE_PART, FORWARD_PART, INTERFACE_PART, PF_PART, GROUP_PART, DNS_HOST, DNS_TXT, DNS_SRV };
#define INVALID ERR_OPERATION_INVALID
#define NO_SUPPORT ERR_NO_SUPPORT

static const struct {
    const char *file;
    unsigned command, section;
    int parent;
    const char *xml;
    int code;         /* 0: works */
    const char *part; /* of the message, or of the result */
    const char *gone; /* not in the result */
} changes[] = {
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<host mac='52:54:00:00:77:09' name='nine' ip='192.168.77.19'/>", 0,
      "ip='192.168.77.13'>\n        <lease expiry='300' unit='seconds'/>\n      </host>\n      <host mac='52:54:00:00:77:09' name='nine'" },
    { "nat.xml", ADD_FIRST, HOST_PART, 0, "<host name='nine' ip='192.168.77.19'/>", 0,
      "<host name='nine' ip='192.168.77.19'/>\n      <host mac='52:54:00:00:77:01'" },
    { "nat.xml", ADD_LAST, HOST_PART, -1, "<host name='nine' ip='fd00:77::99'/>", 0, "<host name='five' ip='fd00:77::21'/>\n      <host name='nine'" },
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<host mac='52:54:00:00:77:01' name='z' ip='192.168.77.19'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<host name='ONE' ip='192.168.77.19'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<host name='z' ip='192.168.77.11'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, HOST_PART, 2, "<host id='0:3:0:1:0:16:3E:11:22:33' ip='fd00:77::99'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, HOST_PART, 1, "<host name='z' ip='10.77.0.9'/>", INVALID, "one address of each family" },
    { "nat.xml", ADD_LAST, HOST_PART, 9, "<host name='z' ip='10.77.0.9'/>", INVALID, "index 9" },
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<host name='z'/>", ERR_XML_ERROR, "'ip'" },
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<host name='z' ip='10.77.0.9'/>", ERR_XML_ERROR, "not in 192.168.77.1/24" },
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<range start='192.168.77.30' end='192.168.77.40'/>", ERR_XML_ERROR, "expecting <host>" },
    { "nat.xml", ADD_LAST, HOST_PART, 0, "<host", ERR_XML_DETAIL, "" },
    { "nat.xml", MODIFY, HOST_PART, 0, "<host mac='52:54:00:00:77:01' name='uno' ip='192.168.77.15'/>", 0,
      "<host mac='52:54:00:00:77:01' name='uno' ip='192.168.77.15'/>\n      <host mac='52:54:00:00:77:02'", "name='one'" },
    { "nat.xml", MODIFY, HOST_PART, 0, "<host name='three' ip='192.168.77.15'/>", 0, "<host name='three' ip='192.168.77.15'/>", "expiry='300'" },
    { "nat.xml", MODIFY, HOST_PART, 0, "<host name='z' ip='192.168.77.15'/>", INVALID, "couldn't find" },
    { "nat.xml", MODIFY, HOST_PART, 0, "<host name='three' ip='192.168.77.11'/>", ERR_XML_ERROR, "two <host>" },
    { "nat.xml", DELETE, HOST_PART, 0, "<host ip='192.168.77.12'/>", 0, "", "52:54:00:00:77:02" },
    { "nat.xml", DELETE, HOST_PART, 0, "<host name='one' ip='192.168.77.11'/>", 0, "", "name='one'" },
    { "nat.xml", DELETE, HOST_PART, 0, "<host name='one' ip='192.168.77.12'/>", INVALID, "couldn't find" },
    { "nat.xml", DELETE, HOST_PART, 0, "<host/>", ERR_XML_ERROR, "to know the host by" },
    { "bare.xml", ADD_LAST, HOST_PART, -1, "<host name='z' ip='10.0.0.9'/>", INVALID, "no <ip>" },
    { "nat.xml", ADD_LAST, RANGE_PART, 0, "<range start='192.168.77.30' end='192.168.77.40'/>", 0,
      "end='192.168.77.250'/>\n      <range start='192.168.77.30' end='192.168.77.40'/>" },
    { "nat.xml", ADD_FIRST, RANGE_PART, -1, "<range start='fd00:77::300' end='fd00:77::310'/>", 0,
      "<range start='fd00:77::300' end='fd00:77::310'/>\n      <range start='fd00:77::100'" },
    { "nat.xml", ADD_LAST, RANGE_PART, 0, "<range start='192.168.77.200' end='192.168.77.250'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, RANGE_PART, 0, "<range start='192.168.77.210' end='192.168.77.220'/>", ERR_XML_ERROR, "overlaps" },
    { "nat.xml", ADD_LAST, RANGE_PART, 0, "<range start='192.168.77.40' end='192.168.77.30'/>", ERR_INTERNAL_ERROR, "reversed" },
    { "nat.xml", DELETE, RANGE_PART, 0, "<range start='192.168.77.200' end='192.168.77.250'/>", 0, "", "192.168.77.200" },
    { "nat.xml", DELETE, RANGE_PART, 0, "<range start='192.168.77.200' end='192.168.77.251'/>", INVALID, "couldn't find" },
    { "nat.xml", MODIFY, RANGE_PART, 0, "<range start='192.168.77.200' end='192.168.77.250'/>", NO_SUPPORT, "cannot be modified" },
    { "isolated.xml", DELETE, RANGE_PART, 0, "<range start='192.168.80.2' end='192.168.80.254'/>", 0, "", "<dhcp>" },
    { "vepa.xml", ADD_LAST, INTERFACE_PART, -1, "<interface dev='eth4'/>", 0, "<interface dev='eth3'/>\n    <interface dev='eth4'/>" },
    { "vepa.xml", ADD_FIRST, INTERFACE_PART, -1, "<interface dev='eth4'/>", 0, "<forward dev='eth4' mode='vepa'>\n    <interface dev='eth4'/>" },
    { "vepa.xml", ADD_LAST, INTERFACE_PART, -1, "<interface dev='eth3'/>", INVALID, "existing" },
    { "vepa.xml", DELETE, INTERFACE_PART, -1, "<interface dev='eth2'/>", 0, "<forward dev='eth3' mode='vepa'>", "eth2" },
    { "vepa.xml", DELETE, INTERFACE_PART, -1, "<interface dev='eth9'/>", INVALID, "couldn't find" },
    { "vepa.xml", MODIFY, INTERFACE_PART, -1, "<interface dev='eth2'/>", NO_SUPPORT, "cannot be modified" },
    { "vepa.xml", ADD_LAST, INTERFACE_PART, -1, "<interface/>", ERR_XML_ERROR, "'dev'" },
    { "route.xml", ADD_LAST, INTERFACE_PART, -1, "<interface dev='eth4'/>", ERR_XML_ERROR, "only one" },
    { "route.xml", DELETE, INTERFACE_PART, -1, "<interface dev='eth1'/>", 0, "<forward mode='route'/>", "eth1" },
    { "isolated.xml", ADD_LAST, INTERFACE_PART, -1, "<interface dev='eth4'/>", ERR_XML_ERROR, "no <forward>" },
    { "nat.xml", ADD_LAST, GROUP_PART, -1, "<portgroup name='new'/>", 0, "</portgroup>\n  <portgroup name='new'/>" },
    { "nat.xml", ADD_LAST, GROUP_PART, -1, "<portgroup name='slow'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, GROUP_PART, -1, "<portgroup name='new' default='yes'/>", INVALID, "the default already" },
    { "nat.xml", MODIFY, GROUP_PART, -1, "<portgroup name='fast' default='yes'/>", 0, "<portgroup name='fast' default='yes'/>", "average='2000'" },
    { "nat.xml", MODIFY, GROUP_PART, -1, "<portgroup name='none'/>", INVALID, "couldn't find" },
    { "nat.xml", DELETE, GROUP_PART, -1, "<portgroup name='slow'/>", 0, "", "slow" },
    { "nat.xml", ADD_LAST, GROUP_PART, -1, "<portgroup name='new'><vlan><tag id='1'/></vlan></portgroup>", ERR_CONFIG_UNSUPPORTED, "VLAN" },
    { "nat.xml", ADD_FIRST, DNS_HOST, -1, "<host ip='192.168.77.9'><hostname>gateway</hostname></host>", 0,
      "<host ip='192.168.77.9'>\n      <hostname>gateway</hostname>\n    </host>\n    <host ip='192.168.77.1'>" },
    { "nat.xml", ADD_LAST, DNS_HOST, -1, "<host ip='192.168.77.1'><hostname>z</hostname></host>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, DNS_HOST, -1, "<host><hostname>z</hostname></host>", ERR_XML_DETAIL, "'ip'" },
    { "nat.xml", ADD_LAST, DNS_HOST, -1, "<host ip='192.168.77.9'/>", ERR_XML_DETAIL, "<hostname>" },
    { "nat.xml", MODIFY, DNS_HOST, -1, "<host ip='fd00:77::1'><hostname>z</hostname></host>", 0, "<host ip='fd00:77::1'>\n      <hostname>z</hostname>" },
    { "nat.xml", MODIFY, DNS_HOST, -1, "<host ip='fd00:77::2'><hostname>gateway</hostname></host>", INVALID, "couldn't find" },
    { "nat.xml", DELETE, DNS_HOST, -1, "<host><hostname>router</hostname></host>", 0, "", "192.168.77.1'>\n      <hostname>" },
    { "nat.xml", DELETE, DNS_HOST, -1, "<host><hostname>gateway</hostname></host>", INVALID, "2 of" },
    { "nat.xml", DELETE, DNS_HOST, -1, "<host ip='fd00:77::1'/>", 0, "", "<host ip='fd00:77::1'>" },
    { "nat.xml", DELETE, DNS_HOST, -1, "<host/>", ERR_XML_DETAIL, "<hostname>" },
    { "nat.xml", ADD_LAST, DNS_TXT, -1, "<txt name='more' value='text'/>", 0, "three; four'/>\n    <txt name='more' value='text'/>" },
    { "nat.xml", ADD_LAST, DNS_TXT, -1, "<txt name='note' value='text'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, DNS_TXT, -1, "<txt name='more'/>", ERR_XML_DETAIL, "'value'" },
    { "nat.xml", MODIFY, DNS_TXT, -1, "<txt name='note' value='text'/>", 0, "<txt name='note' value='text'/>", "three; four" },
    { "nat.xml", DELETE, DNS_TXT, -1, "<txt name='note'/>", 0, "", "<txt" },
    { "nat.xml", DELETE, DNS_TXT, -1, "<txt name='note' value='other'/>", INVALID, "couldn't find" },
    { "bare.xml", ADD_LAST, DNS_TXT, -1, "<txt name='a' value='b'/>", 0, "<dns>\n    <txt name='a' value='b'/>\n  </dns>" },
    { "bridge.xml", ADD_LAST, DNS_TXT, -1, "<txt name='a' value='b'/>", ERR_CONFIG_UNSUPPORTED, "<dns>" },
    { "route.xml", ADD_LAST, DNS_TXT, -1, "<txt name='a' value='b'/>", ERR_XML_ERROR, "nobody would serve" },
    { "nat.xml", ADD_LAST, DNS_SRV, -1, "<srv service='http' protocol='tcp'/>", 0, "protocol='udp'/>\n    <srv service='http' protocol='tcp'/>" },
    { "nat.xml", ADD_LAST, DNS_SRV, -1, "<srv service='kerberos' protocol='udp'/>", INVALID, "existing" },
    { "nat.xml", ADD_LAST, DNS_SRV, -1, "<srv service='http'/>", ERR_XML_DETAIL, "'protocol'" },
    { "nat.xml", MODIFY, DNS_SRV, -1, "<srv service='kerberos' protocol='udp'/>", NO_SUPPORT, "cannot be modified" },
    { "nat.xml", DELETE, DNS_SRV, -1, "<srv service='ldap'/>", 0, "", "ldap" },
    { "nat.xml", DELETE, DNS_SRV, -1, "<srv protocol='tcp' port='389'/>", 0, "", "ldap" },
    { "nat.xml", DELETE, DNS_SRV, -1, "<srv service='ldap' port='390'/>", INVALID, "couldn't find" },
    { "nat.xml", DELETE, DNS_SRV, -1, "<srv/>", INVALID, "2 of" },
    { "nat.xml", MODIFY, BRIDGE_PART, -1, "<bridge name='a'/>", NO_SUPPORT, "'bridge'" },
    { "nat.xml", MODIFY, DOMAIN_PART, -1, "<domain name='a'/>", NO_SUPPORT, "'domain'" },
    { "nat.xml", ADD_LAST, IP_PART, -1, "<ip address='10.0.0.1'/>", NO_SUPPORT, "'ip'" },
    { "nat.xml", MODIFY, FORWARD_PART, -1, "<forward/>", NO_SUPPORT, "'forward'" },
    { "nat.xml", ADD_LAST, PF_PART, -1, "<pf dev='a'/>", NO_SUPPORT, "'forward-pf'" },
    { "nat.xml", ADD_LAST, 0, -1, "<pf dev='a'/>", NO_SUPPORT, "section 0" },
    { "nat.xml", ADD_LAST, 13, -1, "<pf dev='a'/>", NO_SUPPORT, "section 13" },
    { "nat.xml", 0, DNS_TXT, -1, "<txt name='a' value='b'/>", NO_SUPPORT, "command 0" },
    { "nat.xml", 5, DNS_TXT, -1, "<txt name='a' value='b'/>", NO_SUPPORT, "command 5" },
};

static void
parts_change(void **state)
{
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autofree char *text = fixture(changes[i].file), *after = NULL, *untouched = NULL;
        g_autoptr(NetworkDef) def = parse(text), changed = NULL, again = NULL;
        _cleanup_error_ Error err = ERROR_INIT;
        int result = network_def_update(def, changes[i].command, changes[i].section, changes[i].parent, changes[i].xml, &changed, &err);

        untouched = network_def_format(def, XML_INACTIVE);
        assert_string_equal(untouched, text);
        if (changes[i].code) {
            if (result == 0 || err.code != changes[i].code || !strstr(err.message, changes[i].part))
                fail_msg("%s: %d %d %s", changes[i].xml, result, err.code, err.message);
            continue;
        }
        if (result < 0)
            fail_msg("%s: %s", changes[i].xml, err.message);
        after = network_def_format(changed, XML_INACTIVE);
        if (!strstr(after, changes[i].part) || (changes[i].gone && strstr(after, changes[i].gone)))
            fail_msg("%s gives %s", changes[i].xml, after);
        again = parse(after);
    }
}

static void
interfaces_in_use_stay(void **state)
{
    g_autofree char *text = fixture("vepa.xml");
    g_autoptr(NetworkDef) def = parse(text), changed = NULL;
    _cleanup_error_ Error err = ERROR_INIT;

    def->forward.interfaces.items[1]->connections = (OptUint)OPT(2);
    assert_int_equal(network_def_update(def, DELETE, INTERFACE_PART, -1, "<interface dev='eth3'/>", &changed, &err), -1);
    assert_int_equal(err.code, ERR_OPERATION_INVALID);
    assert_non_null(strstr(err.message, "2 guests"));
}

FIXTURE_TEST_MAIN(cmocka_unit_test(parts_change), cmocka_unit_test(interfaces_in_use_stay))
