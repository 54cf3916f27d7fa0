/*
 * The codec against bytes written by hand from the description of the format, and against every way a message can be cut
 * short or lie about its sizes.
 */
#include "common/rpc/codec.h"
#include "protocol/constants.h"
#include "protocol/net.h"
#include "protocol/remote.h"
#include "tests/unit/unit.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* define-by-hand: name "vm" + padding, uuid, id -1, flags 1 */
static const uint8_t xml_desc_args[] = {
    0, 0, 0, 2, 'v', 'm', 0, 0,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
    0xff, 0xff, 0xff, 0xff,
    0, 0, 0, 1,
};

/* optional string "qemu", flags 1 */
static const uint8_t open_args[] = { 0, 0, 0, 1, 0, 0, 0, 4, 'q', 'e', 'm', 'u', 0, 0, 0, 1 };

/* two typed parameters: "a" = ullong 1<<32, "flag" = boolean 1; ret params of GET_MEMORY_PARAMETERS with nparams 0 */
static const uint8_t params_ret[] = {
    0, 0, 0, 2,
    0, 0, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0,
    0, 0, 0, 4, 'f', 'l', 'a', 'g', 0, 0, 0, 6, 0, 0, 0, 1,
    0, 0, 0, 0,
};

typedef struct Decoded {
    Arena arena;
    uint8_t *copy; /* exactly as long as the bytes, so that a sanitizer sees a read past the end */
    Error err;
    int result;
} Decoded;

static Decoded
decode(unsigned int type, const void *data, size_t size, void *ret)
{
    Decoded d = { .err = ERROR_INIT };

    arena_init(&d.arena, NULL, 0);
    d.copy = g_memdup2(data, size);
    d.result = wire_decode(type, d.copy, size, &d.arena, ret, &d.err);
    return d;
}

static void
decoded_done(Decoded *d)
{
    arena_done(&d->arena);
    g_free(d->copy);
    error_done(&d->err);
}

static void
golden_decode(void **state)
{
    remote_domain_get_xml_desc_args xml;
    remote_connect_open_args open;
    remote_domain_get_memory_parameters_ret params;
    Decoded d = decode(WIRE_remote_domain_get_xml_desc_args, xml_desc_args, sizeof(xml_desc_args), &xml);

    assert_int_equal(d.result, 0);
    assert_string_equal(xml.dom.name, "vm");
    assert_int_equal(xml.dom.uuid[0], 0x10);
    assert_int_equal(xml.dom.uuid[15], 0x1f);
    assert_int_equal(xml.dom.id, -1);
    assert_int_equal(xml.flags, 1);
    decoded_done(&d);

    d = decode(WIRE_remote_connect_open_args, open_args, sizeof(open_args), &open);
    assert_int_equal(d.result, 0);
    assert_string_equal(open.name, "qemu");
    assert_int_equal(open.flags, 1);
    decoded_done(&d);

    d = decode(WIRE_remote_domain_get_memory_parameters_ret, params_ret, sizeof(params_ret), &params);
    assert_int_equal(d.result, 0);
    assert_int_equal(params.n_params, 2);
    assert_string_equal(params.params[0].field, "a");
    assert_int_equal(params.params[0].value.type, VIR_TYPED_PARAM_ULLONG);
    assert_true(params.params[0].value.ul == 1ULL << 32);
    assert_string_equal(params.params[1].field, "flag");
    assert_int_equal(params.params[1].value.b, 1);
    decoded_done(&d);
}

