/*
 * The one codec: C structs to XDR and back, driven by the tables of descriptor.h.
 *
 * Decoding trusts nothing. Every count is held against its bound, and against the bytes that are still there, before
 * anything is allocated: an array that was announced but not sent costs nothing. All memory comes from the caller's
 * arena, at most a small multiple of the bytes decoded. Strings must not contain NUL. Bytes after the value are ignored.
 *
 * Decoding WRITES INTO THE BUFFER: a string stays where it is, moved over its own length word to make room for a NUL.
 * The decoded struct points into the buffer, which must live as long. Decode a buffer once, and never one that is still
 * to be passed on.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/rpc/descriptor.h"

#define WIRE_STRING_MAX 4194304u

/* Decode struct number type from the start of data into *ret (of that struct's size). Errors are of FROM_RPC, ERR_RPC. */
int wire_decode(unsigned int type, void *data, size_t size, Arena *arena, void *ret, Error *err);

/*
 * A growable byte buffer with an upper bound. Reaching the bound is an error, never an abort: a reply may grow with what
 * a guest or a client chose.
 */
typedef struct WireBuffer {
    uint8_t *data; /* owned */
    size_t len, capacity, limit;
} WireBuffer;

#define WIRE_BUFFER_INIT(max) ((WireBuffer){ .limit = (max) })

void wire_buffer_done(WireBuffer *buffer);

/* Room for size more bytes, appended and uninitialized; NULL (and err set) beyond the limit. Moves data. */
void *wire_buffer_append(WireBuffer *buffer, size_t size, Error *err);

/* Append the struct. On failure the buffer's length is as before. */
int wire_encode(unsigned int type, const void *value, WireBuffer *buffer, Error *err);

static inline uint32_t wire_get_u32(const void *at)
{
    const uint8_t *b = at;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline void wire_put_u32(void *at, uint32_t value)
{
    uint8_t *b = at;

    b[0] = value >> 24;
    b[1] = value >> 16;
    b[2] = value >> 8;
    b[3] = value;
}
