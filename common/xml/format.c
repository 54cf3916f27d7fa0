/*
 * Writing a struct as its element by the table: attributes in row order, then children in row order. Pure functions of
 * the object: the same object gives the same bytes.
 */
#include <string.h>

#include "common/xml/schema.h"

#define AT(T, object, row) ((const T *)(const void *)((const char *)(object) + (row)->offset))

typedef enum Phase { ATTRIBUTES, CONTENT } Phase;

static bool
wanted(const XmlRow *row, const void *object, unsigned flags)
{
    if (row->flags & XR_NO_FORMAT || !row_active(row, object))
        return false;
    if (row->flags & XR_LIVE && flags & XML_INACTIVE)
        return false;
    if (row->flags & XR_SECURE && !(flags & XML_SECURE))
        return false;
    return !row->shown || row->shown(object, flags);
}

/* The value's text, in the writer's scratch until the next call; NULL when absent. Enums, by far the most, are not copied. */
static const char *
value_text(XmlWriter *writer, const XmlRow *row, const void *object)
{
    if (row->type == &xt_enum)
        return enum_name(row->names, *AT(int, object, row));
    g_string_truncate(writer->scratch, 0);
    return row->type->format(row, AT(void, object, row), writer->scratch) ? writer->scratch->str : NULL;
}

static const char *
unit_name(const XmlRow *row)
{
    unsigned long long scale = row->scale;

    return row->unit ? row->unit : scale == 1024 ? "KiB" : scale == 1024 * 1024 ? "MiB" : scale == 1 ? "B" : "bytes";
}

static void
write_attribute(XmlWriter *writer, const XmlRow *row, const void *object)
{
    const char *text = value_text(writer, row, object);

    if (!text)
        return;
    xml_writer_attr(writer, row->name, text);
    if (row->kind == ROW_SIZE_ATTR)
        xml_writer_attr(writer, "unit", unit_name(row));
}

static void
write_value_element(XmlWriter *writer, const XmlRow *row, const void *object)
{
    const char *text = value_text(writer, row, object);

    if (!text)
        return;
    xml_writer_start(writer, row->name);
    if (row->kind == ROW_SIZE)
        xml_writer_attr(writer, "unit", unit_name(row));
    xml_writer_end_text(writer, row->name, text);
}

/* Lines of a raw subtree that begin between two tags get the present indent; a break within text is part of it. */
static void
write_raw(XmlWriter *writer, const char *raw)
{
    g_autofree char *pad = g_strnfill(writer->depth * 2, ' ');
    g_autoptr(GString) text = g_string_new(NULL);

    if (!raw)
        return;
    for (const char *s = raw; *s; s++) {
        g_string_append_c(text, *s);
        if (*s == '\n' && s > raw && s[-1] == '>' && s[1 + strspn(s + 1, " ")] == '<')
            g_string_append(text, pad);
    }
    xml_writer_raw(writer, text->str);
}

/* The text row of a table, looked for through its inlined tables; NULL when it has children instead. */
static const XmlRow *
text_row(const XmlSchema *schema, const void *object, unsigned flags, const void **ret_object)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        const XmlRow *found;

        if (!row_active(row, object) || row->flags & XR_NO_FORMAT)
            continue;
        if (row->kind == ROW_TEXT || row->kind == ROW_SIZE_TEXT) {
            *ret_object = object;
            return wanted(row, object, flags) ? row : NULL;
        }
        if (row->kind == ROW_INLINE && (found = text_row(row->schema, AT(void, object, row), flags, ret_object)))
            return found;
    }
    return NULL;
}

static void write_phase(XmlWriter *writer, const XmlSchema *schema, const void *object, unsigned flags, Phase phase);

static bool
is_present(const XmlSchema *schema, const void *object)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        if (row->kind == ROW_PRESENT && *AT(bool, object, row))
            return true;
        if (row->kind == ROW_INLINE && row_active(row, object) && is_present(row->schema, AT(void, object, row)))
            return true;
    }
    return false;
}

