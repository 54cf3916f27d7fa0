/* The schema engine on a small table: each row kind parses, formats, copies and compares; hostile text is refused. */
#include "common/xml/document.h"
#include "common/xml/grammar.h"
#include "common/xml/schema.h"
#include "tests/unit/unit.h"

#include <string.h>

typedef enum Shape { SHAPE_ABSENT = 0, SHAPE_ROUND, SHAPE_SQUARE } Shape;
typedef struct Wheel { OptUint size; char *brand; } Wheel;
typedef struct Cart {
    Shape shape;
    OptUint radius, side;
    char *name;
    Tri covered;
    OptU64 load; /* KiB, to have a size with a unit */
    bool horn, bell;
    OptUint tone;
    Uuid uuid;
    Mac mac;
    Bitmap *seats;
    LIST(Wheel) wheels;
    Wheel *spare;
    StringList words;
    char *notes;
    OptInt temperature;
    char *password;
} Cart;

static const char *const shape_names[] = { NULL, "round", "square", NULL };
static const XmlRow wheel_rows[] = { A_UINT("size", Wheel, size, "inches", .flags = XR_REQUIRED), T_STR(Wheel, brand, "brand"), ROWS_END };
static SCHEMA(wheel_schema, "wheel", Wheel, wheel_rows, "a wheel");
static const XmlRow bell_rows[] = { PRESENT(Cart, bell), A_UINT("tone", Cart, tone, "Hz", .max = 20000), ROWS_END };
static SCHEMA(bell_schema, "bell", Cart, bell_rows, "a bell");
static const XmlRow cart_rows[] = {
    A_ENUM("shape", Cart, shape, shape_names, "form", .flags = XR_ABI),
    A_UINT("radius", Cart, radius, "of a round one", WHEN(Cart, shape, SHAPE_ROUND)),
    A_UINT("side", Cart, side, "of a square one", WHEN(Cart, shape, SHAPE_SQUARE)),
    A_YESNO("covered", Cart, covered, "has a roof"),
    A_SET("seats", Cart, seats, "numbers"),
    A_MAC("mac", Cart, mac, "address"),
    A_STR("password", Cart, password, "secret", .flags = XR_SECURE),
    E_STR("name", Cart, name, "what it is called"),
    E_UUID("uuid", Cart, uuid, "identity"),
    SIZE("load", Cart, load, 1024, "what it bears"),
    FLAG("horn", Cart, horn, "has one"),
    GROUP("bell", bell_schema, "has one"),
    ITEMS("wheel", Cart, wheels, wheel_schema, "a wheel"),
    PTR("spare", Cart, spare, wheel_schema, "one more"),
    STRINGS("word", Cart, words, "a word"),
    E_INT("temperature", Cart, temperature, "now", .flags = XR_LIVE),
    RAW("notes", Cart, notes, "anything"),
    ROWS_END,
};
static SCHEMA(cart_schema, "cart", Cart, cart_rows, "a cart");

/* NULL and err when refused */
static Cart *
read_cart(const char *text, unsigned flags, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;
    XmlParse parse = { .flags = flags, .domain = FROM_DOMAIN };
    Cart *cart;

    if (xml_document_load(text, "cart", FROM_DOMAIN, &doc, err) < 0)
        return NULL;
    cart = xml_read_new(&parse, xmlDocGetRootElement(doc), &cart_schema);
    assert_int_equal(xml_parse_result(&parse, err), cart ? 0 : -1);
    xml_parse_done(&parse);
    return cart;
}

static const char canonical[] =
    "<cart shape='round' radius='3' covered='yes' seats='0-2,7' mac='52:54:00:00:00:01'>\n"
    "  <name>A &amp; B</name>\n"
    "  <uuid>00112233-4455-6677-8899-aabbccddeeff</uuid>\n"
    "  <load unit='KiB'>2048</load>\n"
    "  <horn/>\n"
    "  <bell tone='440'/>\n"
    "  <wheel size='20'>X</wheel>\n"
    "  <wheel size='22'/>\n"
    "  <spare size='20'/>\n"
    "  <word>a</word>\n"
    "  <word>b</word>\n"
    "  <notes>\n"
    "    <x:y xmlns:x=\"urn:x\">\n"
    "      <x:z/>\n"
    "    </x:y>\n"
    "  </notes>\n"
    "</cart>\n";

