#include "virtstoraged/backend/rbd/library.h"

#include "virtstoraged/backend/library.h"

CephLibrary ceph;

#define ROW(name) { #name, &ceph.name },
static const LibrarySymbol rados_symbols[] = { CEPH_RADOS_SYMBOLS(ROW) };
static const LibrarySymbol rbd_symbols[] = { CEPH_RBD_SYMBOLS(ROW) };

static Library rados = { "librados.so.2", "librados2", rados_symbols, sizeof(rados_symbols) / sizeof(*rados_symbols), NULL };
static Library rbd = { "librbd.so.1", "librbd1", rbd_symbols, sizeof(rbd_symbols) / sizeof(*rbd_symbols), NULL };

int
ceph_load(Error *err)
{
    return library_load(&rados, err) < 0 || library_load(&rbd, err) < 0 ? -1 : 0;
}
