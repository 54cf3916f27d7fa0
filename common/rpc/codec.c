/*
 * Interprets the type tables; see codec.h. No struct contains itself (gen.py checks), so the recursion here is as deep as
 * the deepest description and needs no bound of its own.
 */
#include "common/rpc/codec.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

typedef struct Reader {
    uint8_t *at, *end;
    Arena *arena;
    Error *err;
} Reader;

typedef struct Writer {
    WireBuffer *buffer;
    Error *err;
} Writer;

static const size_t memory_size[] = {
    [WIRE_INT] = 4, [WIRE_HYPER] = 8, [WIRE_CHAR] = 1, [WIRE_SHORT] = 2, [WIRE_OPAQUE] = 1, [WIRE_STRING] = sizeof(char *),
};
static const size_t wire_size[] = {
    [WIRE_INT] = 4, [WIRE_HYPER] = 8, [WIRE_CHAR] = 4, [WIRE_SHORT] = 4, [WIRE_OPAQUE] = 1, [WIRE_STRING] = 4,
};

static size_t
padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

static size_t
element_size(const WireField *field)
{
    return field->kind == WIRE_STRUCT ? wire_structs[field->type].size : memory_size[field->kind];
}

static size_t
element_min(const WireField *field)
{
    return field->kind == WIRE_STRUCT ? wire_structs[field->type].min : wire_size[field->kind];
}

/* --- decoding --------------------------------------------------------------------------------------------------------- */

static int
bad(Reader *r, const char *what)
{
    return error_setf(r->err, FROM_RPC, ERR_RPC, "cannot decode message: %s", what);
}

static bool
has(const Reader *r, size_t size)
{
    return (size_t)(r->end - r->at) >= size;
}

static int
read_u32(Reader *r, uint32_t *ret)
{
    if (!has(r, 4))
        return bad(r, "it ends too early");
    *ret = wire_get_u32(r->at);
    r->at += 4;
    return 0;
}

static int
read_string(Reader *r, const char **ret)
{
    uint8_t *start = r->at;
    uint32_t length;

    if (read_u32(r, &length) < 0)
        return -1;
    if (length > WIRE_STRING_MAX)
        return bad(r, "a string is too long");
    if (!has(r, padded(length)))
        return bad(r, "a string is longer than the message");
    if (memchr(r->at, 0, length))
        return bad(r, "a string contains a NUL byte");
    /* With padding there is a byte for the NUL; without, the length word gives one. */
    if (length % 4) {
        start = r->at;
    } else {
        memmove(start, r->at, length);
    }
    r->at += padded(length);
    start[length] = 0;
    *ret = (const char *)start;
    return 0;
}

static int read_struct(Reader *r, unsigned int type, uint8_t *to);

static int
read_small(Reader *r, int kind, void *to)
{
    uint32_t value;

    if (read_u32(r, &value) < 0)
        return -1;
    if (kind == WIRE_INT) {
        memcpy(to, &value, 4);
    } else if (kind == WIRE_SHORT) {
        if (value > UINT16_MAX)
            return bad(r, "a short is out of range");
        *(uint16_t *)to = value;
    } else {
        if (value > UINT8_MAX && (int32_t)value < INT8_MIN)
            return bad(r, "a char is out of range");
        if (value > UINT8_MAX && (int32_t)value >= 0)
            return bad(r, "a char is out of range");
        *(uint8_t *)to = value;
    }
    return 0;
}

static int
read_element(Reader *r, const WireField *field, uint8_t *to)
{
    switch (field->kind) {
    case WIRE_STRUCT:
        return read_struct(r, field->type, to);
    case WIRE_STRING:
        return read_string(r, (const char **)to);
    case WIRE_HYPER: {
        if (!has(r, 8))
            return bad(r, "it ends too early");
        uint64_t value = (uint64_t)wire_get_u32(r->at) << 32 | wire_get_u32(r->at + 4);
        memcpy(to, &value, 8);
        r->at += 8;
        return 0;
    }
    default:
        return read_small(r, field->kind, to);
    }
}

