/*
 * Filling a struct from an element by its table. Nothing here suspends or keeps state beyond the XmlParse of the caller.
 * A problem never stops the walk: everything wrong with a document is found in one pass.
 */
#include <libxml/xpath.h>
#include <stdarg.h>
#include <string.h>

#include "common/xml/parse.h"
#include "common/xml/schema.h"

#define AT(T, object, row) ((T *)(void *)((char *)(object) + (row)->offset))

static int read_rows(XmlParse *parse, xmlNode *element, const XmlSchema *schema, void *object);

/* -- problems -- */

static void
problem_free(void *data)
{
    XmlProblem *problem = data;

    g_free(problem->path);
    g_free(problem->message);
    g_free(problem);
}

void
xml_parse_done(XmlParse *parse)
{
    g_clear_pointer(&parse->problems, g_ptr_array_unref);
}

int
xml_problem(XmlParse *parse, const xmlNode *element, ErrorDomain domain, ErrorCode code, const char *format, ...)
{
    XmlProblem *problem;
    xmlChar *path;
    va_list args;

    if (!parse->problems)
        parse->problems = g_ptr_array_new_with_free_func(problem_free);
    if (parse->problems->len >= XML_MAX_PROBLEMS)
        return -1;
    problem = g_new0(XmlProblem, 1);
    problem->domain = domain;
    problem->code = code;
    va_start(args, format);
    problem->message = g_strdup_vprintf(format, args);
    va_end(args);
    if (element) {
        problem->line = xmlGetLineNo(element);
        path = xmlGetNodePath(element);
        problem->path = g_strdup((const char *)path);
        xmlFree(path);
    }
    g_ptr_array_add(parse->problems, problem);
    return -1;
}

const char *
xml_code_prefix(ErrorCode code)
{
    switch (code) {
    case ERR_XML_ERROR: return "XML error: ";
    case ERR_CONFIG_UNSUPPORTED: return "unsupported configuration: ";
    case ERR_INVALID_ARG: return "invalid argument: ";
    case ERR_NO_SUPPORT: return "this function is not supported by the connection driver: ";
    case ERR_OPERATION_INVALID: return "Requested operation is not valid: ";
    case ERR_OVERFLOW: return "numerical overflow: ";
    case ERR_XML_INVALID_SCHEMA: return "XML document failed to validate against schema: ";
    default: return "";
    }
}

static void
append_problem(GString *out, const XmlProblem *problem)
{
    g_string_append_printf(out, "%s%s", xml_code_prefix(problem->code), problem->message);
    if (problem->path)
        g_string_append_printf(out, " (line %d, %s)", problem->line, problem->path);
}

int
xml_parse_result(XmlParse *parse, Error *err)
{
    const XmlProblem *first;
    GString *text;

    if (!parse->problems)
        return 0;
    first = parse->problems->pdata[0];
    text = g_string_new(NULL);
    append_problem(text, first);
    if (parse->problems->len > 1)
        g_string_append_printf(text, " (and %u more)", parse->problems->len - 1);
    error_setf(err, first->domain, first->code, "%s", text->str);
    g_string_truncate(text, 0);
    for (guint i = 0; i < parse->problems->len; i++) {
        append_problem(text, parse->problems->pdata[i]);
        g_string_append_c(text, '\n');
    }
    if (err && !err->str2 && parse->problems->len > 1)
        err->str2 = g_strdup(text->str);
    g_string_free(text, TRUE);
    return -1;
}

/* -- nodes -- */

bool
xml_is(const xmlNode *node, const char *name, const char *ns)
{
    if (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name) != 0)
        return false;
    if (!ns)
        return !node->ns;
    return node->ns && node->ns->href && strcmp((const char *)node->ns->href, ns) == 0;
}

xmlNode *
xml_find(xmlNode *node, const char *name, const char *ns)
{
    while (node && !xml_is(node, name, ns))
        node = node->next;
    return node;
}

xmlNode *
xml_child(const xmlNode *element, const char *name)
{
    return xml_find(element->children, name, NULL);
}

xmlNode *
xml_next(const xmlNode *child)
{
    return xml_find(child->next, (const char *)child->name, child->ns ? (const char *)child->ns->href : NULL);
}

char *
xml_attr(const xmlNode *element, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(element, BAD_CAST name);
    char *copy = g_strdup((const char *)value);

    xmlFree(value);
    return copy;
}

