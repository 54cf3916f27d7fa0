/* Networks: what is written comes back to the byte, and what libvirt fills in. */
#include "common/conf/network/port.h"
#include "tests/unit/networks.h"

static void
fixtures_come_back(void **state)
{
    static const char *const modes[] = { "isolated", "nat", "route", "open", "bridge", "private", "vepa", "passthrough", "hostdev" };

    assert_true(all_come_back("networks", network_through) > 0);
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) { /* every mode is among them */
        g_autofree char *file = g_strconcat(modes[i], ".xml", NULL), *text = fixture(file);
        g_autoptr(NetworkDef) def = parse(text);

        assert_int_equal(def->forward.mode, i);
    }
}

static void
defaults_are_filled_in(void **state)
{
    g_autoptr(NetworkDef) def = parse("<network ipv6='no'><name>n</name><forward/></network>");
    g_autoptr(NetworkDef) again = NULL;
    g_autofree char *text = NULL;

    assert_int_equal(def->forward.mode, FORWARD_NAT);
    assert_true(def->uuid.set);
    assert_true(def->mac.set && def->mac.b[0] == 0x52 && def->mac.b[1] == 0x54 && def->mac.b[2] == 0);
    assert_int_equal(def->bridge.stp, TRI_ON);
    assert_true(def->bridge.present && def->bridge.delay.set && def->bridge.delay.v == 0);
    assert_int_equal(def->ipv6, TRI_ABSENT);
    text = network_def_format(def, XML_INACTIVE);
    again = parse(text);
    assert_memory_equal(&again->uuid, &def->uuid, sizeof(Uuid));
    assert_memory_equal(&again->mac, &def->mac, sizeof(Mac));
}

static void
first_interface_is_the_outgoing_one(void **state)
{
    g_autoptr(NetworkDef) dev = parse("<network><name>n</name><forward mode='route' dev='eth1'/></network>");
    g_autoptr(NetworkDef) pool = parse("<network><name>n</name><forward mode='vepa'><interface dev='a'/><interface dev='b'/></forward></network>");

    assert_int_equal(dev->forward.interfaces.n, 1);
    assert_string_equal(dev->forward.interfaces.items[0]->dev, "eth1");
    assert_string_equal(pool->forward.dev, "a");
    assert_false(pool->mac.set); /* there is no bridge of ours */
    assert_false(pool->bridge.present);
}

