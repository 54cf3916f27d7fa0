/*
 * The definition files of one kind of object: DIR/NAME.xml, and links to them in DIR/autostart for those that start with
 * the host. Durable; the places and the format are libvirt's, so that an existing host is taken over as it is.
 *
 * Indexing reads the head of each file only (name and UUID come first in what we or libvirt wrote); a definition is
 * parsed when it is needed. A file that makes no sense is told to the log callback and left alone.
 */
#pragma once

#include "common/base/job.h"
#include "common/store/store.h"

#define DEFINITION_MAX (10 * 1024 * 1024) /* bytes of a file; longer is an error */

typedef struct Definitions {
    char *dir, *autostart_dir; /* owned */
    const char *edit;          /* the virsh command that changes one, for the banner: "net-edit" */
} Definitions;

/* dir without a slash at its end; copied. */
void definitions_init(Definitions *definitions, const char *dir, const char *edit);
void definitions_done(Definitions *definitions);

/*
 * Record changes in a journal beside the definitions, so on the same disk, hidden from whoever lists them: see
 * file_journal_open(). daemon: "virtqemud". Blocks; before anything of the directory is read.
 */
int definitions_open_journal(const Definitions *definitions, const char *daemon, Error *err);

/* g_free. */
char *definitions_path(const Definitions *definitions, const char *name);
char *definitions_autostart_path(const Definitions *definitions, const char *name);

/* What indexing needs to know of the kind. */
typedef struct DefinitionsIndex {
    Store *store; /* names and UUIDs that are taken */
    void *user;
    /* The whole text, when its head was not plain: name (owned) and UUID, and the parsed definition for add(). -1 with err. */
    int (*parse)(void *user, const char *text, char **ret_name, uint8_t *ret_uuid, void **ret_def, Error *err);
    /* A new object for the store. def is what parse() made, NULL when the head was enough. */
    void (*add)(void *user, const char *name, const uint8_t *uuid, bool autostart, void *def);
    void (*discard)(void *def); /* of a definition that clashes */
    void (*left_alone)(const char *path, const char *why);
} DefinitionsIndex;

/* Blocks; before clients are served. Sweeps leftovers of interrupted writes. -1 when the directory can't be read. */
int definitions_index(const Definitions *definitions, const DefinitionsIndex *index, Error *err);
/* The text of one; g_free. */
int definitions_read(const Definitions *definitions, const char *name, char **ret_text, Error *err);

/* Durable when they return. */
int definitions_write(Job *job, const Definitions *definitions, const char *name, const char *xml, Error *err) _must_check_;
int definitions_remove(Job *job, const Definitions *definitions, const char *name, bool autostart, Error *err) _must_check_;
int definitions_set_autostart(Job *job, const Definitions *definitions, const char *name, bool autostart, Error *err) _must_check_;
