/* Addresses as values: text both ways, masks with holes, networks that overlap, sizes of ranges up to the largest. */
#include "common/base/ip.h"
#include "tests/unit/unit.h"

#include <string.h>

static IpAddress
ip(const char *text)
{
    IpAddress result;

    assert_true(ip_parse(text, &result));
    return result;
}

static void
text_both_ways(void **state)
{
    const struct { const char *in, *out; } cases[] = {
        { "192.168.122.1", "192.168.122.1" },
        { "2001:DB8:0::1", "2001:db8::1" },
        { "::", "::" },
    };
    const char *const bad[] = { "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "2001::1::2", "localhost", "1.2.3.4/24", " 1.2.3.4" };
    char text[IP_TEXT_SIZE];
    IpAddress unused;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IpAddress parsed = ip(cases[i].in);

        assert_string_equal(ip_to_text(&parsed, text), cases[i].out);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(ip_parse(bad[i], &unused));
}

static void
masks(void **state)
{
    IpAddress mask, hole = ip("255.0.255.0"), network;
    char text[IP_TEXT_SIZE];

    for (unsigned prefix = 0; prefix <= 128; prefix++) {
        if (prefix <= 32) {
            mask = ip_mask(AF_INET, prefix);
            assert_int_equal(ip_mask_prefix(&mask), prefix);
        }
        mask = ip_mask(AF_INET6, prefix);
        assert_int_equal(ip_mask_prefix(&mask), prefix);
    }
    assert_int_equal(ip_mask_prefix(&hole), -1);
    network = ip("10.1.2.131");
    network = ip_network(&network, 25);
    assert_string_equal(ip_to_text(&network, text), "10.1.2.128");
    network = ip_broadcast(&network, 25);
    assert_string_equal(ip_to_text(&network, text), "10.1.2.255");
}

static void
overlaps(void **state)
{
    IpAddress a = ip("192.168.0.0"), b = ip("192.168.122.0"), c = ip("192.169.0.0"), v6 = ip("::");

    assert_true(ip_networks_overlap(&a, 16, &b, 24));
    assert_true(ip_networks_overlap(&b, 24, &a, 16));
    assert_false(ip_networks_overlap(&a, 16, &c, 16));
    assert_false(ip_networks_overlap(&a, 0, &v6, 0));
    assert_true(ip_in_network(&b, &a, 16));
    assert_false(ip_in_network(&a, &b, 24));
}

static void
range_sizes(void **state)
{
    const struct { const char *first, *last; uint64_t size; } cases[] = {
        { "10.0.0.1", "10.0.0.1", 1 },
        { "10.0.0.1", "10.0.0.0", 0 },
        { "10.0.0.0", "10.0.255.255", 65536 },
        { "0.0.0.0", "255.255.255.255", UINT64_C(1) << 32 },
        { "10.0.0.1", "::1", 0 },
        { "fd00::1", "fd00::1:0", 65536 },
        { "fd00::", "fd00::ffff:ffff:ffff:ffff", UINT64_MAX },
        { "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", UINT64_MAX },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IpAddress first = ip(cases[i].first), last = ip(cases[i].last);

        assert_true(ip_range_size(&first, &last) == cases[i].size);
    }
}

static void
kinds(void **state)
{
    const struct { const char *text; bool loopback, multicast, wildcard, private; unsigned prefix; } cases[] = {
        { "127.0.0.1", true, false, false, false, 8 },     { "::1", true, false, false, false, 64 },
        { "224.0.0.251", false, true, false, false, 24 },  { "ff02::fb", false, true, false, false, 64 },
        { "0.0.0.0", false, false, true, false, 8 },       { "::", false, false, true, false, 64 },
        { "172.16.3.4", false, false, false, true, 16 },   { "172.32.0.1", false, false, false, false, 16 },
        { "192.168.1.1", false, false, false, true, 24 },  { "fd00::1", false, false, false, true, 64 },
        { "8.8.8.8", false, false, false, false, 8 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IpAddress one = ip(cases[i].text);

        assert_int_equal(ip_is_loopback(&one), cases[i].loopback);
        assert_int_equal(ip_is_multicast(&one), cases[i].multicast);
        assert_int_equal(ip_is_wildcard(&one), cases[i].wildcard);
        assert_int_equal(ip_is_private(&one), cases[i].private);
        assert_int_equal(ip_default_prefix(&one), cases[i].prefix);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_both_ways), cmocka_unit_test(masks),       cmocka_unit_test(overlaps),
        cmocka_unit_test(range_sizes),    cmocka_unit_test(kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
