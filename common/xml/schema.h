/*
 * A table per element: the one description from which it is parsed, formatted, validated, copied, freed, compared and
 * documented.
 *
 * Rows stand in the order in which they are formatted (attributes before children). A row names a field by its offset
 * in the struct the table is for. ROW_GROUP maps a child element onto the same or an embedded struct, ROW_PTR onto an
 * allocated one, ROW_LIST onto a list of such; ROW_INLINE takes over the rows of another table for this very element.
 * A row with a `when` condition exists only while an enum field of the struct has one of the given values: this is how
 * variants (keyed unions) are written. The enum must be set by an earlier row or by the surrounding element.
 */
#pragma once

#include <libxml/tree.h>

#include "common/base/error.h"
#include "common/xml/value.h"
#include "common/xml/writer.h"

typedef struct XmlSchema XmlSchema;
typedef struct XmlParse XmlParse;

typedef enum XmlRowKind {
    ROW_END = 0,
    ROW_ATTR,      /* attribute */
    ROW_TEXT,      /* text of the element itself */
    ROW_ELEM,      /* child element that is nothing but a text value */
    ROW_ELEMS,     /* any number of such; StringList */
    ROW_SIZE,      /* child element <name unit='KiB'>text</name>; OptU64 in units of row->scale bytes */
    ROW_SIZE_ATTR, /* attribute with a sibling attribute "unit"; OptU64 in units of row->scale bytes */
    ROW_SIZE_TEXT, /* text of the element itself with its attribute "unit"; OptU64 */
    ROW_FLAG,      /* child element whose presence is the value; bool */
    ROW_PRESENT,   /* true when the element of this table is there at all; bool; forces formatting */
    ROW_GROUP,     /* child element with a table, fields in an embedded struct (offset 0: in this one) */
    ROW_PTR,       /* child element with a table, fields in an allocated struct */
    ROW_LIST,      /* any number of such */
    ROW_INLINE,    /* the rows of another table, for this element */
    ROW_RAW,       /* child element kept as text with all its content; char * */
    ROW_CUSTOM,    /* own parse/format pair */
    ROW_INTERNAL,  /* never in XML: copied, compared and freed only */
} XmlRowKind;

enum {
    XR_REQUIRED = 1 << 0,  /* missing is an error */
    XR_LIVE = 1 << 1,      /* neither parsed nor formatted with XML_INACTIVE */
    XR_SECURE = 1 << 2,    /* formatted only with XML_SECURE */
    XR_ALWAYS = 1 << 3,    /* ROW_GROUP: formatted even when empty */
    XR_ABI = 1 << 4,       /* a difference changes what the guest sees */
    XR_FIRST = 1 << 5,     /* further elements of the name are ignored (otherwise a duplicate is an error) */
    XR_NO_FORMAT = 1 << 6, /* accepted, never written */
    XR_HIDDEN = 1 << 7,    /* left out of the reference page (compatibility spelling) */
    XR_NO_COPY = 1 << 8,   /* second row for a field another row owns: not copied, freed or compared */
    XR_OWNED = 1 << 9,     /* ROW_RAW: one child per foreign namespace, none without one */
};

#define XML_ANY_BASE 1 /* decimal, 0x or octal, as in C */

/* Flags of parsing and formatting, the latter with the numbers of the public API where it has them. */
enum {
    XML_SECURE = 1 << 0,     /* passwords too */
    XML_INACTIVE = 1 << 1,   /* the definition, no state */
    XML_UPDATE_CPU = 1 << 2,
    XML_MIGRATABLE = 1 << 3, /* what other hosts must understand */
    XML_VALIDATE = 1 << 8,   /* parse: unknown content is an error */
    XML_STATUS = 1 << 9,     /* also what only a status file carries */
};

typedef struct XmlWhen {
    size_t offset; /* of an enum field in the struct */
    uint64_t mask; /* bit n: the row exists while the field is n */
} XmlWhen;

