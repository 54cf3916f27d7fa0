/*
 * Loading XML text from strangers: no DOCTYPE (so no entities), no network, at most XML_MAX_TEXT bytes, at most
 * libxml2's 256 levels. Errors carry line and the place, as clients know them.
 */
#pragma once

#include <libxml/tree.h>

#include "common/base/error.h"

#define XML_MAX_TEXT (10 * 1024 * 1024)

/* Parse text; what names it in errors ("domain definition"). The caller frees *ret_doc with xmlFreeDoc(). Codes:
 * ERR_XML_DETAIL not well-formed, ERR_XML_ERROR refused (DOCTYPE, size, depth), both in domain. */
int xml_document_load(const char *text, const char *what, ErrorDomain domain, xmlDoc **ret_doc, Error *err);

static inline void xml_document_cleanup(xmlDoc **doc) { if (*doc) xmlFreeDoc(*doc); }
#define _cleanup_doc_ __attribute__((cleanup(xml_document_cleanup)))
