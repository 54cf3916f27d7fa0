#include "common/xml/document.h"

#include <glib.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

typedef struct Loading {
    const char *text;
    bool doctype;
    char *message; /* of the first error */
    int line;
    int column;
} Loading;

static Loading *
loading_of(void *context)
{
    return ((xmlParserCtxt *)context)->_private;
}

static void
on_doctype(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    loading_of(context)->doctype = true;
    xmlStopParser(context);
}

static void
on_error(void *user, xmlError *error)
{
    /* libxml2 hands the parser context as user data of the SAX handler */
    Loading *loading = ((xmlParserCtxt *)error->ctxt)->_private;

    if (loading->message || error->level < XML_ERR_ERROR)
        return;
    loading->message = g_strchomp(g_strdup(error->message));
    loading->line = error->line;
    loading->column = error->int2;
}

/* The offending line, cut, with a pointer below the column. */
static char *
quote_line(const Loading *loading)
{
    const char *start = loading->text;
    int column = MAX(loading->column, 1) - 1, skip;
    size_t length;

    for (int line = 1; line < loading->line && strchr(start, '\n'); line++)
        start = strchr(start, '\n') + 1;
    length = strcspn(start, "\n");
    column = MIN((size_t)column, length);
    skip = MAX(0, column - 60);
    return g_strdup_printf("%.*s\n%.*s^", (int)MIN(length - skip, 78), start + skip, column - skip,
                           "------------------------------------------------------------------------------");
}

static int
report(const Loading *loading, const char *what, ErrorDomain domain, Error *err)
{
    g_autofree char *quoted = NULL;

    if (loading->doctype)
        return error_setf(err, domain, ERR_XML_ERROR,
                          "XML error: %s has a DOCTYPE; document types and entities are not accepted, remove it", what);
    quoted = quote_line(loading);
    return error_setf(err, domain, ERR_XML_DETAIL, "%s: at line %d: %s\n%s", what, loading->line,
                      loading->message ? loading->message : "not well-formed", quoted);
}

int
xml_document_load(const char *text, const char *what, ErrorDomain domain, xmlDoc **ret_doc, Error *err)
{
    Loading loading = { .text = text };
    size_t length = strlen(text);
    g_autofree char *message = NULL;
    xmlParserCtxt *context;
    xmlDoc *doc;
    bool fine;

    if (length > XML_MAX_TEXT)
        return error_setf(err, domain, ERR_XML_ERROR, "XML error: %s is %zu bytes long, more than the %d allowed", what,
                          length, XML_MAX_TEXT);
    context = xmlNewParserCtxt();
    if (!context)
        return error_setf(err, domain, ERR_NO_MEMORY, "out of memory");
    context->_private = &loading;
    context->sax->internalSubset = on_doctype;
    context->sax->serror = on_error;
    doc = xmlCtxtReadMemory(context, text, length, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES | XML_PARSE_NOCDATA);
    fine = doc && context->wellFormed && !loading.doctype && xmlDocGetRootElement(doc);
    xmlFreeParserCtxt(context);
    message = loading.message;
    if (!fine) {
        if (doc)
            xmlFreeDoc(doc);
        return report(&loading, what, domain, err);
    }
    *ret_doc = doc;
    return 0;
}
