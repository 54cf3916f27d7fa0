/*
 * A bump allocator with one lifetime: everything taken from an arena is freed together. The memory of one call (decoded
 * arguments, reply) lives in one. Nothing taken from it is freed singly; memory comes zeroed and aligned for any type.
 * Small arenas cost no malloc: the first block is part of the structure's owner when given to arena_init().
 */
#pragma once

#include <stddef.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    char *at, *end;     /* free part of the current block */
    ArenaBlock *blocks; /* malloc'ed blocks, newest first */
    char *first;        /* caller's block, reused by arena_reset() */
    size_t first_size;
    size_t total;       /* bytes handed out since the last reset, for quotas */
} Arena;

/* first may be NULL (then the first allocation takes a block from malloc). */
void arena_init(Arena *arena, void *first, size_t first_size);
void arena_reset(Arena *arena); /* frees all that was taken; the arena is usable again */
void arena_done(Arena *arena);

void *arena_alloc(Arena *arena, size_t size); /* zeroed; never NULL */
void *arena_array(Arena *arena, size_t count, size_t size); /* aborts on overflow */
void *arena_memdup(Arena *arena, const void *data, size_t size);
char *arena_strdup(Arena *arena, const char *string); /* NULL gives NULL */
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull(2)));

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_newv(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))
