#include "common/conf/storage/target.h"

#include <limits.h>
#include <string.h>

/* -- permissions -- */

#define MODE_MAX 0777

static int
mode_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    unsigned long long mode;

    if (strspn(text, "01234567") != strlen(text) || !parse_u64(text, 8, &mode) || mode > MODE_MAX) {
        *ret_why = g_strdup("must be an octal number up to 0777");
        return -1;
    }
    *(OptUint *)field = (OptUint)OPT((unsigned)mode);
    return 0;
}
static bool
mode_format(const XmlRow *row, const void *field, GString *out)
{
    const OptUint *mode = field;

    if (mode->set)
        g_string_append_printf(out, "0%o", mode->v);
    return mode->set;
}
static const XmlType mode_type = {
    .name = "octal mode", .size = sizeof(OptUint), .parse = mode_parse, .format = mode_format, .of_document = true,
    .rng = "<data type='token'><param name='pattern'>0*[0-7]{1,3}</param></data>",
};

/* -1 and its unsigned spelling are nobody in particular. */
static int
id_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    unsigned long long id;

    if (strcmp(text, "-1") == 0)
        return 0;
    if (!parse_u64(text, 10, &id) || id > UINT_MAX) {
        *ret_why = g_strdup("must be the number of a user or group, or -1");
        return -1;
    }
    if (id != UINT_MAX)
        *(OptUint *)field = (OptUint)OPT((unsigned)id);
    return 0;
}
static bool
id_format(const XmlRow *row, const void *field, GString *out)
{
    return xt_uint.format(row, field, out);
}
static const XmlType id_type = {
    .name = "number of a user or group", .size = sizeof(OptUint), .parse = id_parse, .format = id_format, .of_document = true,
    .rng = "<data type='token'><param name='pattern'>-1|[0-9]+</param></data>",
};

#define P StoragePermissions
static const XmlRow permissions_rows[] = {
    VALUE(ROW_ELEM, "mode", P, mode, OptUint, mode_type, "octal"),
    VALUE(ROW_ELEM, "owner", P, owner, OptUint, id_type, "number of the user; -1: not said"),
    VALUE(ROW_ELEM, "group", P, group, OptUint, id_type, "number of the group; -1: not said"),
    E_LSTR("label", P, label, "label of the host's security system"),
    ROWS_END,
};
SCHEMA(storage_permissions_schema, "storagePermissions", P, permissions_rows, "who may do what");
#undef P

/* -- times -- */

#define NANO_DIGITS 9

static int
time_parse(const XmlRow *row, const char *text, void *field, char **ret_why)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", 2);
    const char *fraction = parts[0] && parts[1] ? parts[1] : "";
    StorageTime time = { .set = true };
    unsigned long long seconds;
    size_t digits = strlen(fraction);

    if (!parts[0] || !parse_u64(parts[0], 10, &seconds) || seconds > INT64_MAX || digits > NANO_DIGITS ||
        strspn(fraction, "0123456789") != digits) {
        *ret_why = g_strdup("must be seconds since 1970, with at most 9 digits after a point");
        return -1;
    }
    time.seconds = (int64_t)seconds;
    for (size_t i = 0; i < NANO_DIGITS; i++)
        time.nanoseconds = time.nanoseconds * 10 + (i < digits ? (uint32_t)(fraction[i] - '0') : 0);
    *(StorageTime *)field = time;
    return 0;
}
static bool
time_format(const XmlRow *row, const void *field, GString *out)
{
    const StorageTime *time = field;

    if (!time->set)
        return false;
    g_string_append_printf(out, "%lld", (long long)time->seconds);
    if (time->nanoseconds)
        g_string_append_printf(out, ".%09u", time->nanoseconds);
    return true;
}
static const XmlType time_type = {
    .name = "seconds since 1970", .size = sizeof(StorageTime), .parse = time_parse, .format = time_format, .of_document = true,
    .rng = "<data type='token'><param name='pattern'>[0-9]+(\\.[0-9]{0,9})?</param></data>",
};

#define T StorageTimes
static const XmlRow times_rows[] = {
    VALUE(ROW_ELEM, "atime", T, atime, StorageTime, time_type, "last read"),
    VALUE(ROW_ELEM, "mtime", T, mtime, StorageTime, time_type, "last written"),
    VALUE(ROW_ELEM, "ctime", T, ctime, StorageTime, time_type, "last changed"),
    VALUE(ROW_ELEM, "btime", T, btime, StorageTime, time_type, "made; 0 where the file system does not say"),
    ROWS_END,
};
SCHEMA(storage_times_schema, "storageTimes", T, times_rows, "times of the file");
#undef T

/* -- paths -- */

char *
storage_path_clean(const char *path)
{
    size_t leading = strspn(path, "/");
    GString *out = g_string_new(leading == 2 ? "/" : NULL);

    for (const char *s = path; *s; s++)
        if (*s != '/' || s == path || s[-1] != '/')
            g_string_append_c(out, *s);
    /* Of slashes alone, those that lead stay. */
    while (out->len > MAX(1, leading == 2 ? 2 : 1) && out->str[out->len - 1] == '/')
        g_string_truncate(out, out->len - 1);
    return g_string_free(out, FALSE);
}
