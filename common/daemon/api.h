/* What the api/ folders of all daemons share: tables of bindings, and filters of lists. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/daemon/daemon.h"
#include "common/rpc/rpc.h"

typedef struct ApiTable {
    const RpcBinding *bindings;
    size_t count;
} ApiTable;

#define API_TABLE(name, ...) \
    static const RpcBinding name##_rows[] = { __VA_ARGS__ }; \
    const ApiTable name = { name##_rows, G_N_ELEMENTS(name##_rows) }

static inline void
api_bind(RpcServer *server, const ApiTable *const *tables, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rpc_server_bind(server, tables[i]->bindings, tables[i]->count);
}

/* Each group of filter flags: an object passes a group when none of its flags is asked for, or one that it meets. */
static inline bool
api_passes(unsigned flags, unsigned yes, bool is, unsigned no)
{
    return !(flags & (yes | no)) || (flags & (is ? yes : no));
}
