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

/* A definition we wrote ourselves: complete already, so no emulator is asked. */
int define_parse_stored(Driver *driver, const char *xml, DomainDef **ret, Error *err);

/*
 * The domain that def would change: found by UUID; *ret NULL when it is new. -1 when name or UUID clash, or when
 * refuse_active and it is running already. *ret is borrowed.
 */
int define_find(Driver *driver, const DomainDef *def, bool refuse_active, Domain **ret, Error *err);
