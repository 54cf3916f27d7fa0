/* What dnsmasq is told for each feature of a network. Whole configurations are in tests/dnsmasq. */
#include "tests/unit/networks.h"
#include "virtnetworkd/dnsmasq/conf.h"

#define NET(rest) "<network><name>n</name><bridge name='virbr0'/>" rest "</network>"
#define NAT(rest) "<network><name>n</name><forward/><bridge name='virbr0'/>" rest "</network>"
#define IP4(rest) "<ip address='192.168.9.1' prefix='24'>" rest "</ip>"
#define IP6(rest) "<ip family='ipv6' address='fd00:9::1' prefix='64'>" rest "</ip>"
#define RANGE4 "<range start='192.168.9.10' end='192.168.9.19'/>"
#define RANGE6 "<range start='fd00:9::10' end='fd00:9::1f'/>"
#define DNS(rest) NAT("<dns>" rest "</dns>" IP4(""))

static const DnsmasqPaths paths = { .hosts = "/h", .addn = "/a", .pid = "/p", .lease_helper = "/l", .user = "u" };

static DnsmasqConf *
generate(const char *xml, const DnsmasqPaths *with)
{
    g_autoptr(NetworkDef) def = parse(xml);
    _cleanup_error_ Error err = ERROR_INIT;
    DnsmasqConf *conf = NULL;

    if (dnsmasq_conf_generate(def, with, &conf, &err) < 0)
        fail_msg("%s", err.message);
    return conf;
}

/* line stands in text as a whole line. */
static bool
has_line(const char *text, const char *wanted)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    return g_strv_contains((const char *const *)lines, wanted);
}

