/* Texts of elements that belong to others (<metadata>): finding and replacing the child of one namespace. */
#pragma once

#include "common/base/error.h"

/* The text of the child of the element text that is in namespace uri; NULL when there is none (or text is NULL). */
char *xml_fragment_find(const char *text, const char *uri);

/*
 * The element with the child of namespace uri replaced: by child (its root gets prefix and uri), or by nothing (child
 * NULL). text NULL: an element of this name is begun. *ret NULL: nothing is left in it. Errors of child are ERR_XML_DETAIL.
 */
int xml_fragment_replace(const char *text, const char *element, const char *prefix, const char *uri, const char *child,
                         char **ret, Error *err);
