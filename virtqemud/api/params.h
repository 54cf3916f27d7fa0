/* A growing array of typed parameters in a call's arena. */
#pragma once

#include "common/base/arena.h"
#include "protocol/constants.h"
#include "protocol/remote.h"

typedef struct Params {
    Arena *arena;
    remote_typed_param *items;
    unsigned n, room;
} Params;

/* The name is formatted into the arena; the value is of the type the function says. */
void params_int(Params *params, int value, const char *name, ...) __attribute__((format(printf, 3, 4)));
void params_uint(Params *params, unsigned value, const char *name, ...) __attribute__((format(printf, 3, 4)));
void params_ullong(Params *params, uint64_t value, const char *name, ...) __attribute__((format(printf, 3, 4)));
void params_llong(Params *params, int64_t value, const char *name, ...) __attribute__((format(printf, 3, 4)));
void params_string(Params *params, const char *value, const char *name, ...) __attribute__((format(printf, 3, 4)));
