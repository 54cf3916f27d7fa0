#include "virtqemud/api/params.h"

#include <glib.h>
#include <stdarg.h>
#include <string.h>

static remote_typed_param *
add(Params *params, int type, const char *format, va_list args)
{
    remote_typed_param *p;
    char name[80]; /* as long as a name may be, with its NUL */

    if (params->n == params->room) {
        unsigned room = params->room ? params->room * 2 : 32;
        remote_typed_param *items = arena_newv(params->arena, remote_typed_param, room);

        if (params->n)
            memcpy(items, params->items, params->n * sizeof(*items));
        params->items = items;
        params->room = room;
    }
    g_vsnprintf(name, sizeof(name), format, args);
    p = &params->items[params->n++];
    p->field = arena_strdup(params->arena, name);
    p->value.type = type;
    return p;
}

#define ADD(TYPE, member) \
    va_list args; \
    va_start(args, name); \
    add(params, VIR_TYPED_PARAM_##TYPE, name, args)->value.member = value; \
    va_end(args)

void
params_int(Params *params, int value, const char *name, ...)
{
    ADD(INT, i);
}

void
params_uint(Params *params, unsigned value, const char *name, ...)
{
    ADD(UINT, ui);
}

void
params_ullong(Params *params, uint64_t value, const char *name, ...)
{
    ADD(ULLONG, ul);
}

void
params_llong(Params *params, int64_t value, const char *name, ...)
{
    ADD(LLONG, l);
}

void
params_string(Params *params, const char *value, const char *name, ...)
{
    va_list args;

    va_start(args, name);
    add(params, VIR_TYPED_PARAM_STRING, name, args)->value.s = arena_strdup(params->arena, value);
    va_end(args);
}
