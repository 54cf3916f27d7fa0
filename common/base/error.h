/*
 * One error, as it goes out on the wire.
 *
 * Every function that can fail takes an Error * as its last parameter and returns a negative number after filling it.
 * Set and return in one statement:
 *
 *     return error_setf(err, FROM_QEMU, ERR_OPERATION_INVALID, "domain '%s' is not running", name);
 *
 * The first error set wins: a later error_setf() on a set Error is ignored, so that clean-up that fails cannot hide
 * the cause. A NULL err is allowed and discards the text. Error values live on the stack: ERROR_INIT, and the
 * _cleanup_error_ attribute (or error_done()) to release them.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "common/base/error_codes.h"

typedef struct Error {
    ErrorCode code;
    ErrorDomain domain;
    char *message;           /* owned; what was attempted, on which object, what was found, what to do */
    char *str1, *str2, *str3; /* owned; the extra strings of the wire format, usually NULL */
    int int1, int2;
} Error;

#define ERROR_INIT ((Error){ 0 })

static inline bool error_is_set(const Error *err) { return err && err->code != ERR_OK; }

/* Fill err; always returns -1. */
int error_setf(Error *err, ErrorDomain domain, ErrorCode code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int error_setv(Error *err, ErrorDomain domain, ErrorCode code, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

/* Fill err with ERR_SYSTEM_ERROR, the text and strerror(errnum); int1 is errnum. Always returns -1. */
int error_set_errno(Error *err, ErrorDomain domain, int errnum, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Put "text: " before the message of a set error. Always returns -1. */
int error_prefixf(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Move *from to *to (which must not be set); from is left clear. Always returns -1. */
int error_move(Error *to, Error *from);

/* Lets the compiler see what the comments above say, so that it knows what was set after a success. */
static inline int error_always(int failed) { (void)failed; return -1; }
#define error_setf(...) error_always((error_setf)(__VA_ARGS__))
#define error_set_errno(...) error_always((error_set_errno)(__VA_ARGS__))
#define error_prefixf(...) error_always((error_prefixf)(__VA_ARGS__))
#define error_move(to, from) error_always((error_move)((to), (from)))

void error_copy(Error *to, const Error *from);
void error_done(Error *err); /* frees and clears; NULL is fine */

#define _cleanup_error_ __attribute__((cleanup(error_done)))