static int
read_elements(Reader *r, const WireField *field, uint8_t *to, uint32_t count)
{
    size_t size = element_size(field);

    if (field->kind == WIRE_OPAQUE) {
        if (!has(r, padded(count)))
            return bad(r, "a byte array is longer than the message");
        memcpy(to, r->at, count);
        r->at += padded(count);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        if (read_element(r, field, to + i * size) < 0)
            return -1;
    return 0;
}

static int
read_array(Reader *r, const WireField *field, uint8_t *to, uint32_t *ret_count)
{
    uint32_t count;

    if (read_u32(r, &count) < 0)
        return -1;
    if (count > field->bound)
        return error_setf(r->err, FROM_RPC, ERR_RPC, "cannot decode message: array of %u elements where at most %u are allowed",
                          count, field->bound);
    if (!has(r, (size_t)count * element_min(field)))
        return bad(r, "an array is longer than the message");
    *ret_count = count;
    if (field->kind == WIRE_OPAQUE) {
        /* bytes stay where they are */
        if (!has(r, padded(count)))
            return bad(r, "a byte array is longer than the message");
        *(uint8_t **)to = count ? r->at : NULL;
        r->at += padded(count);
        return 0;
    }
    *(uint8_t **)to = count ? arena_array(r->arena, count, element_size(field)) : NULL;
    return read_elements(r, field, *(uint8_t **)to, count);
}

static int
read_optional(Reader *r, const WireField *field, uint8_t *to)
{
    uint32_t present;

    if (read_u32(r, &present) < 0)
        return -1;
    if (present > 1)
        return bad(r, "a flag is neither 0 nor 1");
    *(uint8_t **)to = NULL;
    if (!present)
        return 0;
    if (field->kind == WIRE_STRING)
        return read_string(r, (const char **)to);
    *(uint8_t **)to = arena_array(r->arena, 1, element_size(field));
    return read_element(r, field, *(uint8_t **)to);
}

static int
read_field(Reader *r, const WireField *field, uint8_t *base)
{
    uint8_t *to = base + field->offset;

    switch (field->shape) {
    case WIRE_ARRAY:
        return read_array(r, field, to, (uint32_t *)(base + field->aux));
    case WIRE_OPTIONAL:
        return read_optional(r, field, to);
    case WIRE_FIXED:
        return read_elements(r, field, to, field->bound);
    default:
        return read_element(r, field, to);
    }
}

static const WireField *
union_arm(const WireStruct *type, int32_t discriminant)
{
    for (unsigned int i = 0; i < type->n_fields; i++)
        if (wire_fields[type->first + i].aux == discriminant)
            return &wire_fields[type->first + i];
    return NULL;
}

static int
read_struct(Reader *r, unsigned int number, uint8_t *to)
{
    const WireStruct *type = &wire_structs[number];

    if (type->is_union) {
        uint32_t discriminant;

        if (read_u32(r, &discriminant) < 0)
            return -1;
        const WireField *arm = union_arm(type, (int32_t)discriminant);
        if (!arm)
            return error_setf(r->err, FROM_RPC, ERR_RPC, "cannot decode message: unknown type %u of a value", discriminant);
        *(uint32_t *)to = discriminant;
        return read_field(r, arm, to);
    }
    for (unsigned int i = 0; i < type->n_fields; i++)
        if (read_field(r, &wire_fields[type->first + i], to) < 0)
            return -1;
    return 0;
}

int
wire_decode(unsigned int type, void *data, size_t size, Arena *arena, void *ret, Error *err)
{
    static uint8_t none[1]; /* an empty payload may have no address */
    uint8_t *start = data ? data : none;
    Reader r = { .at = start, .end = start + size, .arena = arena, .err = err };

    if (!type)
        return 0;
    memset(ret, 0, wire_structs[type].size);
    return read_struct(&r, type, ret);
}

/* --- the buffer ------------------------------------------------------------------------------------------------------- */

void
wire_buffer_done(WireBuffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->len = buffer->capacity = 0;
}

void *
wire_buffer_append(WireBuffer *buffer, size_t size, Error *err)
{
    if (size > buffer->limit - buffer->len) {
        error_setf(err, FROM_RPC, ERR_RPC, "message of more than %zu bytes does not fit", buffer->limit);
        return NULL;
    }
    if (buffer->len + size > buffer->capacity) {
        size_t capacity = MAX(buffer->capacity * 2, buffer->len + size);

        capacity = MIN(MAX(capacity, 256), MAX(buffer->limit, 256));
        buffer->data = g_realloc(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    buffer->len += size;
    return buffer->data + buffer->len - size;
}

/* --- encoding --------------------------------------------------------------------------------------------------------- */

static int
write_u32(Writer *w, uint32_t value)
{
    void *to = wire_buffer_append(w->buffer, 4, w->err);

    if (!to)
        return -1;
    wire_put_u32(to, value);
    return 0;
}

static int
write_bytes(Writer *w, const void *data, size_t size)
{
    uint8_t *to = wire_buffer_append(w->buffer, padded(size), w->err);

    if (!to)
        return -1;
    if (size)
        memcpy(to, data, size);
    memset(to + size, 0, padded(size) - size);
    return 0;
}

static int
write_string(Writer *w, const char *text)
{
    size_t length = text ? strlen(text) : 0;

    if (!text)
        return error_setf(w->err, FROM_RPC, ERR_INTERNAL_ERROR, "cannot encode message: a required string is missing");
    if (length > WIRE_STRING_MAX)
        return error_setf(w->err, FROM_RPC, ERR_RPC, "cannot encode message: string of %zu bytes is longer than %u", length,
                          WIRE_STRING_MAX);
    return write_u32(w, length) < 0 ? -1 : write_bytes(w, text, length);
}

static int write_struct(Writer *w, unsigned int type, const uint8_t *from);

static int
write_element(Writer *w, const WireField *field, const uint8_t *from)
{
    uint64_t hyper;
    uint32_t word;

    switch (field->kind) {
    case WIRE_STRUCT:
        return write_struct(w, field->type, from);
    case WIRE_STRING:
        return write_string(w, *(const char *const *)from);
    case WIRE_HYPER:
        memcpy(&hyper, from, 8);
        return write_u32(w, hyper >> 32) < 0 ? -1 : write_u32(w, hyper);
    case WIRE_INT:
        memcpy(&word, from, 4);
        return write_u32(w, word);
    case WIRE_SHORT:
        return write_u32(w, *(const uint16_t *)from);
    default:
        /* A char is sign extended where the compiler's is signed; the readers look at the low byte only. */
        return write_u32(w, (uint32_t)(int)*(const char *)from);
    }
}

static int
write_elements(Writer *w, const WireField *field, const uint8_t *from, uint32_t count)
{
    size_t size = element_size(field);

    if (field->kind == WIRE_OPAQUE)
        return write_bytes(w, from, count);
    for (uint32_t i = 0; i < count; i++)
        if (write_element(w, field, from + i * size) < 0)
            return -1;
    return 0;
}

static int
write_field(Writer *w, const WireField *field, const uint8_t *base)
{
    const uint8_t *from = base + field->offset;

    switch (field->shape) {
    case WIRE_ARRAY: {
        uint32_t count = *(const uint32_t *)(base + field->aux);

        if (count > field->bound)
            return error_setf(w->err, FROM_RPC, ERR_RPC,
                              "cannot encode message: array of %u elements where at most %u are allowed", count, field->bound);
        return write_u32(w, count) < 0 ? -1 : write_elements(w, field, *(const uint8_t *const *)from, count);
    }
    case WIRE_OPTIONAL: {
        const uint8_t *value = *(const uint8_t *const *)from;

        if (write_u32(w, value != NULL) < 0)
            return -1;
        if (!value)
            return 0;
        return field->kind == WIRE_STRING ? write_string(w, (const char *)value) : write_element(w, field, value);
    }
    case WIRE_FIXED:
        return write_elements(w, field, from, field->bound);
    default:
        return write_element(w, field, from);
    }
}

static int
write_struct(Writer *w, unsigned int number, const uint8_t *from)
{
    const WireStruct *type = &wire_structs[number];

    if (type->is_union) {
        int32_t discriminant = *(const int32_t *)from;
        const WireField *arm = union_arm(type, discriminant);

        if (!arm)
            return error_setf(w->err, FROM_RPC, ERR_INTERNAL_ERROR, "cannot encode message: unknown type %d of a value",
                              discriminant);
        return write_u32(w, discriminant) < 0 ? -1 : write_field(w, arm, from);
    }
    for (unsigned int i = 0; i < type->n_fields; i++)
        if (write_field(w, &wire_fields[type->first + i], from) < 0)
            return -1;
    return 0;
}

int
wire_encode(unsigned int type, const void *value, WireBuffer *buffer, Error *err)
{
    Writer w = { .buffer = buffer, .err = err };
    size_t before = buffer->len;

    if (type && write_struct(&w, type, value) < 0) {
        buffer->len = before;
        return -1;
    }
    return 0;
}
