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

static void
append_row(GString *out, const XmlRow *row)
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
    if (row->when.mask)
        g_string_append(out, " (for some types only)");
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
append_values(GString *out, const XmlSchema *schema)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        if (row->kind == ROW_INLINE)
            append_values(out, row->schema);
        else if (is_value(row))
            append_row(out, row);
    }
}

static void
append_children(GString *out, const char *path, const XmlSchema *schema, unsigned depth)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END && depth < MAX_DEPTH; row++) {
        g_autofree char *inside = NULL;

        if (row->kind == ROW_INLINE)
            append_children(out, path, row->schema, depth + 1);
        if (!row->name || !row->schema || row->kind == ROW_INLINE || row->schema == schema)
            continue;
        inside = g_strdup_printf("%s/%s", path, row->name);
        g_string_append_printf(out, "\n### %s\n\n%s\n\n", inside, row->schema->doc);
        append_values(out, row->schema);
        append_children(out, inside, row->schema, depth + 1);
    }
}

void
xml_reference_element(GString *out, const char *path, const XmlSchema *schema)
{
    g_string_append_printf(out, "\n## %s\n\n%s\n\n", path, schema->doc);
    append_values(out, schema);
    append_children(out, path, schema, 0);
}

char *
xml_reference(const char *root, const XmlSchema *schema)
{
    GString *out = g_string_new("<!-- generated from the tables; do not edit -->\n");

    xml_reference_element(out, root, schema);
    return g_string_free(out, FALSE);
}
