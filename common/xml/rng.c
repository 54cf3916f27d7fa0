/*
 * RelaxNG from tables.
 *
 * Rows of one allocation (groups and inlined tables) are written in place, with an environment of the enum fields whose
 * value is known; allocated and listed elements are definitions of their own. An enum attribute that conditions look at
 * splits the element into a choice, one branch per value.
 */
#include <libxml/relaxng.h>
#include <string.h>

#include "common/xml/grammar.h"

#define MAX_KEYS 8

typedef struct Environment {
    const XmlSchema *top; /* table of the allocation: offsets are relative to its struct */
    struct { size_t offset; unsigned value; } keys[MAX_KEYS];
    unsigned n;
} Environment;

/* What an element holds so far. Attributes and text need no order; children may come in any. */
typedef struct Content {
    GString *plain;    /* attributes, text */
    GString *children; /* child elements, to be interleaved */
    unsigned n;
} Content;

typedef struct Grammar {
    GString *defines;
    GHashTable *done; /* XmlSchema * -> name */
} Grammar;

/* Where generation stands within one element: the rows still to come are those of a stack of tables. */
typedef struct Cursor Cursor;
struct Cursor {
    const XmlRow *row;
    size_t base;
    const Cursor *outer; /* continue there after ROW_END */
};

static const char *define_schema(Grammar *g, const XmlSchema *schema);
static void element_content(Grammar *g, GString *out, const Cursor *cursor, const Environment *env, const Content *before);

static bool
known_value(const Environment *env, size_t offset, unsigned *ret_value)
{
    for (unsigned i = 0; i < env->n; i++) {
        if (env->keys[i].offset != offset)
            continue;
        *ret_value = env->keys[i].value;
        return true;
    }
    return false;
}

/* 1 active, 0 not, -1 depends on what is not known here */
static int
activity(const XmlRow *row, size_t base, const Environment *env)
{
    unsigned value;

    if (!row->when.mask)
        return 1;
    if (!known_value(env, base + row->when.offset, &value))
        return -1;
    return value < 64 && row->when.mask >> value & 1;
}

/* Does a condition anywhere in the allocation look at this field? */
static bool
is_key(const XmlSchema *schema, size_t base, size_t offset, unsigned depth)
{
    for (const XmlRow *row = schema->rows; row->kind != ROW_END && depth < 12; row++) {
        if (row->when.mask && base + row->when.offset == offset)
            return true;
        if ((row->kind == ROW_INLINE || row->kind == ROW_GROUP || (row->kind == ROW_CUSTOM && row->schema)) &&
            is_key(row->schema, base + row->offset, offset, depth + 1))
            return true;
    }
    return false;
}

static void
value_pattern(GString *out, const XmlRow *row)
{
    if (row->base) {
        g_string_append(out, "<data type='token'><param name='pattern'>(0[xX])?[0-9a-fA-F]+</param></data>");
        return;
    }
    if (row->type->rng) {
        g_string_append(out, row->type->rng);
        return;
    }
    g_string_append(out, "<choice>");
    for (int i = 1; row->names && row->names[i]; i++)
        g_string_append_printf(out, "<value>%s</value>", row->names[i]);
    g_string_append(out, "</choice>");
}

#define UNIT "<optional><attribute name='unit'><data type='string'><param name='pattern'>([bB]|[bB][yY][tT][eE][sS]?|" \
             "[kKmMgGtTpPeE]([iI]?[bB])?)?</param></data></attribute></optional>"
#define NUMBER "<data type='token'><param name='pattern'>[0-9]*</param></data>"

static void
open_element(GString *out, const XmlRow *row)
{
    g_string_append_printf(out, "<element name='%s'%s%s%s>", row->name, row->ns ? " ns='" : "", row->ns ? row->ns : "",
                           row->ns ? "'" : "");
}

static void
group_content(Grammar *g, GString *out, const XmlRow *row, size_t base, const Environment *env)
{
    const Cursor inside = { row->schema->rows, base + row->offset, NULL };

    element_content(g, out, &inside, env, NULL);
}

