#include "common/xml/value.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/xml/schema.h"

void
list_insert(AnyList *list, size_t at, void *item)
{
    list->items = g_renew(void *, list->items, list->n + 1);
    memmove(list->items + at + 1, list->items + at, (list->n - at) * sizeof(void *));
    list->items[at] = item;
    list->n++;
}

void *
list_take(AnyList *list, size_t at)
{
    void *item = list->items[at];

    list->n--;
    memmove(list->items + at, list->items + at + 1, (list->n - at) * sizeof(void *));
    return item;
}

int
enum_from_name(const char *const *names, const char *text)
{
    for (int i = 1; names[i]; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return ENUM_INVALID;
}

bool
parse_u64(const char *text, int base, unsigned long long *ret_value)
{
    unsigned long long value;
    char *end;

    if (!g_ascii_isxdigit(*text))
        return false;
    errno = 0;
    value = strtoull(text, &end, base);
    if (errno || end == text || *end)
        return false;
    *ret_value = value;
    return true;
}

bool
parse_i64(const char *text, int base, long long *ret_value)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    long long value;
    char *end;

    if (!g_ascii_isxdigit(*digits))
        return false;
    errno = 0;
    value = strtoll(text, &end, base);
    if (errno || *end)
        return false;
    *ret_value = value;
    return true;
}

static int
explain(char **ret_why, const char *text)
{
    *ret_why = g_strdup(text);
    return -1;
}

/* Bytes per unit; 0 when unknown. */
static unsigned long long
unit_scale(const char *unit)
{
    static const char letters[] = "KMGTPE";
    const char *letter;
    unsigned long long base, scale = 1;

    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strcasecmp(unit, "byte") == 0 ||
        g_ascii_strcasecmp(unit, "bytes") == 0)
        return 1;
    letter = *unit ? strchr(letters, g_ascii_toupper(*unit)) : NULL;
    if (!letter)
        return 0;
    if (!unit[1] || g_ascii_strcasecmp(unit + 1, "iB") == 0)
        base = 1024;
    else if (g_ascii_strcasecmp(unit + 1, "B") == 0)
        base = 1000;
    else
        return 0;
    for (long i = 0; i <= letter - letters; i++)
        scale *= base;
    return scale;
}

int
parse_size(const char *text, const char *unit, unsigned long long default_scale, unsigned long long *ret_bytes,
           char **ret_why)
{
    unsigned long long value, scale = unit ? unit_scale(unit) : default_scale;

    if (!scale) {
        *ret_why = g_strdup_printf("unknown unit '%s'; known: bytes, KiB, KB, MiB, MB, ... EiB, EB", unit);
        return SIZE_BAD_UNIT;
    }
    if (!parse_u64(text, 10, &value)) {
        explain(ret_why, "not a whole number of at most 64 bits");
        return SIZE_MALFORMED;
    }
    if (value > ULLONG_MAX / scale || value * scale > LLONG_MAX) {
        explain(ret_why, "size too large");
        return SIZE_TOO_LARGE;
    }
    *ret_bytes = value * scale;
    return 0;
}

bool
mac_parse(const char *text, Mac *ret_mac)
{
    Mac mac = { .set = true };

    for (int i = 0; i < 6; i++) {
        unsigned value = 0;
        int digits = 0;

        for (; g_ascii_isxdigit(*text) && digits < 2; digits++, text++)
            value = value << 4 | g_ascii_xdigit_value(*text);
        if (!digits || *text != (i < 5 ? ':' : '\0'))
            return false;
        text++;
        mac.b[i] = value;
    }
    *ret_mac = mac;
    return true;
}

char *
mac_format(const Mac *mac)
{
    const uint8_t *b = mac->b;

    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

bool
uuid_parse(const char *text, Uuid *ret_uuid)
{
    Uuid uuid = { .set = true };

    while (g_ascii_isspace(*text))
        text++;
    for (int i = 0; i < 16; i++) {
        while (*text == '-')
            text++;
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
            return false;
        uuid.b[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
        text += 2;
    }
    while (g_ascii_isspace(*text))
        text++;
    if (*text)
        return false;
    *ret_uuid = uuid;
    return true;
}

const char *
uuid_format(const Uuid *uuid, char buffer[UUID_TEXT_SIZE])
{
    char *out = buffer;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        out += g_snprintf(out, 3, "%02x", uuid->b[i]);
    }
    return buffer;
}

bool
mac_generate(Mac *ret_mac)
{
    Mac mac = { .set = true, .b = { 0x52, 0x54, 0x00 } };

    if (getrandom(mac.b + 3, 3, 0) != 3)
        return false;
    *ret_mac = mac;
    return true;
}

bool
uuid_generate(Uuid *ret_uuid)
{
    Uuid uuid = { .set = true };

    if (getrandom(uuid.b, sizeof(uuid.b), 0) != sizeof(uuid.b))
        return false;
    uuid.b[6] = (uuid.b[6] & 0x0f) | 0x40;
    uuid.b[8] = (uuid.b[8] & 0x3f) | 0x80;
    *ret_uuid = uuid;
    return true;
}

static unsigned
edit_distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t la = strlen(a), lb = strlen(b);

    if (la >= G_N_ELEMENTS(row) || lb >= G_N_ELEMENTS(row))
        return UINT_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned change = diagonal + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));

            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}

