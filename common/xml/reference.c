/* The reference page: every element by its path, with a line per attribute and child value. Markdown. */
#include "common/xml/grammar.h"

/* Elements nest in themselves (backing chains); nothing new is said from here on. */
#define MAX_DEPTH 8

static void
append_type(GString *out, const XmlRow *row)
{
    if (row->kind == ROW_FLAG) {
        g_string_append(out, "present or not");
    } else if (row->kind == ROW_SIZE || row->kind == ROW_SIZE_ATTR || row->kind == ROW_SIZE_TEXT) {
        g_string_append(out, "size with `unit`");
    } else if (row->kind == ROW_RAW) {
        g_string_append(out, "any content");
    } else if (row->names) {
        for (int i = 1; row->names[i]; i++)
            g_string_append_printf(out, "%s`%s`", i > 1 ? ", " : "", row->names[i]);
    } else if (row->type) {
        g_string_append(out, row->type->name);
        if (row->max && row->min)
            g_string_append_printf(out, " from %llu to %llu", row->min, row->max);
        else if (row->max)
            g_string_append_printf(out, " up to %llu", row->max);
        else if (row->min)
            g_string_append_printf(out, " from %llu", row->min);
    }
}

/* Where a row stands: offsets are relative to the struct of `top`, the table of the whole allocation. */
typedef struct Place {
    const XmlSchema *top;
    size_t base;
} Place;

/* The enum row that fills the field at offset. */
static const XmlRow *
find_key(const XmlSchema *schema, size_t base, size_t offset, unsigned depth)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END && depth < MAX_DEPTH; row++) {
        const XmlRow *found = NULL;

        if (row->names && row->type == &xt_enum && base + row->offset == offset)
            return row;
        if (row->kind == ROW_INLINE || row->kind == ROW_GROUP)
            found = find_key(row->schema, base + row->offset, offset, depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

/* "only with `type` file, block" */
static void
append_condition(GString *out, const XmlRow *row, const Place *place)
{
    const XmlRow *key = row->when.mask ? find_key(place->top, 0, place->base + row->when.offset, 0) : NULL;
    bool most = row->when.mask >> 63; /* all values but a few */
    const char *separator = "";

    if (!key)
        return;
    g_string_append_printf(out, most ? " (not with `%s` " : " (only with `%s` ", key->name ? key->name : "text");
    for (int i = 1; key->names[i]; i++) {
        if ((row->when.mask >> i & 1) == most)
            continue;
        g_string_append_printf(out, "%s`%s`", separator, key->names[i]);
        separator = ", ";
    }
    g_string_append_c(out, ')');
}

static void
append_row(GString *out, const XmlRow *row, const Place *place)
{
    bool attribute = row->kind == ROW_ATTR || row->kind == ROW_SIZE_ATTR;
    bool text = row->kind == ROW_TEXT || row->kind == ROW_SIZE_TEXT;

    if (text)
        g_string_append(out, "- text: ");
    else
        g_string_append_printf(out, attribute ? "- `%s`: " : "- `<%s>`: ", row->name);
    append_type(out, row);
    if (row->doc)
        g_string_append_printf(out, " - %s", row->doc);
    if (row->flags & XR_REQUIRED)
        g_string_append(out, " (required)");
    if (row->def)
        g_string_append_printf(out, " (default `%s`)", row->def);
    if (row->flags & XR_LIVE)
        g_string_append(out, " (of a running machine)");
    if (row->flags & XR_SECURE)
        g_string_append(out, " (shown only on request)");
    append_condition(out, row, place);
    g_string_append_c(out, '\n');
}

static bool
is_value(const XmlRow *row)
{
    switch (row->kind) {
    case ROW_ATTR: case ROW_TEXT: case ROW_ELEM: case ROW_ELEMS: case ROW_SIZE: case ROW_SIZE_ATTR: case ROW_SIZE_TEXT: case ROW_FLAG:
    case ROW_RAW:
        return !(row->flags & XR_HIDDEN);
    case ROW_CUSTOM:
        return row->name && row->doc && !row->schema;
    default:
        return false;
    }
}

static void
append_values(GString *out, const XmlSchema *schema, const Place *place)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        const Place inside = { place->top, place->base + row->offset };

        if (row->kind == ROW_INLINE)
            append_values(out, row->schema, &inside);
        else if (is_value(row))
            append_row(out, row, place);
    }
}

static void
append_children(GString *out, const char *path, const XmlSchema *schema, const Place *place, unsigned depth)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END && depth < MAX_DEPTH; row++) {
        bool allocated = row->kind == ROW_PTR || row->kind == ROW_LIST;
        const Place inside = { allocated ? row->schema : place->top, allocated ? 0 : place->base + row->offset };
        g_autofree char *child = NULL;

        if (row->kind == ROW_INLINE)
            append_children(out, path, row->schema, &inside, depth + 1);
        if (!row->name || !row->schema || row->kind == ROW_INLINE || row->schema == schema || row->flags & XR_HIDDEN)
            continue;
        child = g_strdup_printf("%s/%s", path, row->name);
        g_string_append_printf(out, "\n### %s\n\n%s", child, row->doc ? row->doc : row->schema->doc);
        append_condition(out, row, place);
        g_string_append(out, "\n\n");
        append_values(out, row->schema, &inside);
        append_children(out, child, row->schema, &inside, depth + 1);
    }
}

void
xml_reference_element(GString *out, const char *path, const XmlSchema *schema)
{
    const Place top = { schema, 0 };

    g_string_append_printf(out, "\n## %s\n\n%s\n\n", path, schema->doc);
    append_values(out, schema, &top);
    append_children(out, path, schema, &top, 0);
}

char *
xml_reference(const char *root, const XmlSchema *schema)
{
    GString *out = g_string_new("<!-- generated from the tables; do not edit -->\n");

    xml_reference_element(out, root, schema);
    return g_string_free(out, FALSE);
}
