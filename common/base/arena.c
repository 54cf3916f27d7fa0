#include "common/base/arena.h"

#include <glib.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BLOCK 8192
#define ARENA_ALIGN 16

struct ArenaBlock {
    ArenaBlock *next;
    max_align_t data[];
};

void
arena_init(Arena *arena, void *first, size_t first_size)
{
    *arena = (Arena){ .at = first, .end = first ? (char *)first + first_size : NULL, .first = first,
                      .first_size = first_size };
}

void
arena_reset(Arena *arena)
{
    ArenaBlock *next;

    for (ArenaBlock *b = arena->blocks; b; b = next) {
        next = b->next;
        g_free(b);
    }
    arena_init(arena, arena->first, arena->first_size);
}

void
arena_done(Arena *arena)
{
    arena_reset(arena);
}

void *
arena_alloc(Arena *arena, size_t size)
{
    char *at = (char *)(((uintptr_t)arena->at + ARENA_ALIGN - 1) & ~(uintptr_t)(ARENA_ALIGN - 1));

    if (!arena->at || at > arena->end || size > (size_t)(arena->end - at)) {
        size_t want = MAX(size, (size_t)ARENA_BLOCK);
        ArenaBlock *b = g_malloc(sizeof(*b) + want);

        b->next = arena->blocks;
        arena->blocks = b;
        at = (char *)b->data;
        /* A block made for one big object leaves the current block in use. */
        if (size < ARENA_BLOCK || !arena->at)
            arena->end = at + want;
        else {
            arena->total += size;
            return memset(at, 0, size);
        }
    }
    arena->at = at + size;
    arena->total += size;
    return memset(at, 0, size);
}

void *
arena_array(Arena *arena, size_t count, size_t size)
{
    g_assert(size == 0 || count <= SIZE_MAX / 2 / size);
    return arena_alloc(arena, count * size);
}

void *
arena_memdup(Arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);

    if (size)
        memcpy(copy, data, size);
    return copy;
}

char *
arena_strdup(Arena *arena, const char *string)
{
    return string ? arena_memdup(arena, string, strlen(string) + 1) : NULL;
}

char *
arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    int n;
    char *text;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    g_assert(n >= 0);
    text = arena_alloc(arena, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}
