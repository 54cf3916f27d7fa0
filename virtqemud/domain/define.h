/*
 * From a text to a definition this host can run: parsing with the emulator's capabilities, and the rules for putting a
 * new definition beside those that exist.
 */
#pragma once

#include "virtqemud/domain/domain.h"

/*
 * A definition from a client: parsed, completed with defaults of its emulator, checked. flags are XML_*. Suspends
 * while an emulator is asked what it can do.
 */
int define_parse(Job *job, Driver *driver, const char *xml, unsigned flags, DomainDef **ret, Error *err) _must_check_;

/*
 * The completed copy of a definition that was changed (a device more, or another one): new devices get what they need, addresses
 * included; what was complete stays as it is. flags as above. Suspends likewise.
 */
int define_complete(Job *job, Driver *driver, const DomainDef *changed, unsigned flags, DomainDef **ret, Error *err) _must_check_;
/* Complete a device as one of def's would be, without a place in it: to compare it with those. Suspends likewise. */
int define_complete_device(Job *job, Driver *driver, const DomainDef *def, Device *device, Error *err) _must_check_;

/* A definition we wrote ourselves: complete already, so no emulator is asked. */
int define_parse_stored(Driver *driver, const char *xml, DomainDef **ret, Error *err);

/*
 * The domain that def is about, known or new, in the table and with its job held; *ret is a reference. -1 when name or
 * UUID clash with another's, or when inactive is asked for and it runs. Everybody who names it meanwhile finds it and
 * waits for the job, so that the same guest is not made twice.
 */
int define_claim(Job *job, Driver *driver, const DomainDef *def, bool inactive, Domain **ret, Error *err) _must_check_;
/* Let go of the job. A domain that was new and came to nothing leaves the table. */
void define_release(Job *job, Domain *domain);