char *
xml_text(const xmlNode *element)
{
    const xmlNode *only = element->type == XML_ELEMENT_NODE ? element->children : NULL;
    xmlChar *value;
    char *copy;

    if (only && !only->next && only->type == XML_TEXT_NODE)
        return g_strdup((const char *)only->content);
    value = xmlNodeGetContent(element);
    copy = g_strdup(value ? (const char *)value : "");
    xmlFree(value);
    return copy;
}

static int
only_one(XmlParse *parse, xmlNode *child)
{
    xmlNode *second = child ? xml_next(child) : NULL;

    if (!second)
        return 0;
    return xml_problem(parse, second, parse->domain, ERR_XML_ERROR, "element <%s> is given twice, only one is allowed",
                       (const char *)second->name);
}

int
xml_only_child(XmlParse *parse, const xmlNode *element, const char *name, xmlNode **ret_child)
{
    *ret_child = xml_child(element, name);
    return only_one(parse, *ret_child);
}

/* The one child of the row's name, or NULL; a second one is a problem. */
static int
single_child(XmlParse *parse, xmlNode *element, const XmlRow *row, xmlNode **ret_child)
{
    *ret_child = xml_find(element->children, row->name, row->ns);
    if (!*ret_child && row->flags & XR_REQUIRED)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "element <%s> needs a child element <%s>",
                           (const char *)element->name, row->name);
    return row->flags & XR_FIRST ? 0 : only_one(parse, *ret_child);
}

/* -- values -- */

/* The attribute's text without a copy where libxml2 has it in one piece; otherwise *ret_owned is the copy. */
static const char *
attribute_text(const xmlNode *element, const char *name, char **ret_owned)
{
    const xmlAttr *attr = element->properties;

    while (attr && (attr->ns || strcmp((const char *)attr->name, name) != 0))
        attr = attr->next;
    if (!attr)
        return NULL;
    if (!attr->children)
        return "";
    if (attr->children->type == XML_TEXT_NODE && !attr->children->next)
        return (const char *)attr->children->content;
    return *ret_owned = xml_attr(element, name);
}

static ErrorDomain
missing_domain(const XmlParse *parse)
{
    return parse->missing ? parse->missing : FROM_XML;
}

static int
read_attribute(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    g_autofree char *owned = NULL, *why = NULL;
    const char *text = attribute_text(element, row->name, &owned);

    if (!text && row->def)
        text = row->def;
    if (!text) {
        if (!(row->flags & XR_REQUIRED))
            return 0;
        return xml_problem(parse, element, missing_domain(parse), ERR_XML_ERROR, "element <%s> needs an attribute '%s'",
                           (const char *)element->name, row->name);
    }
    if (row->type->parse(row, text, AT(void, object, row), &why) == 0)
        return 0;
    return xml_problem(parse, element, row->type->of_document ? parse->domain : FROM_XML,
                       row->code ? row->code : ERR_XML_ERROR,
                       "attribute '%s' of element <%s> is '%s': %s", row->name, (const char *)element->name, text, why);
}

static int
read_text(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    g_autofree char *text = xml_text(element), *why = NULL;

    if (row->type->clear != xt_string.clear)
        g_strstrip(text);
    if (!*text && row->type->clear != xt_string.clear) {
        if (!(row->flags & XR_REQUIRED))
            return 0;
    }
    if (row->type->parse(row, text, AT(void, object, row), &why) == 0)
        return 0;
    return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "element <%s> has the content '%s': %s",
                       (const char *)element->name, text, why);
}

/* A size rounds up to the next whole stored unit. */
static int
read_size(XmlParse *parse, xmlNode *element, const XmlRow *row, const char *text, void *object)
{
    static const ErrorCode codes[] = { [-SIZE_MALFORMED] = ERR_XML_ERROR, [-SIZE_BAD_UNIT] = ERR_INVALID_ARG,
                                       [-SIZE_TOO_LARGE] = ERR_OVERFLOW };
    g_autofree char *unit = xml_attr(element, "unit"), *why = NULL;
    unsigned long long bytes;
    int fault;

    /* An empty unit is that of a missing one. */
    if (unit && !*unit)
        g_clear_pointer(&unit, g_free);
    fault = parse_size(text, unit, row->max ? row->max : row->scale, &bytes, &why);
    if (fault < 0)
        return xml_problem(parse, element, fault == SIZE_MALFORMED ? parse->domain : FROM_NONE, codes[-fault],
                           "size '%s' of element <%s>: %s", text, (const char *)element->name, why);
    *AT(OptU64, object, row) = (OptU64)OPT(bytes / row->scale + (bytes % row->scale != 0));
    return 0;
}