/* The pair for what a table cannot say. All slots but parse and format may be NULL. */
typedef struct XmlCustom {
    /* Read what belongs to the row from element. Report with xml_problem() and return -1 on errors. */
    int (*parse)(XmlParse *parse, const XmlRow *row, xmlNode *element, void *object);
    /* Write attributes or children; called in row order. */
    void (*format)(XmlWriter *writer, const XmlRow *row, const void *object, unsigned flags);
    void (*copy)(void *dst, const void *src);
    void (*clear)(void *object);
    bool (*equal)(const void *a, const void *b);
    const char *const *attributes; /* names it reads, NULL-terminated: known to validation */
    const char *const *children;
    bool attribute_phase;          /* writes attributes, not children */
    const char *rng;               /* pattern in RelaxNG; NULL: that of row->schema, else an optional row->name */
} XmlCustom;

struct XmlRow {
    XmlRowKind kind;
    const char *name;
    const char *ns; /* namespace URI of a child element; NULL: none */
    const char *prefix; /* written before name with a colon; declared by the root */
    const XmlType *type;
    size_t offset;
    const XmlSchema *schema;
    const char *const *names;    /* xt_enum */
    unsigned long long min, max; /* integers; max 0: no limit. ROW_SIZE*: max is bytes per unit without "unit" (0: scale) */
    unsigned digits;             /* xt_hex, xt_plain_hex */
    unsigned base;               /* integers: 16 or XML_ANY_BASE; 0: the type's own */
    unsigned long long scale;    /* ROW_SIZE*: bytes per stored unit (1024: KiB) */
    const char *unit;            /* ROW_SIZE*: written instead of the unit's usual name */
    unsigned flags;              /* XR_* */
    XmlWhen when;
    /* Formatting only: written when this says so. For rules of presentation, not of validity. */
    bool (*shown)(const void *object, unsigned flags);
    const XmlCustom *custom;
    const char *def;   /* text taken when the attribute is missing; NULL: stays absent */
    ErrorCode code;    /* of a bad value of an attribute; 0: ERR_XML_ERROR */
    const char *since;
    const char *doc;
};

struct XmlSchema {
    const char *name; /* of the type, for the grammar and the reference page: "disk" */
    size_t size;      /* of the struct */
    const XmlRow *rows;
    void (*init)(void *object); /* after zeroing; NULL: nothing */
    /* Rules of this element alone, right after its rows. Reports with xml_problem(), returns -1 on errors. */
    int (*check)(XmlParse *parse, xmlNode *element, void *object);
    const char *doc;
};

/* Offsets that are checked against the type of the field at compile time. */
#define FIELD_IS(S, f, T) (offsetof(S, f) + 0 * sizeof(char[_Generic(((S *)0)->f, T: 1)]))
#define FIELD_ENUM(S, f) (offsetof(S, f) + 0 * sizeof(char[sizeof(((S *)0)->f) == sizeof(int) ? 1 : -1]))
#define WHEN(S, f, ...) .when = { FIELD_ENUM(S, f), WHEN_MASK(__VA_ARGS__) }
#define WHEN_BIT(v) (UINT64_C(1) << (v))
#define WHEN_MASK_1(a) WHEN_BIT(a)
#define WHEN_MASK_2(a, b) (WHEN_BIT(a) | WHEN_BIT(b))
#define WHEN_MASK_3(a, b, c) (WHEN_MASK_2(a, b) | WHEN_BIT(c))
#define WHEN_MASK_4(a, b, c, d) (WHEN_MASK_3(a, b, c) | WHEN_BIT(d))
#define WHEN_MASK_5(a, b, c, d, e) (WHEN_MASK_4(a, b, c, d) | WHEN_BIT(e))
#define WHEN_MASK_6(a, b, c, d, e, f) (WHEN_MASK_5(a, b, c, d, e) | WHEN_BIT(f))
#define WHEN_MASK_7(a, b, c, d, e, f, g) (WHEN_MASK_6(a, b, c, d, e, f) | WHEN_BIT(g))
#define WHEN_MASK_8(a, b, c, d, e, f, g, h) (WHEN_MASK_7(a, b, c, d, e, f, g) | WHEN_BIT(h))
#define WHEN_PICK(_1, _2, _3, _4, _5, _6, _7, _8, name, ...) name
#define WHEN_MASK(...) WHEN_PICK(__VA_ARGS__, WHEN_MASK_8, WHEN_MASK_7, WHEN_MASK_6, WHEN_MASK_5, WHEN_MASK_4, \
                                 WHEN_MASK_3, WHEN_MASK_2, WHEN_MASK_1, )(__VA_ARGS__)
