/*
 * The daemon's log: libvirt's levels, filters ("3:rpc 1:qemu.monitor") and outputs ("2:journald", "1:file:/path",
 * "3:syslog:name", "3:stderr"). Only daemons log; common/ returns errors (conventions, STYLE 3), apart from the
 * dispatcher, which is the daemon's one place that logs a failed call.
 *
 * A file that logs defines LOG_SOURCE ("qemu.monitor") before including this header. Filters match a part of it; the
 * longest match decides. journald gets PRIORITY, MESSAGE, LIBVIRT_SOURCE, CODE_FUNC and LIBVIRT_DOMAIN when set.
 */
#pragma once

#include <stdbool.h>

#include "common/base/error.h"

typedef enum {
    LOG_LEVEL_DEBUG = 1,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
} LogLevel;

void log_init(const char *ident); /* the program's name; logs warnings to stderr until configured */
void log_done(void);
int log_set_level(LogLevel level, Error *err);
/* NULL or "" restores the default. A wrong text changes nothing. */
int log_set_filters(const char *filters, Error *err);
int log_set_outputs(const char *outputs, Error *err);
char *log_get_filters(void); /* canonical texts, g_free */
char *log_get_outputs(void);
/* journald when it is there, else stderr on a terminal, else the given file (NULL: stderr). */
void log_set_default_outputs(const char *file);
void log_reopen(void); /* after SIGHUP: reopen files */

bool log_enabled(LogLevel level, const char *source);
void log_printf(LogLevel level, const char *source, const char *func, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_at(level, ...) \
    do { \
        if (log_enabled((level), LOG_SOURCE)) \
            log_printf((level), LOG_SOURCE, __func__, __VA_ARGS__); \
    } while (0)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
