/*
 * A secret's definition: the <secret> document, as a value. The secret itself (the value) is never part of it. Parsed, then
 * shared by counted references; nobody changes it. Nothing suspends. Format: https://libvirt.org/formatsecret.html
 */
#pragma once

#include "common/base/error.h"
#include "common/xml/schema.h"

/* As on the wire (virSecretUsageType). */
typedef enum SecretUsage { SECRET_NONE = 0, SECRET_VOLUME, SECRET_CEPH, SECRET_ISCSI, SECRET_TLS, SECRET_VTPM } SecretUsage;
extern const char *const secret_usage_names[]; /* NULL, "volume", "ceph", ... ; NULL is written "none" where a text is needed */

typedef struct SecretDef {
    unsigned refs;
    Tri ephemeral;     /* yes: the value is kept in memory only; always set once parsed, default no */
    Tri is_private;    /* yes: the value is told to no client; always set once parsed, default no */
    Uuid uuid;         /* always set once parsed: generated when not written */
    char *description;
    SecretUsage usage;
    char *usage_id;    /* of usage: path of the volume, name, or target; unique per usage on a host. NULL for SECRET_NONE */
} SecretDef;

extern const XmlSchema secret_schema;

/*
 * Parse, complete and check. flags: XML_VALIDATE, XML_STATUS (reading what we wrote: no checks that a newer version may have
 * tightened). Errors as clients know them: FROM_SECRET; the first problem is the message.
 */
int secret_def_parse(const char *text, unsigned flags, SecretDef **ret_def, Error *err);
int secret_def_read(xmlNode *root, unsigned flags, SecretDef **ret_def, Error *err);
/* Canonical text, owned by the caller. */
char *secret_def_format(const SecretDef *def);

SecretDef *secret_def_copy(const SecretDef *def);
SecretDef *secret_def_ref(const SecretDef *def);
void secret_def_unref(SecretDef *def); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SecretDef, secret_def_unref)