#define WHEN_ALL_BUT(S, f, ...) .when = { FIELD_ENUM(S, f), ~(uint64_t)WHEN_MASK(__VA_ARGS__) }

/* Values: VALUE_x(kind, name, struct, field, doc, more members...) */
#define VALUE(K, n, S, f, T, t, d, ...) { .kind = (K), .name = (n), .type = &(t), .offset = FIELD_IS(S, f, T), .doc = (d), ##__VA_ARGS__ }
#define A_STR(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, char *, xt_string, d, ##__VA_ARGS__)
#define A_LSTR(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, char *, xt_lenient, d, ##__VA_ARGS__)
#define A_INT(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, OptInt, xt_int, d, ##__VA_ARGS__)
#define A_UINT(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, OptUint, xt_uint, d, ##__VA_ARGS__)
#define A_HEX(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, OptUint, xt_hex, d, ##__VA_ARGS__)
#define A_I64(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, OptI64, xt_i64, d, ##__VA_ARGS__)
#define A_U64(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, OptU64, xt_u64, d, ##__VA_ARGS__)
#define A_HEX64(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, OptU64, xt_hex64, d, ##__VA_ARGS__)
#define A_PUINT(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, unsigned, xt_plain_uint, d, ##__VA_ARGS__)
#define A_PHEX(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, unsigned, xt_plain_hex, d, ##__VA_ARGS__)
#define A_ONOFF(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, Tri, xt_onoff, d, ##__VA_ARGS__)
#define A_YESNO(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, Tri, xt_yesno, d, ##__VA_ARGS__)
#define A_MAC(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, Mac, xt_mac, d, ##__VA_ARGS__)
#define A_UUID(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, Uuid, xt_uuid, d, ##__VA_ARGS__)
#define A_IP(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, IpAddress, xt_ip, d, ##__VA_ARGS__)
#define A_SET(n, S, f, d, ...) VALUE(ROW_ATTR, n, S, f, Bitmap *, xt_cpuset, d, ##__VA_ARGS__)
#define ENUM_ROW(K, n, S, f, e, d, ...) \
    { .kind = (K), .name = (n), .type = &xt_enum, .offset = FIELD_ENUM(S, f), .names = (e), .doc = (d), ##__VA_ARGS__ }
#define A_ENUM(n, S, f, e, d, ...) ENUM_ROW(ROW_ATTR, n, S, f, e, d, ##__VA_ARGS__)
#define E_ENUM(n, S, f, e, d, ...) ENUM_ROW(ROW_ELEM, n, S, f, e, d, ##__VA_ARGS__)
/* An enum attribute whose bad value is an error of the document's domain. */
#define A_CHOICE(n, S, f, e, d, ...) \
    { .kind = ROW_ATTR, .name = (n), .type = &xt_choice, .offset = FIELD_ENUM(S, f), .names = (e), .doc = (d), ##__VA_ARGS__ }
/* One of a few words, kept as text: WORDS(a, b) names them. */
#define WORDS(...) (const char *const[]){ NULL, __VA_ARGS__, NULL }
#define A_WORD(n, S, f, e, d, ...) \
    { .kind = ROW_ATTR, .name = (n), .type = &xt_word, .offset = FIELD_IS(S, f, char *), .names = (e), .doc = (d), ##__VA_ARGS__ }
#define E_STR(n, S, f, d, ...) VALUE(ROW_ELEM, n, S, f, char *, xt_string, d, ##__VA_ARGS__)
#define E_LSTR(n, S, f, d, ...) VALUE(ROW_ELEM, n, S, f, char *, xt_lenient, d, ##__VA_ARGS__)
#define E_INT(n, S, f, d, ...) VALUE(ROW_ELEM, n, S, f, OptInt, xt_int, d, ##__VA_ARGS__)
#define E_UINT(n, S, f, d, ...) VALUE(ROW_ELEM, n, S, f, OptUint, xt_uint, d, ##__VA_ARGS__)
#define E_I64(n, S, f, d, ...) VALUE(ROW_ELEM, n, S, f, OptI64, xt_i64, d, ##__VA_ARGS__)
#define E_U64(n, S, f, d, ...) VALUE(ROW_ELEM, n, S, f, OptU64, xt_u64, d, ##__VA_ARGS__)
#define E_UUID(n, S, f, d, ...) VALUE(ROW_ELEM, n, S, f, Uuid, xt_uuid, d, ##__VA_ARGS__)
#define T_STR(S, f, d, ...) VALUE(ROW_TEXT, NULL, S, f, char *, xt_lenient, d, ##__VA_ARGS__)
#define T_UINT(S, f, d, ...) VALUE(ROW_TEXT, NULL, S, f, OptUint, xt_uint, d, ##__VA_ARGS__)
#define T_U64(S, f, d, ...) VALUE(ROW_TEXT, NULL, S, f, OptU64, xt_u64, d, ##__VA_ARGS__)
#define T_UUID(S, f, d, ...) VALUE(ROW_TEXT, NULL, S, f, Uuid, xt_uuid, d, ##__VA_ARGS__)
#define T_ENUM(S, f, e, d, ...) ENUM_ROW(ROW_TEXT, NULL, S, f, e, d, ##__VA_ARGS__)
#define STRINGS(n, S, f, d, ...) \
    { .kind = ROW_ELEMS, .name = (n), .type = &xt_string, .offset = FIELD_IS(S, f, StringList), .doc = (d), ##__VA_ARGS__ }
#define SIZE_KIND(K, n, S, f, k, d, ...) \
    { .kind = (K), .name = (n), .type = &xt_u64, .offset = FIELD_IS(S, f, OptU64), .scale = (k), .doc = (d), ##__VA_ARGS__ }
#define SIZE(n, S, f, k, d, ...) SIZE_KIND(ROW_SIZE, n, S, f, k, d, ##__VA_ARGS__)
#define SIZE_ATTR(n, S, f, k, d, ...) SIZE_KIND(ROW_SIZE_ATTR, n, S, f, k, d, ##__VA_ARGS__)
#define SIZE_TEXT(S, f, k, d, ...) SIZE_KIND(ROW_SIZE_TEXT, NULL, S, f, k, d, ##__VA_ARGS__)
#define FLAG(n, S, f, d, ...) { .kind = ROW_FLAG, .name = (n), .offset = FIELD_IS(S, f, bool), .doc = (d), ##__VA_ARGS__ }
#define PRESENT(S, f) { .kind = ROW_PRESENT, .offset = FIELD_IS(S, f, bool) }
#define GROUP(n, s, d, ...) { .kind = ROW_GROUP, .name = (n), .schema = &(s), .doc = (d), ##__VA_ARGS__ }
#define GROUP_AT(n, S, f, s, d, ...) \
    { .kind = ROW_GROUP, .name = (n), .offset = offsetof(S, f), .schema = &(s), .doc = (d), ##__VA_ARGS__ }
#define INLINE(s, ...) { .kind = ROW_INLINE, .schema = &(s), ##__VA_ARGS__ }
#define INLINE_AT(S, f, s, ...) { .kind = ROW_INLINE, .offset = offsetof(S, f), .schema = &(s), ##__VA_ARGS__ }
#define PTR(n, S, f, s, d, ...) { .kind = ROW_PTR, .name = (n), .offset = offsetof(S, f) + 0 * sizeof(*((S *)0)->f), \
                                  .schema = &(s), .doc = (d), ##__VA_ARGS__ }
#define ITEMS(nm, S, f, s, d, ...) { .kind = ROW_LIST, .name = (nm), .offset = offsetof(S, f) + 0 * sizeof(((S *)0)->f.n), \
                                    .schema = &(s), .doc = (d), ##__VA_ARGS__ }
#define RAW(n, S, f, d, ...) { .kind = ROW_RAW, .name = (n), .type = &xt_string, .offset = FIELD_IS(S, f, char *), .doc = (d), ##__VA_ARGS__ }
#define CUSTOM(n, c, d, ...) { .kind = ROW_CUSTOM, .name = (n), .custom = &(c), .doc = (d), ##__VA_ARGS__ }
#define INTERNAL(S, f, T, t) { .kind = ROW_INTERNAL, .type = &(t), .offset = FIELD_IS(S, f, T) }
#define ROWS_END { .kind = ROW_END }

/* A table that stands for rows of struct S: SCHEMA(disk_schema, "disk", DiskDef, disk_rows, "doc", more...) */
#define SCHEMA(var, n, S, r, d, ...) const XmlSchema var = { .name = (n), .size = sizeof(S), .rows = (r), .doc = (d), ##__VA_ARGS__ }

/* -- parsing -- */

typedef struct XmlProblem {
    ErrorDomain domain;
    ErrorCode code;
    int line;
    char *path;
    char *message;
} XmlProblem;

/* A list may have this many items (checks may compare each with each). */
#define XML_MAX_ITEMS 4096

/* At most this many problems of one document are kept. */
#define XML_MAX_PROBLEMS 64

struct XmlParse {
    unsigned flags;      /* XML_INACTIVE, XML_VALIDATE */
    ErrorDomain domain;  /* of errors about structure */
    ErrorDomain missing; /* of a missing attribute; FROM_NONE: FROM_XML */
    void *user;          /* for custom rows and checks */
    GPtrArray *problems; /* of XmlProblem *; NULL while there are none */
};

void xml_parse_done(XmlParse *parse);
/* Note a problem at element. Returns -1. The text says what is wrong and what is allowed; position is added here. */
int xml_problem(XmlParse *parse, const xmlNode *element, ErrorDomain domain, ErrorCode code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The words before the text of an error of that code, as clients know it: "XML error: "; "" when there are none. */
const char *xml_code_prefix(ErrorCode code);
/* Move what was noted to err: the first problem is its message, all of them are in str2 when there are several.
 * Returns -1 if there was any problem, 0 if none. */
int xml_parse_result(XmlParse *parse, Error *err);

/* Fill the zeroed object from element. Returns -1 if this noted a problem; the object must be cleared either way. */
int xml_read(XmlParse *parse, xmlNode *element, const XmlSchema *schema, void *object);
/* Allocate and fill; NULL if this noted a problem. */
void *xml_read_new(XmlParse *parse, xmlNode *element, const XmlSchema *schema);

/* Help for custom rows. */
xmlNode *xml_child(const xmlNode *element, const char *name); /* first child of the name without namespace */
xmlNode *xml_next(const xmlNode *child);                      /* next sibling of the same name */
/* The child of the name, NULL if there is none; a second one is noted as a problem: -1. */
int xml_only_child(XmlParse *parse, const xmlNode *element, const char *name, xmlNode **ret_child);
#define XML_FOREACH_CHILD(var, element, name) \
    for (xmlNode *var = xml_child(element, name); var; var = xml_next(var))
char *xml_attr(const xmlNode *element, const char *name); /* owned; NULL when missing */
char *xml_text(const xmlNode *element);                   /* owned; never NULL */
bool xml_is(const xmlNode *node, const char *name, const char *ns);

/* -- formatting, objects -- */

void xml_write(XmlWriter *writer, const char *name, const XmlSchema *schema, const void *object, unsigned flags);
/* The rows only, into an element the caller has started. */
void xml_write_rows(XmlWriter *writer, const XmlSchema *schema, const void *object, unsigned flags);
char *xml_to_text(const char *name, const XmlSchema *schema, const void *object, unsigned flags);

void *xml_new(const XmlSchema *schema);
void *xml_copy(const XmlSchema *schema, const void *object); /* NULL gives NULL */
void xml_copy_into(const XmlSchema *schema, void *dst, const void *src); /* dst is zeroed memory */
void xml_clear(const XmlSchema *schema, void *object); /* frees what the rows own and zeroes them; the memory stays */
void xml_free(const XmlSchema *schema, void *object);
/* NULL when equal, else the owned path of the first row that differs ("target@dev"). Rows without all of the wanted
 * flags are passed over. */
char *xml_compare(const XmlSchema *schema, const void *a, const void *b, unsigned wanted_flags);

/* True while the row's condition holds for object. */
static inline bool
row_active(const XmlRow *row, const void *object)
{
    unsigned value;

    if (!row->when.mask)
        return true;
    value = *(const unsigned *)(const void *)((const char *)object + row->when.offset);
    return value < 64 && row->when.mask >> value & 1;
}
