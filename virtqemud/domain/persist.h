/*
 * What of a guest is on disk: its definition and autostart link (durable, libvirt's files), and its status while it runs
 * (in the runtime directory, our own format: JSON with the live definition inside).
 */
#pragma once

#include "virtqemud/domain/domain.h"

/*
 * Index the definitions: name and UUID only, read from the head of each file; it is parsed when needed. A file that makes
 * no sense is logged and left alone. No suspension; called before clients are served.
 */
int persist_index(Driver *driver, Error *err);
/* Parse the definition of an indexed domain. */
int persist_load(Domain *domain, Error *err);
/* Write the persistent definition (def, of this domain's name). */
int persist_write_config(Job *job, Driver *driver, const DomainDef *def, Error *err) _must_check_;
int persist_remove_config(Job *job, Domain *domain, Error *err) _must_check_;
int persist_set_autostart(Job *job, Domain *domain, bool autostart, Error *err) _must_check_;

/* The status file of a running guest; a failure is logged: the guest goes on. */
void persist_status(Domain *domain);
void persist_remove_status(Domain *domain);
/* Names of the guests with status files. */
GPtrArray *persist_status_names(Driver *driver);
