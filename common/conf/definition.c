#include "common/conf/definition.h"

#include <stdarg.h>

int
definition_read(xmlNode *root, const char *element, const XmlSchema *schema, unsigned flags, ErrorDomain domain,
                ErrorDomain root_domain, void *object, Error *err)
{
    XmlParse parse = { .flags = flags, .domain = domain, .missing = domain };
    int result;

    if (!xml_is(root, element, NULL))
        return error_setf(err, root_domain, ERR_XML_ERROR, "XML error: the document is a <%s>, expected a <%s>",
                          (const char *)root->name, element);
    xml_read(&parse, root, schema, object);
    result = xml_parse_result(&parse, err);
    xml_parse_done(&parse);
    return result;
}

int
definition_refuse(Error *err, ErrorDomain domain, ErrorCode code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    return error_setf(err, domain, code, "%s%s", xml_code_prefix(code), text);
}

bool
text_is_one_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}
