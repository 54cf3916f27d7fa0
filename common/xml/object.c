/* Copy, free and compare by the table. A conditional row owns its field only while its condition holds. */
#include <string.h>

#include "common/xml/schema.h"

#define AT(T, object, row) ((T *)(void *)((char *)(uintptr_t)(object) + (row)->offset))

void *
xml_new(const XmlSchema *schema)
{
    void *object = g_malloc0(schema->size);

    if (schema->init)
        schema->init(object);
    return object;
}

/* -- copy -- */

static void
copy_list(const XmlRow *row, AnyList *dst, const AnyList *src)
{
    dst->n = src->n;
    dst->items = g_new0(void *, MAX(src->n, 1));
    for (size_t i = 0; i < src->n; i++)
        dst->items[i] = row->kind == ROW_LIST ? xml_copy(row->schema, src->items[i]) : g_strdup(src->items[i]);
}

static void
copy_row(const XmlRow *row, void *dst, const void *src)
{
    switch (row->kind) {
    case ROW_GROUP: case ROW_INLINE:
        xml_copy_into(row->schema, AT(void, dst, row), AT(void, src, row));
        break;
    case ROW_PTR:
        *AT(void *, dst, row) = xml_copy(row->schema, *AT(void *, src, row));
        break;
    case ROW_LIST: case ROW_ELEMS:
        copy_list(row, AT(AnyList, dst, row), AT(AnyList, src, row));
        break;
    case ROW_FLAG: case ROW_PRESENT:
        *AT(bool, dst, row) = *AT(bool, src, row);
        break;
    case ROW_CUSTOM:
        if (row->custom->copy)
            row->custom->copy(dst, src);
        break;
    default:
        if (row->type->copy)
            row->type->copy(AT(void, dst, row), AT(void, src, row));
        else
            memcpy(AT(void, dst, row), AT(void, src, row), row->type->size);
    }
}

void
xml_copy_into(const XmlSchema *schema, void *dst, const void *src)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++)
        if (row_active(row, src) && !(row->flags & XR_NO_COPY))
            copy_row(row, dst, src);
}

void *
xml_copy(const XmlSchema *schema, const void *object)
{
    void *copy;

    if (!object)
        return NULL;
    copy = g_malloc0(schema->size);
    xml_copy_into(schema, copy, object);
    return copy;
}

/* -- free -- */

static void
clear_list(const XmlRow *row, AnyList *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (row->kind == ROW_LIST)
            xml_free(row->schema, list->items[i]);
        else
            g_free(list->items[i]);
    }
    g_clear_pointer(&list->items, g_free);
    list->n = 0;
}

static void
clear_row(const XmlRow *row, void *object)
{
    switch (row->kind) {
    case ROW_GROUP: case ROW_INLINE:
        xml_clear(row->schema, AT(void, object, row));
        break;
    case ROW_PTR:
        xml_free(row->schema, *AT(void *, object, row));
        *AT(void *, object, row) = NULL;
        break;
    case ROW_LIST: case ROW_ELEMS:
        clear_list(row, AT(AnyList, object, row));
        break;
    case ROW_FLAG: case ROW_PRESENT:
        *AT(bool, object, row) = false;
        break;
    case ROW_CUSTOM:
        if (row->custom->clear)
            row->custom->clear(object);
        break;
    default:
        if (row->type->clear)
            row->type->clear(AT(void, object, row));
    }
}

/* Values that own nothing are zeroed last: among them are the enums that conditions look at. */
void
xml_clear(const XmlSchema *schema, void *object)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++)
        if (row_active(row, object) && !(row->flags & XR_NO_COPY))
            clear_row(row, object);
}

void
xml_free(const XmlSchema *schema, void *object)
{
    if (!object)
        return;
    xml_clear(schema, object);
    g_free(object);
}

/* -- compare -- */

static char *
differs(const XmlRow *row)
{
    return row->kind == ROW_ATTR || row->kind == ROW_SIZE_ATTR ? g_strdup_printf("@%s", row->name)
                                                               : g_strdup(row->name ? row->name : "text");
}

static char *
inside(const XmlRow *row, char *path)
{
    char *joined;

    if (!path || row->kind == ROW_INLINE)
        return path;
    joined = g_strdup_printf(*path == '@' ? "%s%s" : "%s/%s", row->name, path);
    g_free(path);
    return joined;
}

static char *
compare_lists(const XmlRow *row, const AnyList *a, const AnyList *b, unsigned wanted)
{
    if (a->n != b->n)
        return differs(row);
    for (size_t i = 0; i < a->n; i++) {
        char *path = NULL;

        if (row->kind == ROW_LIST)
            path = inside(row, xml_compare(row->schema, a->items[i], b->items[i], wanted));
        else if (strcmp(a->items[i], b->items[i]) != 0)
            path = differs(row);
        if (path)
            return path;
    }
    return NULL;
}

static char *
compare_values(const XmlRow *row, const void *a, const void *b)
{
    g_autoptr(GString) text_a = g_string_new(NULL), text_b = g_string_new(NULL);
    bool has_a = row->type->format(row, AT(void, a, row), text_a);
    bool has_b = row->type->format(row, AT(void, b, row), text_b);

    return has_a == has_b && g_string_equal(text_a, text_b) ? NULL : differs(row);
}

static char *
compare_row(const XmlRow *row, const void *a, const void *b, unsigned wanted)
{
    void *pa, *pb;

    switch (row->kind) {
    case ROW_GROUP: case ROW_INLINE:
        return inside(row, xml_compare(row->schema, AT(void, a, row), AT(void, b, row), wanted));
    case ROW_PTR:
        pa = *AT(void *, a, row);
        pb = *AT(void *, b, row);
        if (pa && pb)
            return inside(row, xml_compare(row->schema, pa, pb, wanted));
        return !pa == !pb ? NULL : differs(row);
    case ROW_LIST: case ROW_ELEMS:
        return compare_lists(row, AT(AnyList, a, row), AT(AnyList, b, row), wanted);
    case ROW_FLAG:
        return *AT(bool, a, row) == *AT(bool, b, row) ? NULL : differs(row);
    case ROW_PRESENT: case ROW_INTERNAL:
        return NULL;
    case ROW_CUSTOM:
        return !row->custom->equal || row->custom->equal(a, b) ? NULL : differs(row);
    default:
        return compare_values(row, a, b);
    }
}

static bool
is_container(const XmlRow *row)
{
    return row->kind == ROW_GROUP || row->kind == ROW_INLINE || row->kind == ROW_PTR || row->kind == ROW_LIST;
}

char *
xml_compare(const XmlSchema *schema, const void *a, const void *b, unsigned wanted_flags)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        char *path;

        if (row->flags & XR_NO_COPY || (!is_container(row) && (row->flags & wanted_flags) != wanted_flags))
            continue;
        if (row_active(row, a) != row_active(row, b))
            return differs(row);
        if (row_active(row, a) && (path = compare_row(row, a, b, wanted_flags)))
            return path;
    }
    return NULL;
}
