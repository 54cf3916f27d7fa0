/* What domains and networks say about themselves: title, description, and what applications keep in <metadata>. */
#pragma once

#include "common/base/error.h"

typedef enum { METADATA_DESCRIPTION = 0, METADATA_TITLE = 1, METADATA_ELEMENT = 2 } MetadataType; /* as on the wire */

/* The three members of a definition, owned strings, each NULL when absent. */
typedef struct Metadata {
    char **title, **description, **metadata; /* metadata: the whole element as text */
} Metadata;

/* Change one. text NULL or "" removes it; key and uri are of METADATA_ELEMENT. Errors are of the domain of the object's driver. */
int metadata_set(const Metadata *in, ErrorDomain domain, int type, const char *text, const char *key, const char *uri, Error *err);
/* A copy of one; NULL when it is not there. */
char *metadata_get(const Metadata *in, int type, const char *uri);
