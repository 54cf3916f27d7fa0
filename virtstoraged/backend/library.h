/*
 * Libraries that few hosts need: loaded when the first pool that needs them is used, never linked. One whose package is not
 * installed costs nothing; the error of a pool that needs it names the package.
 */
#pragma once

#include <stddef.h>

#include "common/base/error.h"

typedef struct LibrarySymbol { const char *name; void *place; } LibrarySymbol; /* place: of a pointer to it */

typedef struct Library {
    const char *file;    /* "librbd.so.1": the version the headers describe */
    const char *package; /* of Debian */
    const LibrarySymbol *symbols;
    size_t n;
    void *handle;        /* NULL: not loaded yet */
} Library;

/* For workers (it reads files), any of them; again after a failure too. Once loaded it stays. */
int library_load(Library *library, Error *err);
