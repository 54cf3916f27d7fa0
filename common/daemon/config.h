/*
 * Configuration files in libvirt's syntax, read through one table of keys.
 *
 *     # comment
 *     key = "string" | 'string' | """string""" | integer | [ "list", "of", "strings" ]
 *
 * A key the table does not know is a warning with its line (files of other releases must keep working); a value of the
 * wrong type or out of range is an error with line and key. What the file does not name has the table's default.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

typedef enum {
    CONFIG_STRING, /* char *, owned; NULL when unset */
    CONFIG_INT,    /* int64_t */
    CONFIG_BOOL,   /* bool; written 0 or 1 */
    CONFIG_OCTAL,  /* unsigned; a string of octal digits in the file ("0770") */
    CONFIG_LIST,   /* char **, owned, NULL-terminated; NULL when unset. A single string is a list of one. */
    CONFIG_IGNORED, /* accepted, no effect: the doc says why */
} ConfigType;

typedef struct ConfigKey {
    const char *name;
    ConfigType type;
    size_t offset;         /* in the target structure */
    const char *preset;    /* default, as it would stand in the file without quotes; lists: separated by one space */
    const char *session;   /* default in session mode where it differs */
    int64_t min, max;      /* of CONFIG_INT; both 0: any */
    const char *values;    /* of CONFIG_STRING, "a|b|c"; NULL: any */
    const char *doc;
} ConfigKey;

#define CONFIG_KEYS_END { .name = NULL }

typedef void (*ConfigWarn)(const char *message, void *data);

void config_set_defaults(const ConfigKey *keys, void *target, bool session);
/* Reads path over the defaults. A missing file is an error only when required. */
int config_load(const char *path, bool required, const ConfigKey *keys, void *target, ConfigWarn warn, void *data,
                Error *err);
int config_parse(const char *name, const char *text, const ConfigKey *keys, void *target, ConfigWarn warn, void *data,
                 Error *err);
void config_done(const ConfigKey *keys, void *target); /* frees strings and lists */
