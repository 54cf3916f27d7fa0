#include "virtstoraged/backend/iscsi_direct/library.h"

#include "virtstoraged/backend/library.h"

IscsiLibrary iscsi;

#define ROW(name) { #name, &iscsi.name },
static const LibrarySymbol symbols[] = { ISCSI_SYMBOLS(ROW) };

static Library library = { "libiscsi.so.7", "libiscsi7", symbols, sizeof(symbols) / sizeof(*symbols), NULL };

int
iscsi_load(Error *err)
{
    return library_load(&library, err);
}