static void
round_trip(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    Cart *cart = read_cart("<cart covered='yes' shape='round' radius='3' side='9' seats='7,0-3,^3' mac='52:54:0:0:0:1'>"
                           "<word>a</word><wheel size='20'>X</wheel><wheel size='22'/><word>b</word><horn/><spare size='20'/>"
                           "<load unit='MB'>2.097</load></cart>", 0, &err);
    g_autofree char *text = NULL, *again = NULL;
    Cart *copy;

    assert_null(cart); /* 2.097 is no whole number */
    assert_int_equal(err.code, ERR_XML_ERROR);
    error_done(&err);
    cart = read_cart(canonical, 0, &err);
    assert_non_null(cart);
    assert_int_equal(cart->wheels.n, 2);
    assert_int_equal(cart->load.v, 2048);
    assert_true(bitmap_get(cart->seats, 7) && !bitmap_get(cart->seats, 3));
    text = xml_to_text("cart", &cart_schema, cart, 0);
    assert_string_equal(text, canonical);
    copy = xml_copy(&cart_schema, cart);
    assert_null(xml_compare(&cart_schema, cart, copy, 0));
    xml_free(&cart_schema, cart);
    again = xml_to_text("cart", &cart_schema, copy, 0);
    assert_string_equal(again, canonical);
    xml_free(&cart_schema, copy);
}

static void
absence_is_a_value(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    Cart *cart = read_cart("<cart/>", 0, &err);
    g_autofree char *text = xml_to_text("cart", &cart_schema, cart, 0);

    assert_string_equal(text, "<cart/>\n");
    xml_free(&cart_schema, cart);
    cart = read_cart("<cart shape='square' radius='3' side='0'><name></name><bell/></cart>", 0, &err);
    assert_false(cart->radius.set); /* only round ones have one */
    assert_true(cart->side.set);
    assert_true(cart->bell && !cart->tone.set);
    g_free(text);
    text = xml_to_text("cart", &cart_schema, cart, 0);
    assert_string_equal(text, "<cart shape='square' side='0'>\n  <name/>\n  <bell/>\n</cart>\n");
    xml_free(&cart_schema, cart);
}

static void
sizes_have_units(void **state)
{
    static const struct { const char *unit, *text; unsigned long long kib; } cases[] = {
        { "", "5", 5 }, { "unit=''", "5", 5 }, { "unit='bytes'", "1025", 2 }, { "unit='KB'", "1024", 1000 }, { "unit='GiB'", "1", 1 << 20 }, { "unit='m'", "2", 2048 },
    };
    static const struct { const char *text; ErrorCode code; } bad[] = {
        { "<cart><load unit='parsec'>1</load></cart>", ERR_INVALID_ARG }, { "<cart><load>-1</load></cart>", ERR_XML_ERROR },
        { "<cart><load>1x</load></cart>", ERR_XML_ERROR }, { "<cart><load unit='EiB'>99</load></cart>", ERR_OVERFLOW },
        { "<cart><load>99999999999999999999</load></cart>", ERR_XML_ERROR },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *text = g_strdup_printf("<cart><load %s>%s</load></cart>", cases[i].unit, cases[i].text);
        Cart *cart = read_cart(text, 0, &err);

        assert_non_null(cart);
        assert_int_equal(cart->load.v, cases[i].kib);
        xml_free(&cart_schema, cart);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        _cleanup_error_ Error err = ERROR_INIT;

        assert_null(read_cart(bad[i].text, 0, &err));
        assert_int_equal(err.code, bad[i].code);
    }
}

