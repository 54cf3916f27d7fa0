#include "common/conf/metadata.h"

#include <glib.h>
#include <string.h>

#include "common/xml/fragment.h"

static void
set_text(char **at, const char *text)
{
    g_free(*at);
    *at = text && *text ? g_strdup(text) : NULL;
}

int
metadata_set(const Metadata *in, ErrorDomain domain, int type, const char *text, const char *key, const char *uri, Error *err)
{
    char *changed = NULL;

    switch (type) {
    case METADATA_DESCRIPTION:
        set_text(in->description, text);
        return 0;
    case METADATA_TITLE:
        if (text && strchr(text, '\n'))
            return error_setf(err, domain, ERR_INVALID_ARG, "a title is one line");
        set_text(in->title, text);
        return 0;
    case METADATA_ELEMENT:
        if (!uri || !*uri || (text && !key))
            return error_setf(err, domain, ERR_INVALID_ARG, "metadata needs a namespace URI, and a prefix when it is set");
        if (xml_fragment_replace(*in->metadata, "metadata", key, uri, text, &changed, err) < 0)
            return -1;
        g_free(*in->metadata);
        *in->metadata = changed;
        return 0;
    default:
        return error_setf(err, domain, ERR_INVALID_ARG, "unknown kind of metadata %d", type);
    }
}

char *
metadata_get(const Metadata *in, int type, const char *uri)
{
    if (type == METADATA_ELEMENT)
        return uri ? xml_fragment_find(*in->metadata, uri) : NULL;
    return g_strdup(type == METADATA_TITLE ? *in->title : type == METADATA_DESCRIPTION ? *in->description : NULL);
}
