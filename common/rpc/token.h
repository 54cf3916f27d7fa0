/*
 * The system token: what a daemon shows to another one of the same host to be believed that it speaks for the host itself.
 *
 * One file for all daemons (RUN/common/system.token), 32 hex digits, mode 0600, made by whoever needs it first: never seen
 * half-written, and of two daemons that make it at once one wins and both use its token. It is read anew each time, so it
 * may be removed to make all of them use another. Small files of a tmpfs: nothing here suspends.
 */
#pragma once

#include <stdbool.h>

#include "common/base/error.h"

#define TOKEN_SIZE 33 /* with the NUL */

/* The host's token, made if there is none. */
int token_get(const char *path, char ret[TOKEN_SIZE], Error *err);
/* Is this the host's token? 1 yes, 0 no (also when there is no file), -1 when the file cannot be read. */
int token_check(const char *path, const char *shown, Error *err);
