#include "virtqemud/caps/sysinfo.h"

#include <glib.h>
#include <string.h>

#include "common/xml/writer.h"

/* One structure of the table (SMBIOS specification, section 6.1). */
typedef struct {
    const uint8_t *data;
    size_t length;       /* of the formatted part */
    const char *strings; /* up to end */
    const char *end;
} Structure;

enum { TYPE_BIOS = 0, TYPE_SYSTEM = 1, TYPE_BOARD = 2, TYPE_CHASSIS = 3, TYPE_PROCESSOR = 4, TYPE_OEM = 11, TYPE_MEMORY = 17,
       TYPE_END = 127 };

/* Step over one structure; false at the end or at nonsense. */
static bool
next_structure(const uint8_t **at, const uint8_t *end, Structure *ret)
{
    const uint8_t *p = *at, *s;

    if (end - p < 4 || p[1] < 4 || end - p < p[1] || p[0] == TYPE_END)
        return false;
    for (s = p + p[1]; s + 1 < end && (s[0] || s[1]); s++)
        ;
    if (s + 1 >= end)
        return false;
    *ret = (Structure){ p, p[1], (const char *)(p + p[1]), (const char *)s + 1 };
    *at = s + 2;
    return true;
}

/* The text of a number among the structure's strings, trimmed; NULL when there is none. */
static char *
numbered(const Structure *s, unsigned number)
{
    const char *at = s->strings;

    for (; number > 1 && at < s->end; number--)
        at += strnlen(at, (size_t)(s->end - at)) + 1;
    if (number == 0 || at >= s->end)
        return NULL;
    char *text = g_strndup(at, strnlen(at, (size_t)(s->end - at)));

    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return g_strstrip(text);
}

static unsigned
byte(const Structure *s, size_t offset)
{
    return offset < s->length ? s->data[offset] : 0;
}

static unsigned
word(const Structure *s, size_t offset)
{
    return byte(s, offset) | byte(s, offset + 1) << 8;
}

static void
entry(XmlWriter *w, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    xml_writer_start(w, "entry");
    if (name)
        xml_writer_attr(w, "name", name);
    xml_writer_end_text(w, "entry", value);
}

/* --- kinds of values --- */

typedef enum { AS_STRING, AS_UUID, AS_RELEASE, AS_MHZ, AS_MTS, AS_SIZE, AS_STATUS, AS_TABLE } How;

static const char *const processor_types[] = { NULL, "Other", "Unknown", "Central Processor", "Math Processor", "DSP Processor",
                                               "Video Processor", NULL };
static const char *const form_factors[] = { NULL, "Other", "Unknown", "SIMM", "SIP", "Chip", "DIP", "ZIP", "Proprietary Card", "DIMM",
                                            "TSOP", "Row Of Chips", "RIMM", "SODIMM", "SRIMM", "FB-DIMM", "Die", NULL };
static const char *const memory_types[] = { NULL, "Other", "Unknown", "DRAM", "EDRAM", "VRAM", "SRAM", "RAM", "ROM", "Flash", "EEPROM",
                                            "FEPROM", "EPROM", "CDRAM", "3DRAM", "SDRAM", "SGRAM", "RDRAM", "DDR", "DDR2",
                                            "DDR2 FB-DIMM", "Reserved", "Reserved", "Reserved", "DDR3", "FBD2", "DDR4", "LPDDR",
                                            "LPDDR2", "LPDDR3", "LPDDR4", "Logical non-volatile device", "HBM", "HBM2", "DDR5",
                                            "LPDDR5", NULL };

typedef struct {
    const char *name;
    size_t offset;
    How how;
    const char *const *table;
    size_t n;
} Field;

#define TABLE(t) AS_TABLE, t, G_N_ELEMENTS(t) - 1

