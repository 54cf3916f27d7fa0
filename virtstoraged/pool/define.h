/* From a text to a pool beside those that exist. */
#pragma once

#include "virtstoraged/pool/pool.h"

/* A definition from a client: parsed (flags are XML_*), of a type that is known here, using no other pool's storage. */
int define_parse(Driver *driver, const char *xml, unsigned flags, PoolDef **ret, Error *err);

/*
 * The pool that def is about, known or new, in the table and with its queue held; *ret is a reference. -1 when name or UUID
 * clash with another's, or when inactive is asked for and it is active. Everybody who names it meanwhile waits.
 */
int define_claim(Job *job, Driver *driver, const PoolDef *def, bool inactive, Pool **ret, Error *err) _must_check_;
/* Let go of the queue. A pool that was new and came to nothing leaves the table. */
void define_release(Job *job, Pool *pool);