static int
read_size_attr(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    g_autofree char *text = xml_attr(element, row->name);

    if (text)
        return read_size(parse, element, row, text, object);
    if (!(row->flags & XR_REQUIRED))
        return 0;
    return xml_problem(parse, element, missing_domain(parse), ERR_XML_ERROR, "element <%s> needs an attribute '%s'",
                       (const char *)element->name, row->name);
}

static int
read_size_text(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    g_autofree char *text = g_strstrip(xml_text(element));

    return *text || row->flags & XR_REQUIRED ? read_size(parse, element, row, text, object) : 0;
}

static int
too_many(XmlParse *parse, xmlNode *child)
{
    return xml_problem(parse, child, parse->domain, ERR_XML_ERROR, "there are more than %d <%s> elements",
                       XML_MAX_ITEMS,
                       (const char *)child->name);
}

static int
read_strings(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    for (xmlNode *child = xml_find(element->children, row->name, row->ns); child;
         child = xml_find(child->next, row->name, row->ns)) {
        if (AT(AnyList, object, row)->n >= XML_MAX_ITEMS)
            return too_many(parse, child);
        LIST_ADD(AT(AnyList, object, row), xml_text(child));
    }
    return 0;
}

/* White space between elements carries nothing; dropping it makes the indented output stable. */
static void
drop_blanks(xmlNode *node)
{
    bool mixed = false;

    for (xmlNode *child = node->children; child; child = child->next)
        mixed |= (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) && !xmlIsBlankNode(child);
    if (mixed || !node->children || (!node->children->next && node->children->type == XML_TEXT_NODE))
        return;
    for (xmlNode *child = node->children, *next; child; child = next) {
        next = child->next;
        if (child->type == XML_TEXT_NODE) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
        } else if (child->type == XML_ELEMENT_NODE) {
            drop_blanks(child);
        }
    }
}

/* Line breaks of blank text as character references. */
static void
refer_to_breaks(xmlNode *text)
{
    g_autofree char *content = xml_text(text);
    g_auto(GStrv) parts = g_strsplit(content, "\n", -1);

    if (!parts[0] || !parts[1])
        return;
    xmlNodeSetContent(text, BAD_CAST parts[0]);
    for (size_t i = 1; parts[i]; i++) {
        xmlNode *reference = xmlAddNextSibling(text, xmlNewCharRef(text->doc, BAD_CAST "#10"));

        text = reference;
        if (*parts[i])
            text = xmlAddNextSibling(reference, xmlNewDocText(text->doc, BAD_CAST parts[i]));
    }
}

static void
join_lines(xmlNode *comment)
{
    g_autofree char *content = g_strdelimit(xml_text(comment), "\n", ' ');

    xmlNodeSetContent(comment, BAD_CAST content);
}

/* After this every line break between tags is one of layout: those in blank text become character references, those in
 * comments blanks. Others stand beside text and are told from layout by that. */
static void
protect_breaks(xmlNode *node)
{
    for (xmlNode *child = node->children, *next; child; child = next) {
        next = child->next;
        if (child->type == XML_TEXT_NODE && xmlIsBlankNode(child))
            refer_to_breaks(child);
        else if (child->type == XML_COMMENT_NODE || child->type == XML_PI_NODE)
            join_lines(child);
        else if (child->type == XML_ELEMENT_NODE)
            protect_breaks(child);
    }
}

/* Of the children of one namespace the first is kept; those without a namespace belong to nobody. */
static void
drop_unowned(xmlNode *node)
{
    for (xmlNode *child = node->children, *next; child; child = next) {
        bool drop = child->type == XML_ELEMENT_NODE && !child->ns;

        next = child->next;
        for (xmlNode *before = node->children; child->ns && child->type == XML_ELEMENT_NODE && before != child && !drop;
             before = before->next)
            drop = before->type == XML_ELEMENT_NODE && before->ns && xmlStrEqual(before->ns->href, child->ns->href);
        if (drop) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
        }
    }
    /* Text around what was dropped is one text, as it will be read next time. */
    for (xmlNode *child = node->children; child; child = child->next)
        while (child->type == XML_TEXT_NODE && child->next && child->next->type == XML_TEXT_NODE)
            xmlTextMerge(child, child->next);
}