static void
foreign_content_is_kept(void **state)
{
    static const char *const notes[] = {
        "<notes>\n  <x:a xmlns:x=\"urn:x\"> one\ntwo </x:a>\n</notes>",
        "<notes>text <x:b xmlns:x=\"urn:x\"/>\n  <x:c xmlns:x=\"urn:x\"/> tail\n</notes>",
        "<notes><x:a xmlns:x=\"urn:x\">\n\n   </x:a><!-- a>\n <b --></notes>",
        "<notes><x:a xmlns:x=\"urn:x\" y=\"&lt;&#10;&quot;\"><![CDATA[<&>\n<x>]]></x:a></notes>",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++) {
        _cleanup_error_ Error err = ERROR_INIT;
        g_autofree char *text = g_strdup_printf("<cart>%s</cart>", notes[i]), *first = NULL, *second = NULL;
        Cart *cart = read_cart(text, 0, &err), *again;

        assert_non_null(cart);
        first = xml_to_text("cart", &cart_schema, cart, 0);
        again = read_cart(first, 0, &err);
        assert_non_null(again);
        second = xml_to_text("cart", &cart_schema, again, 0);
        assert_string_equal(first, second);
        assert_string_equal(cart->notes, again->notes);
        xml_free(&cart_schema, cart);
        xml_free(&cart_schema, again);
    }
}

static void
flags_choose_rows(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    Cart *cart = read_cart("<cart password='x'><temperature>-4</temperature></cart>", 0, &err);
    g_autofree char *live = xml_to_text("cart", &cart_schema, cart, XML_SECURE);
    g_autofree char *inactive = xml_to_text("cart", &cart_schema, cart, XML_INACTIVE);

    assert_string_equal(live, "<cart password='x'>\n  <temperature>-4</temperature>\n</cart>\n");
    assert_string_equal(inactive, "<cart/>\n");
    xml_free(&cart_schema, cart);
    cart = read_cart(live, XML_INACTIVE, &err);
    assert_false(cart->temperature.set);
    xml_free(&cart_schema, cart);
}

static void
errors_name_place_and_remedy(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;

    assert_null(read_cart("<cart>\n<wheel size='3'/>\n<wheel/>\n<bell tone='99999'/></cart>", 0, &err));
    assert_int_equal(err.code, ERR_XML_ERROR);
    assert_non_null(strstr(err.message, "/cart/bell"));
    assert_non_null(strstr(err.message, "line 4"));
    assert_non_null(strstr(err.str2, "/cart/wheel[2]")); /* both problems in one pass */
    error_done(&err);
    assert_null(read_cart("<cart shape='ruond'/>", 0, &err));
    assert_non_null(strstr(err.message, "did you mean 'round'?"));
    error_done(&err);
    assert_null(read_cart("<cart><name>a</name><name>b</name></cart>", 0, &err));
    assert_non_null(strstr(err.message, "twice"));
    error_done(&err);
    assert_null(read_cart("<cart><whee size='1'/></cart>", XML_VALIDATE, &err));
    assert_int_equal(err.code, ERR_XML_INVALID_SCHEMA);
    assert_non_null(strstr(err.message, "did you mean 'wheel'?"));
    error_done(&err);
    Cart *cart = read_cart("<cart><whee size='1'/></cart>", 0, &err);
    assert_non_null(cart); /* unknown content is passed over unless validation is asked for */
    xml_free(&cart_schema, cart);
}