static void
golden_encode(void **state)
{
    WireBuffer buffer = WIRE_BUFFER_INIT(1024);
    remote_typed_param list[2] = {
        { .field = "a", .value = { .type = VIR_TYPED_PARAM_ULLONG, .ul = 1ULL << 32 } },
        { .field = "flag", .value = { .type = VIR_TYPED_PARAM_BOOLEAN, .b = 1 } },
    };
    remote_domain_get_memory_parameters_ret params = { .n_params = 2, .params = list };
    remote_node_get_info_ret node = { .model = "x86_64", .memory = 1, .cpus = 2, .mhz = 3, .nodes = 4, .sockets = 5, .cores = 6,
                                      .threads = 7 };

    assert_int_equal(wire_encode(WIRE_remote_domain_get_memory_parameters_ret, &params, &buffer, NULL), 0);
    assert_int_equal(buffer.len, sizeof(params_ret));
    assert_memory_equal(buffer.data, params_ret, sizeof(params_ret));

    /* an array of char takes four bytes per element: 32 * 4, a hyper, six ints */
    buffer.len = 0;
    assert_int_equal(wire_encode(WIRE_remote_node_get_info_ret, &node, &buffer, NULL), 0);
    assert_int_equal(buffer.len, 128 + 8 + 24);
    assert_memory_equal(buffer.data, "\0\0\0x\0\0\0" "8\0\0\0" "6\0\0\0_", 16);
    assert_memory_equal(buffer.data + 128, "\0\0\0\0\0\0\0\1\0\0\0\2", 12);
    wire_buffer_done(&buffer);
}

static void
cut_short(void **state)
{
    remote_domain_get_memory_parameters_ret params;
    remote_domain_get_xml_desc_args xml;

    for (size_t size = 0; size < sizeof(params_ret); size++) {
        Decoded d = decode(WIRE_remote_domain_get_memory_parameters_ret, params_ret, size, &params);

        assert_int_equal(d.result, -1);
        assert_int_equal(d.err.code, ERR_RPC);
        decoded_done(&d);
    }
    for (size_t size = 0; size < sizeof(xml_desc_args); size++) {
        Decoded d = decode(WIRE_remote_domain_get_xml_desc_args, xml_desc_args, size, &xml);

        assert_int_equal(d.result, -1);
        decoded_done(&d);
    }
}

/* Arrays that are announced but not sent are refused, and nothing was allocated for them. */
static void
announced_not_sent(void **state)
{
    remote_connect_list_all_domains_ret list;
    remote_domain_set_memory_parameters_args params;
    uint8_t many[64] = { 0, 0, 0x40, 0 };
    uint8_t too_many[64] = { 0, 0, 0x40, 1 };
    uint8_t huge[64] = { 0xff, 0xff, 0xff, 0xff };
    const uint8_t *cases[] = { many, too_many, huge };

    for (int i = 0; i < 3; i++) {
        Decoded d = decode(WIRE_remote_connect_list_all_domains_ret, cases[i], 64, &list);

        assert_int_equal(d.result, -1);
        assert_int_equal(d.arena.total, 0);
        decoded_done(&d);
    }
    uint8_t string[] = { 0x7f, 0xff, 0xff, 0xff, 'a', 'b', 'c', 'd' };
    Decoded d = decode(WIRE_remote_domain_set_memory_parameters_args, string, sizeof(string), &params);
    assert_int_equal(d.result, -1);
    assert_int_equal(d.arena.total, 0);
    decoded_done(&d);
}

static void
lies(void **state)
{
    remote_connect_open_args open;
    remote_domain_get_memory_parameters_ret params;
    uint8_t nul[] = { 0, 0, 0, 1, 0, 0, 0, 4, 'q', 0, 'm', 'u', 0, 0, 0, 1 };
    uint8_t flag[] = { 0, 0, 0, 2, 0, 0, 0, 4, 'q', 'e', 'm', 'u', 0, 0, 0, 1 };
    uint8_t type[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0 };
    Decoded d = decode(WIRE_remote_connect_open_args, nul, sizeof(nul), &open);

    assert_int_equal(d.result, -1);
    assert_non_null(strstr(d.err.message, "NUL"));
    decoded_done(&d);
    d = decode(WIRE_remote_connect_open_args, flag, sizeof(flag), &open);
    assert_int_equal(d.result, -1);
    decoded_done(&d);
    d = decode(WIRE_remote_domain_get_memory_parameters_ret, type, sizeof(type), &params);
    assert_int_equal(d.result, -1);
    assert_non_null(strstr(d.err.message, "unknown type 9"));
    decoded_done(&d);
}