/* Kept as text without outer indent; formatting adds it. */
static int
read_raw(XmlParse *parse, xmlNode *child, const XmlRow *row, void *object)
{
    xmlBuffer *buffer = xmlBufferCreate();
    xmlNode *copy = xmlDocCopyNode(child, child->doc, 1);
    int indent = xmlIndentTreeOutput;

    if (row->flags & XR_OWNED)
        drop_unowned(copy);
    drop_blanks(copy);
    protect_breaks(copy);
    xmlIndentTreeOutput = 1;
    xmlNodeDump(buffer, child->doc, copy, 0, 1);
    xmlIndentTreeOutput = indent;
    *AT(char *, object, row) = g_strdup((const char *)xmlBufferContent(buffer));
    xmlFreeNode(copy);
    xmlBufferFree(buffer);
    return 0;
}

/* -- elements -- */

static void
init_object(const XmlSchema *schema, void *object)
{
    if (schema->init)
        schema->init(object);
}

static int
read_list(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    int result = 0;

    for (xmlNode *child = xml_find(element->children, row->name, row->ns); child;
         child = xml_find(child->next, row->name, row->ns)) {
        void *item;

        if (AT(AnyList, object, row)->n >= XML_MAX_ITEMS)
            return too_many(parse, child);
        item = xml_read_new(parse, child, row->schema);
        if (item)
            LIST_ADD(AT(AnyList, object, row), item);
        else
            result = -1;
    }
    return result;
}

static int
read_child(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    xmlNode *child;

    if (single_child(parse, element, row, &child) < 0)
        return -1;
    if (!child)
        return 0;
    switch (row->kind) {
    case ROW_ELEM:
        return read_text(parse, child, row, object);
    case ROW_SIZE:
        return read_size_text(parse, child, row, object);
    case ROW_FLAG:
        *AT(bool, object, row) = true;
        return 0;
    case ROW_GROUP:
        return read_rows(parse, child, row->schema, AT(void, object, row));
    case ROW_PTR:
        *AT(void *, object, row) = xml_read_new(parse, child, row->schema);
        return *AT(void *, object, row) ? 0 : -1;
    case ROW_RAW:
        return read_raw(parse, child, row, object);
    default:
        g_assert_not_reached();
    }
}

static int
read_row(XmlParse *parse, xmlNode *element, const XmlRow *row, void *object)
{
    switch (row->kind) {
    case ROW_ATTR:
        return read_attribute(parse, element, row, object);
    case ROW_TEXT:
        return read_text(parse, element, row, object);
    case ROW_SIZE_ATTR:
        return read_size_attr(parse, element, row, object);
    case ROW_SIZE_TEXT:
        return read_size_text(parse, element, row, object);
    case ROW_ELEMS:
        return read_strings(parse, element, row, object);
    case ROW_PRESENT:
        *AT(bool, object, row) = true;
        return 0;
    case ROW_LIST:
        return read_list(parse, element, row, object);
    case ROW_INLINE:
        return read_rows(parse, element, row->schema, AT(void, object, row));
    case ROW_CUSTOM:
        return row->custom->parse(parse, row, element, object);
    case ROW_INTERNAL:
        return 0;
    default:
        return read_child(parse, element, row, object);
    }
}

static int
read_rows(XmlParse *parse, xmlNode *element, const XmlSchema *schema, void *object)
{
    int result = 0;

    init_object(schema, object);
    for (const XmlRow *row = schema->rows; row->kind != ROW_END; row++) {
        if (!row_active(row, object) || (row->flags & XR_LIVE && parse->flags & XML_INACTIVE))
            continue;
        if (read_row(parse, element, row, object) < 0)
            result = -1;
    }
    if (result == 0 && schema->check && schema->check(parse, element, object) < 0)
        result = -1;
    return result;
}

int
xml_read(XmlParse *parse, xmlNode *element, const XmlSchema *schema, void *object)
{
    int result = read_rows(parse, element, schema, object);

    if (parse->flags & XML_VALIDATE && xml_validate(parse, element, schema, object) < 0)
        result = -1;
    return result;
}

void *
xml_read_new(XmlParse *parse, xmlNode *element, const XmlSchema *schema)
{
    void *object = g_malloc0(schema->size);

    if (xml_read(parse, element, schema, object) == 0)
        return object;
    xml_free(schema, object);
    return NULL;
}
