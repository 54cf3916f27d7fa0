/*
 * A set of small non-negative integers, written as "0-3,^2,8": ranges and single numbers, "^" removes.
 * Numbers from BITMAP_LIMIT on are refused, so a text of any length costs at most BITMAP_LIMIT / 8 bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define BITMAP_LIMIT 16384

typedef struct Bitmap Bitmap;

Bitmap *bitmap_new(void);
void bitmap_free(Bitmap *map);
Bitmap *bitmap_copy(const Bitmap *map); /* NULL gives NULL */

/* Parse the notation above. Returns NULL when the text is malformed or out of bounds. "" is the empty set. */
Bitmap *bitmap_parse(const char *text);
char *bitmap_format(const Bitmap *map); /* owned by the caller; ranges ascending */

void bitmap_set(Bitmap *map, unsigned bit, bool on); /* bits out of bounds are ignored */
bool bitmap_get(const Bitmap *map, unsigned bit);    /* false out of bounds and for NULL */
unsigned bitmap_count(const Bitmap *map);
int bitmap_next(const Bitmap *map, int after); /* smallest member > after; -1 when there is none */
int bitmap_last(const Bitmap *map);            /* -1 when empty */
bool bitmap_equal(const Bitmap *a, const Bitmap *b);
bool bitmap_overlaps(const Bitmap *a, const Bitmap *b);