/* A child element, without saying how often it may occur. */
static void
child_pattern(Grammar *g, GString *out, const XmlRow *row, size_t base, const Environment *env)
{
    open_element(out, row);
    switch (row->kind) {
    case ROW_ELEM:
        /* Nothing at all is absence. */
        g_string_append(out, "<choice><empty/>");
        value_pattern(out, row);
        g_string_append(out, "</choice>");
        break;
    case ROW_ELEMS:
        g_string_append(out, "<text/>");
        break;
    case ROW_SIZE:
        g_string_append(out, UNIT NUMBER);
        break;
    case ROW_FLAG:
        g_string_append(out, "<empty/>");
        break;
    case ROW_RAW:
        g_string_append(out, "<ref name='anyContent'/>");
        break;
    case ROW_PTR: case ROW_LIST:
        g_string_append_printf(out, "<ref name='%s'/>", define_schema(g, row->schema));
        break;
    default:
        group_content(g, out, row, base, env);
    }
    g_string_append(out, "</element>");
}

static void
custom_pattern(Content *content, const XmlRow *row)
{
    if (row->custom->attribute_phase) {
        if (row->custom->rng)
            g_string_append(content->plain, row->custom->rng);
        else
            g_string_append_printf(content->plain, "<optional><attribute name='%s'/></optional>", row->name);
        return;
    }
    content->n++;
    if (row->custom->rng)
        g_string_append(content->children, row->custom->rng);
    else
        g_string_append_printf(content->children, "<optional><element name='%s'><ref name='anyContent'/></element></optional>",
                               row->name);
}

static void
row_pattern(Grammar *g, Content *content, const XmlRow *row, size_t base, const Environment *env, bool certain)
{
    bool many = row->kind == ROW_LIST || row->kind == ROW_ELEMS;
    bool required = certain && row->flags & XR_REQUIRED;
    bool attribute = row->kind == ROW_ATTR || row->kind == ROW_SIZE_ATTR;
    const char *wrap = many ? "zeroOrMore" : required ? NULL : "optional";
    GString *out = attribute ? content->plain : content->children;

    switch (row->kind) {
    case ROW_PRESENT: case ROW_INTERNAL: case ROW_INLINE: case ROW_END:
        return;
    case ROW_CUSTOM:
        if (!row->schema) {
            custom_pattern(content, row);
            return;
        }
        break;
    case ROW_TEXT:
        /* Missing text is absence. */
        g_string_append(content->plain, required ? "" : "<choice><empty/>");
        value_pattern(content->plain, row);
        g_string_append(content->plain, required ? "" : "</choice>");
        return;
    case ROW_SIZE_TEXT:
        g_string_append(content->plain, UNIT NUMBER);
        return;
    default:
        break;
    }
    if (wrap)
        g_string_append_printf(out, "<%s>", wrap);
    if (attribute) {
        g_string_append_printf(out, "<attribute name='%s'>", row->name);
        value_pattern(out, row);
        g_string_append(out, "</attribute>");
    } else {
        content->n++;
        child_pattern(g, out, row, base, env);
    }
    if (wrap)
        g_string_append_printf(out, "</%s>", wrap);
    if (row->kind == ROW_SIZE_ATTR)
        g_string_append(out, UNIT);
}

/* One branch per value of a key attribute; the rest of the element is repeated in each. */
static void
branch(Grammar *g, GString *out, const Cursor *rest, const XmlRow *row, size_t offset, const Environment *env,
       const Content *before)
{
    Environment with = *env;
    unsigned at = with.n++;
    int def = row->def ? enum_from_name(row->names, row->def) : 0;

    with.keys[at].offset = offset;
    g_string_append(out, "<choice>");
    for (int value = row->flags & XR_REQUIRED ? 1 : 0; value == 0 || row->names[value]; value++) {
        with.keys[at].value = value ? (unsigned)value : (unsigned)def;
        g_string_append(out, "<group>");
        if (value)
            g_string_append_printf(out, "<attribute name='%s'><value>%s</value></attribute>", row->name, row->names[value]);
        element_content(g, out, rest, &with, before);
        g_string_append(out, "</group>");
    }
    g_string_append(out, "</choice>");
}

static void
finish_content(GString *out, const Content *content)
{
    g_string_append(out, content->plain->str);
    if (content->n > 1)
        g_string_append_printf(out, "<interleave>%s</interleave>", content->children->str);
    else
        g_string_append(out, content->children->str);
    if (!content->n && !content->plain->len)
        g_string_append(out, "<empty/>");
}