/* An element with a table; an optional one that has nothing to say leaves no trace. */
static void
write_element(XmlWriter *writer, const char *name, const XmlSchema *schema, const void *object, unsigned flags,
              bool optional)
{
    XmlMark mark = xml_writer_start(writer, name);
    const void *owner = NULL;
    const XmlRow *row = text_row(schema, object, flags, &owner);

    if (row && !value_text(writer, row, owner))
        row = NULL;
    write_phase(writer, schema, object, flags, ATTRIBUTES);
    if (row && row->kind == ROW_SIZE_TEXT)
        xml_writer_attr(writer, "unit", unit_name(row));
    if (row) {
        xml_writer_end_text(writer, name, value_text(writer, row, owner));
        return;
    }
    write_phase(writer, schema, object, flags, CONTENT);
    if (optional && !is_present(schema, object))
        xml_writer_end_optional(writer, name, mark);
    else
        xml_writer_end(writer, name);
}

/* "qemu:arg"; the buffer lives as long as the call. */
static const char *
written_name(const XmlRow *row, char buffer[64])
{
    if (!row->prefix)
        return row->name;
    g_snprintf(buffer, 64, "%s:%s", row->prefix, row->name);
    return buffer;
}

static void
write_list(XmlWriter *writer, const XmlRow *row, const AnyList *list, unsigned flags)
{
    char buffer[64];

    for (size_t i = 0; i < list->n; i++) {
        if (row->kind == ROW_LIST)
            write_element(writer, written_name(row, buffer), row->schema, list->items[i], flags, false);
        else
            xml_writer_text_element(writer, row->name, list->items[i]);
    }
}

static void
write_content(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags)
{
    char buffer[64];

    switch (row->kind) {
    case ROW_ELEM: case ROW_SIZE:
        write_value_element(writer, row, object);
        break;
    case ROW_FLAG:
        if (*AT(bool, object, row)) {
            xml_writer_start(writer, row->name);
            xml_writer_end(writer, row->name);
        }
        break;
    case ROW_GROUP:
        write_element(writer, written_name(row, buffer), row->schema, AT(void, object, row), flags, !(row->flags & XR_ALWAYS));
        break;
    case ROW_PTR:
        if (*AT(void *, object, row))
            write_element(writer, row->name, row->schema, *AT(void *, object, row), flags, false);
        break;
    case ROW_LIST: case ROW_ELEMS:
        write_list(writer, row, AT(AnyList, object, row), flags);
        break;
    case ROW_RAW:
        write_raw(writer, *AT(char *, object, row));
        break;
    default:
        break;
    }
}

static void
write_phase(XmlWriter *writer, const XmlSchema *schema, const void *object, unsigned flags, Phase phase)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        if (!wanted(row, object, flags))
            continue;
        if (row->kind == ROW_INLINE)
            write_phase(writer, row->schema, AT(void, object, row), flags, phase);
        else if (row->kind == ROW_CUSTOM && row->custom->attribute_phase == (phase == ATTRIBUTES))
            row->custom->format(writer, row, object, flags);
        else if (phase == CONTENT)
            write_content(writer, row, object, flags);
        else if (row->kind == ROW_ATTR || row->kind == ROW_SIZE_ATTR)
            write_attribute(writer, row, object);
    }
}

void
xml_write_rows(XmlWriter *writer, const XmlSchema *schema, const void *object, unsigned flags)
{
    write_phase(writer, schema, object, flags, ATTRIBUTES);
    write_phase(writer, schema, object, flags, CONTENT);
}

void
xml_write(XmlWriter *writer, const char *name, const XmlSchema *schema, const void *object, unsigned flags)
{
    write_element(writer, name, schema, object, flags, false);
}

char *
xml_to_text(const char *name, const XmlSchema *schema, const void *object, unsigned flags)
{
    XmlWriter writer;

    xml_writer_init(&writer);
    xml_write(&writer, name, schema, object, flags);
    return xml_writer_steal(&writer);
}