const char *
nearest_name(const char *const *names, const char *text)
{
    unsigned best = (strlen(text) <= 3 ? 1 : MAX(2, strlen(text) / 3)) + 1; /* two letters swapped are two edits */
    const char *nearest = NULL;

    for (; *names; names++) {
        unsigned distance = edit_distance(*names, text);

        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

/* -- strings -- */

static int
string_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    *(char **)field = g_strdup(text);
    return 0;
}

static int
nonempty_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    if (!*text)
        return explain(ret_why, "must not be empty");
    return string_parse(row, text, field, ret_why);
}

static int
lenient_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    return *text ? string_parse(row, text, field, ret_why) : 0;
}

static bool
string_format(const XmlRow *row, const void *field, GString *out)
{
    const char *text = *(char *const *)field;

    if (text)
        g_string_append(out, text);
    return text != NULL;
}

static void
string_copy(void *dst, const void *src)
{
    *(char **)dst = g_strdup(*(char *const *)src);
}

static void
string_clear(void *field)
{
    g_clear_pointer((char **)field, g_free);
}

#define STRING_TYPE(var, n, p, r) \
    const XmlType var = { .name = n, .size = sizeof(char *), .parse = p, .format = string_format, .copy = string_copy, \
                          .clear = string_clear, .rng = r }
STRING_TYPE(xt_string, "text", string_parse, "<text/>");
STRING_TYPE(xt_nonempty, "text, not empty", nonempty_parse,
            "<data type='string'><param name='minLength'>1</param></data>");
STRING_TYPE(xt_lenient, "text", lenient_parse, "<text/>");

/* -- integers -- */

static int
whole_number(const XmlRow *row, const char *text, int base, unsigned long long limit, unsigned long long *ret_value,
             char **ret_why)
{
    unsigned long long max = row->max ? MIN(row->max, limit) : limit;

    if (row->base)
        base = row->base == XML_ANY_BASE ? 0 : (int)row->base;
    if (parse_u64(text, base, ret_value) && *ret_value >= row->min && *ret_value <= max)
        return 0;
    *ret_why = g_strdup_printf("must be a whole number from %llu to %llu", row->min, max);
    return -1;
}

static int
signed_number(const XmlRow *row, const char *text, long long min, long long max, long long *ret_value, char **ret_why)
{
    if (row->max)
        max = MIN((long long)row->max, max);
    if (parse_i64(text, 10, ret_value) && *ret_value >= min && *ret_value <= max)
        return 0;
    *ret_why = g_strdup_printf("must be a whole number from %lld to %lld", min, max);
    return -1;
}

static int
int_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    long long value;

    if (signed_number(row, text, INT_MIN, INT_MAX, &value, ret_why) < 0)
        return -1;
    *(OptInt *)field = (OptInt)OPT(value);
    return 0;
}

static int
i64_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    long long value;

    if (signed_number(row, text, LLONG_MIN, LLONG_MAX, &value, ret_why) < 0)
        return -1;
    *(OptI64 *)field = (OptI64)OPT(value);
    return 0;
}

static int
uint_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    unsigned long long value;

    if (whole_number(row, text, 10, UINT_MAX, &value, ret_why) < 0)
        return -1;
    *(OptUint *)field = (OptUint)OPT(value);
    return 0;
}

static int
hex_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    unsigned long long value;

    if (whole_number(row, text, 0, UINT_MAX, &value, ret_why) < 0)
        return -1;
    *(OptUint *)field = (OptUint)OPT(value);
    return 0;
}

static int
u64_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    unsigned long long value;

    if (whole_number(row, text, 10, ULLONG_MAX, &value, ret_why) < 0)
        return -1;
    *(OptU64 *)field = (OptU64)OPT(value);
    return 0;
}

static int
hex64_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    unsigned long long value;

    if (whole_number(row, text, 0, ULLONG_MAX, &value, ret_why) < 0)
        return -1;
    *(OptU64 *)field = (OptU64)OPT(value);
    return 0;
}

