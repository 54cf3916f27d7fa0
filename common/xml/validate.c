/* Validation: what an element holds that its table does not know. */
#include <string.h>

#include "common/xml/parse.h"

static void
add_names(GPtrArray *names, const char *const *more)
{
    for (; more && *more; more++)
        g_ptr_array_add(names, (void *)*more);
}

static void
known_names(const XmlSchema *schema, const void *object, GPtrArray *attributes, GPtrArray *children, bool *ret_text)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        if (!row_active(row, object))
            continue;
        switch (row->kind) {
        case ROW_SIZE_ATTR:
            g_ptr_array_add(attributes, (void *)"unit");
            /* fall through */
        case ROW_ATTR:
            g_ptr_array_add(attributes, (void *)row->name);
            break;
        case ROW_SIZE_TEXT:
            g_ptr_array_add(attributes, (void *)"unit");
            *ret_text = true;
            break;
        case ROW_TEXT:
            *ret_text = true;
            break;
        case ROW_INLINE:
            known_names(row->schema, (const char *)object + row->offset, attributes, children, ret_text);
            break;
        case ROW_CUSTOM:
            add_names(attributes, row->custom->attributes);
            add_names(children, row->custom->children);
            break;
        case ROW_INTERNAL: case ROW_PRESENT: case ROW_END:
            break;
        default:
            if (!row->ns)
                g_ptr_array_add(children, (void *)row->name);
        }
    }
}

static int
unknown(XmlParse *parse, const xmlNode *element, const char *what, const char *name, GPtrArray *known)
{
    const char *nearest = nearest_name((const char *const *)known->pdata, name);
    g_autofree char *hint = nearest ? g_strdup_printf("; did you mean '%s'?", nearest) : g_strdup("");

    return xml_problem(parse, element, FROM_XML, ERR_XML_INVALID_SCHEMA, "%s '%s' is not known in element <%s>%s",
                       what, name, (const char *)element->name, hint);
}

static bool
knows(const GPtrArray *names, const xmlChar *name)
{
    for (guint i = 0; i + 1 < names->len; i++)
        if (strcmp(names->pdata[i], (const char *)name) == 0)
            return true;
    return false;
}

static bool
knows_in_namespace(const XmlSchema *schema, const void *object, const xmlNode *child)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        if (!row_active(row, object))
            continue;
        if (row->ns && xml_is(child, row->name, row->ns))
            return true;
        if (row->kind == ROW_INLINE && knows_in_namespace(row->schema, (const char *)object + row->offset, child))
            return true;
    }
    return false;
}

static int
validate_names(XmlParse *parse, xmlNode *element, const XmlSchema *schema, const void *object)
{
    g_autoptr(GPtrArray) attributes = g_ptr_array_new(), children = g_ptr_array_new();
    bool text = false;
    int result = 0;

    known_names(schema, object, attributes, children, &text);
    g_ptr_array_add(attributes, NULL);
    g_ptr_array_add(children, NULL);
    for (xmlAttr *attr = element->properties; attr; attr = attr->next)
        if (!attr->ns && !knows(attributes, attr->name))
            result = unknown(parse, element, "attribute", (const char *)attr->name, attributes);
    for (xmlNode *child = element->children; child; child = child->next) {
        bool known = child->type != XML_ELEMENT_NODE ||
                     (child->ns ? knows_in_namespace(schema, object, child) : knows(children, child->name));

        if (!known)
            result = unknown(parse, element, "element", (const char *)child->name, children);
        else if (child->type == XML_TEXT_NODE && !text && !xmlIsBlankNode(child))
            result = xml_problem(parse, element, FROM_XML, ERR_XML_INVALID_SCHEMA,
                                 "element <%s> must not contain text", (const char *)element->name);
    }
    return result;
}

/* An element that is a value holds nothing else. */
static int
validate_leaves(XmlParse *parse, xmlNode *element, const XmlRow *row)
{
    static const XmlRow text_rows[] = { { .kind = ROW_TEXT }, { .kind = ROW_END } };
    static const XmlRow size_rows[] = { { .kind = ROW_SIZE_TEXT }, { .kind = ROW_END } };
    static const XmlRow flag_rows[] = { { .kind = ROW_END } };
    const XmlSchema leaf = { .rows = row->kind == ROW_SIZE ? size_rows : row->kind == ROW_FLAG ? flag_rows : text_rows };
    int result = 0;

    for (xmlNode *child = xml_find(element->children, row->name, row->ns); child; child = xml_find(child->next, row->name, row->ns))
        result |= validate_names(parse, child, &leaf, NULL);
    return result;
}

/* Walk again with the filled object, so that each row's condition is known. */
static int
validate(XmlParse *parse, xmlNode *element, const XmlSchema *schema, const void *object, bool inlined)
{
    int result = inlined ? 0 : validate_names(parse, element, schema, object);

    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        const void *field = (const char *)object + row->offset;
        xmlNode *child;

        if (!row_active(row, object))
            continue;
        if (row->kind == ROW_INLINE)
            result |= validate(parse, element, row->schema, field, true);
        if (row->kind == ROW_ELEM || row->kind == ROW_ELEMS || row->kind == ROW_SIZE || row->kind == ROW_FLAG)
            result |= validate_leaves(parse, element, row);
        if (row->kind == ROW_GROUP && (child = xml_find(element->children, row->name, row->ns)))
            result |= validate(parse, child, row->schema, field, false);
    }
    return result;
}

int
xml_validate(XmlParse *parse, xmlNode *element, const XmlSchema *schema, const void *object)
{
    return validate(parse, element, schema, object, false);
}
