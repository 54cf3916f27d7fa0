#include "common/base/error.h"

#include <glib.h>
#include <string.h>

int
error_setv(Error *err, ErrorDomain domain, ErrorCode code, const char *format, va_list args)
{
    if (!err || error_is_set(err))
        return -1;
    err->domain = domain;
    err->code = code;
    err->message = g_strdup_vprintf(format, args);
    return -1;
}

int
(error_setf)(Error *err, ErrorDomain domain, ErrorCode code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_setv(err, domain, code, format, args);
    va_end(args);
    return -1;
}

int
(error_set_errno)(Error *err, ErrorDomain domain, int errnum, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (!err || error_is_set(err))
        return -1;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    err->domain = domain;
    err->code = ERR_SYSTEM_ERROR;
    err->message = g_strdup_printf("%s: %s", text, g_strerror(errnum));
    err->int1 = errnum;
    return -1;
}

int
(error_prefixf)(Error *err, const char *format, ...)
{
    g_autofree char *text = NULL, *old = NULL;
    va_list args;

    if (!error_is_set(err))
        return -1;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    old = err->message;
    err->message = g_strdup_printf("%s: %s", text, old);
    return -1;
}

int
(error_move)(Error *to, Error *from)
{
    if (!to || error_is_set(to)) {
        error_done(from);
        return -1;
    }
    *to = *from;
    *from = ERROR_INIT;
    return -1;
}

void
error_copy(Error *to, const Error *from)
{
    *to = (Error){
        .code = from->code,
        .domain = from->domain,
        .message = g_strdup(from->message),
        .str1 = g_strdup(from->str1),
        .str2 = g_strdup(from->str2),
        .str3 = g_strdup(from->str3),
        .int1 = from->int1,
        .int2 = from->int2,
    };
}

void
error_done(Error *err)
{
    if (!err)
        return;
    g_free(err->message);
    g_free(err->str1);
    g_free(err->str2);
    g_free(err->str3);
    *err = ERROR_INIT;
}