/* Neighbouring strings with and without padding keep their bytes when they are made C strings in place. */
static void
strings_in_place(void **state)
{
    remote_domain_set_metadata_args in = { .dom = { .name = "abcd", .id = 7 }, .type = 1, .flags = 3 };
    remote_domain_set_metadata_args out;
    const char *texts[] = { "", "a", "ab", "abc", "abcd", "abcde" };

    for (int i = 0; i < 6 * 6 * 6; i++) {
        WireBuffer buffer = WIRE_BUFFER_INIT(4096);

        in.metadata = texts[i % 6];
        in.key = texts[i / 6 % 6];
        in.uri = i / 36 == 5 ? NULL : texts[i / 36];
        assert_int_equal(wire_encode(WIRE_remote_domain_set_metadata_args, &in, &buffer, NULL), 0);
        Decoded d = decode(WIRE_remote_domain_set_metadata_args, buffer.data, buffer.len, &out);
        assert_int_equal(d.result, 0);
        assert_string_equal(out.dom.name, "abcd");
        assert_string_equal(out.metadata, in.metadata);
        assert_string_equal(out.key, in.key);
        if (in.uri) {
            assert_string_equal(out.uri, in.uri);
        } else {
            assert_null(out.uri);
        }
        assert_int_equal(out.flags, 3);
        decoded_done(&d);
        wire_buffer_done(&buffer);
    }
}

static void
encode_bounds(void **state)
{
    WireBuffer buffer = WIRE_BUFFER_INIT(64);
    _cleanup_error_ Error err = ERROR_INIT;
    g_autofree char *longer = g_strnfill(100, 'x');
    remote_connect_open_args open = { .name = longer };
    remote_domain_define_xml_args define = { .xml = NULL };
    remote_connect_list_all_domains_ret list = { .n_domains = 16385 };

    assert_int_equal(wire_encode(WIRE_remote_connect_open_args, &open, &buffer, &err), -1);
    assert_int_equal(buffer.len, 0);
    error_done(&err);
    assert_int_equal(wire_encode(WIRE_remote_domain_define_xml_args, &define, &buffer, &err), -1);
    assert_int_equal(err.code, ERR_INTERNAL_ERROR);
    error_done(&err);
    assert_int_equal(wire_encode(WIRE_remote_connect_list_all_domains_ret, &list, &buffer, &err), -1);
    assert_int_equal(buffer.len, 0);
    wire_buffer_done(&buffer);
}

/* What follows the value is ignored: newer clients may append members. */
static void
trailing_bytes(void **state)
{
    uint8_t data[sizeof(open_args) + 12] = { 0 };
    remote_connect_open_args open;

    memcpy(data, open_args, sizeof(open_args));
    Decoded d = decode(WIRE_remote_connect_open_args, data, sizeof(data), &open);
    assert_int_equal(d.result, 0);
    assert_string_equal(open.name, "qemu");
    decoded_done(&d);
}

/* Random bytes through every type: no crash, and what decodes encodes again. */
static void
every_type(void **state)
{
    GRand *random = g_rand_new_with_seed(20240);
    uint8_t data[512];
    unsigned int decoded = 0;

    for (unsigned int type = 1; type < wire_n_structs; type++) {
        for (int round = 0; round < 20; round++) {
            g_autofree void *value = g_malloc(wire_structs[type].size);
            size_t size = g_rand_int_range(random, 0, sizeof(data));

            for (size_t i = 0; i < sizeof(data); i++)
                data[i] = i % 4 == 3 ? g_rand_int_range(random, 0, 8) : 0;
            Decoded d = decode(type, data, size, value);
            if (d.result == 0) {
                WireBuffer buffer = WIRE_BUFFER_INIT(1 << 20);

                decoded++;
                assert_int_equal(wire_encode(type, value, &buffer, &d.err), 0);
                wire_buffer_done(&buffer);
            }
            decoded_done(&d);
        }
    }
    assert_true(decoded > 100);
    g_rand_free(random);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_decode),
        cmocka_unit_test(golden_encode),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(announced_not_sent),
        cmocka_unit_test(lies),
        cmocka_unit_test(strings_in_place),
        cmocka_unit_test(encode_bounds),
        cmocka_unit_test(trailing_bytes),
        cmocka_unit_test(every_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
