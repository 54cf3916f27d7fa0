/* What definitions of all kinds share: being values with counted references, being read, being refused. */
#pragma once

#include "common/base/error.h"
#include "common/xml/schema.h"

/*
 * The functions name_copy(), name_ref() and name_unref() of a struct with a member "unsigned refs" and that table. Their
 * declarations stand in the header of the definition.
 */
#define DEFINITION_VALUE(T, name, table) \
    T * \
    name##_copy(const T *def) \
    { \
        T *copy = xml_copy(&table, def); \
\
        copy->refs = 1; \
        return copy; \
    } \
\
    T * \
    name##_ref(const T *def) \
    { \
        T *shared = (T *)(uintptr_t)def; \
\
        shared->refs++; \
        return shared; \
    } \
\
    void \
    name##_unref(T *def) \
    { \
        if (!def) \
            return; \
        g_assert(def->refs > 0); \
        if (--def->refs == 0) \
            xml_free(&table, def); \
    } \
    _Static_assert(sizeof(((T *)0)->refs) == sizeof(unsigned), "references are counted")

/* Fill object, which is empty but for what its rows depend on, from the document. Another root than <element> is an error of
 * root_domain, all else one of domain. */
int definition_read(xmlNode *root, const char *element, const XmlSchema *schema, unsigned flags, ErrorDomain domain,
                    ErrorDomain root_domain, void *object, Error *err);

/* Set err with the words that clients know the code by before the text. Always returns -1. */
int definition_refuse(Error *err, ErrorDomain domain, ErrorCode code, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* No line breaks and other control characters: nothing that could begin a line of a configuration file. */
bool text_is_one_line(const char *text);