static void
hostile_text(void **state)
{
    GString *deep = g_string_new(NULL);
    GString *big = g_string_new("<cart><name>");
    g_autofree char *bomb = g_strdup("<!DOCTYPE cart [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
                                     "<cart><name>&b;&b;</name></cart>");
    const struct { const char *text; int code; } cases[] = {
        { bomb, ERR_XML_ERROR }, { "<!DOCTYPE cart SYSTEM 'http://127.0.0.1/x'><cart/>", ERR_XML_ERROR },
        { "<cart", ERR_XML_DETAIL }, { "", ERR_XML_DETAIL }, { "plain", ERR_XML_DETAIL }, { "<cart>&undefined;</cart>", ERR_XML_DETAIL },
        { "<cart><name>\xff\xfe</name></cart>", ERR_XML_DETAIL }, { "<cart/><cart/>", ERR_XML_DETAIL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        _cleanup_error_ Error err = ERROR_INIT;

        assert_null(read_cart(cases[i].text, 0, &err));
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(err.domain, FROM_DOMAIN);
    }
    for (int i = 0; i < 300; i++)
        g_string_append(deep, "<a>");
    for (int i = 0; i < 300; i++)
        g_string_append(deep, "</a>");
    for (int i = 0; i <= XML_MAX_TEXT / 10; i++)
        g_string_append(big, "0123456789");
    g_string_append(big, "</name></cart>");
    for (int i = 0; i < 2; i++) {
        _cleanup_error_ Error err = ERROR_INIT;

        assert_null(read_cart(i ? big->str : deep->str, 0, &err));
        assert_true(err.code == ERR_XML_ERROR || err.code == ERR_XML_DETAIL);
    }
    g_string_free(deep, TRUE);
    g_string_free(big, TRUE);
}

static void
encodings(void **state)
{
    static const char *const fine[] = {
        "<?xml version='1.0' encoding='ISO-8859-1'?><cart><name>\xe9</name></cart>",
        "<?xml version='1.0' encoding='UTF-8'?><cart><name>\xc3\xa9</name></cart>", "\xef\xbb\xbf<cart><name>\xc3\xa9</name></cart>",
        "<!-- c --><cart><name>&#233;</name></cart><!-- d -->", "<cart><name><![CDATA[\xc3\xa9]]></name></cart>",
    };
    static const char *const wrong[] = {
        "<?xml version='1.0' encoding='no-such'?><cart/>", "<?xml version='1.0' encoding='UTF-8'?><cart><name>\xe9</name></cart>",
        "<?xml version='1.0' encoding='UTF-16'?><cart><name>\xe9\xff</name></cart>", "<cart><name>\x01</name></cart>",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
        _cleanup_error_ Error err = ERROR_INIT;
        Cart *cart = read_cart(fine[i], 0, &err);

        assert_non_null(cart);
        assert_string_equal(cart->name, "\xc3\xa9");
        xml_free(&cart_schema, cart);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        _cleanup_error_ Error err = ERROR_INIT;

        assert_null(read_cart(wrong[i], 0, &err));
        assert_int_equal(err.code, ERR_XML_DETAIL);
    }
}

static void
comparison_names_the_row(void **state)
{
    _cleanup_error_ Error err = ERROR_INIT;
    Cart *a = read_cart("<cart shape='round' radius='1'><wheel size='1'/></cart>", 0, &err);
    Cart *b = read_cart("<cart shape='round' radius='1'><wheel size='2'/></cart>", 0, &err);
    g_autofree char *path = xml_compare(&cart_schema, a, b, 0);

    assert_string_equal(path, "wheel@size");
    assert_null(xml_compare(&cart_schema, a, b, XR_ABI)); /* only the shape is ABI here */
    xml_free(&cart_schema, a);
    xml_free(&cart_schema, b);
}

static void
bitmaps(void **state)
{
    static const char *const bad[] = { "a", "1-", "-1", "3-1", "1,,2", "16384", "1 2", "99999999999999999999", "^1-2" };
    Bitmap *map = bitmap_parse("0-3,^2,64,65");
    g_autofree char *text = bitmap_format(map);

    assert_string_equal(text, "0-1,3,64-65");
    assert_int_equal(bitmap_count(map), 5);
    assert_int_equal(bitmap_next(map, 3), 64);
    assert_int_equal(bitmap_last(map), 65);
    bitmap_free(map);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_null(bitmap_parse(bad[i]));
}

static void
documents_from_tables(void **state)
{
    g_autofree char *grammar = xml_grammar("cart", &cart_schema, NULL, NULL);
    g_autofree char *page = xml_reference("cart", &cart_schema);

    assert_non_null(strstr(grammar, "<choice><group>")); /* shape is a choice */
    assert_non_null(strstr(page, "`round`, `square`"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(absence_is_a_value),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(foreign_content_is_kept),
        cmocka_unit_test(flags_choose_rows),
        cmocka_unit_test(errors_name_place_and_remedy),
        cmocka_unit_test(hostile_text),
        cmocka_unit_test(encodings),
        cmocka_unit_test(comparison_names_the_row),
        cmocka_unit_test(bitmaps),
        cmocka_unit_test(documents_from_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
