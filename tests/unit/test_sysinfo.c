/* SMBIOS tables: what is shown of a good one, and that none of its truncations or corruptions is trusted. */
#include <glib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "virtqemud/caps/sysinfo.h"

/* BIOS; system with a UUID; an empty and a filled memory slot; OEM strings; the end. */
static const uint8_t table[] =
    "\x00\x18\x00\x00" "\x01\x02\x00\xf0\x03\xff" "\0\0\0\0\0\0\0\0" "\0\0" "\x05\x07" "\0\0" "Maker\0Version 1 \0" "01/02/2020\0\0"
    "\x01\x1b\x01\x00" "\x01\x02\x00\x00" "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff" "\x06\x00\x03"
    "Someone\0A <machine>\0Fam\x01ily\0\0"
    "\x11\x1b\x02\x00" "\0\0\0\0\0\0\0\0" "\x00\x00" "\x09\x00\x01\x00\x1a\0\0\0\0\0\0\0\0" "DIMM 0\0\0"
    "\x11\x1b\x03\x00" "\0\0\0\0\0\0\0\0" "\x00\x40" "\x09\x00\x01\x00\x1a\0\0\x80\x0c\0\0\0\0" "DIMM 1\0\0"
    "\x0b\x05\x04\x00\x02" "one\0two\0\0"
    "\x7f\x04\x05\x00\0\0";

static void
shows_the_machine(void **state)
{
    g_autofree char *xml = sysinfo_format(table, sizeof(table) - 1);

    assert_string_equal(xml,
                        "<sysinfo type='smbios'>\n"
                        "  <bios>\n"
                        "    <entry name='vendor'>Maker</entry>\n"
                        "    <entry name='version'>Version 1</entry>\n"
                        "    <entry name='date'>01/02/2020</entry>\n"
                        "    <entry name='release'>5.7</entry>\n"
                        "  </bios>\n"
                        "  <system>\n"
                        "    <entry name='manufacturer'>Someone</entry>\n"
                        "    <entry name='product'>A &lt;machine&gt;</entry>\n"
                        "    <entry name='uuid'>00112233-4455-6677-8899-aabbccddeeff</entry>\n"
                        "    <entry name='family'>Fam?ily</entry>\n"
                        "  </system>\n"
                        "  <memory_device>\n"
                        "    <entry name='size'>16 GB</entry>\n"
                        "    <entry name='form_factor'>DIMM</entry>\n"
                        "    <entry name='locator'>DIMM 1</entry>\n"
                        "    <entry name='type'>DDR4</entry>\n"
                        "    <entry name='speed'>3200 MT/s</entry>\n"
                        "  </memory_device>\n"
                        "  <oemStrings>\n"
                        "    <entry>one</entry>\n"
                        "    <entry>two</entry>\n"
                        "  </oemStrings>\n"
                        "</sysinfo>\n");
}

/* Each in memory of exactly its size, so that valgrind and ASan see a step too far. */
static void
survives_anything(void **state)
{
    for (size_t n = 0; n < sizeof(table); n++) {
        g_autofree uint8_t *part = g_memdup2(table, MAX(n, 1));
        g_autofree char *xml = sysinfo_format(part, n);
    }
    for (size_t i = 0; i < sizeof(table) - 1; i++) {
        g_autofree uint8_t *bent = g_memdup2(table, sizeof(table) - 1);

        for (unsigned v = 1; v < 256; v += 51) {
            bent[i] = (uint8_t)(table[i] + v);
            g_autofree char *xml = sysinfo_format(bent, sizeof(table) - 1);
        }
    }
    assert_null(sysinfo_format((const uint8_t *)"", 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(shows_the_machine), cmocka_unit_test(survives_anything) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
