/*
 * Bytes through the codec as every type there is. The first two bytes choose the type; what decodes must encode, and what
 * was encoded must decode to the same bytes again.
 */
#include <stdlib.h>
#include <string.h>

#include "common/rpc/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WireBuffer first = WIRE_BUFFER_INIT(32u << 20), second = WIRE_BUFFER_INIT(32u << 20);
    unsigned int type;
    uint8_t *copy;
    Arena arena;
    void *value;

    if (size < 2)
        return 0;
    type = 1 + (data[0] << 8 | data[1]) % (wire_n_structs - 1);
    size -= 2;
    copy = malloc(size ? size : 1);
    memcpy(copy, data + 2, size);
    value = malloc(wire_structs[type].size);
    arena_init(&arena, NULL, 0);
    if (wire_decode(type, copy, size, &arena, value, NULL) == 0) {
        if (wire_encode(type, value, &first, NULL) < 0)
            abort();
        uint8_t *again = malloc(first.len ? first.len : 1);
        memcpy(again, first.data, first.len);
        if (wire_decode(type, again, first.len, &arena, value, NULL) < 0 ||
            wire_encode(type, value, &second, NULL) < 0 || first.len != second.len ||
            memcmp(first.data, second.data, first.len) != 0)
            abort();
        free(again);
    }
    if (arena.total > 64 * size + 4096) /* memory is bounded by what was sent */
        abort();
    arena_done(&arena);
    wire_buffer_done(&first);
    wire_buffer_done(&second);
    free(value);
    free(copy);
    return 0;
}