static void
who_has_a_bridge(void **state)
{
    static const struct { const char *file; bool own, macvtap; } table[] = {
        { "nat.xml", true, false }, { "route.xml", true, false }, { "open.xml", true, false }, { "isolated.xml", true, false },
        { "bridge.xml", false, false }, { "private.xml", false, true }, { "passthrough-pf.xml", false, true },
        { "hostdev.xml", false, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *text = fixture(table[i].file);
        g_autoptr(NetworkDef) def = parse(text);

        assert_int_equal(network_def_owns_bridge(def), table[i].own);
        assert_int_equal(network_def_is_macvtap(def), table[i].macvtap);
    }
}

static void
groups_and_prefixes(void **state)
{
    g_autofree char *text = fixture("nat.xml");
    g_autoptr(NetworkDef) def = parse(text), ten = NULL;

    assert_string_equal(network_def_portgroup(def, NULL)->name, "fast");
    assert_string_equal(network_def_portgroup(def, "slow")->name, "slow");
    assert_null(network_def_portgroup(def, "none"));
    assert_int_equal(network_ip_prefix(def->ips.items[0]), 24);
    assert_int_equal(network_ip_prefix(def->ips.items[1]), 16);
    assert_int_equal(network_ip_prefix(def->ips.items[2]), 64);
    assert_int_equal(network_route_prefix(def->routes.items[1]), 48);
    assert_int_equal(lease_time_seconds(&def->ips.items[0]->ranges.items[0]->lease), 7200);
    assert_int_equal(lease_time_seconds(&def->ips.items[0]->hosts.items[1]->lease), 0);
    ten = parse("<network><name>n</name><ip address='10.1.2.3'/></network>");
    assert_int_equal(network_ip_prefix(ten->ips.items[0]), 8);
}

/* -- ports -- */

#define PORT(rest) \
    "<networkport>\n" \
    "  <uuid>6a2bd5b4-0d9e-4f0e-8f5f-0c1f2f1b7d20</uuid>\n" \
    "  <owner>\n" \
    "    <name>guest</name>\n" \
    "    <uuid>6a2bd5b4-0d9e-4f0e-8f5f-0c1f2f1b7d21</uuid>\n" \
    "  </owner>\n" \
    rest \
    "</networkport>\n"
#define MAC "  <mac address='52:54:00:7b:35:93'/>\n"

static void
ports_come_back(void **state)
{
    static const char *const table[] = {
        PORT(MAC),
        PORT("  <group>web</group>\n" MAC
             "  <virtualport type='openvswitch'>\n"
             "    <parameters interfaceid='6a2bd5b4-0d9e-4f0e-8f5f-0c1f2f1b7d22'/>\n"
             "  </virtualport>\n"
             "  <bandwidth>\n"
             "    <inbound average='100' floor='50'/>\n"
             "  </bandwidth>\n"
             "  <class id='3'/>\n"
             "  <rxfilters trustGuest='yes'/>\n"
             "  <port isolated='yes'/>\n"
             "  <vlan>\n"
             "    <tag id='7'/>\n"
             "  </vlan>\n"
             "  <plug type='network' bridge='virbr0' macTableManager='libvirt'/>\n"),
        PORT(MAC "  <plug type='bridge' bridge='br0'/>\n"),
        PORT(MAC "  <plug type='direct' dev='eth0' mode='vepa'/>\n"),
        PORT(MAC "  <plug type='hostdev-pci' managed='yes'>\n"
             "    <driver name='vfio'/>\n"
             "    <address domain='0x0001' bus='0x02' slot='0x03' function='0x4'/>\n"
             "  </plug>\n"),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(NetworkPortDef) def = NULL, copy = NULL;
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *out = NULL, *of_copy = NULL;

        if (network_port_def_parse(table[i], XML_VALIDATE, &def, &err) < 0)
            fail_msg("%s", err.message);
        out = network_port_def_format(def, 0);
        assert_string_equal(out, table[i]);
        assert_int_equal(def->plug, i == 0 ? PLUG_NONE : i);
        copy = network_port_def_copy(def);
        of_copy = network_port_def_format(copy, 0);
        assert_string_equal(of_copy, table[i]);
    }
}

static void
bad_ports_are_refused(void **state)
{
    static const struct { const char *text; int code; } table[] = {
        { "<networkport/>", ERR_XML_ERROR },
        { "<network/>", ERR_XML_ERROR },
        { PORT(""), ERR_XML_ERROR },
        { PORT("<mac address='x'/>"), ERR_XML_ERROR },
        { PORT(MAC "<plug/>"), ERR_XML_ERROR },
        { PORT(MAC "<plug type='network'/>"), ERR_XML_ERROR },
        { PORT(MAC "<plug type='direct' dev='eth0'/>"), ERR_XML_ERROR },
        { PORT(MAC "<plug type='hostdev-pci'/>"), ERR_XML_ERROR },
        { PORT(MAC "<plug type='hostdev-pci'><address/></plug>"), ERR_XML_ERROR },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(NetworkPortDef) def = NULL;
        _cleanup_error_ Error err = ERROR_INIT;

        assert_int_equal(network_port_def_parse(table[i].text, 0, &def, &err), -1);
        assert_int_equal(err.code, table[i].code);
    }
}

FIXTURE_TEST_MAIN(cmocka_unit_test(fixtures_come_back), cmocka_unit_test(defaults_are_filled_in),
                  cmocka_unit_test(first_interface_is_the_outgoing_one), cmocka_unit_test(who_has_a_bridge),
                  cmocka_unit_test(groups_and_prefixes), cmocka_unit_test(ports_come_back), cmocka_unit_test(bad_ports_are_refused))
