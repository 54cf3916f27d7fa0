/* Between parse.c and validate.c. */
#pragma once

#include "common/xml/schema.h"

/* node or the first of its later siblings that is an element of that name and namespace. */
xmlNode *xml_find(xmlNode *node, const char *name, const char *ns);
/* Note what the table does not know in element; object is what was read from it. Allocated children are not entered. */
int xml_validate(XmlParse *parse, xmlNode *element, const XmlSchema *schema, const void *object);
