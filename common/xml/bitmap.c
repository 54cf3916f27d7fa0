#include "common/xml/bitmap.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define WORD 64

/* Grows on demand: most sets hold a handful of CPUs. */
struct Bitmap {
    size_t words;
    guint64 *bits;
};

Bitmap *
bitmap_new(void)
{
    return g_new0(Bitmap, 1);
}

void
bitmap_free(Bitmap *map)
{
    if (!map)
        return;
    g_free(map->bits);
    g_free(map);
}

Bitmap *
bitmap_copy(const Bitmap *map)
{
    Bitmap *copy;

    if (!map)
        return NULL;
    copy = bitmap_new();
    copy->words = map->words;
    copy->bits = g_memdup2(map->bits, map->words * sizeof(*map->bits));
    return copy;
}

void
bitmap_set(Bitmap *map, unsigned bit, bool on)
{
    size_t word = bit / WORD;

    if (bit >= BITMAP_LIMIT)
        return;
    if (word >= map->words) {
        if (!on)
            return;
        map->bits = g_renew(guint64, map->bits, word + 1);
        memset(map->bits + map->words, 0, (word + 1 - map->words) * sizeof(*map->bits));
        map->words = word + 1;
    }
    if (on)
        map->bits[word] |= G_GUINT64_CONSTANT(1) << (bit % WORD);
    else
        map->bits[word] &= ~(G_GUINT64_CONSTANT(1) << (bit % WORD));
}

bool
bitmap_get(const Bitmap *map, unsigned bit)
{
    if (!map || bit / WORD >= map->words)
        return false;
    return map->bits[bit / WORD] >> (bit % WORD) & 1;
}

unsigned
bitmap_count(const Bitmap *map)
{
    unsigned n = 0;

    for (size_t i = 0; map && i < map->words; i++)
        n += __builtin_popcountll(map->bits[i]);
    return n;
}

int
bitmap_next(const Bitmap *map, int after)
{
    size_t bit = after + 1;
    guint64 word;

    if (!map || bit / WORD >= map->words)
        return -1;
    word = map->bits[bit / WORD] & ~G_GUINT64_CONSTANT(0) << (bit % WORD);
    for (size_t i = bit / WORD;; word = map->bits[i]) {
        if (word)
            return i * WORD + __builtin_ctzll(word);
        if (++i >= map->words)
            return -1;
    }
}

int
bitmap_last(const Bitmap *map)
{
    for (int bit = map ? (int)(map->words * WORD) - 1 : -1; bit >= 0; bit--)
        if (bitmap_get(map, bit))
            return bit;
    return -1;
}

/* One "a", "a-b" or "^a" at *text; moves *text past it. */
static bool
parse_item(Bitmap *map, const char **text)
{
    bool on = **text != '^';
    unsigned long first, last;
    char *end;

    if (!on)
        (*text)++;
    if (!g_ascii_isdigit(**text))
        return false;
    first = last = strtoul(*text, &end, 10);
    if (*end == '-') {
        if (!on || !g_ascii_isdigit(end[1]))
            return false;
        last = strtoul(end + 1, &end, 10);
    }
    if (first > last || last >= BITMAP_LIMIT)
        return false;
    for (unsigned long bit = first; bit <= last; bit++)
        bitmap_set(map, bit, on);
    *text = end;
    return true;
}

Bitmap *
bitmap_parse(const char *text)
{
    Bitmap *map = bitmap_new();

    while (g_ascii_isspace(*text))
        text++;
    while (*text) {
        if (!parse_item(map, &text)) {
            bitmap_free(map);
            return NULL;
        }
        while (g_ascii_isspace(*text))
            text++;
        if (*text == ',') {
            text++;
            while (g_ascii_isspace(*text))
                text++;
            if (*text)
                continue;
        }
        if (*text) {
            bitmap_free(map);
            return NULL;
        }
    }
    return map;
}

char *
bitmap_format(const Bitmap *map)
{
    GString *out = g_string_new(NULL);

    for (int first = bitmap_next(map, -1), last; first >= 0; first = bitmap_next(map, last)) {
        for (last = first; bitmap_get(map, last + 1);)
            last++;
        g_string_append_printf(out, "%s%d", out->len ? "," : "", first);
        if (last > first)
            g_string_append_printf(out, "-%d", last);
    }
    return g_string_free(out, FALSE);
}

static guint64
word_of(const Bitmap *map, size_t i)
{
    return map && i < map->words ? map->bits[i] : 0;
}

bool
bitmap_equal(const Bitmap *a, const Bitmap *b)
{
    size_t words = MAX(a ? a->words : 0, b ? b->words : 0);

    for (size_t i = 0; i < words; i++)
        if (word_of(a, i) != word_of(b, i))
            return false;
    return true;
}

bool
bitmap_overlaps(const Bitmap *a, const Bitmap *b)
{
    for (size_t i = 0; a && i < a->words; i++)
        if (a->bits[i] & word_of(b, i))
            return true;
    return false;
}
