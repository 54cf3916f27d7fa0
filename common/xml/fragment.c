#include "common/xml/fragment.h"

#include <glib.h>
#include <string.h>

#include "common/xml/document.h"

static xmlNode *
child_of(xmlNode *root, const char *uri)
{
    for (xmlNode *node = root ? root->children : NULL; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && node->ns && node->ns->href && strcmp((const char *)node->ns->href, uri) == 0)
            return node;
    return NULL;
}

static char *
node_text(xmlDoc *doc, xmlNode *node)
{
    xmlBuffer *buffer = xmlBufferCreate();
    char *text;

    xmlNodeDump(buffer, doc, node, 0, 0);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

char *
xml_fragment_find(const char *text, const char *uri)
{
    _cleanup_doc_ xmlDoc *doc = NULL;
    xmlNode *node;

    if (!text || xml_document_load(text, "metadata", FROM_DOMAIN, &doc, NULL) < 0)
        return NULL;
    node = child_of(xmlDocGetRootElement(doc), uri);
    if (!node)
        return NULL;
    xmlReconciliateNs(doc, node);
    return node_text(doc, node);
}

/* The child's root element in the namespace, declared on it. */
static int
adopt_child(xmlDoc *doc, const char *prefix, const char *uri, const char *text, Error *err)
{
    _cleanup_doc_ xmlDoc *child = NULL;
    xmlNode *node;
    xmlNs *ns;

    if (xml_document_load(text, "metadata", FROM_DOMAIN, &child, err) < 0)
        return -1;
    node = xmlDocCopyNode(xmlDocGetRootElement(child), doc, 1);
    ns = xmlNewNs(node, (const xmlChar *)uri, (const xmlChar *)prefix);
    if (!ns) {
        xmlFreeNode(node);
        return error_setf(err, FROM_DOMAIN, ERR_INVALID_ARG, "the prefix '%s' can't be used for namespace '%s'",
                          prefix ? prefix : "", uri);
    }
    xmlSetNs(node, ns);
    xmlAddChild(xmlDocGetRootElement(doc), node);
    return 0;
}

int
xml_fragment_replace(const char *text, const char *element, const char *prefix, const char *uri, const char *child, char **ret,
                     Error *err)
{
    g_autofree char *empty = g_strdup_printf("<%s/>", element);
    _cleanup_doc_ xmlDoc *doc = NULL;
    xmlNode *root, *old;

    if (xml_document_load(text ? text : empty, element, FROM_DOMAIN, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    old = child_of(root, uri);
    if (old) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    if (child && adopt_child(doc, prefix, uri, child, err) < 0)
        return -1;
    *ret = xmlFirstElementChild(root) ? node_text(doc, root) : NULL;
    return 0;
}