static void
one_line_each(void **state)
{
    static const struct {
        const char *xml, *there, *not_there; /* lines of the configuration; NULL: none to look for */
    } table[] = {
        { NAT(IP4("")), "interface=virbr0", "no-resolv" },
        { NAT(IP4("")), "addn-hosts=/a", "dhcp-hostsfile=/h" },
        { NAT(IP4("")), "pid-file=/p", "dhcp-script=/l" },
        { NAT(IP4("")), "user=u", "port=0" },
        { NET(IP4("")), "no-resolv", "dhcp-option=3" },
        { NET(IP4("<dhcp>" RANGE4 "</dhcp>")), "dhcp-option=3", NULL },
        { NAT(IP4("<dhcp>" RANGE4 "</dhcp>")), "dhcp-lease-max=10", "dhcp-option=3" },
        { NAT(IP4("<dhcp>" RANGE4 "</dhcp>")), "dhcp-range=192.168.9.10,192.168.9.19,255.255.255.0", "addn-hosts=/h" },
        { NAT(IP4("<dhcp>" RANGE4 "<host name='a' ip='192.168.9.11'/><host name='b' ip='192.168.9.99'/></dhcp>")), "dhcp-lease-max=11", NULL },
        { NAT(IP4("<dhcp>" RANGE4 "</dhcp>")), "leasefile-ro", NULL },
        { NAT(IP4("<dhcp>" RANGE4 "</dhcp>")), "dhcp-authoritative", NULL },
        { NAT(IP4("<dhcp>" RANGE4 "</dhcp>")), "dhcp-no-override", NULL },
        { NAT(IP4("<dhcp><range start='192.168.9.9' end='192.168.9.9'><lease expiry='5'/></range></dhcp>")),
          "dhcp-range=192.168.9.9,192.168.9.9,255.255.255.0,5m", NULL },
        { NAT(IP4("<dhcp><range start='192.168.9.9' end='192.168.9.9'><lease expiry='0'/></range></dhcp>")),
          "dhcp-range=192.168.9.9,192.168.9.9,255.255.255.0,infinite", NULL },
        { NAT(IP4("<dhcp><host name='a' ip='192.168.9.11'/></dhcp>")), "dhcp-range=192.168.9.1,static,255.255.255.0", NULL },
        { NAT(IP6("<dhcp><host name='a' ip='fd00:9::2'/></dhcp>")), "dhcp-range=fd00:9::1,static,64", NULL },
        { NAT(IP6("<dhcp>" RANGE6 "</dhcp>")), "enable-ra", "dhcp-range=fd00:9::1,ra-only" },
        { NAT(IP6("<dhcp>" RANGE6 "</dhcp>") "<ip family='ipv6' address='fd00:8::1' prefix='64'/>"), "dhcp-range=fd00:8::1,ra-only", NULL },
        { NAT(IP6("")), "dhcp-range=fd00:9::1,ra-only", "ra-param=*,0,0" },
        { NET(IP6("")), "ra-param=*,0,0", "enable-ra" },
        { NAT("<ip family='ipv6' address='fd00:8::1' prefix='80'/>"), NULL, "dhcp-range=fd00:8::1,ra-only" },
        { NAT("<mtu size='1400'/>" IP4("<dhcp>" RANGE4 "</dhcp>")), "dhcp-option=option:mtu,1400", NULL },
        { NAT("<mtu size='1400'/>" IP4("")), NULL, "dhcp-option=option:mtu,1400" },
        { NAT(IP4("<tftp root='/a, b'/>")), "tftp-root=\"/a, b\"", NULL },
        { NAT(IP4("<tftp root='/a'/>")), "enable-tftp", NULL },
        { NAT(IP4("<dhcp>" RANGE4 "<bootp file='a,b'/></dhcp>")), "dhcp-boot=\"a,b\"", NULL },
        { NAT(IP4("<dhcp>" RANGE4 "<bootp file='a' server='10.0.0.1'/></dhcp>")), "dhcp-boot=\"a\",,10.0.0.1", NULL },
        { NAT("<domain name='a.b'/>" IP4("")), "domain=a.b", "local=/a.b/" },
        { NAT("<domain name='a.b' localOnly='yes'/>" IP4("")), "local=/a.b/", NULL },
        { NAT("<domain name='a.b'/>" IP4("")), "expand-hosts", NULL },
        { NAT("<dns enable='no'/>" IP4("<dhcp>" RANGE4 "</dhcp>")), "port=0", "addn-hosts=/a" },
        { NAT("<dns forwardPlainNames='no'/>" IP4("")), "domain-needed", NULL },
        { NAT("<dns forwardPlainNames='no'/>" IP4("")), "local=//", NULL },
        { NAT("<dns forwardPlainNames='yes'/>" IP4("")), NULL, "domain-needed" },
        { DNS("<forwarder addr='10.0.0.1'/>"), "no-resolv", NULL },
        { DNS("<forwarder addr='10.0.0.1'/>"), "server=10.0.0.1", NULL },
        { DNS("<forwarder domain='a.b' addr='fd00::1'/>"), "server=/a.b/fd00::1", "no-resolv" },
        { DNS("<forwarder domain='a.b'/>"), "server=/a.b/#", "no-resolv" },
        { DNS("<txt name='a' value='b'/>"), "txt-record=a,\"b\"", NULL },
        { DNS("<txt name='a' value='b # c,d \"e\\'/>"), "txt-record=a,\"b # c\",\"d \\\"e\\\\\"", NULL },
        { DNS("<srv service='s' protocol='tcp'/>"), "srv-host=_s._tcp", NULL },
        { DNS("<srv service='s' protocol='udp' domain='a.b' target='t'/>"), "srv-host=_s._udp.a.b,t", NULL },
        { DNS("<srv service='s' protocol='tcp' target='t' port='9'/>"), "srv-host=_s._tcp,t,9", NULL },
        { DNS("<srv service='s' protocol='tcp' target='t' priority='2'/>"), "srv-host=_s._tcp,t,1,2", NULL },
        { DNS("<srv service='s' protocol='tcp' target='t' port='9' weight='3'/>"), "srv-host=_s._tcp,t,9,0,3", NULL },
        { NAT("<ip address='10.77.0.1' prefix='16' localPtr='yes'/>"), "local=/77.10.in-addr.arpa/", NULL },
        { NAT("<ip family='ipv6' address='fd12:3450::1' prefix='28' localPtr='yes'/>"), "local=/5.4.3.2.1.d.f.ip6.arpa/", NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(DnsmasqConf) conf = generate(table[i].xml, &paths);

        if ((table[i].there && !has_line(conf->conf, table[i].there)) || (table[i].not_there && has_line(conf->conf, table[i].not_there)))
            fail_msg("%s gives\n%s", table[i].xml, conf->conf);
    }
}

static void
hosts_and_names(void **state)
{
    g_autoptr(DnsmasqConf) conf = generate(
        NAT("<dns><host ip='192.168.9.1'><hostname>g</hostname><hostname>h</hostname></host></dns>"
            IP4("<dhcp><host mac='52:54:00:00:00:01' name='a' ip='192.168.9.2'/><host mac='52:54:00:00:00:02' ip='192.168.9.3'/>"
                "<host name='b' ip='192.168.9.4'><lease expiry='0'/></host><host id='1:2' name='c' ip='192.168.9.5'/></dhcp>")
            IP6("<dhcp><host id='0:1' name='d' ip='fd00:9::2'><lease expiry='2' unit='hours'/></host><host name='e' ip='fd00:9::3'/></dhcp>")),
        &paths);

    assert_string_equal(conf->hosts, "52:54:00:00:00:01,192.168.9.2,a\n"
                                     "52:54:00:00:00:02,192.168.9.3\n"
                                     "b,192.168.9.4,infinite\n"
                                     "id:1:2,192.168.9.5,c\n"
                                     "id:0:1,d,[fd00:9::2],2h\n"
                                     "e,[fd00:9::3]\n");
    assert_string_equal(conf->addn, "192.168.9.1\tg\th\n");
}

static void
when_it_is_needed(void **state)
{
    static const struct { const char *xml; bool needed; } table[] = {
        { NET(""), false },
        { NAT(IP4("")), true },
        { NAT(IP6("")), true },
        { NAT("<dns enable='no'/>" IP4("")), false },
        { NAT("<dns enable='no'/>" IP4("<dhcp>" RANGE4 "</dhcp>")), true },
        { NAT("<dns enable='no'/>" IP4("<tftp root='/a'/>")), true },
        { NAT("<dns enable='no'/>" IP4("<dhcp><bootp file='a'/></dhcp>")), false },
        { NAT("<dns enable='no'/>" IP6("")), true },
        { NAT("<dns enable='no'/><ip family='ipv6' address='fd00:8::1' prefix='80'/>"), false },
        { "<network><name>n</name><forward mode='bridge'/><bridge name='b'/></network>", false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(NetworkDef) def = parse(table[i].xml);

        if (dnsmasq_conf_needed(def) != table[i].needed)
            fail_msg("%s", table[i].xml);
    }
}

/* Names of networks are in the paths. */
static void
odd_paths_are_quoted(void **state)
{
    const DnsmasqPaths odd = { .hosts = "/a \"b\" # c", .addn = "/a,b" };
    g_autoptr(DnsmasqConf) conf = generate(NAT(IP4("<dhcp>" RANGE4 "</dhcp>")), &odd);

    assert_true(has_line(conf->conf, "dhcp-hostsfile=\"/a \\\"b\\\" # c\""));
    assert_true(has_line(conf->conf, "addn-hosts=\"/a,b\""));
    assert_null(strstr(conf->conf, "pid-file"));
    assert_null(strstr(conf->conf, "leasefile-ro"));
}

static void
long_lines_are_refused(void **state)
{
    g_autofree char *path = g_strnfill(1100, 'x');
    const DnsmasqPaths odd = { .addn = path };
    g_autoptr(NetworkDef) def = parse(NAT(IP4(""))), nameless = parse("<network><name>n</name>" IP4("") "</network>");
    g_autoptr(DnsmasqConf) conf = NULL;
    _cleanup_error_ Error err = ERROR_INIT, other = ERROR_INIT;

    assert_int_equal(dnsmasq_conf_generate(def, &odd, &conf, &err), -1);
    assert_non_null(strstr(err.message, "1111 bytes"));
    assert_int_equal(dnsmasq_conf_generate(nameless, &paths, &conf, &other), -1);
}

/* A file that nobody checked: edited by hand, or left by something else. */
static void
unchecked_texts_are_refused(void **state)
{
    static const char *const table[] = {
        NAT("<domain name='a&#10;log-facility=/x'/>" IP4("")), DNS("<txt name='a' value='b&#10;c'/>"),
        NAT(IP4("<dhcp><host name='a&#10;b' ip='192.168.9.9'/></dhcp>")), NAT(IP4("<tftp root='/a&#10;b'/>")),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(NetworkDef) def = NULL;
        g_autoptr(DnsmasqConf) conf = NULL;
        _cleanup_error_ Error err = ERROR_INIT;

        assert_int_equal(network_def_parse(table[i], XML_STATUS, &def, &err), 0);
        assert_int_equal(dnsmasq_conf_generate(def, &paths, &conf, &err), -1);
    }
}

FIXTURE_TEST_MAIN(cmocka_unit_test(one_line_each), cmocka_unit_test(hosts_and_names), cmocka_unit_test(when_it_is_needed),
                  cmocka_unit_test(odd_paths_are_quoted), cmocka_unit_test(long_lines_are_refused),
                  cmocka_unit_test(unchecked_texts_are_refused))
