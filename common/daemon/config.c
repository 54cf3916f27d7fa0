#include "common/daemon/config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

#define CONFIG_FILE_MAX (1024 * 1024)

typedef struct {
    const char *name; /* of the file */
    const char *at;
    unsigned line;
} Reader;

/* One value as it stands in the file. */
typedef struct {
    enum { VALUE_STRING, VALUE_INT, VALUE_LIST } kind;
    char *string;
    int64_t number;
    GPtrArray *list;
} Value;

static void
value_clear(Value *value)
{
    g_clear_pointer(&value->string, g_free);
    g_clear_pointer(&value->list, g_ptr_array_unref);
}

static int
syntax_error(const Reader *r, const char *what, Error *err)
{
    return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX, "%s:%u: %s", r->name, r->line, what);
}

/* White space and comments; newlines too when lines is set. */
static void
skip(Reader *r, bool lines)
{
    for (;; r->at++) {
        if (*r->at == '#' || (*r->at == ';' && lines))
            while (r->at[0] && r->at[1] && r->at[1] != '\n')
                r->at++;
        else if (*r->at == '\n' && lines)
            r->line++;
        else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r')
            return;
    }
}

static int
read_string(Reader *r, char **ret, Error *err)
{
    const char *quote = strncmp(r->at, "\"\"\"", 3) == 0 ? "\"\"\"" : *r->at == '"' ? "\"" : "'";
    size_t n = strlen(quote);
    const char *start = r->at + n, *end = strstr(start, quote);
    const char *newline = strchr(start, '\n');

    if (!end || (n == 1 && newline && newline < end))
        return syntax_error(r, "the string that begins here is not closed", err);
    *ret = g_strndup(start, (gsize)(end - start));
    for (const char *c = start; c < end; c++)
        r->line += *c == '\n';
    r->at = end + n;
    return 0;
}

static int
read_list(Reader *r, GPtrArray **ret, Error *err)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

    r->at++;
    for (;;) {
        char *item = NULL;

        skip(r, true);
        if (*r->at == ']') {
            r->at++;
            *ret = g_steal_pointer(&list);
            return 0;
        }
        if (*r->at != '"' && *r->at != '\'')
            return syntax_error(r, "a list holds quoted strings, separated by commas, and ends with ']'", err);
        if (read_string(r, &item, err) < 0)
            return -1;
        g_ptr_array_add(list, item);
        skip(r, true);
        if (*r->at == ',')
            r->at++;
        else if (*r->at != ']')
            return syntax_error(r, "expected ',' or ']' after an item of a list", err);
    }
}

static int
read_value(Reader *r, Value *value, Error *err)
{
    char *end;

    if (*r->at == '"' || *r->at == '\'') {
        value->kind = VALUE_STRING;
        return read_string(r, &value->string, err);
    }
    if (*r->at == '[') {
        value->kind = VALUE_LIST;
        return read_list(r, &value->list, err);
    }
    value->kind = VALUE_INT;
    errno = 0;
    value->number = g_ascii_strtoll(r->at, &end, 10);
    if (end == r->at || errno != 0)
        return syntax_error(r, "expected a quoted string, an integer or a [ list ]", err);
    r->at = end;
    return 0;
}

static bool
value_allowed(const char *values, const char *text)
{
    g_auto(GStrv) all = g_strsplit(values, "|", -1);

    return g_strv_contains((const char *const *)all, text);
}

static void
store_string(const ConfigKey *key, void *target, char *string)
{
    char **at = G_STRUCT_MEMBER_P(target, key->offset);

    g_free(*at);
    *at = string;
}

static void
store_list(const ConfigKey *key, void *target, char **list)
{
    char ***at = G_STRUCT_MEMBER_P(target, key->offset);

    g_strfreev(*at);
    *at = list;
}

static char **
list_from_value(const Value *value)
{
    char **list = g_new0(char *, value->kind == VALUE_LIST ? value->list->len + 1 : 2);

    if (value->kind == VALUE_STRING)
        list[0] = g_strdup(value->string);
    for (guint i = 0; value->kind == VALUE_LIST && i < value->list->len; i++)
        list[i] = g_strdup(value->list->pdata[i]);
    return list;
}