static char *
uuid_text(const Structure *s, size_t o)
{
    bool all_zero = true, all_one = true;

    if (o + 16 > s->length)
        return NULL;
    for (size_t i = o; i < o + 16; i++) {
        all_zero = all_zero && s->data[i] == 0;
        all_one = all_one && s->data[i] == 0xff;
    }
    if (all_zero || all_one)
        return NULL;
    const uint8_t *u = s->data + o; /* the first three groups are little endian */

    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[3], u[2], u[1], u[0], u[5], u[4],
                           u[7], u[6], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* A memory device's: 16 bits in MB or KB, or 32 bits in MB where those do not suffice. */
static char *
size_text(const Structure *s, size_t o)
{
    unsigned size = word(s, o);
    uint64_t mb = size & 0x7fff;

    if (size == 0 || size == 0xffff)
        return NULL; /* nothing in the slot, or not known */
    if (size & 0x8000)
        return g_strdup_printf("%u kB", size & 0x7fff);
    if (size == 0x7fff)
        mb = (uint64_t)word(s, 0x1c) | (uint64_t)word(s, 0x1e) << 16;
    return mb % 1024 == 0 ? g_strdup_printf("%" G_GUINT64_FORMAT " GB", mb / 1024) : g_strdup_printf("%" G_GUINT64_FORMAT " MB", mb);
}

static char *
status_text(unsigned status)
{
    static const char *const names[] = { "Unknown", "Enabled", "Disabled By User", "Disabled By BIOS", "Idle", "<OUT OF SPEC>",
                                         "<OUT OF SPEC>", "Other" };

    return status & 0x40 ? g_strdup_printf("Populated, %s", names[status & 7]) : g_strdup("Unpopulated");
}

static char *
value_of(const Structure *s, const Field *f)
{
    unsigned v = byte(s, f->offset);

    if (f->offset >= s->length)
        return NULL;
    switch (f->how) {
    case AS_STRING:
        return numbered(s, v);
    case AS_UUID:
        return uuid_text(s, f->offset);
    case AS_RELEASE:
        return v == 0xff ? NULL : g_strdup_printf("%u.%u", v, byte(s, f->offset + 1));
    case AS_MHZ:
        return word(s, f->offset) ? g_strdup_printf("%u MHz", word(s, f->offset)) : NULL;
    case AS_MTS:
        return word(s, f->offset) ? g_strdup_printf("%u MT/s", word(s, f->offset)) : NULL;
    case AS_SIZE:
        return size_text(s, f->offset);
    case AS_STATUS:
        return status_text(v);
    case AS_TABLE:
        return v < f->n ? g_strdup(f->table[v]) : NULL;
    }
    return NULL;
}

/* --- the structures shown, each with its fields in the order they are shown --- */

static const Field bios_fields[] = { { "vendor", 4, AS_STRING }, { "version", 5, AS_STRING }, { "date", 8, AS_STRING },
                                     { "release", 0x14, AS_RELEASE }, { 0 } };
static const Field system_fields[] = { { "manufacturer", 4, AS_STRING }, { "product", 5, AS_STRING }, { "version", 6, AS_STRING },
                                       { "serial", 7, AS_STRING }, { "uuid", 8, AS_UUID }, { "sku", 0x19, AS_STRING },
                                       { "family", 0x1a, AS_STRING }, { 0 } };
static const Field board_fields[] = { { "manufacturer", 4, AS_STRING }, { "product", 5, AS_STRING }, { "version", 6, AS_STRING },
                                      { "serial", 7, AS_STRING }, { "asset", 8, AS_STRING }, { "location", 0xa, AS_STRING }, { 0 } };
static const Field chassis_fields[] = { { "manufacturer", 4, AS_STRING }, { "version", 6, AS_STRING }, { "serial", 7, AS_STRING },
                                        { "asset", 8, AS_STRING }, { 0 } };
static const Field processor_fields[] = { { "socket_destination", 4, AS_STRING }, { "type", 5, TABLE(processor_types) },
                                          { "manufacturer", 7, AS_STRING }, { "version", 0x10, AS_STRING },
                                          { "external_clock", 0x12, AS_MHZ }, { "max_speed", 0x14, AS_MHZ },
                                          { "status", 0x18, AS_STATUS }, { "serial_number", 0x20, AS_STRING },
                                          { "part_number", 0x22, AS_STRING }, { 0 } };
static const Field memory_fields[] = { { "size", 0xc, AS_SIZE }, { "form_factor", 0xe, TABLE(form_factors) },
                                       { "locator", 0x10, AS_STRING }, { "bank_locator", 0x11, AS_STRING },
                                       { "type", 0x12, TABLE(memory_types) }, { "speed", 0x15, AS_MTS },
                                       { "manufacturer", 0x17, AS_STRING }, { "serial_number", 0x18, AS_STRING },
                                       { "part_number", 0x1a, AS_STRING }, { 0 } };

static const struct {
    unsigned type;
    const char *element;
    const Field *fields; /* NULL: all strings, without names */
    bool once;
} shown[] = {
    { TYPE_BIOS, "bios", bios_fields, true },          { TYPE_SYSTEM, "system", system_fields, true },
    { TYPE_BOARD, "baseBoard", board_fields, false },  { TYPE_CHASSIS, "chassis", chassis_fields, true },
    { TYPE_PROCESSOR, "processor", processor_fields, false }, { TYPE_MEMORY, "memory_device", memory_fields, false },
    { TYPE_OEM, "oemStrings", NULL, true },
};

static void
format_structure(XmlWriter *w, const Structure *s, const char *element, const Field *fields)
{
    XmlMark mark = xml_writer_start(w, element);

    for (; fields && fields->name; fields++) {
        g_autofree char *value = value_of(s, fields);

        entry(w, fields->name, value);
    }
    for (unsigned i = 1; !fields && i <= byte(s, 4); i++) {
        g_autofree char *value = numbered(s, i);

        entry(w, NULL, value);
    }
    xml_writer_end_optional(w, element, mark);
}

/* An empty slot of memory is no memory. */
static bool
is_shown(const Structure *s)
{
    return s->data[0] != TYPE_MEMORY || word(s, 0xc) != 0;
}

char *
sysinfo_format(const uint8_t *table, size_t size)
{
    bool any = false;
    XmlWriter w;

    xml_writer_init(&w);
    xml_writer_start(&w, "sysinfo");
    xml_writer_attr(&w, "type", "smbios");
    for (size_t i = 0; i < G_N_ELEMENTS(shown); i++) {
        const uint8_t *at = table;
        Structure s;
        bool done = false;

        while (!done && next_structure(&at, table + size, &s)) {
            if (s.data[0] != shown[i].type || !is_shown(&s))
                continue;
            format_structure(&w, &s, shown[i].element, shown[i].fields);
            any = true;
            done = shown[i].once;
        }
    }
    xml_writer_end(&w, "sysinfo");
    if (any)
        return xml_writer_steal(&w);
    xml_writer_done(&w);
    return NULL;
}