static int
plain_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    unsigned long long value;

    if (whole_number(row, text, row->type == &xt_plain_hex ? 0 : 10, UINT_MAX, &value, ret_why) < 0)
        return -1;
    *(unsigned *)field = value;
    return 0;
}

static bool
int_format(const XmlRow *row, const void *field, GString *out)
{
    const OptInt *value = field;

    if (value->set)
        g_string_append_printf(out, "%d", value->v);
    return value->set;
}

static bool
i64_format(const XmlRow *row, const void *field, GString *out)
{
    const OptI64 *value = field;

    if (value->set)
        g_string_append_printf(out, "%lld", value->v);
    return value->set;
}

static bool
uint_format(const XmlRow *row, const void *field, GString *out)
{
    const OptUint *value = field;

    if (value->set)
        g_string_append_printf(out, "%u", value->v);
    return value->set;
}

static bool
hex_format(const XmlRow *row, const void *field, GString *out)
{
    const OptUint *value = field;

    if (value->set)
        g_string_append_printf(out, "0x%0*x", row->digits, value->v);
    return value->set;
}

static bool
u64_format(const XmlRow *row, const void *field, GString *out)
{
    const OptU64 *value = field;

    if (value->set)
        g_string_append_printf(out, "%llu", value->v);
    return value->set;
}

static bool
hex64_format(const XmlRow *row, const void *field, GString *out)
{
    const OptU64 *value = field;

    if (value->set)
        g_string_append_printf(out, "0x%0*llx", row->digits, value->v);
    return value->set;
}

static bool
plain_format(const XmlRow *row, const void *field, GString *out)
{
    if (row->type == &xt_plain_hex)
        g_string_append_printf(out, "0x%0*x", row->digits, *(const unsigned *)field);
    else
        g_string_append_printf(out, "%u", *(const unsigned *)field);
    return true;
}

#define UNSIGNED_RNG "<data type='token'><param name='pattern'>[0-9]+</param></data>"
#define SIGNED_RNG "<data type='token'><param name='pattern'>[\\-+]?[0-9]+</param></data>"
#define ANY_BASE_RNG "<data type='token'><param name='pattern'>0[xX][0-9a-fA-F]+|[0-9]+</param></data>"
#define INTEGER_TYPE(var, n, T, p, f, r) \
    const XmlType var = { .name = n, .size = sizeof(T), .parse = p, .format = f, .rng = r }
INTEGER_TYPE(xt_int, "integer", OptInt, int_parse, int_format, SIGNED_RNG);
INTEGER_TYPE(xt_i64, "integer", OptI64, i64_parse, i64_format, SIGNED_RNG);
INTEGER_TYPE(xt_uint, "unsigned integer", OptUint, uint_parse, uint_format, UNSIGNED_RNG);
INTEGER_TYPE(xt_hex, "unsigned integer (decimal, 0x or octal)", OptUint, hex_parse, hex_format, ANY_BASE_RNG);
INTEGER_TYPE(xt_u64, "unsigned integer", OptU64, u64_parse, u64_format, UNSIGNED_RNG);
INTEGER_TYPE(xt_hex64, "unsigned integer (decimal, 0x or octal)", OptU64, hex64_parse, hex64_format, ANY_BASE_RNG);
INTEGER_TYPE(xt_plain_uint, "unsigned integer", unsigned, plain_parse, plain_format, UNSIGNED_RNG);
INTEGER_TYPE(xt_plain_hex, "unsigned integer (decimal, 0x or octal)", unsigned, plain_parse, plain_format, ANY_BASE_RNG);

/* -- names -- */

static int
names_parse(const char *const *names, const char *text, int *field, char **ret_why)
{
    int value = enum_from_name(names, text);
    const char *nearest;
    GString *why;

    if (value > 0) {
        *field = value;
        return 0;
    }
    why = g_string_new("allowed: ");
    for (int i = 1; names[i]; i++)
        g_string_append_printf(why, "%s%s", i > 1 ? ", " : "", names[i]);
    nearest = nearest_name(names + 1, text);
    if (nearest)
        g_string_append_printf(why, "; did you mean '%s'?", nearest);
    *ret_why = g_string_free(why, FALSE);
    return -1;
}

static const char *const onoff_names[] = { NULL, "on", "off", NULL };
static const char *const yesno_names[] = { NULL, "yes", "no", NULL };

static const char *const *
row_names(const XmlRow *row)
{
    return row->type == &xt_onoff ? onoff_names : row->type == &xt_yesno ? yesno_names : row->names;
}

static int
enum_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    return names_parse(row_names(row), text, field, ret_why);
}

static bool
enum_format(const XmlRow *row, const void *field, GString *out)
{
    const char *name = enum_name(row_names(row), *(const int *)field);

    if (name)
        g_string_append(out, name);
    return name != NULL;
}