/* NULL when stored, else what would have been right. */
static char *
store_value(const ConfigKey *key, void *target, const Value *value)
{
    char *end;

    switch (key->type) {
    case CONFIG_STRING:
        if (value->kind != VALUE_STRING)
            return g_strdup("a quoted string");
        if (key->values && !value_allowed(key->values, value->string))
            return g_strdup_printf("one of %s", key->values);
        store_string(key, target, g_strdup(value->string));
        return NULL;
    case CONFIG_INT:
        if (value->kind != VALUE_INT)
            return g_strdup("an integer without quotes");
        if ((key->min || key->max) && (value->number < key->min || value->number > key->max))
            return g_strdup_printf("an integer from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, key->min, key->max);
        *(int64_t *)G_STRUCT_MEMBER_P(target, key->offset) = value->number;
        return NULL;
    case CONFIG_BOOL:
        if (value->kind != VALUE_INT || (value->number != 0 && value->number != 1))
            return g_strdup("0 or 1 without quotes");
        *(bool *)G_STRUCT_MEMBER_P(target, key->offset) = value->number;
        return NULL;
    case CONFIG_OCTAL:
        if (value->kind != VALUE_STRING || !*value->string || g_ascii_strtoull(value->string, &end, 8) > 07777 || *end)
            return g_strdup("octal permissions in quotes, such as \"0770\"");
        *(unsigned *)G_STRUCT_MEMBER_P(target, key->offset) = (unsigned)g_ascii_strtoull(value->string, NULL, 8);
        return NULL;
    case CONFIG_LIST:
        if (value->kind == VALUE_INT)
            return g_strdup("a list of strings, such as [ \"a\", \"b\" ]");
        store_list(key, target, list_from_value(value));
        return NULL;
    case CONFIG_IGNORED:
        return NULL;
    }
    return NULL;
}

static const ConfigKey *
find_key(const ConfigKey *keys, const char *name)
{
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

static int
read_setting(Reader *r, const ConfigKey *keys, void *target, ConfigWarn warn, void *data, Error *err)
{
    size_t n = strspn(r->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./");
    g_autofree char *name = g_strndup(r->at, n), *wanted = NULL, *message = NULL;
    __attribute__((cleanup(value_clear))) Value value = { 0 };
    const ConfigKey *key;
    unsigned line = r->line;

    if (n == 0)
        return syntax_error(r, "expected the name of a key", err);
    r->at += n;
    skip(r, false);
    if (*r->at != '=')
        return syntax_error(r, "expected '=' after the name of a key", err);
    r->at++;
    skip(r, false);
    if (read_value(r, &value, err) < 0)
        return error_prefixf(err, "key '%s'", name);
    skip(r, false);
    if (*r->at && *r->at != '\n')
        return syntax_error(r, "expected the end of the line after a value", err);
    key = find_key(keys, name);
    if (!key) {
        message = g_strdup_printf("%s:%u: unknown key '%s' is ignored", r->name, line, name);
        if (warn)
            warn(message, data);
        return 0;
    }
    wanted = store_value(key, target, &value);
    if (wanted)
        return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX, "%s:%u: key '%s' must be %s", r->name, line, name, wanted);
    return 0;
}

int
config_parse(const char *name, const char *text, const ConfigKey *keys, void *target, ConfigWarn warn, void *data,
             Error *err)
{
    Reader r = { .name = name, .at = text, .line = 1 };

    for (skip(&r, true); *r.at; skip(&r, true))
        if (read_setting(&r, keys, target, warn, data, err) < 0)
            return -1;
    return 0;
}

int
config_load(const char *path, bool required, const ConfigKey *keys, void *target, ConfigWarn warn, void *data,
            Error *err)
{
    g_autofree char *text = NULL;
    size_t size;

    if (!required && access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    if (file_read(path, CONFIG_FILE_MAX, &text, &size, err) < 0)
        return -1;
    if (strlen(text) != size)
        return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX, "%s: the file holds a NUL byte", path);
    return config_parse(path, text, keys, target, warn, data, err);
}

void
config_set_defaults(const ConfigKey *keys, void *target, bool session)
{
    for (; keys->name; keys++) {
        const char *preset = session && keys->session ? keys->session : keys->preset;
        void *at = G_STRUCT_MEMBER_P(target, keys->offset);

        switch (keys->type) {
        case CONFIG_STRING:
            store_string(keys, target, g_strdup(preset));
            break;
        case CONFIG_INT:
            *(int64_t *)at = preset ? g_ascii_strtoll(preset, NULL, 10) : 0;
            break;
        case CONFIG_BOOL:
            *(bool *)at = preset && preset[0] == '1';
            break;
        case CONFIG_OCTAL:
            *(unsigned *)at = preset ? (unsigned)g_ascii_strtoull(preset, NULL, 8) : 0;
            break;
        case CONFIG_LIST:
            store_list(keys, target, preset ? g_strsplit(preset, " ", -1) : NULL);
            break;
        case CONFIG_IGNORED:
            break;
        }
    }
}

void
config_done(const ConfigKey *keys, void *target)
{
    for (; keys->name; keys++) {
        if (keys->type == CONFIG_STRING)
            store_string(keys, target, NULL);
        else if (keys->type == CONFIG_LIST)
            store_list(keys, target, NULL);
    }
}
