/* The table of <secret>, and definitions as values. */
#include "common/conf/secret/secret.h"

#include <string.h>

#include "common/conf/definition.h"
#include "common/xml/document.h"

const char *const secret_usage_names[] = { NULL, "volume", "ceph", "iscsi", "tls", "vtpm", NULL };

/* Names of what a secret is for are kept in files and told to tools. */
#define USAGE_MAX_BYTES 4096

#define S SecretDef

static const XmlRow usage_rows[] = {
    A_CHOICE("type", S, usage, secret_usage_names, "what the secret opens", .flags = XR_REQUIRED, .code = ERR_CONFIG_UNSUPPORTED),
    E_LSTR("volume", S, usage_id, "path of the volume", WHEN(S, usage, SECRET_VOLUME), .flags = XR_REQUIRED),
    E_LSTR("name", S, usage_id, "name that users of the secret give", WHEN(S, usage, SECRET_CEPH, SECRET_TLS, SECRET_VTPM),
           .flags = XR_REQUIRED),
    E_LSTR("target", S, usage_id, "name that users of the secret give", WHEN(S, usage, SECRET_ISCSI), .flags = XR_REQUIRED),
    ROWS_END,
};
static SCHEMA(usage_schema, "secretUsage", S, usage_rows, "what the secret is for");

static const char *const yesno_names[] = { NULL, "yes", "no", NULL };

static const XmlRow secret_rows[] = {
    A_CHOICE("ephemeral", S, ephemeral, yesno_names, "the value is kept in memory only", .def = "no"),
    A_CHOICE("private", S, is_private, yesno_names, "the value is told to no client", .def = "no"),
    E_UUID("uuid", S, uuid, "identity"),
    E_LSTR("description", S, description, "text for people"),
    GROUP("usage", usage_schema, "what the secret is for"),
    ROWS_END,
};
SCHEMA(secret_schema, "secret", S, secret_rows, "a secret");

/* -- values -- */

DEFINITION_VALUE(SecretDef, secret_def, secret_schema);

/* -- reading -- */

static int
validate(const SecretDef *def, unsigned flags, Error *err)
{
    const char *id = def->usage_id;

    if (!def->usage)
        return 0;
    if (!id)
        return definition_refuse(err, FROM_SECRET, ERR_XML_ERROR, "<usage type='%s'> of the secret needs a <%s> with a text",
                          secret_usage_names[def->usage], def->usage == SECRET_VOLUME ? "volume" : def->usage == SECRET_ISCSI ? "target" : "name");
    if (flags & XML_STATUS)
        return 0;
    if (!text_is_one_line(id) || strlen(id) > USAGE_MAX_BYTES)
        return definition_refuse(err, FROM_SECRET, ERR_XML_ERROR, "what a secret of usage '%s' is for must be one line of at most %d bytes",
                          secret_usage_names[def->usage], USAGE_MAX_BYTES);
    return 0;
}

int
secret_def_read(xmlNode *root, unsigned flags, SecretDef **ret_def, Error *err)
{
    g_autoptr(SecretDef) def = xml_new(&secret_schema);

    def->refs = 1;
    if (definition_read(root, "secret", &secret_schema, flags, FROM_SECRET, FROM_XML, def, err) < 0)
        return -1;
    if (!def->uuid.set && !uuid_generate(&def->uuid))
        return error_setf(err, FROM_SECRET, ERR_INTERNAL_ERROR, "no random bytes for the UUID of a secret");
    if (validate(def, flags, err) < 0)
        return -1;
    *ret_def = g_steal_pointer(&def);
    return 0;
}

int
secret_def_parse(const char *text, unsigned flags, SecretDef **ret_def, Error *err)
{
    _cleanup_doc_ xmlDoc *doc = NULL;

    if (xml_document_load(text, "secret definition", FROM_SECRET, &doc, err) < 0)
        return -1;
    return secret_def_read(xmlDocGetRootElement(doc), flags, ret_def, err);
}

char *
secret_def_format(const SecretDef *def)
{
    return xml_to_text("secret", &secret_schema, def, 0);
}
