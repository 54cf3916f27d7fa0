/* Security labels: of a whole domain, and overrides for one source. */
#pragma once

#include "common/xml/schema.h"

typedef enum SeclabelType { SECLABEL_ABSENT = 0, SECLABEL_DYNAMIC, SECLABEL_STATIC, SECLABEL_NONE } SeclabelType;

typedef struct Seclabel {
    SeclabelType type;
    char *model; /* "selinux", "apparmor", "dac" */
    Tri relabel;
    char *label;      /* of the process; of a dynamic label only while running */
    char *image;      /* of its files, while running */
    char *base;       /* start of a dynamic label */
} Seclabel;

/* How the files behind one device are labelled. */
typedef struct SourceSeclabel {
    char *model;
    Tri relabel;
    Tri labelskip;
    char *label;
} SourceSeclabel;

typedef LIST(Seclabel) SeclabelList;
typedef LIST(SourceSeclabel) SourceSeclabelList;

extern const XmlSchema seclabel_schema, source_seclabel_schema;