const XmlType xt_enum = { .name = "one of", .size = sizeof(int), .parse = enum_parse, .format = enum_format };
const XmlType xt_choice = { .name = "one of", .size = sizeof(int), .parse = enum_parse, .format = enum_format, .of_document = true };
const XmlType xt_flag = { .name = "flag", .size = sizeof(bool) };
const XmlType xt_onoff = { .name = "on or off", .size = sizeof(Tri), .parse = enum_parse, .format = enum_format,
                           .rng = "<choice><value>on</value><value>off</value></choice>" };
const XmlType xt_yesno = { .name = "yes or no", .size = sizeof(Tri), .parse = enum_parse, .format = enum_format,
                           .rng = "<choice><value>yes</value><value>no</value></choice>" };

static int
word_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    int value;

    if (names_parse(row->names, text, &value, ret_why) < 0)
        return -1;
    *(char **)field = g_strdup(text);
    return 0;
}

const XmlType xt_word = { .name = "one of", .size = sizeof(char *), .parse = word_parse, .format = string_format,
                          .copy = string_copy, .clear = string_clear };

/* -- MAC, UUID, IP, sets -- */

static int
mac_type_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    return mac_parse(text, field) ? 0 : explain(ret_why, "must be a MAC address such as 52:54:00:12:34:56");
}

static bool
mac_type_format(const XmlRow *row, const void *field, GString *out)
{
    const Mac *mac = field;
    g_autofree char *text = mac_format(mac);

    if (mac->set)
        g_string_append(out, text);
    return mac->set;
}

static int
uuid_type_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    return uuid_parse(text, field) ? 0 : explain(ret_why, "must be a UUID: 32 hexadecimal digits");
}

static bool
uuid_type_format(const XmlRow *row, const void *field, GString *out)
{
    const Uuid *uuid = field;
    char text[UUID_TEXT_SIZE];

    if (uuid->set)
        g_string_append(out, uuid_format(uuid, text));
    return uuid->set;
}

static int
ip_type_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    return ip_parse(text, field) ? 0 : explain(ret_why, "must be an IP address such as 192.168.122.1 or fd00::1");
}

static bool
ip_type_format(const XmlRow *row, const void *field, GString *out)
{
    const IpAddress *ip = field;
    char text[IP_TEXT_SIZE];

    if (ip_is_set(ip))
        g_string_append(out, ip_to_text(ip, text));
    return ip_is_set(ip);
}

static int
cpuset_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    g_autofree char *stripped = g_strstrip(g_strdup(text));
    Bitmap *map = bitmap_parse(stripped);

    if (!map)
        return explain(ret_why, "must be a set of numbers such as 0-3,^2,8");
    *(Bitmap **)field = map;
    return 0;
}

static bool
cpuset_format(const XmlRow *row, const void *field, GString *out)
{
    const Bitmap *map = *(Bitmap *const *)field;
    g_autofree char *text = NULL;

    if (!map)
        return false;
    text = bitmap_format(map);
    g_string_append(out, text);
    return true;
}

static void
cpuset_copy(void *dst, const void *src)
{
    *(Bitmap **)dst = bitmap_copy(*(Bitmap *const *)src);
}

static void
cpuset_clear(void *field)
{
    g_clear_pointer((Bitmap **)field, bitmap_free);
}

const XmlType xt_mac = { .name = "MAC address", .size = sizeof(Mac), .parse = mac_type_parse, .format = mac_type_format,
    .rng = "<data type='token'><param name='pattern'>[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}</param></data>" };
const XmlType xt_uuid = { .name = "UUID", .size = sizeof(Uuid), .parse = uuid_type_parse, .format = uuid_type_format,
    .rng = "<data type='token'><param name='pattern'>\\s*(-*[0-9a-fA-F]{2}){16}\\s*</param></data>" };
const XmlType xt_cpuset = { .name = "set of numbers", .size = sizeof(Bitmap *), .parse = cpuset_parse,
    .format = cpuset_format, .copy = cpuset_copy, .clear = cpuset_clear,
    .rng = "<data type='token'><param name='pattern'>\\s*((\\^?[0-9]+(-[0-9]+)?)(,\\s*\\^?[0-9]+(-[0-9]+)?)*)?,?\\s*</param></data>" };
const XmlType xt_ip = { .name = "IP address", .size = sizeof(IpAddress), .parse = ip_type_parse, .format = ip_type_format,
    .of_document = true,
    .rng = "<data type='token'><param name='pattern'>[0-9]+(\\.[0-9]+){3}|[0-9a-fA-F]*:[0-9a-fA-F:]*(:[0-9]+(\\.[0-9]+){3})?</param></data>" };
