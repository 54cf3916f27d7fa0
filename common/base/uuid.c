#include "common/base/uuid.h"

#include <string.h>

#include <glib.h>

void
uuid_to_text(const uint8_t *uuid, char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;

    for (int i = 0; i < UUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[uuid[i] >> 4];
        *at++ = digits[uuid[i] & 15];
    }
    *at = '\0';
}

bool
uuid_from_text(const char *text, uint8_t *uuid)
{
    for (int i = 0; i < UUID_SIZE; i++) {
        int high, low;

        if (*text == '-')
            text++;
        high = g_ascii_xdigit_value(text[0]);
        low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);
        if (low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return *text == '\0';
}

unsigned
uuid_hash(const void *uuid)
{
    uint32_t words[4];

    memcpy(words, uuid, sizeof(words));
    return words[0] ^ words[1] ^ words[2] ^ words[3];
}

int
uuid_equal(const void *a, const void *b)
{
    return memcmp(a, b, UUID_SIZE) == 0;
}
