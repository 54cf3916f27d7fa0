/*
 * Value types: what the text of an attribute or element can be, and the C type that holds it.
 *
 * "Absent" is a value of its own for each type and is what zeroed memory means: a NULL string, an Opt* with set false,
 * enum value 0, TRI_ABSENT. (The plain unsigned of xt_plain_uint/xt_plain_hex is the one exception: it is for members of
 * an address, whose absence is decided as a whole.)
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/ip.h"
#include "common/xml/bitmap.h"

typedef struct OptInt { bool set; int v; } OptInt;
typedef struct OptUint { bool set; unsigned v; } OptUint;
typedef struct OptI64 { bool set; long long v; } OptI64;
typedef struct OptU64 { bool set; unsigned long long v; } OptU64;

#define OPT(value) { .set = true, .v = (value) }

/* on/off and yes/no attributes */
typedef enum Tri { TRI_ABSENT = 0, TRI_ON, TRI_OFF, TRI_YES = TRI_ON, TRI_NO = TRI_OFF } Tri;

typedef struct Mac { bool set; uint8_t b[6]; } Mac;
typedef struct Uuid { bool set; uint8_t b[16]; } Uuid;

/* A list of owned pointers. All such lists have the same layout, so that one engine serves them. */
#define LIST(T) struct { T **items; size_t n; }
typedef LIST(void) AnyList;
typedef LIST(char) StringList;
#define LIST_ADD(list, item) list_insert((AnyList *)(void *)(list), (list)->n, (item))
/* Each item of a list in turn; break and continue work as in a single loop. */
#define LIST_FOREACH(T, var, list) \
    for (size_t i_##var = 0, go_##var = 1; go_##var && i_##var < (list)->n; go_##var = !go_##var, i_##var++) \
        for (T *var = (list)->items[i_##var]; go_##var; go_##var = !go_##var)

void list_insert(AnyList *list, size_t at, void *item); /* takes ownership of item */
void *list_take(AnyList *list, size_t at);              /* removes; the caller owns it then */

/* Names of an enum: names[0] is NULL (absent), value i is names[i], the array ends with a second NULL. */
typedef const char *const XmlNames[];
#define ENUM_INVALID (-1)
int enum_from_name(const char *const *names, const char *text); /* ENUM_INVALID when unknown */
static inline const char *enum_name(const char *const *names, int value) { return value > 0 ? names[value] : NULL; }

typedef struct XmlRow XmlRow;

typedef struct XmlType {
    const char *name; /* for messages and the reference page: "unsigned integer" */
    size_t size;      /* of the field */
    /* Fill the zeroed field. Returns 0, or -1 with *ret_why an owned explanation what is allowed. */
    int (*parse)(const XmlRow *row, const char *text, void *field, char **ret_why);
    /* Append the canonical text; false (and nothing appended) when absent. */
    bool (*format)(const XmlRow *row, const void *field, GString *out);
    void (*copy)(void *dst, const void *src); /* NULL: plain memory */
    void (*clear)(void *field);               /* free what it owns; NULL: owns nothing */
    const char *rng;                          /* RelaxNG pattern; NULL: made from row->names */
    bool of_document;                         /* a bad value is an error of the document's domain, not of XML as such */
} XmlType;

extern const XmlType xt_string;     /* char *, any text; "" stays "" */
extern const XmlType xt_nonempty;   /* char *, "" is refused */
extern const XmlType xt_lenient;    /* char *, "" counts as absent */
extern const XmlType xt_word;       /* char *, one of row->names */
extern const XmlType xt_int;        /* OptInt */
extern const XmlType xt_uint;       /* OptUint; limits row->min .. row->max (0: none) */
extern const XmlType xt_hex;        /* OptUint, any base in, 0x%0<digits>x out (row->digits) */
extern const XmlType xt_i64;        /* OptI64 */
extern const XmlType xt_u64;        /* OptU64 */
extern const XmlType xt_hex64;      /* OptU64, any base in, 0x%llx out */
extern const XmlType xt_plain_uint; /* unsigned, always present */
extern const XmlType xt_plain_hex;  /* unsigned, always present, hexadecimal out */
extern const XmlType xt_enum;       /* an int-sized enum with row->names */
extern const XmlType xt_choice;     /* as xt_enum; a bad value is an error of the document's domain */
extern const XmlType xt_flag;       /* bool, for ROW_INTERNAL only: neither parsed nor formatted */
extern const XmlType xt_onoff;      /* Tri */
extern const XmlType xt_yesno;      /* Tri */
extern const XmlType xt_mac;        /* Mac */
extern const XmlType xt_uuid;       /* Uuid */
extern const XmlType xt_cpuset;     /* Bitmap * */
extern const XmlType xt_ip;         /* IpAddress, numeric, of either family; canonical out */

/* Whole numbers in any of the bases of strtoull; no sign, no blanks, no trailing text. */
bool parse_u64(const char *text, int base, unsigned long long *ret_value);
bool parse_i64(const char *text, int base, long long *ret_value);

/* Why a size is none. */
typedef enum SizeFault { SIZE_MALFORMED = -1, SIZE_BAD_UNIT = -2, SIZE_TOO_LARGE = -3 } SizeFault;

/*
 * "text" in units of "unit" (bytes, b, K, KiB, KB, ... E; NULL: default_scale) to bytes, at most INT64_MAX.
 * Returns 0, or a SizeFault with *ret_why explained.
 */
int parse_size(const char *text, const char *unit, unsigned long long default_scale, unsigned long long *ret_bytes,
               char **ret_why);

bool mac_parse(const char *text, Mac *ret_mac);
char *mac_format(const Mac *mac);
bool mac_generate(Mac *ret_mac); /* 52:54:00 and three random bytes; false when the kernel has none to give */
bool uuid_parse(const char *text, Uuid *ret_uuid); /* with or without dashes */
#define UUID_TEXT_SIZE 37
const char *uuid_format(const Uuid *uuid, char buffer[UUID_TEXT_SIZE]); /* returns buffer */
bool uuid_generate(Uuid *ret_uuid); /* random, RFC 4122 version 4; false when the kernel has no random bytes to give */

/* The name in names nearest to text, or NULL when none is near. */
const char *nearest_name(const char *const *names, const char *text);
