/* UUIDs: 16 bytes in memory and on the wire, lower-case text with dashes in documents. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UUID_SIZE 16
#define UUID_TEXT_SIZE 37

void uuid_to_text(const uint8_t *uuid, char text[UUID_TEXT_SIZE]);
bool uuid_from_text(const char *text, uint8_t *uuid); /* with or without dashes; false when it is none */

/* For hash tables of pointers to UUIDs. */
unsigned uuid_hash(const void *uuid);
int uuid_equal(const void *a, const void *b);