/* The rows from cursor on, after what is already in `before`. */
static void
element_content(Grammar *g, GString *out, const Cursor *cursor, const Environment *env, const Content *before)
{
    g_autoptr(GString) plain = g_string_new(before ? before->plain->str : NULL);
    g_autoptr(GString) children = g_string_new(before ? before->children->str : NULL);
    Content content = { plain, children, before ? before->n : 0 };

    while (cursor) {
        size_t base = cursor->base;

        for (const XmlRow *row = cursor->row; row->kind != ROW_END; row++) {
            int active = activity(row, base, env);
            const Cursor rest = { row + 1, base, cursor->outer };
            unsigned value;

            if (!active)
                continue;
            if (row->kind == ROW_INLINE) {
                const Cursor inside = { row->schema->rows, base + row->offset, &rest };

                element_content(g, out, &inside, env, &content);
                return;
            }
            if (row->kind == ROW_ATTR && row->names && env->n < MAX_KEYS && is_key(env->top, 0, base + row->offset, 0) &&
                !known_value(env, base + row->offset, &value)) {
                branch(g, out, &rest, row, base + row->offset, env, &content);
                return;
            }
            row_pattern(g, &content, row, base, env, active > 0);
        }
        cursor = cursor->outer;
    }
    finish_content(out, &content);
}

/* Text of the definition goes out after its content is complete: definitions do not nest. */
static const char *
define_schema(Grammar *g, const XmlSchema *schema)
{
    const Cursor start = { schema->rows, 0, NULL };
    const Environment env = { .top = schema };
    const char *known = g_hash_table_lookup(g->done, schema);
    GString *body;

    if (known)
        return known;
    g_hash_table_insert(g->done, (void *)schema, (void *)schema->name);
    body = g_string_new(NULL);
    element_content(g, body, &start, &env, NULL);
    g_string_append_printf(g->defines, "<define name='%s'>%s</define>\n", schema->name, body->str);
    g_string_free(body, TRUE);
    return schema->name;
}

void
xml_grammar_define(GString *out, GHashTable *done, const char *name, const char *element, const XmlSchema *schema)
{
    Grammar g = { .defines = out, .done = done };
    const char *content = define_schema(&g, schema);

    g_string_append_printf(out, "<define name='%s'><element name='%s'><ref name='%s'/></element></define>\n", name, element, content);
}

char *
xml_grammar(const char *root, const XmlSchema *schema, const GString *extra, GHashTable *done)
{
    g_autoptr(GHashTable) own = g_hash_table_new(NULL, NULL);
    GString *out = g_string_new("<?xml version='1.0' encoding='UTF-8'?>\n<!-- generated from the tables; do not edit -->\n"
                                "<grammar xmlns='http://relaxng.org/ns/structure/1.0' "
                                "datatypeLibrary='http://www.w3.org/2001/XMLSchema-datatypes'>\n"
                                "<start><ref name='root'/></start>\n"
                                "<define name='anyContent'><zeroOrMore><choice><text/><attribute><anyName/></attribute>"
                                "<element><anyName/><ref name='anyContent'/></element></choice></zeroOrMore></define>\n");

    xml_grammar_define(out, done ? done : own, "root", root, schema);
    if (extra)
        g_string_append_len(out, extra->str, extra->len);
    g_string_append(out, "</grammar>\n");
    return g_string_free(out, FALSE);
}

/* -- use -- */

struct XmlValidator {
    xmlRelaxNG *schema;
};

/* Whether is the question, not why: the parser has better messages. */
static void
silent(void *context, const char *format, ...)
{
}

XmlValidator *
xml_validator_new(const char *grammar)
{
    xmlRelaxNGParserCtxt *context = xmlRelaxNGNewMemParserCtxt(grammar, strlen(grammar));
    XmlValidator *validator;
    xmlRelaxNG *schema;

    xmlRelaxNGSetParserErrors(context, silent, silent, NULL);
    schema = xmlRelaxNGParse(context);
    xmlRelaxNGFreeParserCtxt(context);
    if (!schema)
        return NULL;
    validator = g_new0(XmlValidator, 1);
    validator->schema = schema;
    return validator;
}

void
xml_validator_free(XmlValidator *validator)
{
    if (!validator)
        return;
    xmlRelaxNGFree(validator->schema);
    g_free(validator);
}

bool
xml_validator_accepts(XmlValidator *validator, xmlDoc *doc)
{
    xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt(validator->schema);
    int result;

    xmlRelaxNGSetValidErrors(context, silent, silent, NULL);
    result = xmlRelaxNGValidateDoc(context, doc);
    xmlRelaxNGFreeValidCtxt(context);
    return result == 0;
}
